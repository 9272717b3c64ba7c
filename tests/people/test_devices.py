"""Kiosks and displays: paired by six digits, revoked by a button, known by a token."""

import re

import pytest
from flask import Blueprint, Response, jsonify
from flask.testing import FlaskClient

from appliance.people import access, entrance, queries, views
from appliance.people.entrance import MOST_PAIRINGS
from appliance.people.model import HOUR, PAIRING_SECONDS, DeviceKind, Role
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.failures import DiskFull
from appliance.web.app import create_surface
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.people.staffing import hire, sign_in

HALL = {"REMOTE_ADDR": "10.0.0.20"}
COOKIE = "vuzol_kiosk_s01"


@pytest.fixture
def hall(context: Context) -> FlaskClient:
    """Return a device in the hall: a view that asks which device it is stands beside /pair."""
    probe = Blueprint("probe", __name__)

    @probe.get("/api/me")
    def me() -> Response:
        found = access.require_device()
        return jsonify(id=found.id, kind=found.kind, name=found.name, actor=found.actor)

    app = create_surface(Surface.KIOSK, context, [views.kiosk, probe], [access.guard])
    client = app.test_client()
    client.environ_base.update(HALL)
    return client


@pytest.fixture
def technician(store: Store, office: FlaskClient) -> FlaskClient:
    hire(store, "technician", name="Петро Лис", roles=[Role.TECHNICIAN])
    sign_in(office, "technician")
    return office


def shown_code(hall: FlaskClient, kind: str = "display") -> str:
    assert hall.post("/pair", data={"kind": kind}).status_code == 303
    found = re.search(r"(\d{3})&nbsp;(\d{3})", hall.get("/pair").text)
    assert found is not None
    return found[1] + found[2]


def pair(
    technician: FlaskClient, code: str, name: str = "Табло в холі", expected: int = 303
) -> str:
    answered = technician.post("/devices", data={"code": code, "name": name})
    assert answered.status_code == expected, answered.text
    return answered.text


def test_a_device_is_paired_by_the_digits_on_its_own_page(
    hall: FlaskClient, technician: FlaskClient
) -> None:
    assert hall.get("/api/me").status_code == 401
    code = shown_code(hall)
    assert 'http-equiv="refresh"' in hall.get("/pair").text
    assert hall.get("/api/me").status_code == 401  # not before staff have said so
    pair(technician, f"{code[:3]} {code[3:]}")
    assert "Пристрій під’єднано" in hall.get("/pair").text
    told = hall.get("/api/me").get_json()
    assert (told["kind"], told["name"]) == ("display", "Табло в холі")
    assert told["actor"] == f"device:{told['id']}"
    page = technician.get("/devices").text
    assert "Табло в холі" in page
    assert "Петро Лис" in page


def test_a_token_may_come_as_a_bearer(hall: FlaskClient, technician: FlaskClient) -> None:
    pair(technician, shown_code(hall))
    cookie = hall.get_cookie(COOKIE)
    assert cookie is not None
    hall.delete_cookie(COOKIE)
    assert hall.get("/api/me").status_code == 401
    bearer = {"Authorization": f"Bearer {cookie.value}"}
    assert hall.get("/api/me", headers=bearer).status_code == 200


def test_this_machine_needs_no_pairing_and_a_proxy_is_not_this_machine(hall: FlaskClient) -> None:
    here = {"REMOTE_ADDR": "127.0.0.1"}
    told = hall.get("/api/me", environ_base=here).get_json()
    assert (told["id"], told["kind"]) == ("loopback", None)
    carried = {"X-Forwarded-For": "10.0.0.9"}
    assert hall.get("/api/me", environ_base=here, headers=carried).status_code == 401


def test_a_revoked_device_is_out_at_the_next_request(
    hall: FlaskClient, technician: FlaskClient
) -> None:
    pair(technician, shown_code(hall))
    device = hall.get("/api/me").get_json()["id"]
    assert technician.post(f"/devices/{device}/revoke").status_code == 303
    assert hall.get("/api/me").status_code == 401
    again = technician.post(f"/devices/{device}/revoke")
    assert again.status_code == 404
    assert "Такого пристрою немає" in again.text
    assert "Від’єднані: 1" in technician.get("/devices").text


@pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "' OR 1=1", "٣٣٣٣٣٣"])
def test_digits_that_no_device_shows_pair_nothing(
    store: Store, hall: FlaskClient, technician: FlaskClient, code: str
) -> None:
    shown = shown_code(hall)
    if shown != code:
        text = pair(technician, code, expected=404)
        assert "Жоден пристрій не показує такого коду" in text
    with store.read() as reader:
        assert queries.devices(reader) == []


def test_digits_are_good_for_ten_minutes_and_for_one_device(
    hall: FlaskClient, technician: FlaskClient, clock: FixedClock
) -> None:
    code = shown_code(hall)
    clock.advance(PAIRING_SECONDS)
    pair(technician, code, expected=404)
    assert "Що це за пристрій?" in hall.get("/pair").text
    code = shown_code(hall)
    pair(technician, code)
    pair(technician, code, expected=404)


@pytest.mark.parametrize("name", ["", "x", "a\u202eb", "a\x00b", "n" * 61])
def test_a_device_needs_a_name_that_can_be_shown(
    store: Store, hall: FlaskClient, technician: FlaskClient, name: str
) -> None:
    pair(technician, shown_code(hall), name, expected=422)
    with store.read() as reader:
        assert queries.devices(reader) == []


def test_a_crowd_of_strangers_cannot_fill_the_disk(hall: FlaskClient, clock: FixedClock) -> None:
    for _ in range(MOST_PAIRINGS):
        assert hall.post("/pair", data={"kind": "kiosk"}).status_code == 303
    assert hall.post("/pair", data={"kind": "kiosk"}).status_code == 429
    clock.advance(PAIRING_SECONDS)
    assert hall.post("/pair", data={"kind": "kiosk"}).status_code == 303


@pytest.mark.parametrize("kind", ["", "toaster", "KIOSK", "kiosk\x00"])
def test_a_device_is_a_kiosk_or_a_display(store: Store, hall: FlaskClient, kind: str) -> None:
    hall.post("/pair", data={"kind": kind})
    with store.read() as reader:
        assert queries.pairings(reader) == []


@pytest.mark.parametrize("role", [Role.HEAD, Role.DUTY_OFFICER])
def test_only_some_roles_pair_devices(
    store: Store, hall: FlaskClient, office: FlaskClient, role: Role
) -> None:
    hire(store, "somebody", roles=[role])
    sign_in(office, "somebody")
    assert office.get("/devices").status_code == 403
    pair(office, shown_code(hall), expected=403)


def test_a_display_that_listens_is_known_by_its_cookie(
    hall: FlaskClient, technician: FlaskClient, context: Context
) -> None:
    pair(technician, shown_code(hall))
    cookie = hall.get_cookie(COOKIE)
    assert cookie is not None
    found = access.device_of(context, {COOKIE: cookie.value})
    assert found is not None
    assert found.kind is DeviceKind.DISPLAY
    assert access.device_of(context, {COOKIE: "guess"}) is None
    assert access.device_of(context, {}) is None


def test_the_token_of_a_device_opens_no_office(
    hall: FlaskClient, technician: FlaskClient, office: FlaskClient
) -> None:
    pair(technician, shown_code(hall))
    cookie = hall.get_cookie(COOKIE)
    assert cookie is not None
    office.set_cookie("vuzol_office_s01", cookie.value)
    assert office.get("/devices").status_code == 302


def test_a_device_in_use_keeps_its_token_for_years(
    hall: FlaskClient, technician: FlaskClient, clock: FixedClock
) -> None:
    pair(technician, shown_code(hall))
    assert COOKIE in hall.get("/api/me").headers.get("Set-Cookie", "")
    assert "Set-Cookie" not in hall.get("/api/me").headers  # nor is the card written each time
    clock.advance(3600)
    renewed = hall.get("/api/me").headers.get("Set-Cookie", "")
    assert COOKIE in renewed
    assert "Max-Age=34560000" in renewed


def test_a_full_disk_shuts_out_neither_a_display_nor_who_is_signed_in(
    hall: FlaskClient,
    technician: FlaskClient,
    clock: FixedClock,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noting who was seen is a write, and its refusal answered each look at a page with 507."""

    def refused(*_: object, **__: object) -> None:
        raise DiskFull

    pair(technician, shown_code(hall))
    clock.advance(HOUR)
    monkeypatch.setattr(entrance, "touch_device", refused)
    monkeypatch.setattr(entrance, "touch_session", refused)
    assert hall.get("/api/me").status_code == 200
    assert technician.get("/devices").status_code == 200
    cookie = hall.get_cookie(COOKIE)
    assert cookie is not None
    assert access.device_of(context, {COOKIE: cookie.value}) is not None
