"""Who is asking: the member of staff of a request, or the kiosk or display it came from.

    @office.post("/things")
    @requires(Permission.SERVE_QUEUE)
    def do() -> Response: ...

`guard` finds the session before any view runs. A session belongs to one surface of one node: its
token opens nothing elsewhere.
"""

import functools
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from flask import Flask, Response, current_app, g, has_request_context, redirect, request, url_for
from flask.typing import ResponseReturnValue

from appliance.people import entrance, queries
from appliance.people.errors import DeviceNeeded, NotAllowed, PasswordMustChange, SignInNeeded
from appliance.people.model import (
    TOUCH_SECONDS,
    DeviceKind,
    Moment,
    Permission,
    Role,
    is_over,
    may,
    session_is_over,
)
from appliance.people.queries import PairedDevice, Session
from appliance.store.failures import DiskBroken, DiskFull, StoreBusy
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web import error_pages, signed_in
from appliance.web.context import Context, asked_now, current, surface
from appliance.web.i18n import gettext as _
from appliance.web.safety import SAFE_METHODS, from_this_machine
from appliance.web.surfaces import Surface, cookie_is_secure, cookie_name

LOG: Final = logging.getLogger("vuzol.people")
OUTSIDE: Final = "vuzol_outside"
DEVICE_TOUCH_MS: Final = 10 * 60 * 1000
DEVICE_COOKIE_SECONDS: Final = 400 * 24 * 3600
LOOPBACK: Final = "loopback"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """The member of staff in front of a page."""

    id: RowId | None  # None: the bearer of an emergency code
    login: str
    name: str
    roles: frozenset[Role]
    actor: str  # how the audit trail names them
    csrf_token: str
    token_hash: bytes
    must_change: bool = False  # the password is temporary
    emergency: bool = False

    def may(self, permission: Permission) -> bool:
        """Tell whether one of the roles carries the permission."""
        return may(self.roles, permission)


@dataclass(frozen=True, slots=True)
class Device:
    """A kiosk or a display, or a program on this very machine."""

    id: str
    kind: DeviceKind | None  # None: on loopback, which may be either
    name: str

    @property
    def actor(self) -> str:
        """Return how the audit trail names the device."""
        return f"device:{self.id}"


@contextmanager
def _if_the_disk_takes_it() -> Iterator[None]:
    """Note when somebody was seen; a full disk refuses the note and shuts nobody out."""
    try:
        yield
    except (DiskFull, DiskBroken, StoreBusy) as error:
        LOG.info("who is here is not noted: %s", error)


def token_hash(token: str) -> bytes:
    """Return what stands in the database for a token: who reads the file cannot use it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def moment(context: Context) -> Moment:
    """Return the present moment, as the rules of sessions need it."""
    return Moment(
        wall=context.clock.wall(),
        ticks=int(context.clock.monotonic() * 1000),
        epoch=context.store.epoch,
        sure=context.clock.quality().good,
    )


def staff_of(
    reader: Reader, on: Surface, cookies: Mapping[str, str], now: Moment
) -> tuple[Staff, Session] | None:
    """Return who a request's cookies belong to; None for a stranger and for an ended session."""
    token = cookies.get(cookie_name(on, reader.node))
    found = queries.session(reader, token_hash(token)) if token else None
    if found is None or (found.surface, found.node) != (on, reader.node):
        return None
    if session_is_over(found.opened, found.seen, now, lifetime=found.lifetime):
        return None
    person = _emergency(found) if found.code is not None else _employed(found)
    return (person, found) if person is not None else None


def listens(context: Context, on: Surface, cookies: Mapping[str, str], wants: Permission) -> bool:
    """Tell whether somebody may go on listening to live events: asked outside of any request."""
    with context.store.read() as reader:
        found = staff_of(reader, on, cookies, moment(context))
    return found is not None and not found[0].must_change and found[0].may(wants)


def _employed(session: Session) -> Staff | None:
    """Return the person as they stand now: dismissed or reset since, and the session is over."""
    credential = session.credential
    if credential is None or credential.edition.resets > session.resets:
        return None
    return Staff(
        id=credential.person,
        login=credential.login,
        name=credential.name,
        roles=credential.roles,
        actor=str(credential.person),
        csrf_token=session.csrf,
        token_hash=session.token_hash,
        must_change=credential.temporary,
    )


def _emergency(session: Session) -> Staff:
    return Staff(
        id=None,
        login="",
        name=_("Черговий за кодом") if has_request_context() else "",
        roles=frozenset({Role.DUTY_OFFICER}),
        actor=f"code:{session.code}",
        csrf_token=session.csrf,
        token_hash=session.token_hash,
        emergency=True,
    )


# --- in a request --------------------------------------------------------------------------------


def guard(app: Flask) -> None:
    """Let the surface know who is asking, before any view runs."""
    app.before_request(_find_staff)
    app.after_request(_renew_token)


def outside(view: View) -> View:
    """Mark a view that stands before the door: whoever asks is a stranger to it."""
    setattr(view, OUTSIDE, True)
    return view


def staff() -> Staff | None:
    """Return the member of staff who asks, or None."""
    return cast(Staff | None, g.get("vuzol_staff"))


def require_staff() -> Staff:
    """Return the member of staff who asks; raise `SignInNeeded` for a stranger."""
    person = staff()
    if person is None:
        raise SignInNeeded
    return person


def requires(*allowed: Role | Permission) -> Callable[[View], View]:
    """Let only staff with one of the roles or permissions use a view; with none named, all staff.

    A person who opens a page is led to the sign-in page and back; anything else is answered 401.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answer(*args: object, **values: object) -> ResponseReturnValue:
            person = staff()
            if person is None:
                return _lead_to_the_door()
            if allowed and not any(_holds(person, one) for one in allowed):
                raise NotAllowed
            told: ResponseReturnValue = view(*args, **values)
            return told

        return cast(View, answer)

    return decorate


def _holds(person: Staff, one: Role | Permission) -> bool:
    return one in person.roles if isinstance(one, Role) else person.may(one)


def _lead_to_the_door() -> ResponseReturnValue:
    door = "people_office.sign_in_page"
    here = request.method in SAFE_METHODS and door in current_app.view_functions
    if not here or error_pages.wants_json():
        raise SignInNeeded
    return redirect(url_for(door, next=request.full_path.rstrip("?")))


def _find_staff() -> Response | None:
    asked = asked_now()
    if asked.endpoint is None or asked.endpoint == "static":
        return None
    if hasattr(current_app.view_functions[asked.endpoint], OUTSIDE):
        return None
    context, on = current(), surface()
    if cookie_name(on, context.store.node) not in asked.cookies:
        return None
    now = moment(context)
    with context.store.read() as reader:
        found = staff_of(reader, on, asked.cookies, now)
    if found is None:
        return None
    person, session = found
    g.vuzol_staff = person
    _show_in_the_frame(person)
    # A page that keeps itself fresh is nobody at work: it must not keep the session alive.
    if "X-Fragment" not in asked.headers and is_over(session.seen, now, TOUCH_SECONDS):
        with _if_the_disk_takes_it():
            context.store.write(entrance.touch_session, session.token_hash, now=now)
    return _insist_on_own_password(person) if person.must_change else None


def _show_in_the_frame(person: Staff) -> None:
    signed_in.remember(
        signed_in.SignedIn(
            name=person.name,
            csrf_token=person.csrf_token,
            sign_out_url=_sign_out_url(surface()),
        )
    )


@functools.cache
def _sign_out_url(_on: Surface) -> str:
    """Return where the surface's sign-out form posts to: it is looked up once."""
    door = "people_office.sign_out"
    return url_for(door) if door in current_app.view_functions else ""


ALLOWED_WITH_A_TEMPORARY_PASSWORD: Final = frozenset(
    {"people_office.password_page", "people_office.set_password", "people_office.sign_out"}
    | {"people_office.sign_out_by_api", "people_office.set_password_by_api"}
)


def _insist_on_own_password(person: Staff) -> Response | None:
    if request.endpoint in ALLOWED_WITH_A_TEMPORARY_PASSWORD or not person.must_change:
        return None
    if request.method not in SAFE_METHODS or error_pages.wants_json():
        raise PasswordMustChange
    return cast(Response, redirect(url_for("people_office.password_page")))


# --- devices -------------------------------------------------------------------------------------


def device() -> Device | None:
    """Return the device that asks: this machine itself, or one that staff have paired."""
    if "vuzol_device" not in g:
        g.vuzol_device = _find_device()
    return cast(Device | None, g.vuzol_device)


def require_device() -> Device:
    """Return the device that asks; raise `DeviceNeeded` for a stranger."""
    found = device()
    if found is None:
        raise DeviceNeeded
    return found


def device_token() -> str:
    """Return the token that the device sent, in its cookie or as a bearer."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "bearer" and bearer:
        return bearer.strip()
    return request.cookies.get(cookie_name(Surface.KIOSK, current().store.node), "")


def keep_token(response: Response, token: str) -> Response:
    """Give a device its token, for as long as a browser keeps any."""
    config = current().config
    response.set_cookie(
        cookie_name(Surface.KIOSK, config.node.number),
        token,
        max_age=DEVICE_COOKIE_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=cookie_is_secure(config, Surface.KIOSK),
    )
    return response


def _renew_token(response: Response) -> Response:
    """Let a display that nobody touches for years keep its token."""
    token = g.get("vuzol_renewed")
    return response if token is None else keep_token(response, token)


def _find_device() -> Device | None:
    token = device_token()
    found = _paired(current(), token) if token else None
    if found is not None:
        if _is_due(found, current()):
            g.vuzol_renewed = token
        return Device(found.id, found.kind, found.name)
    return Device(LOOPBACK, None, LOOPBACK) if from_this_machine() else None


def _paired(context: Context, token: str) -> PairedDevice | None:
    with context.store.read() as reader:
        found = queries.device_by_token(reader, token_hash(token))
    if found is not None and _is_due(found, context):
        with _if_the_disk_takes_it():
            context.store.write(entrance.touch_device, found.id)
    return found


def _is_due(found: PairedDevice, context: Context) -> bool:
    """Tell whether it is time to note that the device is there; each note wears the card."""
    return abs(context.clock.wall() - (found.seen_at or 0)) >= DEVICE_TOUCH_MS


def device_of(context: Context, cookies: Mapping[str, str]) -> PairedDevice | None:
    """Return the paired device that cookies belong to: for live events, outside of any request."""
    token = cookies.get(cookie_name(Surface.KIOSK, context.store.node))
    return _paired(context, token) if token else None
