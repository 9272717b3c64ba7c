"""Times, durations and numbers as people read them, in the node's own time zone.

A no-break space stands between a number and its unit, a comma before decimals, a dash in ranges.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal
from flask import Flask

from appliance.web.context import current
from appliance.web.i18n import gettext as _
from appliance.web.i18n import language, ngettext

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
LONGEST_IN_HOURS: Final = 48 * HOUR


@cache
def zone(name: str) -> ZoneInfo:
    """Return the time zone; it is read once."""
    return ZoneInfo(name)


def local(at: int) -> datetime:
    """Return the moment (ms) as the clock on the office's wall shows it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone(current().config.node.timezone))


def hour(at: int) -> str:
    """14:05."""
    return f"{local(at):%H:%M}"


def weekday(at: int) -> str:
    """вівторок, 17 листопада."""
    return format_datetime(local(at), "EEEE, d MMMM", locale=language())


def day(at: int) -> str:
    """17 листопада; with the year if it is another one."""
    year = "" if local(at).year == local(current().clock.wall()).year else " y"
    return format_datetime(local(at), f"d\N{NO-BREAK SPACE}MMMM{year}", locale=language())


def moment(at: int) -> str:
    """14:05, and the day before it when that was not today."""
    if is_today(at):
        return hour(at)
    return _("%(day)s, %(hour)s", day=day(at), hour=hour(at))


def is_today(at: int) -> bool:
    """Tell whether the moment was on the day that the wall's calendar shows."""
    return local(at).date() == local(current().clock.wall()).date()


def machine(at: int) -> str:
    """2026-11-17T14:05:00+02:00, for the `datetime` of a `<time>`."""
    return local(at).isoformat(timespec="seconds")


def duration(seconds: float) -> str:
    """менше хвилини, 25 хв, 3 год, 5 днів."""
    if seconds < MINUTE:
        return _("менше хвилини")
    if seconds < HOUR:
        return _("%(minutes)s\N{NO-BREAK SPACE}хв", minutes=int(seconds // MINUTE))
    if seconds < LONGEST_IN_HOURS:
        return _("%(hours)s\N{NO-BREAK SPACE}год", hours=int(seconds // HOUR))
    return ngettext(
        "%(num)s\N{NO-BREAK SPACE}день", "%(num)s\N{NO-BREAK SPACE}днів", int(seconds // DAY)
    )


def since(at: int) -> str:
    """Return how long ago the moment was, by the node's clock; never less than nothing."""
    return duration(max(0, current().clock.wall() - at) / 1000)


def people(count: int) -> str:
    """1 людина, 4 людини, 7 людей."""
    return ngettext("%(num)s\N{NO-BREAK SPACE}людина", "%(num)s\N{NO-BREAK SPACE}людей", count)


def minutes(low: float, high: float) -> str:
    """15–25 хв. An estimate is always a range."""
    return _(
        "%(low)s–%(high)s\N{NO-BREAK SPACE}хв", low=number(round(low)), high=number(round(high))
    )


def number(value: float) -> str:
    """1 855; 4,6."""
    return format_decimal(value, locale=language())


def install(app: Flask) -> None:
    """Give the surface's templates these filters."""
    told = (hour, weekday, day, moment, machine, duration, since, people, number)
    app.jinja_env.filters.update({filter_.__name__: filter_ for filter_ in told})
    app.jinja_env.globals.update(minutes=minutes)
