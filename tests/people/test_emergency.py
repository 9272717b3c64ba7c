"""Sealed codes: one use, some hours, and everybody can see it."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.people import entrance, queries, service, trail
from appliance.people.access import moment
from appliance.people.errors import CodeUnknown
from appliance.people.model import CODES_OF_AN_OFFICE, EMERGENCY_SECONDS, Role
from appliance.people.tables import CODE_USE
from appliance.store import inbox, projection
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Lane
from appliance.web.context import Context
from tests.people.staffing import hire, sign_in
from tests.store.forging import Forger

NAME = "Степан Гончар"


@pytest.fixture
def codes(store: Store, office: FlaskClient) -> list[str]:
    """Return the codes that the administrator has printed for this office."""
    hire(store, "admin", roles=[Role.ADMINISTRATOR])
    sign_in(office, "admin")
    page = office.post("/staff/codes/1").text
    office.post("/sign-out")
    found = re.findall(r"<p class=\"people-code\">([^<]+)</p>", page)
    assert len(found) == CODES_OF_AN_OFFICE
    return found


def use(client: FlaskClient, code: str, name: str = NAME) -> int:
    return client.post("/emergency", data={"code": code, "name": name}).status_code


def test_a_code_makes_its_bearer_the_duty_officer(office: FlaskClient, codes: list[str]) -> None:
    assert "Код на надзвичайний випадок" in office.get("/sign-in").text
    assert use(office, codes[0].lower().replace("-", " ")) == 303
    page = office.get("/staff")
    assert page.status_code == 200
    assert "Черговий за кодом" in page.text
    assert office.get("/audit").status_code == 403
    assert office.get("/password").status_code == 403


def test_a_code_works_once(office: FlaskClient, codes: list[str]) -> None:
    assert use(office, codes[0]) == 303
    assert use(office, codes[0]) == 401
    assert use(office, codes[1]) == 303


@pytest.mark.usefixtures("codes")
def test_two_who_type_one_code_at_once_are_one_duty_officer(store: Store, context: Context) -> None:
    with store.read() as reader:
        code = queries.emergency_codes(reader)[0]
    given: dict[str, Any] = {
        "name": NAME,
        "csrf": "c",
        "surface": "office",
        "subjects": {},
        "now": moment(context),
        "lifetime": EMERGENCY_SECONDS,
    }
    store.write(entrance.use_emergency_code, code, token_hash=b"1", **given)
    with pytest.raises(CodeUnknown):
        store.write(entrance.use_emergency_code, code, token_hash=b"2", **given)
    with store.read() as reader:
        assert reader.value("SELECT count(*) FROM people_session") == 1
        assert reader.value("SELECT count(*) FROM people_code_use") == 1


@pytest.mark.parametrize("quality", [ClockQuality.SYNCHRONISED, ClockQuality.UNKNOWN])
def test_the_hours_are_counted_even_on_a_bad_clock(
    office: FlaskClient, codes: list[str], clock: FixedClock, quality: ClockQuality
) -> None:
    clock.set(clock.wall(), quality=quality)
    use(office, codes[0])
    for _ in range(3):
        clock.advance(EMERGENCY_SECONDS / 4)
        assert office.get("/staff").status_code == 200
    clock.advance(EMERGENCY_SECONDS / 4)
    assert office.get("/staff").status_code == 302


def test_everybody_can_see_who_used_which_code(
    store: Store, office: FlaskClient, codes: list[str]
) -> None:
    use(office, codes[1])
    office.post("/sign-out")
    office.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
    sign_in(office, "admin")
    page = office.get("/staff/codes").text
    assert NAME in page
    assert page.count("</svg>запечатано</span>") == CODES_OF_AN_OFFICE - 1
    with store.read() as reader:
        lines = trail.lines(reader, trail.Filter(action="people.use_code"))
    assert [line.facts["number"] for line in lines] == [2]
    assert lines[0].actor.startswith("code:s01-")
    assert "черговий за кодом" in office.get("/audit").text


def test_new_codes_end_the_old_ones_and_numbers_go_on(
    store: Store, office: FlaskClient, codes: list[str]
) -> None:
    use(office, codes[0])
    office.post("/sign-out")
    office.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
    sign_in(office, "admin")
    fresh = re.findall(r"people-code\">(\d+)-", office.post("/staff/codes/1").text)
    assert fresh == ["4", "5", "6"]
    office.post("/sign-out")
    assert use(office, codes[1]) == 401
    with store.read() as reader:
        assert [code.number for code in queries.emergency_codes(reader)] == [1, 4, 5, 6]


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize(
    ("code", "name", "status"),
    [
        ("1-0000-0000-0000", NAME, 401),
        ("", NAME, 401),
        ("nonsense", NAME, 401),
        ("9" * 30, NAME, 401),
        ("x" * 500, NAME, 422),
        ("1-0000\x00", NAME, 422),
        ("1-0000-0000-0000", "", 422),
        ("1-0000-0000-0000", "a\u202eb", 422),
    ],
)
def test_what_is_no_code_lets_nobody_in(
    office: FlaskClient, code: str, name: str, status: int
) -> None:
    assert use(office, code, name) == status
    assert office.get("/staff").status_code == 302


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize(
    ("code", "name", "field"),
    [
        ("x" * 500, NAME, "code"),
        ("<b>1</b>", NAME, "code"),
        ("1-0000-0000-0000", "<b>Степан</b>", "name"),
        ("1-0000-0000-0000", "Щ" * 121, "name"),
    ],
)
def test_a_text_that_cannot_be_shown_is_told_at_its_field_in_the_readers_language(
    office: FlaskClient, code: str, name: str, field: str
) -> None:
    for language, told in (("uk", "Цей текст задовгий"), ("en", "This text is too long")):
        page = office.post(f"/emergency?lang={language}", data={"code": code, "name": name}).text
        wrong = re.findall(r'<p id="([a-z]+)-error"[^>]*>(.*?)</p>', page, re.DOTALL)
        assert [at for at, _ in wrong] == [field]
        assert told in wrong[0][1]
        assert not any(reason in page for reason in ("holds HTML", "is longer than"))


@pytest.mark.usefixtures("codes")
def test_codes_are_not_guessed(office: FlaskClient) -> None:
    statuses = [use(office, f"1-0000-0000-{place:04}") for place in range(21)]
    assert statuses == [401] * 20 + [429]


@pytest.mark.usefixtures("codes")
def test_a_code_of_another_office_opens_nothing_here(office: FlaskClient) -> None:
    office.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
    sign_in(office, "admin")
    page = office.post("/staff/codes/2").text
    elsewhere = re.findall(r"people-code\">([^<]+)<", page)
    office.post("/sign-out")
    assert [use(office, code) for code in elsewhere] == [401, 401, 401]


@pytest.mark.usefixtures("codes")
def test_an_office_that_is_none_gets_no_codes(store: Store, office: FlaskClient) -> None:
    office.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
    sign_in(office, "admin")
    assert office.post("/staff/codes/77").status_code == 303
    with store.read() as reader:
        assert {code.office for code in queries.emergency_codes(reader)} == {1}


# --- uses that come from villages -----------------------------------------------------------------


def use_from(store: Store, node: int, code: RowId) -> list[Reason]:
    """Let a village's word that a code was used land here; return why it is held."""
    written = Forger(StreamId(node, 77), Lane.TICKETS)
    written.insert(CODE_USE, [code.blob, NAME, 1])
    store.write(inbox.append, written.stream, written.lane, written.entries)
    while store.write(projection.step):
        pass
    with store.read() as reader:
        return [one.reason for one in projection.quarantined(reader)]


def test_a_village_cannot_use_up_the_code_of_another_office(
    store: Store, office: FlaskClient, codes: list[str]
) -> None:
    with store.read() as reader:
        code = queries.emergency_codes(reader)[0]
    assert use_from(store, 2, code.id) == [Reason.NOT_ITS_OWN]
    assert use(office, codes[0]) == 303


def test_a_use_of_a_code_that_was_replaced_meanwhile_is_kept(store: Store) -> None:
    """The village had no link: it could not know that the centre had printed new ones."""
    issue = {"office": 2, "hashes": ["h"], "by": "system"}
    store.write(service.issue_codes, **issue)
    with store.read() as reader:
        code = queries.emergency_codes(reader)[0]
    store.write(service.issue_codes, **issue)
    assert use_from(store, 2, code.id) == []
    with store.read() as reader:
        assert queries.code_is_used(reader, code.id)
