"""What the centre last knew of a node, and what of its nodes it cannot apply yet, is on a page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.people.model import Role
from appliance.store import inbox, projection
from appliance.store.ids import StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import wording
from tests.people.staffing import hire, sign_in
from tests.sync.forged import batch_of, rows
from tests.sync_link.offices import CENTRE, MINUTE, NOON, VILLAGE, Place, place
from tests.sync_link.test_pages import client, heard, page


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, CENTRE) as opened:
        yield opened


def unknown_rows(of: Place, count: int = 1, *, node: int = 2) -> None:
    """Let rows of a table come that this version does not know."""
    batch = batch_of(rows("noticeboard", *[[n] for n in range(count)]), stream=StreamId(node, 7))

    def verb(tx: Transaction) -> None:
        inbox.append(tx, batch.stream, Lane.TICKETS, batch.entries)

    of.store.write(verb)
    while of.store.write(projection.step):
        pass


def test_held_entries_are_shown_with_the_reason_and_what_to_do(centre: Place) -> None:
    unknown_rows(centre)
    told = page(client(centre), "/nodes/held")
    assert "Старостат села Верболіз" in told
    assert "Такого виду записів тут ще не знають" in told
    assert "no table noticeboard here" in told
    assert "Оновіть програму центру" in told


def test_each_reason_has_words_and_advice() -> None:
    assert set(wording.REASONS) == set(wording.ADVICE) == set(Reason)


def test_where_nothing_is_held_the_page_says_so_and_offers_nothing(centre: Place) -> None:
    told = page(client(centre), "/nodes/held")
    assert "Нічого не чекає" in told
    assert "Спробувати ще раз" not in told


def test_more_than_a_page_of_held_entries_is_told_as_such(centre: Place) -> None:
    unknown_rows(centre, 230)
    told = page(client(centre), "/nodes/held")
    assert told.count("<tr>") == 201  # and the head
    assert "Показано перші 200 із 230." in told


def test_trying_again_is_one_press_and_stands_in_the_audit_trail(centre: Place) -> None:
    unknown_rows(centre, 3)
    visitor = client(centre)
    answered = visitor.post("/nodes/held/replay")
    assert (answered.status_code, answered.location) == (303, "/nodes/held")
    with centre.store.read() as reader:
        assert {one.reason for one in projection.quarantined(reader)} == {"ready"}
        line = reader.one("SELECT actor, facts FROM people_audit WHERE action = 'sync.replay'")
    assert line is not None
    assert line["facts"] == '{"entries": 3}'
    while centre.store.write(projection.step):
        pass
    assert "no table noticeboard here" in page(visitor, "/nodes/held")  # it is held again, not lost


@pytest.mark.parametrize("role", [None, Role.DUTY_OFFICER])
def test_nobody_else_tries_again(centre: Place, role: Role | None) -> None:
    unknown_rows(centre)
    visitor = centre.surface().test_client()
    if role is not None:
        hire(centre.store, "stranger", roles=[role])
        sign_in(visitor, "stranger")
    assert visitor.post("/nodes/held/replay").status_code in {401, 403}
    with centre.store.read() as reader:
        assert {one.reason for one in projection.quarantined(reader)} == {"unknown_table"}


def test_page_of_a_silent_node_says_that_the_present_is_unknown(centre: Place) -> None:
    heard(centre, 3, contact_at=NOON - 180 * MINUTE, unsent=12)
    unknown_rows(centre, 5, node=3)
    told = page(client(centre), "/nodes/3")
    assert "Старостат села Кам’янка" in told
    assert "Без зв’язку 3 год" in told
    assert "що там зараз, невідомо" in told
    assert "12 відомо" in told
    assert '<td class="num">5</td>' in told
    assert "Складено о 14:05" in told


def test_page_of_a_node_that_never_called_knows_nothing(centre: Place) -> None:
    told = page(client(centre), "/nodes/4")
    assert "про нього нічого не відомо" in told
    assert "Що є в центрі" not in told


def test_pages_are_the_centres_and_of_its_own_nodes(centre: Place, tmp_path: Path) -> None:
    visitor = client(centre)
    assert visitor.get("/nodes/99").status_code == 404
    assert visitor.get("/nodes/1").status_code == 404
    (tmp_path / "v").mkdir()
    with place(tmp_path / "v", VILLAGE) as village:
        visitor = client(village)
        assert visitor.get("/nodes/2").status_code == 404
        assert visitor.get("/nodes/held").status_code == 404
        assert visitor.post("/nodes/held/replay").status_code == 404


def test_pages_speak_english(centre: Place) -> None:
    unknown_rows(centre)
    heard(centre, 2)
    visitor = client(centre)
    assert "This kind of entry is not known here yet" in page(visitor, "/nodes/held?lang=en")
    assert "Last known state" in page(visitor, "/nodes/2?lang=en")
