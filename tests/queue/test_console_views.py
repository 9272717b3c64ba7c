"""The operator's console."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient

from appliance.queue import service
from appliance.queue.model import State
from appliance.store.clock import FixedClock
from tests.queue.office import HERE, OKSANA, Office, moment
from tests.queue.reading import text

Console = Callable[..., FlaskClient]


def test_an_operator_serves_a_person_by_the_big_button(console: Console, office: Office) -> None:
    first, second = office.take(), office.take()
    at = console()
    assert "Відкрити вікно 1" in text(at.get("/queue"))
    page = at.post("/queue/counters/1/open", follow_redirects=True)
    assert "Викликати наступного: А-001" in text(page)
    page = at.post("/queue/counters/1/call-next", data={"seen": ""}, follow_redirects=True)
    assert "Почати приймати: А-001" in text(page)
    seen = {"seen": str(first.id)}
    page = at.post("/queue/counters/1/start", data=seen, follow_redirects=True)
    assert "Завершити й викликати наступного: А-002" in text(page)
    page = at.post("/queue/counters/1/finish-and-call-next", data=seen, follow_redirects=True)
    assert "Почати приймати: А-002" in text(page)
    assert office.ticket(first.id).state is State.COMPLETED
    assert office.ticket(second.id).state is State.CALLED


def test_every_button_of_the_console_has_a_key_or_stands_in_the_focus_order(
    console: Console, office: Office
) -> None:
    office.take()
    at = console()
    at.post("/queue/counters/1/open")
    at.post("/queue/counters/1/call-next")
    page = at.get("/queue/counters/1").get_data(as_text=True)
    assert set(re.findall(r'data-key="(F\d+)"', page)) == {"F2", "F4", "F8"}
    assert 'tabindex="-1"' not in page.partition("<main")[2].partition(">")[2]


def test_an_impatient_finger_moves_nobody_else(console: Console, office: Office) -> None:
    first = office.take()
    office.take()
    at = console()
    at.post("/queue/counters/1/open")
    at.post("/queue/counters/1/call-next")
    seen = {"seen": str(first.id)}
    at.post("/queue/counters/1/no-show", data=seen)
    at.post("/queue/counters/1/call-next")
    refused = at.post("/queue/counters/1/no-show", data=seen)
    assert refused.status_code == 409
    assert "Тим часом біля вікна все змінилося" in text(refused)
    assert "Почати приймати: А-002" in text(refused)


def test_a_faster_console_is_told_in_a_plain_sentence(console: Console, office: Office) -> None:
    office.take()
    office.take()
    here, there = console("oksana"), console("petro")
    here.post("/queue/counters/1/open")
    there.post("/queue/counters/2/open")
    promised = {"promised": "А-001"}
    here.post("/queue/counters/1/call-next", data=promised)
    page = there.post("/queue/counters/2/call-next", data=promised, follow_redirects=True)
    assert "Талон А-001 щойно викликали з іншого вікна" in text(page)
    assert "Почати приймати: А-002" in text(page)


def test_a_notice_repeats_nothing_but_a_number(console: Console) -> None:
    at = console()
    at.post("/queue/counters/1/open")
    for told in ("<b>зламано</b>", "Зателефонуйте 0800", "А-001 і ще"):
        page = at.get("/queue/counters/1", query_string={"instead": told, "closed": told})
        assert "іншого вікна" not in text(page)
        assert "Закрито" not in text(page)


def test_an_empty_queue_is_told_on_the_console(console: Console) -> None:
    at = console()
    at.post("/queue/counters/1/open")
    refused = at.post("/queue/counters/1/call-next")
    assert refused.status_code == 409
    assert "Ніхто не чекає" in text(refused)


def test_tickets_of_past_days_are_closed_by_one_press(
    console: Console, office: Office, clock: FixedClock
) -> None:
    office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.take()
    at = console("petro")
    at.post("/queue/counters/2/open")
    assert "З минулих днів: 1" in text(at.get("/queue/counters/2"))
    page = at.post("/queue/counters/2/close-past-days", follow_redirects=True)
    assert "Закрито талонів минулих днів: 1" in text(page)
    assert "З минулих днів" not in text(page)


def test_many_tickets_of_past_days_are_closed_by_one_press(
    console: Console, office: Office, clock: FixedClock
) -> None:
    for _ in range(service.CLOSED_AT_ONCE + 5):
        office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    fresh = office.take()
    at = console("petro")
    at.post("/queue/counters/2/open")
    page = at.post("/queue/counters/2/close-past-days", follow_redirects=True)
    assert f"Закрито талонів минулих днів: {service.CLOSED_AT_ONCE + 5}" in text(page)
    assert office.ticket(fresh.id).state is State.WAITING


def test_a_verb_that_is_none_is_not_found(console: Console) -> None:
    at = console()
    at.post("/queue/counters/1/open")
    assert at.post("/queue/counters/1/delete-everything").status_code == 404


def test_a_counter_of_another_person_is_not_shown(console: Console, office: Office) -> None:
    office.open(OKSANA)
    assert console("petro").get("/queue/counters/1").status_code == 302


def test_the_closing_of_a_day_is_in_the_trail(office: Office, clock: FixedClock) -> None:
    office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.open(OKSANA)
    office.store.write(service.close_past_days, HERE, OKSANA)
    with office.store.read() as reader:
        row = reader.one("SELECT facts FROM people_audit WHERE action = 'queue.close_past_days'")
    assert row is not None
    assert row["facts"] == '{"tickets": 1}'
