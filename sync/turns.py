"""Which of the lanes that are not urgent is sent next: deficit round robin, a turn after a turn.

Each lane's turn is worth as many requests as its weight says, in bytes; who sends more than its
turn was worth has less of the next one, and who has nothing to send saves nothing up. So a week of
photos does not keep the readings waiting, and each lane waits for one round of the others at most.
Source: Shreedhar and Varghese, Efficient Fair Queuing using Deficit Round Robin, SIGCOMM 1995; as
the size of a request is known only when it is packed, a turn may overdraw by one request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from appliance.store.tables import URGENT, Lane

WEIGHTS: Final[Mapping[Lane, int]] = {
    Lane.STATE: 4,
    Lane.READINGS: 2,
    Lane.SIGHTINGS: 2,
    Lane.MEDIA: 1,
    Lane.BACKUP: 1,
}
"""Requests in a row, about."""

RING: Final = tuple(lane for lane in Lane if lane not in URGENT)
NOTHING: Final[Mapping[Lane, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Turns:
    """Whose turn it is, and what is left of it."""

    present: Lane = RING[0]
    left: Mapping[Lane, float] = field(default_factory=lambda: NOTHING)  # bytes; below 0: overdrawn

    def order(self) -> tuple[Lane, ...]:
        """Return the lanes, the one whose turn it is first."""
        place = RING.index(self.present)
        return RING[place:] + RING[:place]

    def sent(self, lane: Lane, size: int, *, room: float) -> "Turns":
        """Return the turns after a request of a lane; those before it had nothing to send.

        `room` is how many bytes a request may have now: what a turn is worth grows with it.
        """
        order = self.order()
        left = dict(self.left)
        for empty in order[: order.index(lane)]:
            left.pop(empty, None)
        if lane is not self.present or left.get(lane, 0.0) <= 0:
            left[lane] = left.get(lane, 0.0) + WEIGHTS[lane] * room
        left[lane] -= size
        if left[lane] > 0:
            return Turns(lane, left)
        return Turns(RING[(RING.index(lane) + 1) % len(RING)], left)
