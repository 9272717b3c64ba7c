"""A ticket on its owner's phone."""

import pytest
from flask.testing import FlaskClient

from appliance.queue import here, service
from appliance.queue.model import Event
from appliance.queue.queries import TicketUnknown
from appliance.store.clock import FixedClock
from tests.queue.office import OKSANA, Office, moment
from tests.queue.reading import text

BIDI = "\u202e"


@pytest.fixture
def page_of_a_ticket(kiosk: FlaskClient, office: Office) -> str:
    """Return the address of a ticket's page, as its code on the kiosk says."""
    taken = kiosk.post(
        "/api/queue/tickets",
        json={"service": str(office.extract), "purpose": "submit"},
        headers={"Idempotency-Key": "phone"},
    )
    return str(taken.get_json()["status_url"]).removeprefix("http://127.0.0.1:8082")


def test_a_phone_follows_its_ticket_to_the_end(
    phone: FlaskClient, office: Office, page_of_a_ticket: str
) -> None:
    assert "Перед вами нікого" in text(phone.get(page_of_a_ticket))
    office.open(OKSANA)
    office.call()
    assert "Вас запрошують: вікно 1" in text(phone.get(page_of_a_ticket))
    office.advance(Event.START)
    office.advance(Event.FINISH)
    assert "прийом завершено" in text(phone.get(page_of_a_ticket))


def test_a_visitor_gives_a_ticket_back_after_one_question(
    phone: FlaskClient, office: Office, page_of_a_ticket: str
) -> None:
    address, _, token = page_of_a_ticket.partition("?k=")
    assert "Віддати талон А-001?" in text(phone.get(f"{address}/cancel?k={token}"))
    assert office.count("queue_event") == 0
    for _press in range(2):
        page = phone.post(f"{address}/cancel", data={"k": token}, follow_redirects=True)
        assert "ви відмовилися від талона" in text(page)
    assert office.count("queue_event") == 1


def test_the_ticket_of_another_office_is_not_given_back_here(
    phone: FlaskClient, office: Office
) -> None:
    """The centre has a copy of it: it took the ticket back, and the village called it later."""
    copy = office.copy_of_a_ticket(3, here.token_hash("token"))
    assert phone.get(f"/t/{copy}?k=token").status_code == 404
    assert phone.post(f"/t/{copy}/cancel?k=token").status_code == 404
    with pytest.raises(TicketUnknown):
        office.store.write(service.cancel_by_visitor, copy)
    assert office.count("queue_event") == 0


@pytest.mark.parametrize("wrong", ["", "?k=", "?k=guess", "?k=%00", f"?k={BIDI}"])
def test_a_wrong_token_finds_nothing(
    phone: FlaskClient, office: Office, page_of_a_ticket: str, wrong: str
) -> None:
    address = page_of_a_ticket.partition("?")[0]
    for path in (address, f"{address}/cancel"):
        refused = phone.get(path + wrong)
        assert refused.status_code == 404
        assert "Такого талона немає" in text(refused)
    assert phone.post(f"{address}/cancel{wrong}").status_code == 404
    assert office.count("queue_event") == 0


def test_the_ticket_of_another_does_not_open_with_my_token(
    phone: FlaskClient, office: Office, page_of_a_ticket: str
) -> None:
    other, token = office.take(), page_of_a_ticket.partition("?k=")[2]
    assert phone.get(f"/t/{other.id}?k={token}").status_code == 404


def test_a_phone_without_a_ticket_sees_what_the_hall_sees(
    phone: FlaskClient, office: Office
) -> None:
    assert "Ще нікого не викликали" in text(phone.get("/"))
    office.open(OKSANA)
    office.take()
    office.take()
    office.call()
    page = text(phone.get("/"))
    assert "Чекають 1 людина" in page
    assert "Працюють вікна 1" in page
    assert "А-001 вікно 1 о 09:00" in page


@pytest.mark.parametrize(("language", "told"), [("uk", "взято учора"), ("en", "taken yesterday")])
def test_in_the_morning_the_hall_page_marks_the_calls_of_yesterday(
    phone: FlaskClient, office: Office, clock: FixedClock, language: str, told: str
) -> None:
    office.open(OKSANA)
    office.take()
    office.call()
    assert told not in text(phone.get(f"/?lang={language}"))
    clock.set(moment(2026, 11, 18, 8, 0))  # nobody has opened the day yet
    assert told in text(phone.get(f"/?lang={language}"))
    today = office.take()
    assert today.label == "А-001"
    assert told in text(phone.get(f"/?lang={language}"))
    office.advance(Event.NO_SHOW)
    office.call()
    assert text(phone.get(f"/?lang={language}")).count(told) == 1
