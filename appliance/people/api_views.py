"""The door for programs: the same steps, as JSON."""

from typing import Any

from flask import Response, jsonify, make_response
from marshmallow import Schema, fields, validate

from appliance.people import entrance, queries
from appliance.people.access import outside, require_staff, requires
from appliance.people.errors import (
    BadPassword,
    NotAllowed,
    PasswordCannotTravel,
    StaffListOld,
    TooManyAttempts,
    TooManySignIns,
    WrongPassword,
)
from appliance.people.model import LONGEST_TYPED_LOGIN
from appliance.people.pages import address, office, with_session, without_session
from appliance.people.sign_in import LONGEST_TYPED, Opened, change_password, sign_in
from appliance.web import api
from appliance.web.context import current
from appliance.web.fields import Text
from appliance.web.surfaces import Surface


class SignInAsked(Schema):
    """A login and its password."""

    login = Text(LONGEST_TYPED_LOGIN, required=True)
    password = fields.String(required=True, validate=validate.Length(1, LONGEST_TYPED))


class SignInGiven(Schema):
    """Who is in now, and the token that each writing request carries as X-CSRF-Token."""

    csrf_token = fields.String()
    csrf = fields.String(metadata={"description": "the same token, by its short name"})
    login = fields.String()
    name = fields.String()
    roles = fields.List(fields.String())
    offices = fields.List(fields.Integer())
    must_change = fields.Boolean(
        metadata={"description": "the password is temporary: POST /api/password comes first"}
    )


class PasswordAsked(Schema):
    """One's present password and the new one."""

    current = fields.String(required=True, validate=validate.Length(1, LONGEST_TYPED))
    new = fields.String(required=True, validate=validate.Length(1, LONGEST_TYPED))


@api.post(
    office,
    "/api/sign-in",
    takes=SignInAsked,
    gives=SignInGiven,
    refuses=(WrongPassword, TooManyAttempts, TooManySignIns, StaffListOld),
)
@outside
def sign_in_by_api(body: dict[str, Any]) -> Response:
    """Open a session: its cookie comes with the answer."""
    opened = sign_in(
        current(), body["login"], body["password"], address=address(), on=Surface.OFFICE
    )
    answer = make_response(jsonify(SignInGiven().dump(_told(opened))))
    return with_session(answer, opened, Surface.OFFICE)


def _told(opened: Opened) -> dict[str, Any]:
    credential = opened.credential
    if credential is None:
        raise WrongPassword
    with current().store.read() as reader:
        offices = sorted(queries.offices_of(reader, credential.person))
    return {
        "csrf_token": opened.csrf_token,
        "csrf": opened.csrf_token,
        "login": credential.login,
        "name": credential.name,
        "roles": sorted(credential.roles),
        "offices": offices,
        "must_change": opened.must_change,
    }


@api.post(
    office,
    "/api/password",
    takes=PasswordAsked,
    staff=True,
    refuses=(BadPassword, WrongPassword, TooManyAttempts, TooManySignIns, PasswordCannotTravel),
)
@requires()
def set_password_by_api(body: dict[str, Any]) -> dict[str, Any]:
    """Set one's own password: it counts here at once, and elsewhere when the centre has it."""
    person = require_staff()
    if person.id is None:  # an emergency code is no password
        raise NotAllowed
    change_password(
        current(),
        person.id,
        current=body["current"],
        new=body["new"],
        repeated=body["new"],
        address=address(),
        keep=person.token_hash,
        by=person,
    )
    return {}


@api.post(office, "/api/sign-out", staff=True)
@requires()
def sign_out_by_api() -> Response:
    """Close the session."""
    person = require_staff()
    current().store.write(entrance.close_session, person.token_hash, by=person)
    return without_session(make_response(jsonify({})), Surface.OFFICE)
