"""The kiosk: what a finger does, and what no page made."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.queue import catalogue
from appliance.queue.model import Purpose
from tests.queue.office import OKSANA, Office, described
from tests.queue.reading import hidden, text

BIDI = "\u202e"


def touch(kiosk: FlaskClient, wanted: object, purpose: str = "submit") -> TestResponse:
    """Take a ticket as a finger does: the service, then the purpose."""
    asked = kiosk.get("/purpose", query_string={"service": str(wanted)})
    assert asked.status_code == 200, text(asked)
    return sent(kiosk, wanted, hidden(asked, "key"), purpose)


def sent(kiosk: FlaskClient, wanted: object, key: str, purpose: str = "submit") -> TestResponse:
    form = {"service": str(wanted), "key": key, "purpose": purpose}
    return kiosk.post("/tickets", data=form, follow_redirects=True)


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


def test_who_does_not_know_what_to_choose_gets_advice(kiosk: FlaskClient, office: Office) -> None:
    both = described("А", "Довідка", purposes=(Purpose.SUBMIT, Purpose.CONSULTATION))
    office.store.write(catalogue.change_service, office.extract, both, actor="system")
    page = kiosk.get("/purpose", query_string={"service": str(office.extract)}).text
    unsure = re.search(r'form="take" name="purpose" value="(\w+)"', page)
    assert unsure
    assert unsure[1] == Purpose.CONSULTATION
