"""What the pages say of a command: asked, not confirmed; then what the village has answered."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.commands import live
from appliance.commands import views as commands_views
from appliance.people import access
from appliance.people import views as people_views
from appliance.people.model import Role
from appliance.people.passwords import HashingThread
from appliance.queue import views
from appliance.queue.model import Purpose, State, Ticket
from appliance.store.clock import ClockQuality
from appliance.web.app import create_surface
from appliance.web.surfaces import Surface, cookie_name
from appliance.web.topics import Knock
from tests.people import staffing
from tests.queue.conftest import NEIGHBOUR
from tests.queue.office import moment
from tests.queue.reading import hidden, text
from tests.queue.villages import Villages, villages

HOUR = 3600


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Villages]:
    with villages(tmp_path, moment(2026, 11, 17, 14, 5)) as found:
        yield found


@pytest.fixture
def browser(here: Villages, passwords: HashingThread) -> Callable[..., FlaskClient]:
    """Return what opens a browser at the centre, or in the village."""

    def opened(login: str = "admin", *, village: bool = False) -> FlaskClient:
        store = here.village if village else here.office.store
        told = {} if village else {"centre": {"nodes": [NEIGHBOUR]}}
        context = staffing.context_of(store, passwords, **told)
        rooms = (people_views.office, commands_views.office, *views.OFFICE)
        app = create_surface(Surface.OFFICE, context, rooms, [access.guard])
        client = app.test_client()
        staffing.sign_in(client, login)
        return client

    return opened


@pytest.fixture
def centre(browser: Callable[..., FlaskClient]) -> FlaskClient:
    return browser()


def page_of(ticket: Ticket) -> str:
    return f"/queue/tickets/{ticket.id}"


def press(client: FlaskClient, ticket: Ticket, verb: str, **form: object) -> TestResponse:
    """Press a button as the page gives it."""
    shown = client.get(page_of(ticket))
    told = {name: hidden(shown, name) for name in ("key", "step") if verb != "withdraw"}
    if verb == "withdraw":
        told = {"command": hidden(shown, "command")}
    return client.post(f"{page_of(ticket)}/{verb}", data={**told, **form})


def listed(client: FlaskClient) -> str:
    return text(client.get("/queue/tickets"))


def test_what_was_asked_is_not_shown_as_done_before_the_village_says_so(
    centre: FlaskClient, here: Villages
) -> None:
    ticket = here.take()
    assert press(centre, ticket, "cancel").status_code == 303
    asked = "Попросили скасувати о 14:05 — село ще не підтвердило"
    assert asked in listed(centre)
    page = text(centre.get(page_of(ticket)))
    assert asked in page
    assert "Попросили: Олена Гончар, 14:05. Діє до 18:05." in page
    assert "чекає · коли був зв’язок — невідомо" in page
    assert "Попросити скасувати" not in page
    here.down()
    assert asked in listed(centre)
    here.up()
    assert "Скасовано на прохання центру о 14:05" in listed(centre)
    assert "скасовано · " in text(centre.get(page_of(ticket)))


def test_a_refusal_says_why_and_lets_ask_again(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    press(centre, ticket, "cancel")
    here.call()
    here.down()
    here.up()
    told = "Село не скасувало: талон тим часом змінився, тепер: викликано"
    assert told in listed(centre)


def test_a_move_names_where_to(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    target = f"{here.office.land} consultation"
    assert press(centre, ticket, "move", target=target).status_code == 303
    asked = "Попросили перевести на «Земля й господарство: Порадитися» о 14:05"
    assert f"{asked} — село ще не підтвердило" in listed(centre)
    here.down()
    here.up()
    page = text(centre.get(page_of(ticket)))
    assert "Переведено на «Земля й господарство: Порадитися» на прохання центру" in page
    assert "невідомо Земля й господарство Порадитися" in page
    assert "Попросити скасувати" in page  # it waits, and may be asked about again


def test_time_and_clock_are_told_truthfully(centre: FlaskClient, here: Villages) -> None:
    late, doubtful = here.take(), here.take(purpose=Purpose.COLLECT)
    press(centre, late, "cancel", hours="1")
    here.office.clock.advance(2 * HOUR)
    assert "строк минув о 15:05. Село не відповіло: чи скасовано — невідомо" in listed(centre)
    here.clock.advance(2 * HOUR)
    here.down()
    here.up()
    assert "Село не скасувало: строк прохання минув раніше, ніж воно дійшло" in listed(centre)
    press(centre, doubtful, "cancel")
    here.clock.set(0, quality=ClockQuality.UNKNOWN)
    here.down()
    here.up()
    assert "його годинник не звірено" in listed(centre)


def test_who_asks_with_a_doubtful_clock_is_told_that_it_does_not_end(
    centre: FlaskClient, here: Villages
) -> None:
    ticket = here.take()
    here.office.clock.set(here.office.clock.wall(), quality=ClockQuality.UNKNOWN)
    press(centre, ticket, "cancel")
    assert "прохання не має строку" in text(centre.get(page_of(ticket)))


def test_taking_back_is_asked_and_confirmed_too(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    press(centre, ticket, "cancel")
    assert press(centre, ticket, "withdraw").status_code == 303
    asked = "Прохання скасувати відкликали о 14:05 — село ще не підтвердило"
    assert asked in listed(centre)
    here.down()
    here.up()
    assert "Прохання скасувати відкликано: село його не виконало" in listed(centre)
    assert here.there(ticket.id).state is State.WAITING


def test_taking_back_too_late_is_said(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    press(centre, ticket, "cancel")
    before = centre.get(page_of(ticket))
    here.down()
    press(centre, ticket, "withdraw")
    here.up()
    assert "Відкликали о 14:05, але село вже скасувало о 14:05" in listed(centre)
    again = centre.post(f"{page_of(ticket)}/withdraw", data={"command": hidden(before, "command")})
    assert again.status_code == 409
    assert "Село вже відповіло" in text(again)


def test_one_page_asks_once_however_often_its_button_is_pressed(
    centre: FlaskClient, here: Villages
) -> None:
    ticket = here.take()
    shown = centre.get(page_of(ticket))
    form = {name: hidden(shown, name) for name in ("key", "step")}
    for _ in range(3):
        assert centre.post(f"{page_of(ticket)}/cancel", data=form).status_code == 303
    assert len(here.told(ticket.id)) == 1


def test_an_old_page_asks_for_nothing(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    shown = centre.get(page_of(ticket))
    form = {name: hidden(shown, name) for name in ("key", "step")}
    here.call()
    here.up()
    refused = centre.post(f"{page_of(ticket)}/cancel", data=form)
    assert refused.status_code == 409
    assert "тим часом змінився, тому нічого не попросили" in text(refused)
    assert here.told(ticket.id) == []


@pytest.mark.parametrize(
    "form", [{"step": "²"}, {"step": "-1"}, {"step": "9" * 30}, {"target": "x"}, {"target": ""}]
)
def test_a_forged_form_is_refused(
    centre: FlaskClient, here: Villages, form: dict[str, str]
) -> None:
    ticket = here.take()
    verb = "move" if "target" in form else "cancel"
    assert press(centre, ticket, verb, **form).status_code in {404, 409}
    assert here.told(ticket.id) == []


def test_without_the_right_nobody_asks(browser: Callable[..., FlaskClient], here: Villages) -> None:
    ticket = here.take()
    staffing.hire(here.office.store, "duty", name="Черговий", roles=[Role.DUTY_OFFICER])
    staffing.hire(here.office.store, "head", name="Голова", roles=[Role.HEAD, Role.STAROSTA])
    for login in ("duty", "head"):
        client = browser(login)
        assert "Попросити" not in text(client.get(page_of(ticket)))
        for verb in ("cancel", "move", "withdraw"):
            assert client.post(f"{page_of(ticket)}/{verb}").status_code == 403
        answer = client.post(f"/api{page_of(ticket)}/cancel", json={"step": 0})
        assert answer.status_code == 403
    assert here.told(ticket.id) == []


def test_a_press_without_the_sessions_token_is_refused(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    shown = centre.get(page_of(ticket))
    form = {name: hidden(shown, name) for name in ("key", "step")}
    del centre.environ_base["HTTP_X_CSRF_TOKEN"]
    assert centre.post(f"{page_of(ticket)}/cancel", data=form).status_code == 403
    assert here.told(ticket.id) == []


def test_a_village_sees_what_was_asked_of_it_and_asks_nobody(
    browser: Callable[..., FlaskClient], centre: FlaskClient, here: Villages
) -> None:
    staffing.hire(
        here.office.store, "ivan", name="Іван Бойко", roles=[Role.ADMINISTRATOR], offices=[1, 3]
    )
    ticket = here.take()
    press(centre, ticket, "cancel")
    here.down()
    village = browser("ivan", village=True)
    assert "Скасовано на прохання центру о 14:05" in listed(village)
    page = village.get(page_of(ticket))
    assert "Попросити" not in text(page)
    told = {"key": "key-1", "step": "0"}
    assert village.post(f"{page_of(ticket)}/cancel", data=told).status_code == 409
    headers = {"Idempotency-Key": "key-2"}
    where = f"/api{page_of(ticket)}/cancel"
    assert village.post(where, json={"step": 0}, headers=headers).status_code == 409


def test_programs_ask_see_and_take_back(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    listing = centre.get("/api/queue/tickets?node=3").get_json()["tickets"]
    assert listing[0]["step"] == 0
    where, headers = f"/api{page_of(ticket)}", {"Idempotency-Key": "one"}
    body = {"step": 0, "service": str(here.office.land), "purpose": "consultation"}
    assert centre.post(f"{where}/move", json=body).get_json()["code"] == "idempotency_key_missing"
    first = centre.post(f"{where}/move", json=body, headers=headers)
    again = centre.post(f"{where}/move", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    assert first.get_json()["standing"] == "asked"
    other = centre.post(f"{where}/cancel", json={"step": 0}, headers={"Idempotency-Key": "two"})
    assert (other.status_code, other.get_json()["code"]) == (409, "already_asked")
    command = first.get_json()["id"]
    taken_back = centre.post(f"/api/queue/commands/{command}/withdraw")
    assert taken_back.get_json()["standing"] == "withdrawing"
    asked = centre.post(
        f"{where}/cancel", json={"step": 0, "valid_hours": 1}, headers={"Idempotency-Key": "three"}
    )
    assert asked.get_json()["expires_at"] == "2026-11-17T15:05:00+02:00"
    here.down()
    here.up()
    told = centre.get(f"{where}/commands").get_json()["commands"]
    assert sorted(one["standing"] for one in told) == ["done", "withdrawn"]
    assert centre.post(f"/api/queue/commands/{command}/withdraw").status_code == 409
    assert centre.post("/api/queue/commands/s01-0000000001-1/withdraw").status_code == 404


def test_the_visitor_is_told_who_cancelled_and_what_the_ticket_is_for_now(
    centre: FlaskClient, here: Villages, passwords: HashingThread
) -> None:
    context = staffing.context_of(here.village, passwords)
    phone = create_surface(Surface.GUEST, context, views.GUEST, [access.guard]).test_client()
    ticket = here.take(token="t" * 24)
    shown = f"/t/{ticket.id}?k={'t' * 24}"
    press(centre, ticket, "move", target=f"{here.office.land} consultation")
    here.down()
    here.up()
    assert "Земля й господарство" in text(phone.get(shown))
    press(centre, ticket, "cancel")
    here.down()
    page = text(phone.get(shown))
    assert "талон скасували працівники" in page
    assert "ви відмовилися" not in page


def test_the_trail_names_what_was_asked_and_answered(centre: FlaskClient, here: Villages) -> None:
    ticket = here.take()
    press(centre, ticket, "cancel")
    press(centre, ticket, "withdraw")
    here.down()
    here.up()
    shown = text(centre.get("/audit"))
    for said in ("Попросили інший офіс", "Відкликали прохання", "Відповіли на прохання"):
        assert said in shown


def test_only_who_may_see_tickets_hears_of_commands(
    browser: Callable[..., FlaskClient], here: Villages, passwords: HashingThread
) -> None:
    client = browser()
    cookie = client.get_cookie(cookie_name(Surface.OFFICE, 1))
    context = staffing.context_of(here.office.store, passwords)
    (topic,) = live.topics(context)
    cookies = {cookie.key: cookie.value} if cookie else {}
    heard = [
        topic.allow(Knock(Surface.OFFICE, topic.name, told, {}, "192.0.2.1", {}))
        for told in (cookies, {})
    ]
    assert heard == [True, False]
