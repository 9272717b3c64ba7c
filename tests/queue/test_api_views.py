"""The queue's stable JSON paths, as programs call them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.people.model import Role
from appliance.queue import here
from appliance.queue.model import Purpose
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.web.context import Context
from tests.queue.office import TABLES, Office, moment

TICKETS = "/api/queue/tickets"
Console = Callable[..., FlaskClient]
HOSTILE = [
    "<script>alert(1)</script>",
    "\u202eталон",  # right-to-left override
    "а\x00б",
    "а\x1b[2Jб",
    "'; DROP TABLE queue_ticket; --",
    "../../etc/passwd",
    "𝕬" * 300,
    "",
    " ",
]


def told(response: TestResponse) -> dict[str, Any]:
    body = response.get_json()
    assert isinstance(body, dict), response.get_data(as_text=True)
    return body


def ask(
    client: FlaskClient,
    service: object,
    key: str = "k1",
    purpose: object = "submit",
    **more: object,
) -> TestResponse:
    body = {"service": str(service), "purpose": purpose, **more}
    return client.post(TICKETS, json=body, headers={"Idempotency-Key": key})


def press(client: FlaskClient, counter: int, verb: str, **body: object) -> TestResponse:
    return client.post(f"/api/queue/counters/{counter}/{verb}", json=body or None)


# --- services and tickets ------------------------------------------------------------------------


def test_the_services_of_the_office_are_told(kiosk: FlaskClient, office: Office) -> None:
    services = told(kiosk.get("/api/queue/services"))["services"]
    assert [one["name"] for one in services] == [
        "Довідка або витяг",
        "Земля й господарство",
        "Засвідчити документ",
    ]
    assert services[0]["id"] == str(office.extract)
    assert [one["open"] for one in services] == [True, True, False]


def test_a_ticket_is_given_and_told(kiosk: FlaskClient, office: Office) -> None:
    answered = ask(kiosk, office.extract, priority=None)
    assert answered.status_code == 201
    ticket = told(answered)
    assert (ticket["number"], ticket["people_ahead"], ticket["state"]) == ("А-001", 0, "WAITING")
    assert ticket["wait_minutes"] is None
    assert ticket["status_url"].startswith(f"http://127.0.0.1:8082/t/{ticket['id']}?k=")
    shown = told(kiosk.get(f"{TICKETS}/{ticket['id']}"))
    assert (shown["number"], shown["state"]) == ("А-001", "WAITING")


def test_the_same_key_gets_the_same_reply_and_no_second_ticket(
    kiosk: FlaskClient, office: Office
) -> None:
    replies = [ask(kiosk, office.extract) for _ in range(5)]
    assert {reply.get_data() for reply in replies} == {replies[0].get_data()}
    assert {reply.status_code for reply in replies} == {201}
    assert office.count("queue_ticket") == 1
    assert told(ask(kiosk, office.extract, "k2"))["number"] == "А-002"


def test_another_body_under_the_same_key_is_refused(kiosk: FlaskClient, office: Office) -> None:
    ask(kiosk, office.extract)
    refused = ask(kiosk, office.extract, purpose="collect")
    assert (refused.status_code, told(refused)["code"]) == (422, "idempotency_key_reused")
    assert office.count("queue_ticket") == 1


def test_a_reply_that_was_lost_is_given_again_after_a_restart(
    kiosk: FlaskClient, office: Office, context: Context, clock: FixedClock, tmp_path: Path
) -> None:
    first = ask(kiosk, office.extract)
    office.store.close()
    again = Store.open(tmp_path / "node.db", TABLES, node=office.store.node, clock=clock)
    try:
        object.__setattr__(context, "store", again)
        assert ask(kiosk, office.extract).get_data() == first.get_data()
        assert told(ask(kiosk, office.extract, "k2"))["number"] == "А-002"
    finally:
        again.close()


def test_a_key_belongs_to_its_device(kiosk: FlaskClient, console: Console, office: Office) -> None:
    first = told(ask(kiosk, office.extract))
    second = told(ask(console(), office.extract))
    assert (first["number"], second["number"]) == ("А-001", "А-002")


def test_a_claimed_right_is_kept_as_a_claim(
    kiosk: FlaskClient, console: Console, office: Office
) -> None:
    assert ask(kiosk, office.extract, priority=str(office.priority)).status_code == 201
    (ticket,) = told(console().get(TICKETS))["tickets"]
    assert ticket["priority"] == str(office.priority)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "not_json")),
        (b"{", (400, "not_json")),
        (b"[]", (400, "not_json")),
        (b"\xff\xfe", (400, "not_json")),
        (b"[" * 5000, (400, "not_json")),
        (b"{}", (422, "bad_input")),
        (b'{"service": 5, "purpose": "submit"}', (422, "bad_input")),
        (b'{"service": null, "purpose": "submit"}', (422, "bad_input")),
    ],
)
def test_a_request_that_is_no_request_is_told_why_and_changes_nothing(
    kiosk: FlaskClient,
    office: Office,
    body: bytes,
    expected: tuple[int, str],
) -> None:
    before = office.count("_log")
    refused = kiosk.post(
        TICKETS, data=body, headers={"Idempotency-Key": "k1"}, content_type="application/json"
    )
    assert (refused.status_code, told(refused)["code"]) == expected
    assert office.count("_log") == before


@pytest.mark.parametrize("key", [None, "", "а-кириличний", "k" * 201])
def test_a_ticket_is_not_given_without_a_fit_key(
    kiosk: FlaskClient, office: Office, key: str | None
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key.encode().decode("latin-1")}
    body = {"service": str(office.extract), "purpose": "submit"}
    refused = kiosk.post(TICKETS, json=body, headers=headers)
    assert (refused.status_code, told(refused)["code"]) == (400, "idempotency_key_missing")
    assert office.count("queue_ticket") == 0


@pytest.mark.parametrize("field", ["service", "purpose", "priority", "unheard_of"])
def test_hostile_text_in_any_field_is_refused_and_changes_nothing(
    kiosk: FlaskClient, office: Office, field: str
) -> None:
    before = office.count("_log")
    for text in HOSTILE:
        body = {"service": str(office.extract), "purpose": "submit", field: text}
        refused = kiosk.post(TICKETS, json=body, headers={"Idempotency-Key": "k1"})
        assert refused.status_code == 422, text
        assert field in told(refused)["fields"]
    assert office.count("_log") == before


def test_a_body_of_10_megabytes_is_refused_unread(kiosk: FlaskClient, office: Office) -> None:
    body = json.dumps({"service": str(office.extract), "purpose": "x" * 10_000_000})
    refused = kiosk.post(
        TICKETS, data=body, headers={"Idempotency-Key": "k1"}, content_type="application/json"
    )
    assert refused.status_code == 413
    assert told(refused)["next_step"]
    assert office.count("queue_ticket") == 0


@pytest.mark.parametrize(
    ("wanted", "purpose", "expected"),
    [
        ("s09-07f3a9m2xq-42", "submit", (404, "service_unknown")),
        ("closed", "submit", (409, "service_closed")),
        ("land", "collect", (422, "purpose_unknown")),
    ],
)
def test_what_is_not_offered_is_refused_and_changes_nothing(
    kiosk: FlaskClient, office: Office, wanted: str, purpose: str, expected: tuple[int, str]
) -> None:
    before = office.count("_log")
    refused = ask(kiosk, getattr(office, wanted, wanted), purpose=purpose)
    assert (refused.status_code, told(refused)["code"]) == expected
    assert office.count("_log") == before
    assert ask(kiosk, office.extract).status_code == 201  # nothing was kept under the key


def test_a_stranger_without_a_device_gets_nothing(kiosk: FlaskClient, office: Office) -> None:
    kiosk.environ_base["REMOTE_ADDR"] = "10.77.0.9"
    answers = [
        ask(kiosk, office.extract),
        kiosk.get("/api/queue/services"),
        kiosk.get("/"),
        kiosk.get("/display"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert office.count("queue_ticket") == 0


def test_a_ticket_is_told_to_a_phone_only_with_its_token(
    kiosk: FlaskClient, phone: FlaskClient, office: Office
) -> None:
    ticket = told(ask(kiosk, office.extract))
    path, token = f"{TICKETS}/{ticket['id']}", ticket["status_url"].partition("?k=")[2]
    assert told(phone.get(f"{path}?k={token}"))["number"] == "А-001"
    for wrong in ("", "?k=", f"?k={token}x", "?k=%F0%9F%92%A9"):
        assert phone.get(path + wrong).status_code == 404


def test_the_copy_of_another_offices_ticket_is_told_to_staff_alone(
    kiosk: FlaskClient, phone: FlaskClient, console: Console, office: Office
) -> None:
    """The centre has a copy that may be old: the village has called the person long ago."""
    path = f"{TICKETS}/{office.copy_of_a_ticket(3, here.token_hash('token'))}"
    assert [at.get(f"{path}?k=token").status_code for at in (phone, kiosk)] == [404, 404]
    assert console("a-stranger", Role.TECHNICIAN).get(f"{path}?k=token").status_code == 404
    assert told(console().get(path))["state"] == "WAITING"


def test_a_ticket_that_is_not_there_is_not_found(kiosk: FlaskClient) -> None:
    for ticket_id in ("1", "s01-07f3a9m2xq-42", "s99999-07f3a9m2xq-1", "а", "%00"):
        assert kiosk.get(f"{TICKETS}/{ticket_id}").status_code == 404


# --- counters ------------------------------------------------------------------------------------


def test_a_person_is_served_from_call_to_finish(
    kiosk: FlaskClient, console: Console, office: Office
) -> None:
    ask(kiosk, office.extract)
    at = console()
    assert told(press(at, 1, "open"))["state"] == "OPEN"
    states = [
        told(press(at, 1, verb))["ticket"]["state"]
        for verb in ("call-next", "recall", "start", "finish")
    ]
    assert states == ["CALLED", "CALLED", "SERVING", "COMPLETED"]
    assert told(press(at, 1, "close"))["state"] == "CLOSED"


def test_an_illegal_press_is_told_the_present_state(
    kiosk: FlaskClient, console: Console, office: Office
) -> None:
    ask(kiosk, office.extract)
    at = console()
    press(at, 1, "open")
    press(at, 1, "call-next")
    refused = press(at, 1, "finish")
    assert refused.status_code == 409
    assert told(refused)["code"] == "wrong_moment"
    assert told(refused)["state"] == "CALLED"
    assert told(refused)["allowed"] == ["recall", "start", "no_show", "cancel"]


def test_a_closed_counter_does_nothing(console: Console) -> None:
    at = console()
    for verb in ("call-next", "recall", "start", "finish", "no-show", "close"):
        refused = press(at, 1, verb)
        assert (refused.status_code, told(refused)["code"]) == (409, "counter_not_open")


def test_two_at_one_counter_are_told_who_works_there(console: Console) -> None:
    first, second = console("oksana"), console("petro")
    press(first, 1, "open")
    refused = press(second, 1, "open")
    assert (refused.status_code, told(refused)["name"]) == (409, "Oksana")
    assert told(press(second, 1, "open", take_over=True))["person"] == "Petro"


def test_a_press_on_an_old_page_is_refused(
    kiosk: FlaskClient, console: Console, office: Office
) -> None:
    first = told(ask(kiosk, office.extract))
    ask(kiosk, office.extract, "k2")
    at = console()
    press(at, 1, "open")
    press(at, 1, "call-next")
    press(at, 1, "no-show", ticket=first["id"])
    press(at, 1, "call-next")
    refused = press(at, 1, "no-show", ticket=first["id"])
    assert (refused.status_code, told(refused)["code"]) == (409, "another_was_faster")
    assert told(refused)["ticket"] == "А-002"


@pytest.mark.parametrize("path", ["counters/1/open", "counters/1/call-next", "tickets"])
def test_staff_paths_are_shut_to_strangers(console: Console, path: str) -> None:
    stranger = console().application.test_client()
    answered = stranger.get(TICKETS) if path == "tickets" else stranger.post(f"/api/queue/{path}")
    assert answered.status_code == 401


def test_a_role_that_only_looks_cannot_call(console: Console) -> None:
    head = console("head", Role.HEAD)
    assert press(head, 1, "open").status_code == 403
    assert head.get(TICKETS).status_code == 200


def test_a_writing_call_without_the_sessions_token_is_refused(console: Console) -> None:
    at = console()
    del at.environ_base["HTTP_X_CSRF_TOKEN"]
    assert press(at, 1, "open").status_code == 403


def test_a_kiosk_cannot_even_route_to_a_counter(kiosk: FlaskClient, phone: FlaskClient) -> None:
    for client in (kiosk, phone):
        assert client.post("/api/queue/counters/1/call-next").status_code == 404
        assert client.get("/queue").status_code == 404
    assert phone.post(TICKETS, json={}).status_code == 404


def test_a_counter_that_cannot_be_is_not_found(console: Console) -> None:
    at = console()
    for n in ("0", "100", "-1", "99999999999999999999", "а"):
        assert at.post(f"/api/queue/counters/{n}/open").status_code == 404


# --- the list ------------------------------------------------------------------------------------


def test_tickets_are_told_oldest_first_and_page_by_page(console: Console, office: Office) -> None:
    for _ in range(5):
        office.take()
    at = console()
    first = told(at.get(f"{TICKETS}?limit=3"))
    rest = told(at.get(f"{TICKETS}?limit=3&after={first['next']}"))
    numbers = [one["number"] for one in first["tickets"] + rest["tickets"]]
    assert numbers == [f"А-00{n}" for n in range(1, 6)]
    assert rest["next"] is None


def test_tickets_are_found_by_node_day_state_and_number(
    console: Console, office: Office, clock: FixedClock
) -> None:
    office.take()
    office.take(office.land, purpose=Purpose.CONSULTATION)
    clock.set(moment(2026, 11, 18, 9, 0))
    office.take()
    at = console()

    def found(query: str) -> list[str]:
        return [one["number"] for one in told(at.get(f"{TICKETS}?{query}"))["tickets"]]

    assert found("day=2026-11-17") == ["А-001", "П-001"]
    assert found("day=2") == ["А-001"]
    assert found("node=1&state=WAITING") == ["А-001", "П-001", "А-001"]
    assert found("node=3") == []
    assert found("number=А-001") == ["А-001", "А-001"]
    assert found("number=a1") == ["А-001", "А-001"]  # typed on a Latin keyboard
    assert found("number=1&day=1") == ["А-001", "П-001"]


def test_a_search_that_means_nothing_is_told_so(console: Console) -> None:
    at = console()
    for field in ("node", "day", "state", "number", "after", "limit"):
        for text in HOSTILE:
            if text.strip():
                assert at.get(TICKETS, query_string={field: text}).status_code == 422, (field, text)


def test_the_document_names_every_stable_path(kiosk: FlaskClient, console: Console) -> None:
    paths = set(told(kiosk.get("/api/openapi.json"))["paths"])
    paths |= set(told(console().get("/api/openapi.json"))["paths"])
    assert paths >= {
        "/api/queue/services",
        "/api/queue/tickets",
        "/api/queue/tickets/{ticket_id}",
        *(
            f"/api/queue/counters/{{n}}/{verb}"
            for verb in ("open", "call-next", "recall", "start", "finish", "no-show")
        ),
    }
