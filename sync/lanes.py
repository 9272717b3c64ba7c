"""What the agent has its store do: gather what to send, and settle what the centre answered.

Promise: a cursor moves by a signed answer alone, never by sending. What the centre says is
compared with our own chain before it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from appliance.store.entries import Entry
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync.messages import DownCursor, NodeStatus, Question


class Wire(IntEnum):
    """The two connections of a node. The number is the one in a nonce."""

    URGENT = 0
    BULK = 1


LANES: Final[Mapping[Wire, tuple[Lane, ...]]] = {
    Wire.URGENT: (Lane.ALARMS, Lane.TICKETS),
    Wire.BULK: (Lane.STATE, Lane.READINGS, Lane.SIGHTINGS),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to gather for one request."""

    wire: Wire
    lanes: tuple[Lane, ...]  # the first that holds rows is sent
    centre_epoch: int  # cursors of another epoch are asked about before they are believed
    most_bytes: int  # of bodies, before they are packed
    skip: frozenset[tuple[int, Lane]] = frozenset()  # (epoch, lane) that are held back


@dataclass(frozen=True, slots=True)
class Found:
    """What was gathered in one read transaction."""

    plan: Plan
    stream: StreamId
    lane: Lane
    after: int
    previous: bytes  # the chain value at `after`
    entries: tuple[Entry, ...]
    questions: tuple[Question, ...]
    cursors: tuple[DownCursor, ...]
    status: NodeStatus


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that lacks only its nonce and its signature."""

    stream: StreamId
    lane: Lane
    after: int
    last: int
    body: bytes = field(repr=False)
    weight: int = 0  # bytes of bodies before they were packed
    asks: bool = False  # it holds questions

    @property
    def rows(self) -> int:
        """Return how many entries it carries."""
        return self.last - self.after


@dataclass(frozen=True, slots=True)
class Ack:
    """What the centre has of one lane of one of our streams."""

    stream: StreamId
    lane: Lane
    have: int
    safe: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a signed reply asks the store to do."""

    centre_epoch: int
    acks: tuple[Ack, ...] = ()
    pages: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of an answer."""

    ahead: tuple[Ack, ...] = ()  # the centre knows more of a closed stream: we were restored
    forked: tuple[Ack, ...] = ()  # its chain is not ours: nothing of that ack was believed
