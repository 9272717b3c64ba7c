"""The staff list: everybody sees who works here, the centre's administrator changes it."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Response, make_response, redirect, render_template, request, url_for

from appliance.errors import VuzolError
from appliance.people import model, queries, service
from appliance.people.access import require_staff, requires
from appliance.people.errors import (
    BadField,
    BadLogin,
    BadName,
    LastAdministrator,
    LoginTaken,
    NoOffice,
    PersonDismissed,
    TooManySignIns,
)
from appliance.people.model import Permission, Role, Standing
from appliance.people.pages import FormErrors, asking_again, demand_centre, offices, staff_pages
from appliance.people.pages import field as typed
from appliance.people.queries import Person
from appliance.people.sign_in import hashing, is_centre, list_days_too_old
from appliance.people.wording import ROLES, roles_sentence, sentence
from appliance.store.ids import RowId
from appliance.web.context import current

FIELDS: Mapping[type[VuzolError], str] = {
    BadName: "name",
    BadLogin: "login",
    LoginTaken: "login",
    NoOffice: "offices",
    LastAdministrator: "offices",
    PersonDismissed: "offices",
    TooManySignIns: "name",
}
REFUSALS: tuple[type[VuzolError], ...] = (BadField, *FIELDS)


@staff_pages.get("/staff")
@requires(Permission.SEE_STAFF)
def staff_list() -> str:
    """Show who works in the hromada, and how old the list is."""
    context = current()
    with context.store.read() as reader:
        people = queries.staff_list(reader)
    everywhere = is_centre(context)
    shown = people if everywhere else [person for person in people if person.offices]
    return render_template(
        "people/staff.html",
        working=[person for person in shown if person.state is Standing.ACTIVE],
        dismissed=[person for person in shown if person.state is Standing.DISMISSED],
        offices=offices(context.config),
        confirmed_at=context.truth().staff_list_at,
        too_old=list_days_too_old(context) is not None,
        is_centre=everywhere,
        manages=require_staff().may(Permission.MANAGE_STAFF) and everywhere,
        roles_sentence=roles_sentence,
    )


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form of a person."""

    login: str = ""
    name: str = ""
    offices: Mapping[int, frozenset[Role]] = field(default_factory=dict)


@staff_pages.get("/staff/new")
@requires(Permission.MANAGE_STAFF)
def hire_page() -> Response:
    """Show the form for a new person."""
    demand_centre()
    return _hire_form(Filled())


@staff_pages.post("/staff/new")
@requires(Permission.MANAGE_STAFF)
def hire() -> Response:
    """Put a person on the list, and show their temporary password once."""
    demand_centre()
    filled = Filled(
        request.form.get("login", "")[: model.LONGEST_TYPED_LOGIN],
        request.form.get("name", "")[: model.LONGEST_NAME],
        _chosen(),
    )
    try:
        login = model.check_login(typed("login", model.LONGEST_TYPED_LOGIN))
        name = model.check_name(typed("name", model.LONGEST_NAME))
        password, hashed = _temporary_password()
        person = current().store.write(
            service.hire,
            login=login,
            name=name,
            offices=filled.offices,
            hashed=hashed,
            by=require_staff(),
        )
    except REFUSALS as error:
        return _hire_form(filled, error)
    return _show_password(person, password)


def _hire_form(filled: Filled, error: VuzolError | None = None) -> Response:
    return _form("people/hire.html", error, filled=filled)


@staff_pages.get("/staff/<person_id>")
@requires(Permission.MANAGE_STAFF)
def person_page(person_id: str) -> Response:
    """Show one person: name, roles, password, dismissal."""
    demand_centre()
    return _person_form(_person(person_id))


@staff_pages.post("/staff/<person_id>")
@requires(Permission.MANAGE_STAFF)
def change_person(person_id: str) -> Response:
    """Change name and roles of a person."""
    return _changed(person_id, _rename_and_change)


def _rename_and_change(person: Person) -> None:
    name = model.check_name(typed("name", model.LONGEST_NAME))
    store, chosen, by = current().store, _chosen(), require_staff()
    if {key: roles for key, roles in chosen.items() if roles} != dict(person.offices):
        store.write(service.change_roles, person.id, chosen, by=by)
    if name != person.name:
        store.write(service.rename, person.id, name, by=by)


@staff_pages.post("/staff/<person_id>/dismiss")
@requires(Permission.MANAGE_STAFF)
def dismiss(person_id: str) -> Response:
    """End all that a person may do."""
    by = require_staff()
    return _changed(
        person_id, lambda person: current().store.write(service.dismiss, person.id, by=by)
    )


@staff_pages.post("/staff/<person_id>/reinstate")
@requires(Permission.MANAGE_STAFF)
def reinstate(person_id: str) -> Response:
    """Take a dismissed person back, and show their temporary password once."""
    demand_centre()
    person = _person(person_id)
    try:
        password, hashed = _temporary_password()
        current().store.write(
            service.reinstate, person.id, _chosen(), hashed=hashed, by=require_staff()
        )
    except REFUSALS as error:
        return _person_form(person, error)
    return _show_password(person.id, password)


@staff_pages.post("/staff/<person_id>/password")
@requires(Permission.MANAGE_STAFF)
def issue_password(person_id: str) -> Response:
    """Issue a temporary password, and show it once."""
    demand_centre()
    person = _person(person_id)
    try:
        password, hashed = _temporary_password()
        current().store.write(service.issue_password, person.id, hashed=hashed, by=require_staff())
    except REFUSALS as error:
        return _person_form(person, error)
    return _show_password(person.id, password)


def _changed(person_id: str, change: Callable[[Person], object]) -> Response:
    demand_centre()
    person = _person(person_id)
    try:
        change(person)
    except REFUSALS as error:
        return _person_form(person, error)
    return make_response(redirect(url_for("people_office.staff.staff_list"), 303))


def _person(person_id: str) -> Person:
    with current().store.read() as reader:
        return queries.person(reader, RowId.parse(person_id))


def _person_form(person: Person, error: VuzolError | None = None) -> Response:
    return _form(
        "people/person.html",
        error,
        member=person,
        filled=Filled(person.login, person.name, person.offices),
    )


def _form(template: str, error: VuzolError | None, **shown: object) -> Response:
    errors: FormErrors = [(_wrong_field(error), sentence(error))] if error else []
    page = render_template(
        template, errors=errors, roles=ROLES, offices=offices(current().config), **shown
    )
    headers = asking_again(error) if error else {}
    return make_response(page, error.status_hint if error else 200, headers)


def _wrong_field(error: VuzolError) -> str:
    return error.field if isinstance(error, BadField) else FIELDS[type(error)]


def _show_password(person_id: RowId, password: str) -> Response:
    with current().store.read() as reader:
        person = queries.person(reader, person_id)
    return make_response(
        render_template("people/password_issued.html", member=person, password=password)
    )


def _chosen() -> dict[int, frozenset[Role]]:
    """Return the roles that were ticked, by office; what is no role of ours is passed over."""
    known = set(Role)
    return {
        number: frozenset(
            Role(told) for told in request.form.getlist(f"office-{number}") if told in known
        )
        for number in offices(current().config)
    }


def _temporary_password() -> tuple[str, str]:
    """Return a password that can be read aloud, and its hash."""
    letters = model.secret_letters(secrets.token_bytes(model.SECRET_LENGTH)).lower()
    password = model.grouped(letters)
    return password, hashing(current()).hash(password)


# --- emergency codes -----------------------------------------------------------------------------


@staff_pages.get("/staff/codes")
@requires(Permission.MANAGE_STAFF)
def codes_page() -> str:
    """Show which sealed codes each office has, and who has used one."""
    demand_centre()
    with current().store.read() as reader:
        codes = queries.emergency_codes(reader)
    known = offices(current().config)
    return render_template(
        "people/codes.html",
        offices=[
            (number, title, [code for code in codes if code.office == number])
            for number, title in known.items()
        ],
    )


@staff_pages.post("/staff/codes/<int:number>")
@requires(Permission.MANAGE_STAFF)
def issue_codes(number: int) -> Response:
    """Issue sealed codes for an office: a page to print, shown once."""
    demand_centre()
    title = offices(current().config).get(number)
    if title is None:
        return make_response(redirect(url_for("people_office.staff.codes_page"), 303))
    secrets_ = [
        model.secret_letters(secrets.token_bytes(model.SECRET_LENGTH))
        for _ in range(model.CODES_OF_AN_OFFICE)
    ]
    hashes = [hashing(current()).hash(letters) for letters in secrets_]
    numbers = current().store.write(service.issue_codes, number, hashes, by=require_staff())
    codes = [
        model.written_code(place, letters) for place, letters in zip(numbers, secrets_, strict=True)
    ]
    return make_response(render_template("people/codes_issued.html", title=title, codes=codes))
