"""The truth strip: link, not yet sent, as of. Always in this order, always under the header.

A dead link is amber and never red, because the services work. What is not known is said in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from appliance.store.clock import ClockQuality
from appliance.web import formats
from appliance.web.context import Stick, Truth, current, surface
from appliance.web.i18n import gettext as _
from appliance.web.i18n import ngettext
from appliance.web.surfaces import Surface

DAY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the strip says."""

    icon: str
    text: str
    amount: str = ""  # shown bold after the text
    warns: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """What the strip says, and whether it is amber."""

    down: bool
    lines: tuple[Line, ...]


def lines() -> Strip:
    """Return the strip for the current page: all of it for staff, the link alone for others."""
    truth = current().truth()
    everything = surface() is Surface.OFFICE
    told = _all(truth) if everything else iter([_link(truth)])
    return Strip(down=truth.link == "down", lines=tuple(told))


def _all(truth: Truth) -> Iterator[Line]:
    yield _link(truth)
    if truth.link != "none":
        yield _unsent(truth.unsent)
    yield _as_of(truth)
    if truth.stick is not None:
        yield _stick(truth.stick)
    yield from _warnings(truth)


def _link(truth: Truth) -> Line:
    match surface(), truth.link:
        case Surface.GUEST, "up":
            return Line("net", _("Інтернет є"))
        case _, "up":
            return Line("net", _("Центр на зв’язку"))
        case _, "none":
            return Line("net", _("Це центр громади"))
        case Surface.KIOSK, _:
            return Line("no-net", _("Інтернету немає%(time)s — черга працює", time=_time(truth)))
        case _:
            return Line(
                "no-net", _("Інтернету немає%(time)s — послуги працюють", time=_time(truth))
            )


def _time(truth: Truth) -> str:
    """Return how long, with a space before it; nothing if it is not known."""
    return "" if truth.since is None else f" {formats.since(truth.since)}"


def _unsent(count: int) -> Line:
    if count == 0:
        return Line("tray", _("Усе передано до\N{NO-BREAK SPACE}центру"))
    told = formats.number(count)
    return Line("tray", _("Ще не передано до\N{NO-BREAK SPACE}центру:"), amount=told)


def _as_of(truth: Truth) -> Line:
    if truth.link != "down":
        at = formats.hour(current().clock.wall())
        return Line("clock", _("Дані станом на\N{NO-BREAK SPACE}%(at)s", at=at))
    if truth.last_contact is None:
        return Line("clock", _("Зв’язку з\N{NO-BREAK SPACE}центром ще не було"))
    hour = formats.hour(truth.last_contact)
    if formats.is_today(truth.last_contact):
        return Line("clock", _("Останній зв’язок о\N{NO-BREAK SPACE}%(hour)s", hour=hour))
    day = formats.day(truth.last_contact)
    text = _("Останній зв’язок %(day)s о\N{NO-BREAK SPACE}%(hour)s", day=day, hour=hour)
    return Line("clock", text)


def _stick(stick: Stick) -> Line:
    count = formats.number(stick.count)
    match stick.did:
        case "rows":
            told = _("На флешку записано записів: %(count)s, можна виймати", count=count)
        case "answers":
            told = _("На флешку записано відповідей вузлам: %(count)s, можна виймати", count=count)
        case "read":
            told = _("Із\N{NO-BREAK SPACE}флешки прийнято файлів: %(count)s", count=count)
        case "working":
            told = _("Флешка працює: не виймайте її")
        case _:
            told = _("Флешку не закінчено: відкрийте сторінку «Флешка»")
    return Line("document", told, warns=stick.did in {"working", "failed"})


def _warnings(truth: Truth) -> Iterator[Line]:
    if truth.restored is not None:
        yield Line("warning", _restored(", ".join(truth.restored)), warns=True)
    if truth.marks_displaced:
        yield Line(
            "warning",
            _("Другий носій не відповідає: номери лише на\N{NO-BREAK SPACE}картці"),
            warns=True,
        )
    if truth.disk_low:
        yield Line("warning", _("На диску мало місця: покличте техніка"), warns=True)
    yield from _copies(truth)
    if truth.clock is ClockQuality.UNKNOWN:
        yield Line("clock", _("Годинник вузла може помилятися"), warns=True)
    context = current()
    if truth.staff_list_at is not None:
        age = context.clock.wall() - truth.staff_list_at
        if age > context.config.people.staff_max_age_days * DAY_MS:
            told = formats.day(truth.staff_list_at)
            yield Line("people", _("Список працівників станом на %(day)s", day=told), warns=True)


def _copies(truth: Truth) -> Iterator[Line]:
    if truth.medium_full:
        yield Line("warning", _("Другий носій повний: нових резервних копій немає"), warns=True)
    days = truth.nights_without_backup
    if days is not None:
        told = ngettext(
            "Резервної копії не було %(num)s добу", "Резервної копії не було %(num)s діб", days
        )
        yield Line("warning", told, warns=True)


def _restored(numbers: str) -> str:
    if not numbers:
        return _("Базу відновлено з копії")
    return _("Базу відновлено з копії: номери продовжено з %(numbers)s", numbers=numbers)
