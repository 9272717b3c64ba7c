"""The verbs of commands. `ask` and `withdraw` run at the centre, `decide` at the object's home.

A service gives the node a `Handler` for each of its verbs; this floor knows no service.

    HANDLERS = {("queue", "cancel"): Handler(look=standing_of, act=cancel)}

`decide` looks, compares, acts and answers in one transaction: there is no moment at which a command
is done and not answered, so it is done once, however often its row comes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from appliance.commands import model, queries
from appliance.commands.model import Answer, Command, Outcome, Seen, Story, Verdict
from appliance.commands.queries import CommandUnknown
from appliance.commands.tables import ANSWERS, ARGUMENTS, COMMANDS, TOPIC, columns
from appliance.errors import VuzolError
from appliance.people import audit
from appliance.people.tables import of_office
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction

THOUSAND: Final = 1000  # milliseconds in a second

Facts = dict[str, audit.Fact | list[audit.Fact]]

Look = Callable[[Reader, RowId], Seen | None]
"""Tells how an object of this node stands; None if there is none such."""

Act = Callable[[Transaction, Command], None]
"""Does it, as a verb of the service; a `VuzolError` that it raises refuses the command."""


@dataclass(frozen=True, slots=True)
class Handler:
    """How a service carries out one of its verbs for somebody elsewhere."""

    look: Look
    act: Act


Handlers = Mapping[tuple[str, str], Handler]
"""By the name of the service and the verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks of an object, and how they saw it."""

    home: int
    service: str
    verb: str
    object: RowId
    seen: Seen
    expires_seconds: int
    arguments: Mapping[str, str] = field(default_factory=dict)


class AlreadyAsked(VuzolError):
    """The home has still to decide about another command for the same object."""

    code: ClassVar[str] = "already_asked"
    status_hint: ClassVar[int] = 409

    def __init__(self, story: Story) -> None:
        super().__init__(
            "this was asked before, and its home has not answered yet",
            next_step="wait for the answer, or take the first one back",
        )
        self.command = str(story.command.id)
        self.verb = story.command.verb


class AlreadyDecided(VuzolError):
    """A command was taken back after its home had answered."""

    code: ClassVar[str] = "already_decided"
    status_hint: ClassVar[int] = 409

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(
            f"its home has answered already: {outcome}", next_step="look at what is there now"
        )
        self.outcome = str(outcome)


def ask(tx: Transaction, wish: Wish, *, by: str) -> RowId:
    """Ask the object's home to do something; raise `AlreadyAsked` while it has not answered.

    The time that it is good for begins now. If the clock here cannot tell when that ends, the
    command does not end by itself: nothing expires on a bad clock.
    """
    before = queries.still_open(tx, wish.object)
    if before is not None:
        raise AlreadyAsked(before)
    lasts = wish.expires_seconds * THOUSAND
    asked = tx.insert(
        COMMANDS,
        {
            "home": wish.home,
            "service": wish.service,
            "verb": wish.verb,
            "object": wish.object,
            "arguments": ARGUMENTS.encode(dict(wish.arguments)),
            "seen_step": wish.seen.step,
            "seen_state": wish.seen.state,
            "asked_by": by,
            "asked_at": tx.now,
            "expires_at": tx.now + lasts if tx.clock_quality.good else None,
            "withdrawn_at": None,
            "settled_at": None,
        },
        scope=of_office(wish.home),
    )
    tx.announce(TOPIC)
    facts: Facts = {
        "command": str(asked),
        "verb": f"{wish.service}.{wish.verb}",
        "home": wish.home,
    }
    audit.record(tx, actor=by, action="commands.ask", subject=wish.object, facts=facts)
    return asked


def withdraw(tx: Transaction, command: RowId, *, by: str) -> None:
    """Take a command back; raise `AlreadyDecided` if its home has answered. Twice is once.

    The row stays, so that the home can say which was first: the doing or the taking back.
    """
    story = queries.story(tx, command)
    if story.answer is not None and story.over:
        raise AlreadyDecided(story.answer.outcome)
    if not tx.update_where(
        COMMANDS, {"id": command, "withdrawn_at": None}, {"withdrawn_at": tx.now}
    ):
        return
    tx.announce(TOPIC)
    facts: Facts = {
        "command": str(command),
        "verb": f"{story.command.service}.{story.command.verb}",
    }
    audit.record(
        tx, actor=by, action="commands.withdraw", subject=story.command.object, facts=facts
    )


def decide(tx: Transaction, command: RowId, handlers: Handlers) -> Outcome | None:
    """Do what was asked, or say why not, here at its home; None if there is nothing to decide.

    What the service raises undoes all of it: the caller then says `refuse`.
    """
    story = _mine(tx, command)
    if story is None:
        return None
    asked = story.command
    handler = handlers.get((asked.service, asked.verb))
    verdict = model.judged(
        asked,
        handler.look(tx, asked.object) if handler else None,
        known=handler is not None,
        now=tx.now,
        good_clock=tx.clock_quality.good,
    )
    if handler is not None and verdict.outcome is Outcome.DONE:
        handler.act(tx, asked)
    _answer(tx, story, verdict)
    return verdict.outcome


def refuse(tx: Transaction, command: RowId, reason: str) -> None:
    """Answer that it was not done, and why, unless it was decided meanwhile."""
    story = _mine(tx, command)
    if story is not None:
        _answer(tx, story, Verdict(Outcome.REFUSED, reason))


def settle(tx: Transaction) -> int:
    """Tell homes that their answers are here, at the centre; return of how many commands.

    A home that is put back from an old copy finds the command settled, and leaves it alone.
    """
    found = queries.unsettled(tx)
    for one in found:
        tx.update_where(COMMANDS, {"id": one}, {"settled_at": tx.now})
    if found:
        tx.announce(TOPIC)
    return len(found)


def _mine(tx: Transaction, command: RowId) -> Story | None:
    """Return the command if this node is its home and has not decided."""
    try:
        story = queries.story(tx, command)
    except CommandUnknown:
        return None
    mine = story.command.home == tx.node and not story.command.settled
    return story if mine and not story.over else None


def _answer(tx: Transaction, story: Story, verdict: Verdict) -> None:
    """Write the answer, unless it would say what the last one said: that this home waits."""
    before, asked = story.answer, story.command
    if before is not None and verdict.outcome is before.outcome:
        return
    told = Answer(
        step=before.step + 1 if before else 1,
        outcome=verdict.outcome,
        reason=verdict.reason,
        state=verdict.state,
        at=tx.now,
        sure=tx.clock_quality.good,
    )
    tx.insert(ANSWERS, {"command": asked.id, **columns(told)})
    facts: Facts = {
        "command": str(asked.id),
        "verb": asked.name,
        "outcome": str(verdict.outcome),
    }
    if verdict.reason:
        facts["reason"] = str(verdict.reason)
    done = verdict.outcome is Outcome.DONE
    actor = asked.asked_by if done else audit.SYSTEM
    audit.record(tx, actor=actor, action="commands.answer", subject=asked.object, facts=facts)
