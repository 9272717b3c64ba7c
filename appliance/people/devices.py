"""Who may wait to be paired: a crowd of strangers must not shut out a device that staff stand at.

A device always gets its digits, and somebody else's make room: the oldest of those who ask from the
same address, or, when the hall is full, the oldest of whoever holds most places in it. So one
stranger only ever takes away digits of their own.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from appliance.people.errors import TooManyPairings
from appliance.people.model import Moment, passed
from appliance.people.queries import Pairing

OF_ONE_ADDRESS: Final = 3
"""How many devices may wait behind one address, before the oldest makes room."""

OF_ALL: Final = 60
"""How many may wait at once."""

PAUSE_SECONDS: Final = 10
"""How long digits are safe from those who ask after them from the same address; each asking wears
the card, and this is all that one stranger can make it write."""


def making_room(waiting: Sequence[Pairing], address: str, now: Moment) -> list[Pairing]:
    """Return who yields to one more device from the address; `TooManyPairings` asks it to wait."""
    by_age = sorted(waiting, key=lambda one: _age(one, now), reverse=True)
    own = [one for one in by_age if one.address == address]
    if len(own) >= OF_ONE_ADDRESS:
        left = PAUSE_SECONDS - _age(own[-1], now)
        if left > 0:
            raise TooManyPairings(math.ceil(left))
        return own[: 1 + len(own) - OF_ONE_ADDRESS]
    if len(waiting) < OF_ALL:
        return []
    held = Counter(one.address for one in waiting)
    most = max(held.values())
    return [next(one for one in by_age if held[one.address] == most)]


def _age(one: Pairing, now: Moment) -> float:
    """Return for how long a device has waited; one of an earlier start counts as the oldest."""
    gone = passed(one.opened, now)
    return math.inf if gone is None else gone
