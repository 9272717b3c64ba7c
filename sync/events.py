"""What can happen to the agent, and what it can ask for: frozen values, no I/O.

The shell runs each action and brings its event back with the same `wire` and `attempt`; an event
of an older attempt is passed over, so a late answer can do no harm.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sync.lanes import Answer, Draft, Plan, Settlement, Wire


@dataclass(frozen=True, slots=True)
class Woken:
    """New entries were logged here."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """There is reason to think that the centre can be reached now; waiting ends."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """The time that `due` named has come."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A `Collect` was carried out."""

    wire: Wire
    attempt: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply came whole. Whether it is the centre's is not known yet."""

    wire: Wire
    attempt: int
    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broke:
    """A `Collect`, `Send` or `Settle` came to nothing."""

    wire: Wire
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A `Settle` is committed."""

    wire: Wire
    attempt: int
    settlement: Settlement


Event = Woken | LinkUp | Ticked | Collected | Answered | Broke | Settled


@dataclass(frozen=True, slots=True)
class Collect:
    """Gather what `plan` says (`lanes.collect` in a reader, then `lanes.pack`)."""

    wire: Wire
    attempt: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class Send:
    """POST the body to the path on this wire's connection; end it after `timeout` seconds."""

    wire: Wire
    attempt: int
    path: str
    authorization: str
    body: bytes = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class Settle:
    """Write the answer (`store.write(lanes.settle, answer)`)."""

    wire: Wire
    attempt: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Abort:
    """End the request in hand on this wire; its attempt is over."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class Drop:
    """Hang up this wire's connection: it is wedged."""

    wire: Wire


class Kind(StrEnum):
    """What the agent tells the log and the status page."""

    CONTACT = "contact"  # a signed answer is settled
    FAILED = "failed"  # no reply, or one that is no answer
    UNSIGNED = "unsigned"  # a reply that is not the centre's
    BUSY = "busy"  # the centre gave a later slot
    NEW_CENTRE = "new_centre"  # the centre has a new epoch; cursors are asked for again
    RESTORED = "restored"  # the centre knows more of our stream than we do
    FORKED = "forked"  # the centre's chain is not ours
    REFUSED = "refused"  # the centre took nothing and said why
    UNREAD = "unread"  # rows of the centre came in a form that this version cannot read
    HELD = "held"  # the centre keeps entries of ours that it cannot apply
    WEDGED = "wedged"  # rows wait, nothing moves: the connection was dropped


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the log and the status page."""

    wire: Wire
    kind: Kind
    detail: str = ""


Action = Collect | Send | Settle | Abort | Drop | Report
