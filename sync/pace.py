"""How much to send at once, and how long to wait after a failure: pure rules.

A request aims at ten seconds of the link. What failed is halved, down to 4 KB, so a link that lives
for five seconds still carries something. Waiting never ends; it is drawn anew each time, so nodes
that lost the same link do not come back together.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

AIM_SECONDS: Final = 10.0
FLOOR: Final = 4 << 10
START: Final = 16 << 10
MOST: Final = 1 << 20
MOST_WEIGHT: Final = 3 << 19
"""Bytes of bodies, with what is reckoned beside each, that a batch may hold before it is packed."""

TELLING: Final = 2 << 10
"""A smaller request says more about the way there and back than about the speed."""

SLOWEST: Final = 200.0
"""Bytes a second below which a link counts as down, so that a lost request is given up in time."""

WIDEST_RATIO: Final = 1.0
FRESH: Final = 0.5  # what the newest measurement weighs
SHORTEST_TIMEOUT: Final = 60.0
LONGEST_TIMEOUT: Final = 900.0
PATIENCE: Final = 4.0
BASE_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 15 * 60.0
URGENT_PAUSE: Final = 10.0
"""The longest pause while urgent lanes hold rows."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of one connection's speed."""

    room: float = START  # bytes on the wire that the next batch may have
    speed: float = START / AIM_SECONDS  # bytes a second
    ratio: float = 0.25  # bytes on the wire for one of a body

    @property
    def most_bytes(self) -> int:
        """Return how many bytes of bodies to gather for the next batch."""
        return int(min(MOST_WEIGHT, self.room / self.ratio))

    def seconds(self, size: int) -> float:
        """Return how long so many bytes take."""
        return size / self.speed

    def timeout(self, size: int) -> float:
        """Return after how many seconds a request of so many bytes is given up."""
        return min(LONGEST_TIMEOUT, max(SHORTEST_TIMEOUT, PATIENCE * self.seconds(size)))

    def after(self, *, weight: int, size: int, seconds: float, most: int = 0) -> "Pace":
        """Return the pace after a request that went well; `most` is what the centre will take."""
        ratio = self.ratio
        if weight >= FLOOR:
            ratio = min(WIDEST_RATIO, max(0.01, _mixed(ratio, size / weight)))
        seen = size / max(seconds, 0.001)
        # what went faster than we thought is believed at once: a new link is a new link
        speed, room = max(seen, self.speed), self.room
        if size >= TELLING:
            speed = max(seen, _mixed(self.speed, seen))
            room = min(speed * AIM_SECONDS, room * 2)
        return Pace(max(FLOOR, min(room, most or MOST, MOST)), speed, ratio)

    def failed(self) -> "Pace":
        """Return the pace after a request that did not come through."""
        return replace(self, room=max(FLOOR, self.room / 2), speed=max(SLOWEST, self.speed / 2))


def next_pause(before: float, chance: "Random", *, longest: float) -> float:
    """Return how long to wait: decorrelated jitter, from 2 s up to `longest`."""
    return min(longest, chance.uniform(BASE_PAUSE, max(BASE_PAUSE, 3 * before)))


def _mixed(old: float, new: float) -> float:
    return old * (1 - FRESH) + new * FRESH
