"""Kiosks and displays: paired by six digits, revoked by a button, known by a token."""

import re
from collections import Counter

import pytest
from flask import Blueprint, Response, jsonify
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from appliance.people import access, entrance, queries, views
from appliance.people.devices import OF_ALL, OF_ONE_ADDRESS, PAUSE_SECONDS, making_room
from appliance.people.errors import TooManyPairings
from appliance.people.model import HOUR, PAIRING_SECONDS, DeviceKind, Moment, Role
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


@pytest.mark.parametrize(("field", "text"), [("code", "1" * 21), ("name", "n" * 61)])
def test_a_field_that_is_too_long_is_told_at_the_field(
    technician: FlaskClient, field: str, text: str
) -> None:
    form = {"code": "123456", "name": "Кіоск у холі", field: text}
    answered = technician.post("/devices", data=form)
    assert answered.status_code == 422
    assert f'id="{field}-error"' in answered.text
    assert "Цей текст задовгий" in answered.text


def asks_from(hall: FlaskClient, number: int) -> int:
    """Ask for digits as another device does; return the status."""
    there = {"REMOTE_ADDR": f"10.1.{number // 250}.{number % 250}"}
    stranger = hall.application.test_client()
    return stranger.post("/pair", data={"kind": "kiosk"}, environ_base=there).status_code


def waiting(store: Store) -> list[str]:
    with store.read() as reader:
        return [one.address for one in queries.pairings(reader)]


def test_a_stranger_who_asks_without_end_shuts_out_no_device(
    store: Store, hall: FlaskClient, technician: FlaskClient, clock: FixedClock
) -> None:
    """Twenty requests of anybody kept everybody from pairing for ten minutes."""
    code = shown_code(hall)
    for _ in range(40):
        clock.advance(PAUSE_SECONDS)
        assert asks_from(hall, 1) == 303
    later = hall.application.test_client()
    later.environ_base.update({"REMOTE_ADDR": "10.0.0.21"})
    pair(technician, shown_code(later), "Другий кіоск")
    assert sorted(waiting(store)) == ["10.0.0.20", *["10.1.0.1"] * OF_ONE_ADDRESS]
    pair(technician, code)


def test_one_address_writes_no_more_than_a_few_times_a_minute(
    hall: FlaskClient, clock: FixedClock, store: Store
) -> None:
    assert [asks_from(hall, 1) for _ in range(OF_ONE_ADDRESS)] == [303] * OF_ONE_ADDRESS
    refused = hall.application.test_client().post(
        "/pair", data={"kind": "kiosk"}, environ_base={"REMOTE_ADDR": "10.1.0.1"}
    )
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(PAUSE_SECONDS))
    assert "Спробуйте за десять секунд" in refused.text
    clock.advance(PAUSE_SECONDS)
    assert asks_from(hall, 1) == 303
    assert len(waiting(store)) == OF_ONE_ADDRESS


def test_a_full_hall_takes_the_place_of_who_holds_most(
    store: Store, hall: FlaskClient, technician: FlaskClient, clock: FixedClock
) -> None:
    code = shown_code(hall)
    for number in range(OF_ALL):
        clock.advance(1)
        assert asks_from(hall, number // 2) == 303
    assert len(waiting(store)) == OF_ALL
    clock.advance(1)
    assert asks_from(hall, 999) == 303
    assert len(waiting(store)) == OF_ALL
    assert "10.0.0.20" in waiting(store)
    pair(technician, code)


@given(
    st.lists(
        st.tuples(st.sampled_from("абв"), st.integers(0, 2 * PAUSE_SECONDS)), max_size=4 * OF_ALL
    )
)
def test_digits_yield_only_to_their_own_address_or_in_a_full_hall(
    asking: list[tuple[str, int]],
) -> None:
    hall: list[queries.Pairing] = []
    ticks = 0
    for number, (address, pause) in enumerate(asking):
        ticks += pause * 1000
        now = Moment(wall=ticks, ticks=ticks, epoch=1, sure=True)
        try:
            leaving = making_room(hall, address, now)
        except TooManyPairings:
            continue
        assert all(one.address == address for one in leaving)  # three addresses fill no hall
        hall = [one for one in hall if one not in leaving]
        hall.append(queries.Pairing(b"", f"{number:06}", DeviceKind.KIOSK, now, address))
        assert max(Counter(one.address for one in hall).values()) <= OF_ONE_ADDRESS


def test_digits_that_are_all_shown_change_hands(store: Store) -> None:
    now = Moment(wall=0, ticks=0, epoch=store.epoch, sure=True)
    for token in (b"1", b"2"):
        told = store.write(
            entrance.ask_pairing,
            DeviceKind.KIOSK,
            token_hash=token,
            codes=["000001"] * 5,
            address="10.0.0.1",
            now=now,
        )
        assert told == "000001"
    with store.read() as reader:
        assert [one.token_hash for one in queries.pairings(reader)] == [b"2"]


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
