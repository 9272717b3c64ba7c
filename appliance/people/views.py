"""The door over HTTP: signing in and out, one's own password, the emergency code.

The pages of the staff list, of devices and of the audit trail have modules of their own; importing
this one gives their routes to the two blueprints.
"""

from collections.abc import Mapping
from typing import Final

from flask import Response, make_response, redirect, render_template, request, url_for

from appliance.errors import VuzolError
from appliance.people import api_views, audit_views, device_views, entrance, staff_views
from appliance.people.access import outside, require_staff, requires, staff
from appliance.people.errors import (
    BadField,
    BadName,
    BadPassword,
    CodeUnknown,
    NotAllowed,
    PasswordProblem,
    StaffListOld,
    TooManyAttempts,
    TooManySignIns,
    WrongPassword,
)
from appliance.people.model import LONGEST_CODE, LONGEST_NAME, LONGEST_TYPED_LOGIN
from appliance.people.pages import (
    HOME,
    address,
    asking_again,
    audit_pages,
    device_pages,
    field,
    kiosk,
    office,
    safe_next,
    staff_pages,
    with_session,
    without_session,
)
from appliance.people.sign_in import (
    change_password,
    is_centre,
    list_days_too_old,
    sign_in,
    sign_in_with_code,
)
from appliance.people.wording import sentence
from appliance.web.context import current
from appliance.web.i18n import gettext as _
from appliance.web.surfaces import Surface

for part in (staff_pages, device_pages, audit_pages):  # routed by the modules imported above
    office.register_blueprint(part)

__all__ = ["api_views", "audit_views", "device_views", "kiosk", "office", "staff_views"]

REFUSALS: Final = (WrongPassword, TooManyAttempts, TooManySignIns, StaffListOld)


@office.get("/sign-in")
def sign_in_page() -> Response:
    """Show the form, with the age of the staff list."""
    if staff() is not None:
        return _to(safe_next(request.args.get("next", HOME)))
    return _sign_in_form("", request.args.get("next", HOME))


@office.post("/sign-in")
@outside
def sign_in_by_form() -> Response:
    """Let a person in and lead them where they were going."""
    login, following = request.form.get("login", ""), request.form.get("next", HOME)
    try:
        login = field("login", LONGEST_TYPED_LOGIN)
        opened = sign_in(
            current(),
            login,
            request.form.get("password", ""),
            address=address(),
            on=Surface.OFFICE,
        )
    except BadField:
        return _sign_in_form("", following, WrongPassword())
    except REFUSALS as error:
        return _sign_in_form(login, following, error)
    where = url_for("people_office.password_page") if opened.must_change else safe_next(following)
    return with_session(_to(where), opened, Surface.OFFICE)


def _sign_in_form(login: str, following: str, error: VuzolError | None = None) -> Response:
    context = current()
    page = render_template(
        "people/sign_in.html",
        login=login,
        next=safe_next(following),
        errors=[("login", sentence(error))] if error else [],
        confirmed_at=context.truth().staff_list_at,
        too_old=list_days_too_old(context) is not None,
        is_centre=is_centre(context),
    )
    headers = asking_again(error) if error else {}
    return make_response(page, error.status_hint if error else 200, headers)


@office.post("/sign-out")
@requires()
def sign_out() -> Response:
    """Let a person out."""
    _close_session()
    return without_session(_to(url_for("people_office.sign_in_page")), Surface.OFFICE)


def _close_session() -> None:
    person = require_staff()
    current().store.write(entrance.close_session, person.token_hash, by=person)


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))


# --- one's own password --------------------------------------------------------------------------


@office.get("/password")
@requires()
def password_page() -> Response:
    """Show the form for one's own new password."""
    return _password_form()


@office.post("/password")
@requires()
def set_password() -> Response:
    """Set one's own password: it counts here at once, and elsewhere when the centre has it."""
    try:
        _change_password(request.form)
    except (BadPassword, *REFUSALS) as error:
        return _password_form(error)
    return make_response(
        render_template("people/password_set.html", is_centre=is_centre(current()), home=HOME)
    )


def _change_password(given: Mapping[str, str]) -> None:
    person = require_staff()
    if person.id is None:  # an emergency code is no password
        raise NotAllowed
    change_password(
        current(),
        person.id,
        current=given.get("current", ""),
        new=given.get("new", ""),
        repeated=given.get("repeated", ""),
        address=address(),
        keep=person.token_hash,
        by=person,
    )


def _password_form(error: VuzolError | None = None) -> Response:
    if require_staff().id is None:
        raise NotAllowed
    errors = [(_wrong_field(error), sentence(error))] if error else []
    if isinstance(error, WrongPassword):
        errors = [("current", _("Теперішній пароль неправильний"))]
    page = render_template(
        "people/password.html", errors=errors, must_change=require_staff().must_change
    )
    headers = asking_again(error) if error else {}
    return make_response(page, error.status_hint if error else 200, headers)


def _wrong_field(error: VuzolError) -> str:
    if not isinstance(error, BadPassword):
        return "current"
    return "repeated" if error.problem is PasswordProblem.DIFFERENT else "new"


# --- the emergency code --------------------------------------------------------------------------


@office.get("/emergency")
def emergency_page() -> Response:
    """Show the form for a sealed code."""
    return _emergency_form()


@office.post("/emergency")
@outside
def use_code() -> Response:
    """Make the bearer of a sealed code the duty officer for some hours."""
    try:
        name = field("name", LONGEST_NAME)
        code = field("code", LONGEST_CODE)
        opened = sign_in_with_code(current(), code, name, address=address(), on=Surface.OFFICE)
    except BadField as error:
        return _emergency_form((error.field, sentence(error)), status=error.status_hint)
    except (BadName, CodeUnknown, TooManyAttempts, TooManySignIns) as error:
        wrong = "name" if isinstance(error, BadName) else "code"
        return _emergency_form(
            (wrong, sentence(error)), status=error.status_hint, headers=asking_again(error)
        )
    return with_session(_to(HOME), opened, Surface.OFFICE)


def _emergency_form(
    *errors: tuple[str, str], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    page = render_template(
        "people/emergency.html", errors=list(errors), typed_name=request.form.get("name", "")[:200]
    )
    return make_response(page, status, dict(headers or {}))
