"""What a copy is, which copies go first, and when the next one and the next trial are due.

Rules without input or output. A copy counts only once its card is written: the card is the last
thing that is, and it names the bytes that the copy must have.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from appliance.store.inventory import Inventory

FORM: Final = 1
MOST_COPIES: Final = 60
DAY_MS: Final = 24 * 3600 * 1000
KEPT_MS: Final = 35 * DAY_MS
"""How long a copy is kept at most: what was erased since is still in it."""

LATE_NIGHTS: Final = 2
"""Nights without a proved copy after which staff are told."""

SETTLING_SECONDS: Final = 600.0
"""A node that slept through its hour tries its copy this long after its start."""


class Medium(StrEnum):
    """How the second medium stands."""

    NONE = "none"  # no setting names one
    MISSING = "missing"  # it is not plugged in, or may not be written
    SAME_DISK = "same_disk"  # it dies together with the database
    FULL = "full"
    WORKS = "works"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy, as its card tells."""

    number: int
    node: int
    taken_at: int  # ms; the clock may have been wrong, so copies are ordered by number
    size: int
    sha256: str
    held: Inventory
    verified_at: int | None = None  # ms: a restore of it was proved whole
    damaged: str = ""  # why it must not be used

    @property
    def name(self) -> str:
        """Return what its files are called, without the ending."""
        return f"{self.number:06d}"

    def verified(self, at: int) -> "Copy":
        """Return the copy as a trial has proved it."""
        return replace(self, verified_at=at, damaged="")

    def spoiled(self, why: str) -> "Copy":
        """Return the copy as a trial has found it."""
        return replace(self, verified_at=None, damaged=why)

    def card(self) -> str:
        """Return the text of its card."""
        told = {
            "form": FORM,
            "number": self.number,
            "node": self.node,
            "taken_at": self.taken_at,
            "size": self.size,
            "sha256": self.sha256,
            "verified_at": self.verified_at,
            "damaged": self.damaged,
            "held": self.held.written(),
        }
        return json.dumps(told, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, card: str) -> "Copy":
        """Read what `card` wrote; raise `ValueError` for anything else."""
        told = json.loads(card)
        try:
            return cls._of(told)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no card of a copy: {error!r}") from None

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> "Copy":
        if told["form"] != FORM:
            raise ValueError(f"a card of form {told['form']}")
        verified_at = told["verified_at"]
        return cls(
            number=int(told["number"]),
            node=int(told["node"]),
            taken_at=int(told["taken_at"]),
            size=int(told["size"]),
            sha256=str(told["sha256"]),
            held=Inventory.read(told["held"]),
            verified_at=None if verified_at is None else int(verified_at),
            damaged=str(told["damaged"]),
        )


def newest(copies: Sequence[Copy]) -> Copy | None:
    """Return the newest copy that is not known to be damaged."""
    return max((one for one in copies if not one.damaged), key=_number, default=None)


def newest_verified(copies: Sequence[Copy]) -> Copy | None:
    """Return the newest copy that a trial has proved."""
    proved = (one for one in copies if one.verified_at is not None)
    return max(proved, key=_number, default=None)


def to_drop(copies: Sequence[Copy], *, most_bytes: int, now: int | None = None) -> list[Copy]:
    """Return the copies that have to go, the oldest first, so that the rest is within bounds.

    The newest one and the newest proved one stay, whatever the bounds are. `now` is given when the
    clock is good: then copies go that are too old.
    """
    kept = {one.number for one in (newest(copies), newest_verified(copies)) if one}
    size, count = sum(one.size for one in copies), len(copies)
    gone: list[Copy] = []
    for one in sorted(copies, key=lambda one: (not one.damaged, one.number)):
        old = now is not None and now - one.taken_at > KEPT_MS
        if one.number not in kept and (old or size > most_bytes or count > MOST_COPIES):
            gone.append(one)
            size, count = size - one.size, count - 1
    return gone


def trial_due(
    *, tried_at: int | None, now: int, hour: str, zone: str, good_clock: bool, quiet: float
) -> bool:
    """Tell whether a restore has to be tried: the hour has come since the last one.

    `quiet` is how many seconds this start has run, or has gone since its last trial. On a clock
    that nobody vouches for a day is a day of those seconds.
    """
    if not good_clock or (tried_at is not None and tried_at > now):
        return quiet >= DAY_MS / 1000 or (tried_at is None and quiet >= SETTLING_SECONDS)
    waits = tried_at is None or tried_at < _last_hour(now, hour, zone)
    return waits and quiet >= SETTLING_SECONDS


def _last_hour(now: int, hour: str, zone: str) -> int:
    """Return when the hour of the day was last; ms."""
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    hours, minutes = map(int, hour.split(":"))
    there = local.replace(hour=hours, minute=minutes, second=0, microsecond=0)
    if there > local:
        there -= timedelta(days=1)
    return int(there.timestamp() * 1000)


def nights_without(*, verified_at: int | None, began_at: int | None, now: int) -> int | None:
    """Return for how many days there was no proved copy, once that is worth telling."""
    since = began_at if verified_at is None else verified_at
    if since is None:
        return None
    return (now - since) // DAY_MS if now - since > LATE_NIGHTS * DAY_MS else None


def _number(one: Copy) -> int:
    return one.number
