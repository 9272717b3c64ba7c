"""Ukrainian first, English second.

The texts in the source are the Ukrainian ones. Each room keeps its own `translations/`; a surface
joins those of the rooms it was given. `?lang=en` changes the language and a cookie remembers it; a
language that we do not speak is passed over.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, cast
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, has_request_context, request
from flask_babel import Babel, lazy_gettext  # type: ignore[import-untyped]
from flask_babel import gettext as _gettext
from flask_babel import ngettext as _ngettext

from appliance.web.context import current, surface
from appliance.web.surfaces import cookie_name

LANGUAGES: Final = {"uk": "Українська", "en": "English"}
DEFAULT: Final = "uk"
REMEMBERED_SECONDS: Final = 365 * 24 * 3600


class Lazy(Protocol):
    """A text that is told in the reader's language when `str()` shows it; a `str` is one too."""

    def __str__(self) -> str: ...


WEB: Final = Path(__file__).parent


def gettext(text: str, **values: object) -> str:
    """Return the text in the reader's language. Rooms import it as `_`."""
    return cast(str, _gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """Return the text that goes with the number; the catalogue of each language has its forms."""
    return cast(str, _ngettext(one, many, num, **values))


def lazy(text: str, **values: object) -> Lazy:
    """Return a text for a table at a module's top: it is translated when it is shown."""
    return cast(Lazy, lazy_gettext(text, **values))


def language() -> str:
    """Return the language of the current reader: what `<html lang>` says."""
    if not has_request_context():
        return DEFAULT
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    remembered = request.cookies.get(cookie(), "")
    return remembered if remembered in LANGUAGES else DEFAULT


def cookie() -> str:
    """Return the name of the cookie that remembers the choice made on this surface."""
    return cookie_name(surface(), current().config.node.number) + "_language"


def other_language() -> tuple[str, str, str]:
    """Return code, own name and link of the language that the reader could change to."""
    code = next(code for code in LANGUAGES if code != language())
    return code, LANGUAGES[code], _here_in(code)


def install(app: Flask, rooms: Sequence[Blueprint]) -> None:
    """Let the surface speak, and remember who has asked for which language."""
    folders = dict.fromkeys([WEB, *(Path(room.root_path) for room in rooms)])
    Babel().init_app(
        app,
        default_locale=DEFAULT,
        default_translation_directories=";".join(str(room / "translations") for room in folders),
        locale_selector=language,
    )
    app.after_request(_remember)


def _remember(response: Response) -> Response:
    if not request.query_string:
        return response
    asked = request.args.get("lang", "")
    if asked in LANGUAGES and request.cookies.get(cookie()) != asked:
        response.set_cookie(
            cookie(), asked, max_age=REMEMBERED_SECONDS, httponly=True, samesite="Strict"
        )
    return response


def _here_in(code: str) -> str:
    """Return the link to this page in another language; a page of a form's answer has no link."""
    if request.method not in {"GET", "HEAD"}:
        return f"/?lang={code}"
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'lang': code})}"
