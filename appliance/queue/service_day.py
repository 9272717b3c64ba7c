"""The service day: a number that only grows, with a date for a label.

A day opens at the configured hour (04:00) of the office's own time, so that people who wait past
midnight stay on the day they came. A number is never taken back: where a bad clock gave a day the
wrong date, a later row corrects the label and the number stays.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Self

from appliance.store.clock import ClockQuality

LEAP: Final = timedelta(days=31)
"""How far from the present day a clock that is not synchronised is believed."""

SLACK: Final = timedelta(days=1)
"""A good clock set back by less than this is waited for: the label comes true by itself."""


@dataclass(frozen=True, slots=True)
class ServiceDay:
    """A day as its newest row tells it."""

    number: int
    label: date
    correction: int = 0  # how often the label was put right
    provisional: bool = False  # the label came from a clock that nobody vouched for


@dataclass(frozen=True, slots=True)
class ClockTrust:
    """How far the clock is to be believed at this moment."""

    good: bool  # synchronised, or within a day of it
    synchronised: bool

    @classmethod
    def of(cls, quality: ClockQuality) -> Self:
        """Return how far a clock of this quality is to be believed."""
        return cls(quality.good, quality is ClockQuality.SYNCHRONISED)


def is_date(label: str) -> bool:
    """Tell whether a day's label can be read as a date."""
    try:
        date.fromisoformat(label)
    except ValueError:
        return False
    return True


def date_of(moment: int, zone: tzinfo, opens: time) -> date:
    """Return the date whose service day the moment (ms since 1970) belongs to."""
    local = datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone)
    return local.date() if local.time() >= opens else local.date() - timedelta(days=1)


def next_day(present: ServiceDay | None, today: date, trust: ClockTrust) -> ServiceDay | None:
    """Return the day as it must be written now, or None when the present one still stands."""
    if present is None:
        return ServiceDay(1, today, provisional=not trust.good)
    if trust.good:
        return _by_good_clock(present, today, trust)
    if timedelta(0) < today - present.label <= LEAP:
        return ServiceDay(present.number + 1, today, provisional=True)
    return None


def _by_good_clock(present: ServiceDay, today: date, trust: ClockTrust) -> ServiceDay | None:
    ahead = today - present.label
    if abs(ahead) > LEAP and not trust.synchronised:
        return None
    if present.provisional or ahead < -SLACK:
        return replace(present, label=today, correction=present.correction + 1, provisional=False)
    return ServiceDay(present.number + 1, today) if ahead > timedelta(0) else None
