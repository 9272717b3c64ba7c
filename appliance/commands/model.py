"""The life of a command: pure rules. What the home sees of the object and the time are passed in.

    (asked) --> DONE | REFUSED | EXPIRED | WITHDRAWN
       `------> WAITING --> the same four     (the home's clock cannot judge the expiry yet)

Every object has one home, which alone decides. Who asks names the step at which they saw the
object; an object that has moved on since is left alone. So a command that comes twice, late or
beside another one does nothing by itself, and no merge ever rewrites what was decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from appliance.store.ids import RowId


class Outcome(StrEnum):
    """What a home answers."""

    WAITING = "waiting"  # not decided: nothing expires, and nothing is done late, on a bad clock
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # who asked took it back before it was done


FINAL: Final = frozenset(Outcome) - {Outcome.WAITING}

NEXT: Final[Mapping[Outcome | None, frozenset[Outcome]]] = {
    None: frozenset(Outcome),
    Outcome.WAITING: FINAL,
    Outcome.DONE: frozenset(),
    Outcome.REFUSED: frozenset(),
    Outcome.EXPIRED: frozenset(),
    Outcome.WITHDRAWN: frozenset(),
}
"""Which answer may follow which; None stands for a command that was not answered yet."""


class Reason(StrEnum):
    """Why a home waits or refuses; a service adds the codes of its own errors."""

    CLOCK = "clock"  # it waits: its clock is not to be trusted
    UNKNOWN = "unknown"  # this version knows no such verb
    NO_SUCH_OBJECT = "no_such_object"  # never there, or lost with a card
    CHANGED = "changed"  # the object moved on after it was seen
    FAILED = "failed"  # the service broke over it; its log says how


class Seen(NamedTuple):
    """Where an object stood: the precondition of a command, and what the home compares it with."""

    step: int  # grows with each event of the object: equal steps are equal states
    state: str  # the service's own word for it


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that somebody asks of an object at its home."""

    id: RowId
    home: int
    service: str
    verb: str
    object: RowId
    seen: Seen
    asked_by: str  # as the audit names them
    asked_at: int
    expires_at: int | None  # None: the asker's clock could not say when that would be
    arguments: Mapping[str, str] = field(default_factory=dict)
    withdrawn_at: int | None = None
    settled: bool = False  # the centre has the answer: a restored home must not do it again

    @property
    def name(self) -> str:
        """Return what is asked, as the trail names it: queue.cancel."""
        return f"{self.service}.{self.verb}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that a home said of a command."""

    step: int  # 1, or 2 after it had to wait
    outcome: Outcome
    reason: str | None
    state: str | None  # where the object stood, if that was the reason
    at: int
    sure: bool  # whether the home's clock was good when it said so

    @property
    def final(self) -> bool:
        """Tell whether nothing follows any more."""
        return self.outcome in FINAL


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a home decides before it touches anything; DONE is a permission to go on."""

    outcome: Outcome
    reason: str | None = None
    state: str | None = None


def judged(
    command: Command, present: Seen | None, *, known: bool, now: int, good_clock: bool
) -> Verdict:
    """Return what is to become of the command; `present` is how the object stands at home.

    `known` tells whether this version has the verb at all. What would be refused in any case is
    refused at once, whatever the clock; only what could still be done waits for a good one.
    """
    if command.withdrawn_at is not None:
        return Verdict(Outcome.WITHDRAWN)
    if not known:
        return Verdict(Outcome.REFUSED, Reason.UNKNOWN)
    expires = command.expires_at
    if expires is not None and good_clock and now >= expires:
        return Verdict(Outcome.EXPIRED)
    kept = _precondition(command, present)
    if kept.outcome is Outcome.DONE and expires is not None and not good_clock:
        return Verdict(Outcome.WAITING, Reason.CLOCK)
    return kept


def _precondition(command: Command, present: Seen | None) -> Verdict:
    """Compare how the object stands with how it was seen."""
    if present is None:
        return Verdict(Outcome.REFUSED, Reason.NO_SUCH_OBJECT)
    if present.step != command.seen.step:
        return Verdict(Outcome.REFUSED, Reason.CHANGED, present.state)
    return Verdict(Outcome.DONE)


def folded(known: Answer | None, told: Answer) -> Answer:
    """Return which answer stands: a final one for ever, whatever a restored home says after it."""
    allowed = NEXT[known.outcome if known else None]
    return told if known is None or told.outcome in allowed else known


class Standing(StrEnum):
    """What may truthfully be said of a command where it was asked."""

    ASKED = "asked"  # not confirmed by its home
    OVERDUE = "overdue"  # not confirmed, and its time is over: whether it was done nobody knows
    WITHDRAWING = "withdrawing"  # taken back; whether it was done meanwhile nobody knows
    WAITING = "waiting"
    DONE = "done"
    DONE_ALL_THE_SAME = "done_all_the_same"  # it was taken back too late
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Story:
    """A command with what its home has said of it so far, as far as it is known here."""

    command: Command
    answer: Answer | None

    @property
    def open(self) -> bool:
        """Tell whether its home may still do it, and nobody took it back."""
        return not self.over and self.command.withdrawn_at is None

    @property
    def over(self) -> bool:
        """Tell whether its home has decided."""
        return self.answer is not None and self.answer.final

    def standing(self, *, now: int, good_clock: bool) -> Standing:
        """Return what may be said of it now; without a good clock nothing is overdue."""
        command, answer = self.command, self.answer
        if answer is not None and answer.final:
            late = answer.outcome is Outcome.DONE and command.withdrawn_at is not None
            return Standing.DONE_ALL_THE_SAME if late else Standing(answer.outcome)
        if command.withdrawn_at is not None:
            return Standing.WITHDRAWING
        if answer is not None:
            return Standing.WAITING
        expires = command.expires_at
        overdue = expires is not None and good_clock and now >= expires
        return Standing.OVERDUE if overdue else Standing.ASKED
