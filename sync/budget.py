"""How many bytes a day may go over a link that is paid for by the byte, and who stops first.

The less urgent a lane, the earlier in the day's bytes it stops, so that the last of them are left
for tickets; a small rest is left for asking after news. Alarms are exempt: they always go. What is
held back is not lost, it goes on the next day by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from appliance.config import Link as LinkSettings
from appliance.config import LinkKind
from appliance.store.tables import Lane

MEGABYTE: Final = 1_000_000
"""As the tariffs of mobile networks count."""

OF_GSM: Final = 20
"""Megabytes a day over a mobile network where nothing else is set."""

SHARES: Final[Mapping[Lane, float]] = {
    Lane.ALARMS: inf,
    Lane.TICKETS: 0.97,
    Lane.STATE: 0.9,
    Lane.READINGS: 0.8,
    Lane.SIGHTINGS: 0.65,
    Lane.MEDIA: 0.5,
    Lane.BACKUP: 0.0,  # a whole database has no place on a link that is paid for
}
"""The share of the day's bytes at which a lane stops."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The bytes of a day, both ways; 0: nobody counts them."""

    daily: int = 0

    def is_open(self, lane: Lane, used: int) -> bool:
        """Tell whether the lane may go on after so many bytes of today."""
        return not self.daily or used < self.daily * SHARES[lane]

    def open_lanes(self, lanes: Iterable[Lane], used: int) -> tuple[Lane, ...]:
        """Return those of the lanes that may go on, in their order."""
        return tuple(lane for lane in lanes if self.is_open(lane, used))

    def room(self, used: int) -> float:
        """Return how many bytes the next request may take; no end where nobody counts.

        Where nothing but alarms may go on, they have no end either.
        """
        if self.is_open(Lane.TICKETS, used) and self.daily:
            return self.daily * SHARES[Lane.TICKETS] - used
        return inf


UNLIMITED: Final = Budget()


def budget_of(link: LinkSettings) -> Budget:
    """Return the budget that the settings of the link ask for."""
    megabytes = link.daily_megabytes or (OF_GSM if link.kind is LinkKind.GSM else 0)
    return Budget(megabytes * MEGABYTE)
