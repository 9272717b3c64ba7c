"""The catalogue, as an administrator describes it."""

import re
from collections.abc import Callable
from html import unescape

from flask.testing import FlaskClient

from appliance.people.model import Role
from appliance.queue import catalogue
from tests.queue.office import Office, described
from tests.queue.reading import text

Console = Callable[..., FlaskClient]
BIDI = "\u202e"


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


def test_markup_in_a_name_is_shown_as_text(
    office: Office, console: Console, kiosk: FlaskClient
) -> None:
    at = console("admin", Role.ADMINISTRATOR)
    named = described("Ш", "<b onclick=x>Шлюб</b>")  # by a program that is not ours
    office.store.write(catalogue.add_service, named, scope=catalogue.EVERYWHERE, actor="system")
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
