"""Kiosks and displays: a device shows six digits, staff type them, and it is in."""

import secrets
from typing import Final

from flask import Response, make_response, redirect, render_template, request, url_for

from appliance.errors import VuzolError
from appliance.people import entrance, queries
from appliance.people.access import (
    device_token,
    keep_token,
    moment,
    require_staff,
    requires,
    token_hash,
)
from appliance.people.errors import BadField, BadName, DeviceUnknown, PairingUnknown
from appliance.people.model import (
    PAIRING_SECONDS,
    DeviceKind,
    Permission,
    check_name,
    is_over,
    secret_letters,
)
from appliance.people.pages import (
    FormErrors,
    address,
    device_pages,
    field,
    kiosk,
)
from appliance.people.wording import KINDS, sentence
from appliance.web.context import current

DIGITS: Final = 6
DRAWS: Final = 5
LONGEST_DEVICE_NAME: Final = 60
LONGEST_TYPED_CODE: Final = 20  # six digits, and some spaces between them
ID_LETTERS: Final = 8
TOKEN_BYTES: Final = 32


@device_pages.get("/devices")
@requires(Permission.PAIR_DEVICES)
def device_list() -> Response:
    """Show the paired devices, and the form for one more."""
    return _list()


@device_pages.post("/devices")
@requires(Permission.PAIR_DEVICES)
def pair() -> Response:
    """Pair the device that shows the six digits."""
    try:
        code = "".join(field("code", LONGEST_TYPED_CODE).split())
        name = check_name(field("name", LONGEST_DEVICE_NAME))
        current().store.write(
            entrance.pair_device,
            code,
            name,
            device_id=secret_letters(secrets.token_bytes(ID_LETTERS)).lower(),
            now=moment(current()),
            by=require_staff(),
        )
    except (BadField, PairingUnknown, BadName) as error:
        return _list(error)
    return make_response(redirect(url_for("people_office.devices.device_list"), 303))


@device_pages.post("/devices/<device_id>/revoke")
@requires(Permission.PAIR_DEVICES)
def revoke(device_id: str) -> Response:
    """Let a device in no more."""
    try:
        current().store.write(entrance.revoke_device, device_id, by=require_staff())
    except DeviceUnknown as error:
        return _list(error)
    return make_response(redirect(url_for("people_office.devices.device_list"), 303))


def _list(error: VuzolError | None = None) -> Response:
    with current().store.read() as reader:
        devices, names = queries.devices(reader), queries.names(reader)
    errors: FormErrors = []
    if error is not None:
        errors = [(_wrong_field(error), sentence(error))]
    page = render_template(
        "people/devices.html",
        paired=[device for device in devices if device.revoked_at is None],
        revoked=[device for device in devices if device.revoked_at is not None],
        kinds=KINDS,
        names=names,
        errors=errors,
        typed_name=request.form.get("name", "")[:LONGEST_DEVICE_NAME],
    )
    return make_response(page, error.status_hint if error else 200)


def _wrong_field(error: VuzolError) -> str:
    if isinstance(error, BadField):
        return error.field
    return "name" if isinstance(error, BadName) else "code"


# --- on the device itself ------------------------------------------------------------------------


@kiosk.get("/pair")
def pair_page() -> Response:
    """Show the six digits, or what the device may become, or that it is in."""
    token = device_token()
    with current().store.read() as reader:
        found = queries.device_by_token(reader, token_hash(token)) if token else None
        waiting = queries.pairing_by_token(reader, token_hash(token)) if token else None
    if waiting is not None and is_over(waiting.opened, moment(current()), PAIRING_SECONDS):
        waiting = None
    page = render_template("people/pair.html", found=found, waiting=waiting, kinds=KINDS)
    response = make_response(page)
    return keep_token(response, token) if found is not None else response


@kiosk.post("/pair")
def ask_pairing() -> Response:
    """Let the device wait for staff, with six digits on its screen."""
    told = request.form.get("kind", "")
    if told not in set(DeviceKind):
        return make_response(redirect(url_for("people_kiosk.pair_page"), 303))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    codes = [f"{secrets.randbelow(10**DIGITS):0{DIGITS}}" for _ in range(DRAWS)]
    current().store.write(
        entrance.ask_pairing,
        DeviceKind(told),
        token_hash=token_hash(token),
        codes=codes,
        address=address(),
        now=moment(current()),
    )
    return keep_token(make_response(redirect(url_for("people_kiosk.pair_page"), 303)), token)
