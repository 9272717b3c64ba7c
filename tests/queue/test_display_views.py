"""The hall display, as the hall reads it."""

from collections.abc import Callable

from flask.testing import FlaskClient

from appliance.queue.model import Event
from appliance.store.clock import FixedClock
from tests.queue.office import OKSANA, Office, moment
from tests.queue.reading import text

Console = Callable[..., FlaskClient]


def test_the_display_shows_who_is_called_and_five_before(
    kiosk: FlaskClient, office: Office
) -> None:
    assert "Ще нікого не викликали" in text(kiosk.get("/display"))
    office.open(OKSANA)
    for _ in range(7):
        office.take()
        office.call()
        office.advance(Event.NO_SHOW)
    office.take()
    office.take()
    office.call()
    shown = text(kiosk.get("/display"))
    assert "Запрошуємо" in shown
    assert "А-008 Вікно 1" in shown
    assert [f"А-00{n}" in shown for n in range(2, 8)] == [False, *([True] * 5)]
    assert "Чекають 1 людина" in shown


def test_a_call_that_is_over_is_not_shown_as_an_invitation(
    kiosk: FlaskClient, office: Office
) -> None:
    office.open(OKSANA)
    office.take()
    office.call()
    office.advance(Event.NO_SHOW)
    shown = text(kiosk.get("/display"))
    assert "Запрошуємо" not in shown
    assert "Останній виклик — о 09:00" in shown


def test_a_ticket_of_yesterday_is_shown_as_such(
    kiosk: FlaskClient, office: Office, clock: FixedClock
) -> None:
    office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.open(OKSANA)
    office.call()
    assert "взято учора" in text(kiosk.get("/display"))


def test_in_the_morning_the_calls_of_yesterday_are_not_passed_off_as_today(
    kiosk: FlaskClient, console: Console, office: Office, clock: FixedClock
) -> None:
    office.open(OKSANA)
    office.take()
    office.call()
    at = console("petro")
    at.post("/queue/counters/2/open")
    clock.set(moment(2026, 11, 18, 8, 0))  # nobody has opened the day yet
    assert "взято учора" in text(kiosk.get("/display"))
    assert "Взято талонів 0" in text(at.get("/queue/counters/2"))


def test_the_display_gives_its_script_the_parts_alone(kiosk: FlaskClient) -> None:
    part = kiosk.get("/display", headers={"X-Fragment": "1"}).get_data(as_text=True)
    assert 'data-live-part="main"' in part
    assert "<html" not in part
