"""What a person at the kiosk may wish for: larger letters, buttons lower down, another language.

A wish comes as a query (`?letters=large`), a cookie keeps it, and the idle kiosk forgets it: the
next person starts afresh.
"""

from dataclasses import dataclass
from typing import Final

from flask import Flask, Response, request

from appliance.web.context import current
from appliance.web.i18n import gettext as _
from appliance.web.i18n import other_language

COOKIE: Final = "vuzol_kiosk"
LARGE: Final = "large"
LOW: Final = "low"
FRESH: Final = "lang=uk&letters=normal&controls=normal"
"""The query that forgets the wishes of whoever was here before."""

REMEMBERED_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Wish:
    """One of the helpers at the bottom of the screen."""

    name: str
    value: str
    icon: str
    label: str
    pressed: bool | None  # None: not a switch
    kept: tuple[tuple[str, str], ...]  # the rest of the query
    language: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the page is to be shown, and what else is on offer."""

    large: bool
    low: bool
    offers: tuple[Wish, ...]


def wishes() -> Wishes:
    """Return the wishes of the person at the kiosk."""
    large, low = _wished("letters", LARGE), _wished("controls", LOW)
    code, name, _url = other_language()
    return Wishes(
        large,
        low,
        (
            _switch("letters", LARGE, "letters", _("Більші літери"), on=large),
            _switch("controls", LOW, "low", _("Кнопки нижче"), on=low),
            Wish("lang", code, "globe", name, None, _kept("lang"), code),
        ),
    )


def install(app: Flask) -> None:
    """Let the kiosk's pages know the wishes, and keep them for ten minutes."""
    app.jinja_env.globals.update(kiosk_wishes=wishes, kiosk_times=_times(app), fresh_start=FRESH)
    app.after_request(_keep)


def _times(app: Flask) -> object:
    with app.app_context():
        return current().config.queue


def _wished(name: str, value: str) -> bool:
    asked = request.args.get(name)
    return asked == value if asked is not None else value in _remembered()


def _remembered() -> list[str]:
    return request.cookies.get(COOKIE, "").split(".")


def _switch(name: str, value: str, icon: str, label: str, *, on: bool) -> Wish:
    return Wish(name, "normal" if on else value, icon, label, on, _kept(name))


def _kept(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, one) for key, one in request.args.items() if key != name)


def _keep(response: Response) -> Response:
    if not {"letters", "controls"} & set(request.args):
        return response
    chosen = [
        value for name, value in (("letters", LARGE), ("controls", LOW)) if _wished(name, value)
    ]
    response.set_cookie(
        COOKIE, ".".join(chosen), max_age=REMEMBERED_SECONDS, httponly=True, samesite="Strict"
    )
    return response
