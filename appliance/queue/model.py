"""The life of a ticket: pure rules. The clock, the counters and the numbers are passed in.

    WAITING --call--> CALLED --start--> SERVING --finish--> COMPLETED
       |              |  ^ |
       |              |  | `--no_show--> NO_SHOW
       |              |  `recall
       |              |
       |--------------`--cancel--> CANCELLED      (the visitor, or staff at the centre's asking)
       |--move--> WAITING                         (for another service; the place is kept)
       `--close_day--> CLOSED_EOD                 (staff: nobody is left from yesterday)

A move is decided once, at the office where the ticket was taken, and becomes one event row. What
a ticket is now follows from its events by `folded`, at the office and at the centre alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store.ids import RowId


class State(StrEnum):
    """Where a ticket stands."""

    WAITING = "WAITING"
    CALLED = "CALLED"
    SERVING = "SERVING"
    COMPLETED = "COMPLETED"
    NO_SHOW = "NO_SHOW"
    CANCELLED = "CANCELLED"
    CLOSED_EOD = "CLOSED_EOD"


class Event(StrEnum):
    """What can happen to a ticket after it was taken."""

    CALL = "call"
    RECALL = "recall"
    START = "start"
    FINISH = "finish"
    NO_SHOW = "no_show"
    CANCEL = "cancel"
    MOVE = "move"
    CLOSE_DAY = "close_day"


class Purpose(StrEnum):
    """Why the visitor came: it decides how long it takes, not who may come."""

    CONSULTATION = "consultation"
    SUBMIT = "submit"
    COLLECT = "collect"


class ServiceState(StrEnum):
    """Whether tickets are given for a service."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"  # shown, and said to be closed
    RETIRED = "RETIRED"  # not shown; the tickets of past days still name it


class CounterState(StrEnum):
    """Whether somebody receives visitors at a counter."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


MOVES: Final[Mapping[State, Mapping[Event, State]]] = {
    State.WAITING: {
        Event.CALL: State.CALLED,
        Event.CANCEL: State.CANCELLED,
        Event.MOVE: State.WAITING,
        Event.CLOSE_DAY: State.CLOSED_EOD,
    },
    State.CALLED: {
        Event.RECALL: State.CALLED,
        Event.START: State.SERVING,
        Event.NO_SHOW: State.NO_SHOW,
        Event.CANCEL: State.CANCELLED,
    },
    State.SERVING: {Event.FINISH: State.COMPLETED},
    State.COMPLETED: {},
    State.NO_SHOW: {},
    State.CANCELLED: {},
    State.CLOSED_EOD: {},
}

AT_A_COUNTER: Final = (State.CALLED, State.SERVING)
"""The states in which a ticket occupies the counter that called it."""

OVER: Final = tuple(state for state, moves in MOVES.items() if not moves)

PREFIXES: Final = "АВГДЕЖКЛМНПРСТУФХЦЧШЩЮЯ"
"""The letters of ticket numbers. Left out are those read as a digit or as one another from ten
metres away: З/3, О/0, І/1, Б/6, Ї and Й."""


class WrongMoment(VuzolError):
    """A ticket was asked for what its state does not allow."""

    code: ClassVar[str] = "wrong_moment"
    status_hint: ClassVar[int] = 409

    def __init__(self, label: str, standing: "Standing", event: Event) -> None:
        self.ticket = label
        self.state = str(standing.state)
        self.event = str(event)
        self.allowed = [str(allowed) for allowed in MOVES[standing.state]]
        super().__init__(
            f"ticket {label} is {self.state}, so `{event}` is refused",
            next_step=f"allowed now: {', '.join(self.allowed) or 'nothing, its life is over'}",
        )


@dataclass(frozen=True, slots=True)
class Move:
    """One transition as it was decided: what an event row says."""

    step: int
    event: Event
    before: State
    after: State
    counter: int | None
    at: int
    target: "Target | None" = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a ticket is moved to. Its place stays: who was moved does not begin to wait again."""

    service: RowId
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Standing:
    """What has become of a ticket so far. A new one waits, and nobody has called it."""

    state: State = State.WAITING
    step: int = 0
    counter: int | None = None
    calls: int = 0
    called_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    moved: Target | None = None  # None: it waits for what it was taken for


def decided(
    label: str,
    standing: Standing,
    event: Event,
    *,
    at: int,
    counter: int | None = None,
    target: Target | None = None,
) -> Move:
    """Return the move that `event` makes; raise `WrongMoment` if the state does not allow it."""
    after = MOVES[standing.state].get(event)
    if after is None:
        raise WrongMoment(label, standing, event)
    return Move(
        step=standing.step + 1,
        event=event,
        before=standing.state,
        after=after,
        counter=standing.counter if counter is None else counter,
        at=at,
        target=target,
    )


def folded(standing: Standing, move: Move) -> Standing:
    """Return the standing after the move. One that comes again, or late, changes nothing."""
    if move.step <= standing.step:
        return standing
    called = move.after is State.CALLED
    return Standing(
        state=move.after,
        step=move.step,
        counter=move.counter,
        calls=standing.calls + 1 if called else standing.calls,
        called_at=move.at if called else standing.called_at,
        started_at=move.at if move.after is State.SERVING else standing.started_at,
        ended_at=move.at if move.after in OVER else standing.ended_at,
        moved=move.target or standing.moved,
    )


@dataclass(frozen=True, slots=True)
class Ticket:
    """One person's place in the queue of one office, and what has become of it."""

    id: RowId
    office: int
    day: int
    prefix: str
    n: int
    service: RowId
    purpose: Purpose
    language: str
    priority: RowId | None  # a legal ground that the visitor claims; staff have not confirmed it
    taken_at: int
    place: int  # order of arrival in this file: who came first has the smaller one
    standing: Standing

    @property
    def label(self) -> str:
        """Return the number that people see: А-042."""
        return label(self.prefix, self.n)

    @property
    def state(self) -> State:
        """Return where the ticket stands."""
        return self.standing.state


@dataclass(frozen=True, slots=True)
class Arrived(Ticket):
    """A ticket at the moment when it is taken."""

    ahead: int  # how many wait before it


def label(prefix: str, n: int) -> str:
    """Return the number that people see: А-042, and after А-999 comes А-1000."""
    return f"{prefix}-{n:03}"
