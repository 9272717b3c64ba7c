"""When a node asks its centre how far proved copies cover what the centre has.

The answer moves once a night, so it is asked for seldom: ten minutes after a start, then every
six hours, and a question that was not answered is asked again after a minute. It goes with
the poll of the urgent wire, and only when no row waits to be sent. Pure: time is passed in.
"""

from dataclasses import dataclass, replace
from typing import Final

EVERY_SECONDS: Final = 6 * 3600.0
FIRST_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 60.0
NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Asking:
    """When it was asked last, and when answered."""

    asked_at: float = NEVER
    answered_at: float = NEVER

    @classmethod
    def begun(cls, now: float) -> "Asking":
        """Return it as it is at a start."""
        return cls(answered_at=now + FIRST_SECONDS - EVERY_SECONDS)

    def due(self, now: float) -> bool:
        """Tell whether to ask now."""
        return now >= self.answered_at + EVERY_SECONDS and now >= self.asked_at + AGAIN_SECONDS

    def asked(self, now: float) -> "Asking":
        """Return it after a question."""
        return replace(self, asked_at=now)

    def answered(self, now: float) -> "Asking":
        """Return it after an answer; one that nobody asked for changes nothing."""
        waiting = self.asked_at > self.answered_at
        return replace(self, answered_at=now) if waiting else self
