"""The door of the office, as a browser and as a program see it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.people import access, service, views
from appliance.people.model import PATIENCE, AttemptKind, Permission, Role
from appliance.people.passwords import HashingThread
from appliance.people.service import By
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.web.app import create_surface
from appliance.web.context import Context, Truth
from appliance.web.surfaces import Surface
from tests.people import staffing
from tests.people.staffing import PASSWORD, hashed, hire, sign_in

BY: By = "system"
HOUR = 3600
DAY_MS = 24 * HOUR * 1000
NEW_PASSWORD = "ліс дорога міст"


def told(response: TestResponse) -> dict[str, Any]:
    body = response.get_json()
    assert isinstance(body, dict)
    return body


def by_form(client: FlaskClient, login: str, password: str, **more: str) -> TestResponse:
    return client.post("/sign-in", data={"login": login, "password": password, **more})


def count(store: Store, table: str) -> int:
    with store.read() as reader:
        return int(reader.value(f"SELECT count(*) FROM {table}"))


# --- coming in -----------------------------------------------------------------------------------


def test_a_program_signs_in_and_is_told_who_it_is(store: Store, office: FlaskClient) -> None:
    hire(store, "o.melnychuk")
    answered = office.post("/api/sign-in", json={"login": " O.Melnychuk", "password": PASSWORD})
    body = told(answered)
    assert answered.status_code == 200
    assert body["csrf_token"] == body["csrf"]
    assert (body["login"], body["roles"], body["offices"]) == ("o.melnychuk", ["starosta"], [1])
    assert body["must_change"] is False
    cookie = answered.headers["Set-Cookie"]
    assert cookie.startswith("vuzol_office_s01=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_person_is_led_to_the_door_and_back(store: Store, office: FlaskClient) -> None:
    hire(store)
    first = office.get("/staff?lang=uk")
    assert first.status_code == 302
    assert first.location == "/sign-in?next=/staff?lang%3Duk"
    answered = by_form(office, "starosta", PASSWORD, next="/staff?lang=uk")
    assert (answered.status_code, answered.location) == (303, "/staff?lang=uk")
    assert "Оксана Мельничук" in office.get("/staff").text


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", "/a\nb", "/" * 600]
)
def test_nobody_is_led_to_a_strangers_page(store: Store, office: FlaskClient, path: str) -> None:
    hire(store)
    assert by_form(office, "starosta", PASSWORD, next=path).location == "/"


def test_a_wrong_password_and_an_unknown_login_are_told_the_same(
    store: Store, office: FlaskClient
) -> None:
    hire(store)
    answers = [by_form(office, login, "не той пароль") for login in ("starosta", "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    texts = [answer.text.replace("starosta", "nobody") for answer in answers]
    assert texts[0] == texts[1]
    assert "Такого логіна з таким паролем немає" in texts[0]
    assert count(store, "people_session") == 0


def test_what_was_typed_wrongly_is_written_nowhere(
    store: Store, office: FlaskClient, tmp_path: Path
) -> None:
    typed = "moya-taemnytsya-77"
    by_form(office, typed, "insha-taemnytsya-88")
    store.close()
    for path in tmp_path.rglob("node1.db*"):
        assert typed.encode() not in path.read_bytes()
        assert b"insha-taemnytsya-88" not in path.read_bytes()


def test_the_token_itself_is_not_in_the_database(
    store: Store, office: FlaskClient, tmp_path: Path
) -> None:
    hire(store)
    sign_in(office)
    cookie = office.get_cookie("vuzol_office_s01")
    assert cookie is not None
    store.close()
    for path in tmp_path.rglob("node1.db*"):
        assert cookie.value.encode() not in path.read_bytes()


# --- tokens of forms -----------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", "é" * 40])
def test_a_writing_request_without_its_token_changes_nothing(
    store: Store, office: FlaskClient, token: str | None
) -> None:
    hire(store, "admin", roles=[Role.ADMINISTRATOR])
    sign_in(office, "admin")
    del office.environ_base["HTTP_X_CSRF_TOKEN"]
    form = {"name": "Іван Ґудзь", "login": "i.gudz", "office-1": "starosta"}
    if token is not None:
        form["csrf_token"] = token
    before = count(store, "people_person")
    assert office.post("/staff/new", data=form).status_code == 403
    assert office.post("/sign-out", data=form).status_code == 403
    assert count(store, "people_person") == before
    assert count(store, "people_session") == 1


def test_a_form_carries_the_token_of_its_session(store: Store, office: FlaskClient) -> None:
    hire(store)
    token = sign_in(office)
    assert f'name="csrf_token" value="{token}"' in office.get("/password").text


def test_a_strangers_page_cannot_sign_anybody_in(store: Store, office: FlaskClient) -> None:
    hire(store)
    answered = office.post(
        "/sign-in",
        data={"login": "starosta", "password": PASSWORD},
        headers={"Origin": "https://evil.example"},
    )
    assert answered.status_code == 403
    assert count(store, "people_session") == 0


def test_a_program_signs_in_again_with_its_old_cookie(store: Store, office: FlaskClient) -> None:
    hire(store)
    first = sign_in(office)
    del office.environ_base["HTTP_X_CSRF_TOKEN"]
    assert sign_in(office) != first


# --- how long it lasts ---------------------------------------------------------------------------


def test_signing_out_ends_the_session_on_the_server(store: Store, office: FlaskClient) -> None:
    hire(store)
    sign_in(office)
    cookie = office.get_cookie("vuzol_office_s01")
    assert cookie is not None
    assert office.post("/sign-out").location == "/sign-in"
    office.set_cookie("vuzol_office_s01", cookie.value)
    assert office.get("/staff").status_code == 302


def test_a_session_ends_by_age(store: Store, office: FlaskClient, clock: FixedClock) -> None:
    hire(store)
    sign_in(office)
    for _ in range(11):
        clock.advance(HOUR)
        assert office.get("/staff").status_code == 200
    clock.advance(HOUR)
    assert office.get("/staff").status_code == 302


def test_a_session_nobody_uses_ends(store: Store, office: FlaskClient, clock: FixedClock) -> None:
    hire(store)
    sign_in(office)
    clock.advance(4 * HOUR)
    assert office.get("/staff").status_code == 302


@pytest.mark.parametrize("jump", [-365 * DAY_MS, 365 * DAY_MS])
def test_a_clock_that_jumps_by_a_year_throws_nobody_out(
    store: Store, office: FlaskClient, clock: FixedClock, jump: int
) -> None:
    hire(store)
    sign_in(office)
    clock.set(clock.wall() + jump, quality=ClockQuality.UNKNOWN)
    assert office.get("/staff").status_code == 200


def test_a_session_survives_a_restart(
    tmp_path: Path, passwords: HashingThread, clock: FixedClock
) -> None:
    store = staffing.open_store(tmp_path, clock=clock)
    hire(store)
    client = surface(staffing.context_of(store, passwords)).test_client()
    sign_in(client)
    cookie = client.get_cookie("vuzol_office_s01")
    assert cookie is not None
    store.close()
    store = staffing.open_store(tmp_path, clock=clock)
    client = surface(staffing.context_of(store, passwords)).test_client()
    client.set_cookie("vuzol_office_s01", cookie.value)
    assert client.get("/staff").status_code == 200
    store.close()


def surface(context: Context) -> Flask:
    return create_surface(Surface.OFFICE, context, [views.office], [access.guard])


# --- where it counts -----------------------------------------------------------------------------


def test_a_session_of_the_office_is_refused_on_another_surface(
    store: Store, office: FlaskClient, context: Context
) -> None:
    hire(store)
    sign_in(office)
    cookie = office.get_cookie("vuzol_office_s01")
    assert cookie is not None
    with store.read() as reader:
        for named, seen in ((Surface.OFFICE, True), (Surface.KIOSK, False), (Surface.GUEST, False)):
            cookies = {f"vuzol_{named}_s01": cookie.value}
            assert bool(access.staff_of(reader, named, cookies, access.moment(context))) is seen


@pytest.fixture
def three(tmp_path: Path, passwords: HashingThread) -> Iterator[list[FlaskClient]]:
    """Three appliances behind one host name, as one browser sees them: it shares all cookies."""
    stores = [staffing.open_store(tmp_path, node=node) for node in (1, 2, 3)]
    clients = []
    for store in stores:
        hire(store, "starosta")
        clients.append(surface(staffing.context_of(store, passwords)).test_client())
    yield clients
    for store in stores:
        store.close()


def test_one_browser_is_signed_in_at_three_appliances_at_once(three: list[FlaskClient]) -> None:
    jar: dict[str, str] = {}
    for client in three:
        for name, value in jar.items():
            client.set_cookie(name, value)
        client.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
        sign_in(client)
        for node in (1, 2, 3):
            cookie = client.get_cookie(f"vuzol_office_s{node:02}")
            if cookie is not None:
                jar[cookie.key] = cookie.value
    assert sorted(jar) == ["vuzol_office_s01", "vuzol_office_s02", "vuzol_office_s03"]
    for client in three:
        for name, value in jar.items():
            client.set_cookie(name, value)
        assert client.get("/staff").status_code == 200
    one, two, _three = three
    two.set_cookie("vuzol_office_s02", jar["vuzol_office_s01"])  # a token of another appliance
    assert two.get("/staff").status_code == 302
    assert one.get("/staff").status_code == 200


# --- too many, too old ---------------------------------------------------------------------------


def test_guesses_are_slowed_down_and_the_right_password_works_again(
    store: Store, office: FlaskClient, clock: FixedClock
) -> None:
    hire(store)
    free = PATIENCE[AttemptKind.LOGIN].free
    for _ in range(free):
        assert by_form(office, "starosta", "не той пароль").status_code == 401
    slowed = by_form(office, "starosta", PASSWORD)
    assert slowed.status_code == 429
    wait = int(slowed.headers["Retry-After"])
    assert 0 < wait <= 11
    assert f"за {wait} с" in slowed.text
    clock.advance(wait)
    assert by_form(office, "starosta", PASSWORD).status_code == 303
    assert by_form(office, "starosta", "не той пароль").status_code == 401  # the count began anew


def test_guesses_of_many_logins_from_one_address_are_slowed_down_too(
    store: Store, office: FlaskClient
) -> None:
    hire(store)
    free = PATIENCE[AttemptKind.ADDRESS].free
    statuses = [by_form(office, f"n{place}", "не той пароль").status_code for place in range(free)]
    assert statuses == [401] * free
    assert by_form(office, "starosta", PASSWORD).status_code == 429
    elsewhere = {"REMOTE_ADDR": "10.0.0.7"}
    answered = office.post(
        "/api/sign-in", json={"login": "starosta", "password": PASSWORD}, environ_base=elsewhere
    )
    assert answered.status_code == 200


@pytest.mark.parametrize(
    ("proxy", "status"), [("127.0.0.1", 303), ("10.0.0.9", 429)], ids=["ours", "a stranger"]
)
def test_behind_a_proxy_of_ours_each_caller_is_counted_alone(
    store: Store, office: FlaskClient, proxy: str, status: int
) -> None:
    """One guesser kept a whole office out: behind the proxy all of them were 127.0.0.1."""
    hire(store)

    def tried(login: str, password: str, carried: str) -> int:
        return office.post(
            "/sign-in",
            data={"login": login, "password": password},
            headers={"X-Forwarded-For": carried},
            environ_base={"REMOTE_ADDR": proxy},
        ).status_code

    for place in range(PATIENCE[AttemptKind.ADDRESS].free):
        assert tried(f"n{place}", "не той пароль", f"10.9.9.{place}, 10.0.0.1") == 401
    assert tried("starosta", PASSWORD, "10.0.0.1") == 429
    assert tried("starosta", PASSWORD, "10.0.0.1, 10.0.0.2") == status


def test_failures_survive_a_restart(
    tmp_path: Path, passwords: HashingThread, clock: FixedClock
) -> None:
    for place in range(2):
        store = staffing.open_store(tmp_path, clock=clock)
        if place == 0:
            hire(store)
        client = surface(staffing.context_of(store, passwords)).test_client()
        statuses = [by_form(client, "starosta", "не той").status_code for _ in range(3)]
        store.close()
    assert statuses == [401, 401, 429]


def test_sixteen_at_once_are_let_in_or_told_to_come_again(store: Store, app: Flask) -> None:
    for place in range(16):
        hire(store, f"staff{place}")
    start = threading.Barrier(16)

    def one(place: int) -> TestResponse:
        client = app.test_client()
        start.wait()
        return client.post("/api/sign-in", json={"login": f"staff{place}", "password": PASSWORD})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 8
    for answer in answers:
        if answer.status_code == 429:
            assert told(answer)["code"] == "too_many_sign_ins"
            assert int(answer.headers["Retry-After"]) > 0
    assert count(store, "people_attempt") == 0  # nobody was counted as a guesser


@pytest.mark.parametrize(
    ("days", "role", "status"),
    [
        (13, Role.TECHNICIAN, 303),
        (15, Role.TECHNICIAN, 403),
        (15, Role.ADMINISTRATOR, 403),
        (15, Role.STAROSTA, 303),
        (15, Role.DUTY_OFFICER, 303),
    ],
)
def test_an_old_staff_list_lets_in_only_starosta_and_duty_officer(
    *, store: Store, context: Context, clock: FixedClock, days: int, role: Role, status: int
) -> None:
    hire(store, "somebody", roles=[role])
    client = surface(aged(context, clock.wall() - days * DAY_MS)).test_client()
    answered = by_form(client, "somebody", PASSWORD)
    assert answered.status_code == status
    if status == 403:
        assert "Список працівників застарілий: йому 15 дн." in answered.text


def test_no_list_is_too_old_on_a_bad_clock(
    store: Store, context: Context, clock: FixedClock
) -> None:
    hire(store, "technician", roles=[Role.TECHNICIAN])
    clock.set(clock.wall(), quality=ClockQuality.UNKNOWN)
    client = surface(aged(context, clock.wall() - 40 * DAY_MS)).test_client()
    assert by_form(client, "technician", PASSWORD).status_code == 303


def test_the_door_says_how_old_the_list_is(context: Context, clock: FixedClock) -> None:
    fresh = surface(aged(context, clock.wall() - HOUR * 1000, role="village")).test_client()
    assert "станом на" in fresh.get("/sign-in").text
    old = surface(aged(context, clock.wall() - 15 * DAY_MS, role="village")).test_client()
    assert "Поки що входять лише староста й черговий" in old.get("/sign-in").text
    unknown = surface(aged(context, None, role="village")).test_client()
    assert "невідомо" in unknown.get("/sign-in").text
    assert "ведуть тут, у центрі" in surface(context).test_client().get("/sign-in").text


def aged(context: Context, confirmed_at: int | None, *, role: str = "centre") -> Context:
    config = replace(context.config, node=replace(context.config.node, role=role))  # type: ignore[arg-type]
    quality = context.clock.quality
    return replace(
        context,
        config=config,
        truth=lambda: Truth(link="down", clock=quality(), staff_list_at=confirmed_at),
    )


# --- what ends it --------------------------------------------------------------------------------


def test_a_dismissed_person_is_out_at_the_next_request(store: Store, office: FlaskClient) -> None:
    person = hire(store, "technician", roles=[Role.TECHNICIAN])
    sign_in(office, "technician")
    assert office.get("/devices").status_code == 200
    store.write(service.dismiss, person, by=BY)
    assert office.get("/devices").status_code == 302
    assert by_form(office, "technician", PASSWORD).status_code == 401


def test_a_role_that_was_taken_away_is_gone_at_the_next_request(
    store: Store, office: FlaskClient
) -> None:
    person = hire(store, roles=[Role.STAROSTA])
    sign_in(office)
    assert office.get("/audit").status_code == 200
    store.write(service.change_roles, person, {1: frozenset({Role.DUTY_OFFICER})}, by=BY)
    assert office.get("/audit").status_code == 403
    assert office.get("/staff").status_code == 200


def test_an_issued_password_ends_sessions_and_must_be_changed(
    store: Store, office: FlaskClient, browser: Callable[[], FlaskClient]
) -> None:
    person = hire(store)
    sign_in(office)
    store.write(service.issue_password, person, hashed=hashed("тимчасовий 1"), by=BY)
    assert office.get("/staff").status_code == 302
    client = browser()
    assert by_form(client, "starosta", "тимчасовий 1").location == "/password"
    assert client.get("/staff").location == "/password"
    refused = client.get("/staff", headers={"Accept": "application/json"})
    assert (refused.status_code, told(refused)["code"]) == (403, "password_must_change")
    sign_in(client, password="тимчасовий 1")
    set_own(client, "тимчасовий 1", NEW_PASSWORD, expected=200)
    assert client.get("/staff").status_code == 200


# --- one's own password --------------------------------------------------------------------------


def set_own(
    client: FlaskClient, current: str, new: str, *, repeated: str = "", expected: int
) -> TestResponse:
    form = {"current": current, "new": new, "repeated": repeated or new}
    answered = client.post("/password", data=form)
    assert answered.status_code == expected, answered.text
    return answered


def test_a_new_password_counts_and_other_browsers_are_out(
    store: Store, office: FlaskClient, browser: Callable[[], FlaskClient]
) -> None:
    hire(store)
    other = browser()
    sign_in(office)
    sign_in(other)
    set_own(office, PASSWORD, NEW_PASSWORD, expected=200)
    assert office.get("/staff").status_code == 200
    assert other.get("/staff").status_code == 302
    assert by_form(other, "starosta", PASSWORD).status_code == 401
    assert by_form(other, "starosta", NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "repeated", "status", "sentence"),
    [
        ("не той", NEW_PASSWORD, "", 401, "Теперішній пароль неправильний"),
        (PASSWORD, "короткий", "", 422, "щонайменше 10 знаків"),
        (PASSWORD, "starosta2026", "", 422, "не може бути вашим логіном"),
        (PASSWORD, "qwerty12345", "", 422, "вгадають першим"),
        (PASSWORD, PASSWORD, "", 422, "такий самий, як старий"),
        (PASSWORD, NEW_PASSWORD, "інший пароль", 422, "Паролі не збігаються"),
    ],
)
def test_a_password_that_will_not_do_is_told_why(
    *,
    store: Store,
    office: FlaskClient,
    current: str,
    new: str,
    repeated: str,
    status: int,
    sentence: str,
) -> None:
    hire(store)
    sign_in(office)
    answered = set_own(office, current, new, repeated=repeated, expected=status)
    assert sentence in answered.text
    assert by_form(office, "starosta", PASSWORD).status_code == 303


def test_a_program_changes_its_password(store: Store, office: FlaskClient) -> None:
    hire(store)
    sign_in(office)
    body = {"current": PASSWORD, "new": NEW_PASSWORD}
    assert office.post("/api/password", json=body).status_code == 200
    assert office.post("/api/sign-out").status_code == 200
    assert office.post("/api/sign-out").status_code == 401


# --- who may listen ------------------------------------------------------------------------------


def test_the_right_to_listen_follows_the_session(
    store: Store, office: FlaskClient, context: Context
) -> None:
    person = hire(store)
    sign_in(office)
    cookie = office.get_cookie("vuzol_office_s01")
    assert cookie is not None
    cookies = {cookie.key: cookie.value}
    assert access.listens(context, Surface.OFFICE, cookies, Permission.SERVE_QUEUE)
    assert not access.listens(context, Surface.OFFICE, cookies, Permission.MANAGE_STAFF)
    assert not access.listens(context, Surface.OFFICE, {}, Permission.SERVE_QUEUE)
    hire(store, "admin", roles=[Role.ADMINISTRATOR])
    store.write(service.dismiss, person, by=BY)
    assert not access.listens(context, Surface.OFFICE, cookies, Permission.SERVE_QUEUE)
