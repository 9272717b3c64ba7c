"""The queue's pages: kiosk, display, console, phone, lists and catalogue."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.people.model import Role
from appliance.queue import catalogue, service
from appliance.queue.model import Event, Purpose, State
from appliance.store.clock import FixedClock
from tests.queue.office import HERE, OKSANA, Office, described, moment

Console = Callable[..., FlaskClient]
BIDI = "\u202e"


def text(response: TestResponse) -> str:
    """Return what a person reads: the page without its markup."""
    page = response.get_data(as_text=True)
    page = re.sub(r"<(script|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())


def hidden(response: TestResponse, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', response.get_data(as_text=True))
    assert found, name
    return unescape(found[1])


def touch(kiosk: FlaskClient, wanted: object, purpose: str = "submit") -> TestResponse:
    """Take a ticket as a finger does: the service, then the purpose."""
    asked = kiosk.get("/purpose", query_string={"service": str(wanted)})
    assert asked.status_code == 200, text(asked)
    return sent(kiosk, wanted, hidden(asked, "key"), purpose)


def sent(kiosk: FlaskClient, wanted: object, key: str, purpose: str = "submit") -> TestResponse:
    form = {"service": str(wanted), "key": key, "purpose": purpose}
    return kiosk.post("/tickets", data=form, follow_redirects=True)


# --- the kiosk -----------------------------------------------------------------------------------


def test_two_touches_bring_a_ticket(kiosk: FlaskClient, office: Office) -> None:
    office.take()
    office.open(OKSANA)
    start = text(kiosk.get("/"))
    assert "Що вам потрібно?" in start
    assert "Довідка або витяг" in start
    shown = text(touch(kiosk, office.extract))
    assert "Ваш талон А-002" in shown
    assert "невідомо" in shown  # how long it takes nobody can tell
    assert "податковий номер" in shown
    assert "працює вікно 1" in shown


def test_a_double_touch_is_one_ticket_whatever_was_touched(
    kiosk: FlaskClient, office: Office
) -> None:
    key = hidden(kiosk.get("/purpose", query_string={"service": str(office.extract)}), "key")
    pages = [sent(kiosk, office.extract, key, why) for why in ("submit", "submit", "collect")]
    assert all("А-001" in text(page) for page in pages)
    assert office.count("queue_ticket") == 1


def test_an_office_with_no_counter_open_says_so(kiosk: FlaskClient, office: Office) -> None:
    assert "жодне вікно не працює" in text(kiosk.get("/"))
    assert "жодне вікно ще не працює" in text(touch(kiosk, office.extract))


def test_a_closed_service_is_seen_and_cannot_be_touched(kiosk: FlaskClient, office: Office) -> None:
    page = kiosk.get("/")
    assert "зараз не приймають" in text(page)
    assert f'value="{office.closed}"' not in page.get_data(as_text=True)


def test_a_service_closed_under_the_finger_is_told_and_gives_nothing(
    kiosk: FlaskClient, office: Office
) -> None:
    refused = sent(kiosk, office.closed, "key-of-an-old-page")
    assert refused.status_code == 409
    assert "Цю послугу зараз не надають" in text(refused)
    assert office.count("queue_ticket") == 0


@pytest.mark.parametrize(
    "form",
    [
        {"service": "<script>", "key": "k", "purpose": "submit"},
        {"service": "", "key": "k", "purpose": "submit"},
        {"key": "k", "purpose": "submit"},
        {"service": "here", "key": "", "purpose": "submit"},
        {"service": "here", "key": f"{BIDI}k", "purpose": "submit"},
        {"service": "here", "key": "k" * 5000, "purpose": "submit"},
        {"service": "here", "key": "k", "purpose": "<b>"},
        {"service": "here", "key": "k"},
        {"service": "here", "key": "k", "purpose": "submit", "priority": "\x00"},
        {"service": "here", "key": "k", "purpose": "submit", "priority": "s09-07f3a9m2xq-42"},
    ],
)
def test_a_form_that_no_page_made_gets_a_clear_page_and_changes_nothing(
    kiosk: FlaskClient, office: Office, form: dict[str, str]
) -> None:
    before = office.count("_log")
    if form.get("service") == "here":
        form = {**form, "service": str(office.extract)}
    refused = kiosk.post("/tickets", data=form)
    assert 400 <= refused.status_code < 500
    assert "На початок" in text(refused)
    assert "<script>" not in refused.get_data(as_text=True).partition("<main>")[2]
    assert office.count("_log") == before


def test_a_form_of_another_site_is_refused(kiosk: FlaskClient, office: Office) -> None:
    form = {"service": str(office.extract), "key": "k", "purpose": "submit"}
    refused = kiosk.post("/tickets", data=form, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    assert office.count("queue_ticket") == 0


def test_a_ticket_page_needs_its_token(kiosk: FlaskClient, office: Office) -> None:
    taken = office.take()
    assert kiosk.get(f"/tickets/{taken.id}?k=guess").status_code == 404
    assert kiosk.get(f"/tickets/{taken.id}/qr.svg?k=guess").status_code == 404


def test_the_code_on_the_screen_leads_to_the_phones_page(
    kiosk: FlaskClient, phone: FlaskClient, office: Office
) -> None:
    page = touch(kiosk, office.extract).get_data(as_text=True)
    drawn = re.search(r'src="(/tickets/[^"]+/qr\.svg\?k=[^"]+)"', page)
    assert drawn
    picture = kiosk.get(unescape(drawn[1]))
    assert picture.content_type == "image/svg+xml"
    assert b"<svg" in picture.data
    address = unescape(drawn[1]).replace("/tickets/", "/t/").replace("/qr.svg", "")
    assert "А-001" in text(phone.get(address))


def test_a_claimed_right_travels_from_the_first_page_to_the_ticket(
    kiosk: FlaskClient, office: Office
) -> None:
    assert "Особа з інвалідністю" in text(kiosk.get("/priority"))
    claimed = {"priority": str(office.priority)}
    assert "право ще мають підтвердити" in text(kiosk.get("/", query_string=claimed))
    asked = kiosk.get("/purpose", query_string={"service": str(office.extract), **claimed})
    assert hidden(asked, "priority") == str(office.priority)
    form = {"service": str(office.extract), "key": "k", "purpose": "submit", **claimed}
    shown = kiosk.post("/tickets", data=form, follow_redirects=True)
    assert "Позначено: Особа з інвалідністю" in text(shown)


def test_more_than_six_services_stand_behind_one_more_touch(
    kiosk: FlaskClient, office: Office
) -> None:
    names = [f"Послуга {n}" for n in range(4, 9)]
    for place, name in enumerate(names, start=4):
        told = described("В", name, ordering=place)
        office.store.write(catalogue.add_service, told, scope=catalogue.EVERYWHERE, actor="system")
    first, rest = text(kiosk.get("/")), text(kiosk.get("/?service=more"))
    assert "Інше" in first
    assert "Послуга 5" in first
    assert "Послуга 6" not in first
    assert all(name in rest for name in names[2:])
    assert kiosk.get("/purpose?service=more").status_code == 302


def test_the_kiosk_speaks_english_and_the_next_visitor_starts_in_ukrainian(
    kiosk: FlaskClient,
) -> None:
    page = kiosk.get("/?lang=en")
    assert "Довідка або витяг (en)" in text(page)
    assert "What do you need?" in text(page)
    assert "lang=uk" in page.get_data(as_text=True)  # where the kiosk left alone returns to


def test_without_a_script_the_pages_return_by_themselves(
    kiosk: FlaskClient, office: Office
) -> None:
    asked = kiosk.get("/purpose", query_string={"service": str(office.extract)})
    for page in (asked, touch(kiosk, office.extract)):
        assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+;url=/', page.text)


# --- the display ---------------------------------------------------------------------------------


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


# --- the console ---------------------------------------------------------------------------------


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


# --- the phone -----------------------------------------------------------------------------------


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


# --- lists and the catalogue ---------------------------------------------------------------------


def test_the_list_finds_by_number_and_marks_what_staff_look_for(
    console: Console, office: Office
) -> None:
    office.take()
    office.take(office.land, purpose=Purpose.CONSULTATION)
    at = console()
    assert "Знайдено: 2" in text(at.get("/queue/tickets"))
    page = text(at.get("/queue/tickets?number=П-001"))
    assert "Знайдено: 1" in page
    assert "Земля й господарство" in page


def test_the_list_says_how_old_each_village_is(console: Console) -> None:
    page = text(console().get("/queue/tickets"))
    assert "Старостат села Кам’янка" in page
    assert "коли був зв’язок — невідомо" in page


def test_a_search_that_means_nothing_is_told_at_its_field(console: Console) -> None:
    page = console().get("/queue/tickets?number=<script>&day=%E2%80%AE")
    assert "Напишіть так: А-042" in text(page)
    assert "<script>" not in page.get_data(as_text=True).partition("<main")[2]


def test_a_query_beyond_all_bounds_is_no_failure(console: Console) -> None:
    at, far = console(), "9" * 23
    queries = [f"before={far}", f"day={far}", f"node={far}", f"number=А-{far}", "state=GONE"]
    for query in [*queries, "before=-1", "before=а"]:
        assert at.get(f"/queue/tickets?{query}").status_code == 200
        assert at.get(f"/queue/tickets.csv?{query}").status_code in {200, 422}


def test_the_table_for_a_spreadsheet_runs_no_formula(console: Console, office: Office) -> None:
    named = described("А", "=HYPERLINK(evil)", ordering=1)
    office.store.write(catalogue.change_service, office.extract, named, actor="system")
    office.take()
    table = console().get("/queue/tickets.csv")
    assert table.content_type == "text/csv; charset=utf-8"
    assert "'=HYPERLINK(evil)" in table.get_data(as_text=True)
    assert len(table.get_data(as_text=True).splitlines()) == 2


FORM = {
    "name_uk": "Шлюб",
    "prefix": "В",
    "icon": "people",
    "purposes": ["submit"],
    "state": "OPEN",
    "scope": "hromada",
    "ordering": "7",
}


def test_an_administrator_adds_closes_and_retires_a_service(
    console: Console, kiosk: FlaskClient, office: Office
) -> None:
    at = console("admin", Role.ADMINISTRATOR)
    assert at.post("/queue/services/new", data=FORM).status_code == 303
    assert "Шлюб" in text(kiosk.get("/"))
    found = re.search(r"/queue/services/(s01-[\w-]+)\">Шлюб", at.get("/queue/services").text)
    assert found
    for state, seen in (("CLOSED", True), ("RETIRED", False)):
        form = {**FORM, "state": state}
        assert at.post(f"/queue/services/{found[1]}", data=form).status_code == 303
        assert ("Шлюб" in text(kiosk.get("/"))) is seen
    with office.store.read() as reader:
        actions = reader.all("SELECT action FROM people_audit WHERE action LIKE 'queue.%'")
    told = [row["action"] for row in actions if row["action"] != "queue.add_category"]
    assert told[-3:] == ["queue.add_service", "queue.change_service", "queue.change_service"]


IMPOSSIBLE: list[tuple[str, str | list[str]]] = [
    ("name_uk", ""),
    ("name_uk", f"Ш{BIDI}люб"),
    ("name_uk", "Ш\x1bлюб"),
    ("name_uk", "Ш" * 81),
    ("hint_uk", "\x00"),
    ("official_name", "\u2066ш"),
    ("name_en", "\x07"),
    ("hint_en", BIDI),
    ("prepare", "а\x0bб"),
    ("prefix", "З"),
    ("prefix", "<b>"),
    ("icon", "../../etc"),
    ("purposes", []),
    ("purposes", ["<script>"]),
    ("state", "GONE"),
    ("scope", "office:999"),
    ("nominal_minutes", "-5"),
    ("nominal_minutes", "1e9"),
    ("ordering", "٣"),
    ("ordering", "99999999999999999999"),
]


def test_a_description_that_cannot_be_is_told_at_its_field_and_changes_nothing(
    console: Console, office: Office
) -> None:
    at = console("admin", Role.ADMINISTRATOR)
    before = office.count("queue_service")
    for field, value in IMPOSSIBLE:
        refused = at.post("/queue/services/new", data={**FORM, field: value})
        assert refused.status_code == 422, (field, value)
        assert f'href="#{field}"' in refused.get_data(as_text=True)
    assert office.count("queue_service") == before


def test_markup_in_a_name_is_shown_as_text(console: Console, kiosk: FlaskClient) -> None:
    at = console("admin", Role.ADMINISTRATOR)
    at.post("/queue/services/new", data={**FORM, "name_uk": "<b onclick=x>Шлюб</b>"})
    for page in (kiosk.get("/"), at.get("/queue/services")):
        assert "<b onclick" not in page.get_data(as_text=True)
        assert "<b onclick=x>" in text(page)


def test_a_starosta_cannot_describe_services(console: Console) -> None:
    at = console()
    assert at.get("/queue/services").status_code == 403
    assert at.post("/queue/services/new", data=FORM).status_code == 403


def test_what_is_typed_wrong_stays_in_the_form(console: Console) -> None:
    at = console("admin", Role.ADMINISTRATOR)
    page = at.post("/queue/services/new", data={**FORM, "prefix": "З", "hint_uk": "про сім’ю"})
    assert "про сім’ю" in unescape(page.get_data(as_text=True))


def test_the_closing_of_a_day_is_in_the_trail(office: Office, clock: FixedClock) -> None:
    office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.open(OKSANA)
    office.store.write(service.close_past_days, HERE, OKSANA)
    with office.store.read() as reader:
        row = reader.one("SELECT facts FROM people_audit WHERE action = 'queue.close_past_days'")
    assert row is not None
    assert row["facts"] == '{"tickets": 1}'


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


def test_who_does_not_know_what_to_choose_gets_advice(kiosk: FlaskClient, office: Office) -> None:
    both = described("А", "Довідка", purposes=(Purpose.SUBMIT, Purpose.CONSULTATION))
    office.store.write(catalogue.change_service, office.extract, both, actor="system")
    page = kiosk.get("/purpose", query_string={"service": str(office.extract)}).text
    unsure = re.search(r'form="take" name="purpose" value="(\w+)"', page)
    assert unsure
    assert unsure[1] == Purpose.CONSULTATION
