"""What time it is, how far that can be trusted, and the hybrid clock that orders changes.

A board has no battery for its clock: after a power cut it wakes up in the past. So every wall time
comes with a quality, nothing expires on a bad one, and records are ordered by stream and number.
"""

import ctypes
import time
from enum import StrEnum
from typing import Final, Protocol

COUNTER_BITS: Final = 16
EARLIEST: Final = 1_577_836_800_000
"""The year 2020: an older hybrid time comes from a clock that nobody had set."""

HOLDS_SECONDS: Final = 24 * 3600
"""How long after its last good moment a clock is still believed."""

AHEAD_MS: Final = 5 * 60 * 1000
"""A remote clock that is further ahead of a good one is not followed."""

LATEST_MS: Final = 4_102_444_800_000
"""The year 2100. A number past it is of no clock, and to follow it could leave no room to grow."""

STA_UNSYNC: Final = 0x0040
TIME_ERROR: Final = 5


def wall_of(hlc: int) -> int | None:
    """Return the wall time in a hybrid time, in milliseconds; None where the clock knew none."""
    at = hlc >> COUNTER_BITS
    return at if at >= EARLIEST else None


class ClockQuality(StrEnum):
    """How far the wall time can be trusted."""

    SYNCHRONISED = "synchronised"
    HOLDING = "holding"  # not now, but at most 24 h ago
    UNKNOWN = "unknown"

    @property
    def good(self) -> bool:
        """Tell whether deadlines may be judged by it."""
        return self is not ClockQuality.UNKNOWN


class Clock(Protocol):
    """Where the time comes from."""

    def wall(self) -> int:
        """Return milliseconds UTC since 1970, as the machine believes."""

    def monotonic(self) -> float:
        """Return seconds that only grow while the process lives."""

    def quality(self) -> ClockQuality:
        """Return how far `wall` can be trusted now."""


class FixedClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(
        self, wall: int = 1_790_000_000_000, *, quality: ClockQuality = ClockQuality.SYNCHRONISED
    ) -> None:
        self._wall = wall
        self._monotonic = 1000.0
        self._quality = quality

    def wall(self) -> int:
        """Return what was last set."""
        return self._wall

    def monotonic(self) -> float:
        """Return the sum of all that `advance` was given."""
        return self._monotonic

    def quality(self) -> ClockQuality:
        """Return what was last set."""
        return self._quality

    def set(self, wall: int, *, quality: ClockQuality | None = None) -> None:
        """Jump to a wall time, in either direction; the monotonic time stays."""
        self._wall = wall
        self._quality = quality or self._quality

    def advance(self, seconds: float) -> None:
        """Let time pass, for both clocks."""
        self._wall += round(seconds * 1000)
        self._monotonic += seconds


class SystemClock:
    """The machine's clock; its quality is what the kernel knows of the last synchronisation."""

    def __init__(self, *, trusted: bool = False) -> None:
        """Believe the wall time always if `trusted`: someone else keeps the clock right."""
        self._trusted = trusted
        self._last_good: float | None = None

    def wall(self) -> int:
        """Return milliseconds UTC since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def quality(self) -> ClockQuality:
        """Return SYNCHRONISED while the kernel says so, HOLDING for 24 h after, else UNKNOWN."""
        now = time.monotonic()
        if self._trusted or kernel_is_synchronised():
            self._last_good = now
            return ClockQuality.SYNCHRONISED
        if self._last_good is not None and now - self._last_good <= HOLDS_SECONDS:
            return ClockQuality.HOLDING
        return ClockQuality.UNKNOWN


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`; the rest is read by nobody here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _system_call() -> "ctypes._NamedFuncPointer | None":
    try:
        return ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None


_ADJTIMEX: Final = _system_call()


def kernel_is_synchronised() -> bool:
    """Tell whether somebody disciplines the kernel's clock; False when that can't be known."""
    if _ADJTIMEX is None:
        return False
    asked = _Timex()  # modes = 0: only ask
    state = int(_ADJTIMEX(ctypes.byref(asked)))
    return 0 <= state < TIME_ERROR and not asked.status & STA_UNSYNC


class HybridClock:
    """A number for each transaction: 48 bits of milliseconds and 16 of a counter; it only grows.

    Wall time is taken in from a good clock only. Without one the number still grows, by one.
    """

    def __init__(self, last: int) -> None:
        """Start after `last`, the greatest number that the file has seen."""
        self._last = last

    @property
    def last(self) -> int:
        """Return the greatest number given or taken in."""
        return self._last

    def next(self, wall: int, quality: ClockQuality) -> int:
        """Return a number greater than all before."""
        told = wall << COUNTER_BITS if quality.good else 0
        self._last = max(self._last + 1, told)
        return self._last

    def follow(self, remote: int, wall: int, quality: ClockQuality) -> bool:
        """Take in a number of another node; return False if it runs too far ahead to be."""
        if (remote >> COUNTER_BITS) > (wall + AHEAD_MS if quality.good else LATEST_MS):
            return False
        self._last = max(self._last, remote)
        return True
