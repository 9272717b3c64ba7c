"""What a surface refuses before any view runs, and the headers of every answer to a browser.

- A stranger's page cannot write here: a writing request must come from the surface's own origin,
  and with a session it must carry the session's token (`X-CSRF-Token`, or field `csrf_token`).
- A stranger's domain name cannot be bent to a kiosk on loopback: the Host must be ours.
- Nothing inline runs and nothing is fetched from elsewhere.
"""

import functools
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import SplitResult, urlsplit

from flask import Flask, Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.errors import VuzolError
from appliance.web import hosts
from appliance.web.context import SURFACE, asked_now, context_of, current, surface
from appliance.web.events import origin_of_events
from appliance.web.signed_in import signed_in
from appliance.web.surfaces import FACINGS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LINE_BREAKS: Final = frozenset("\n\t")
BIDI: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""Headers that every answer carries, and that no view sets."""

OWN: Final = frozenset({"content-security-policy", "cache-control"})
"""Headers that every answer carries, and that a view may set otherwise."""

Headers = list[tuple[str, str]]

MARKUP: Final = re.compile(r"<[A-Za-z/!?]")
REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Co", "Cn"})


class StrangeOrigin(VuzolError):
    """A page of somebody else's tried to write here."""

    code: ClassVar[str] = "strange_origin"
    status_hint: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(
            "the request was sent by a page from another address",
            next_step="open this service itself and try again there",
        )


class WrongToken(VuzolError):
    """A writing request of a session does not carry the session's token."""

    code: ClassVar[str] = "wrong_csrf_token"
    status_hint: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(
            "the request lacks the session's token",
            next_step="send what /api/sign-in returned as X-CSRF-Token, or reload the page",
        )


class StrangeHost(VuzolError):
    """A request named a host that is not this node."""

    code: ClassVar[str] = "strange_host"
    status_hint: ClassVar[int] = 421

    def __init__(self) -> None:
        super().__init__(
            "this surface does not answer to that name",
            next_step="use its number address, or set surfaces.office_url or kiosk_url",
        )


class NotFromHere(VuzolError):
    """What only this machine may ask was asked from elsewhere."""

    code: ClassVar[str] = "loopback_only"
    status_hint: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__("only this machine may ask for that", next_step="ask on the node itself")


class BadText(VuzolError):
    """A text holds what cannot be read, printed or told apart on a screen."""

    code: ClassVar[str] = "bad_text"
    status_hint: ClassVar[int] = 422

    def __init__(self, reason: str) -> None:
        super().__init__(f"the text {reason}", next_step="write it again with plain letters")
        self.reason = reason


def clean_text(value: str, longest: int, *, lines: bool = False) -> str:
    """Return the text in NFC, without white space around it.

    Raise `BadText` for control characters, marks that turn the direction of writing, characters
    without a meaning, HTML, and more than `longest` characters. `lines` allows line breaks and
    tabs. Pages escape what they show, but a text also travels on: to a spreadsheet, to paper.
    """
    if len(value) > 4 * longest:  # before any work on it
        raise BadText(f"is longer than {longest} characters")
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
    if len(text) > longest:
        raise BadText(f"is longer than {longest} characters")
    if MARKUP.search(text):
        raise BadText("holds HTML")
    for character in text:
        if lines and character in LINE_BREAKS:
            continue
        if character in BIDI or unicodedata.category(character) in REFUSED_CATEGORIES:
            raise BadText(f"holds a character that cannot be shown (U+{ord(character):04X})")
    return text


def from_this_machine() -> bool:
    """Tell whether the request began on this machine: on loopback, and no proxy carried it."""
    carried = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not carried and is_loopback(request.remote_addr or "")


def is_loopback(address: str) -> bool:
    """Tell whether the address is of this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def caller() -> str:
    """Return the address that the request came from; a proxy of ours tells whom it carries.

    Only what the nearest proxy added counts, and only from this machine: the rest anybody may send.
    """
    address = request.remote_addr or "unknown"
    carried = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return carried if is_loopback(address) and hosts.is_number(carried) else address


def require_this_machine() -> None:
    """Raise `NotFromHere` unless the request began on this machine."""
    if not from_this_machine():
        raise NotFromHere


def check_csrf(expected: str) -> None:
    """Raise `WrongToken` unless the request carries the session's token."""
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise WrongToken


def install(app: Flask) -> None:
    """Refuse what is refused before anybody is asked to sign in, and dress every answer."""
    app.before_request(_refuse_strange)
    if FACINGS[app.extensions[SURFACE]].layout:  # nodes are no browsers, and pay for each byte
        app.wsgi_app = _dressed(app)  # type: ignore[method-assign, assignment]


def require_tokens(app: Flask) -> None:
    """Demand the session's token of each writing request; comes after the session was found."""
    app.before_request(_check_token)


def _refuse_strange() -> None:
    asked = asked_now()
    facing = FACINGS[surface()]
    if not hosts.is_answered(current().config, surface(), asked.host):
        raise StrangeHost
    if asked.content_length is not None and asked.content_length > facing.body_limit:
        raise RequestEntityTooLarge
    if asked.method not in SAFE_METHODS:
        _check_origin(asked)


def _read(address: str) -> SplitResult:
    """Return the parts of an address; all of them are empty where it is none."""
    try:
        return urlsplit(address)
    except ValueError:  # half an IPv6 address
        return urlsplit("")


def _check_origin(asked: Request) -> None:
    told = asked.headers.get("Sec-Fetch-Site")
    if told in {"same-origin", "none"}:
        return
    origin = asked.headers.get("Origin")
    if told is not None or (origin is not None and _read(origin).netloc != asked.host):
        raise StrangeOrigin


def _check_token() -> None:
    if request.method not in SAFE_METHODS and (person := signed_in()) is not None:
        check_csrf(person.csrf_token)


def _dressed(app: Flask) -> "WSGIApplication":
    """Return the application with its headers; outside of Flask, where a header is a pair."""
    inner = app.wsgi_app
    events = functools.partial(origin_of_events, context_of(app).config, app.extensions[SURFACE])

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        def dress(status: str, headers: Headers, *failed: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as PEP 3333 has it
            set_by_view = OWN.intersection([name.lower() for name, _ in headers])
            if len(set_by_view) < len(OWN):
                headers += _defaults(events(environ.get("HTTP_HOST", "")), set_by_view)
            headers += ALWAYS
            return start(status, headers, *failed)

        return inner(environ, dress)

    return answer


@functools.lru_cache(maxsize=64)  # names that a node is reached by, times two headers
def _defaults(events: str, set_by_view: frozenset[str]) -> Headers:
    told = [("Content-Security-Policy", _policy(events)), ("Cache-Control", "no-store")]
    return [one for one in told if one[0].lower() not in set_by_view]


def _policy(events: str) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
        f"img-src 'self' data:; media-src 'self'; connect-src 'self' {events}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ).replace(" ;", ";")
