"""What the agent remembers: one side for each of its two connections.

    RESTING --due, woken--> COLLECTING --worth it--> ASKING --signed--> SETTLING --> RESTING
       ^                        |                      |                   |
       `------------------------`----------------------`-- broke, in vain -'

Nothing here survives a restart, and nothing has to: what counts is in the store's cursors.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from appliance.store.tables import Lane
from sync.lanes import Draft, Wire
from sync.pace import Pace
from sync.signing import Head
from sync.turns import Turns


class Phase(StrEnum):
    """What a connection is at."""

    RESTING = "resting"
    COLLECTING = "collecting"
    ASKING = "asking"
    SETTLING = "settling"


@dataclass(frozen=True, slots=True)
class Side:
    """One connection. `attempt` only grows: it is the counter of the nonce, too."""

    wire: Wire
    phase: Phase = Phase.RESTING
    attempt: int = 0
    until: float = inf  # RESTING: when to go on by itself; else when to give up
    pause: float = 0.0  # the last wait after a failure; 0: all is well
    pace: Pace = field(default_factory=Pace)
    draft: Draft | None = None  # what is under way, and what the last failure was about
    head: Head | None = None
    sent_at: float = 0.0
    again: bool = False  # something was logged while it was busy
    wanted: bool = False  # ask even if there is nothing to send
    called: bool = False  # somebody wanted that while a request was under way: ask once more
    slot: float = 0.0  # seconds that the centre asks for before the next request
    slot_at: float = 0.0  # nothing is asked before this: the centre said when
    refused: int = 0  # replies in a row that only named another epoch

    @property
    def holding(self) -> bool:
        """Tell whether it has rows that the centre lacks, as far as it knows."""
        return self.draft is not None and self.draft.waits


@dataclass(frozen=True, slots=True)
class Held:
    """A lane of a stream that the centre would not take: tried again later, others go on."""

    epoch: int
    lane: Lane
    until: float
    pause: float


@dataclass(frozen=True, slots=True)
class State:
    """All that the agent knows."""

    urgent: Side
    bulk: Side
    centre_epoch: int = 0
    poll_at: float = 0.0
    held: tuple[Held, ...] = ()
    turns: Turns = field(default_factory=Turns)  # of the bulk lanes

    def side(self, wire: Wire) -> Side:
        """Return the side of a wire."""
        return self.urgent if wire is Wire.URGENT else self.bulk


def first(now: float) -> State:
    """Return how an agent begins: it asks at once."""
    urgent = Side(Wire.URGENT, until=now, wanted=True)
    return State(urgent, Side(Wire.BULK, until=now), poll_at=now)
