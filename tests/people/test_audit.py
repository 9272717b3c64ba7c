"""The audit trail: what was done is in it, and nobody changes it unseen."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from appliance.people import audit, chain, queries, service, trail
from appliance.people.model import Role
from appliance.people.tables import AUDIT
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.transaction import NotOurs, Transaction
from tests.people import staffing
from tests.people.carried import send_up
from tests.people.staffing import hashed, hire, sign_in

DAY_MS = 24 * 3600 * 1000


def note(tx: Transaction, count: int = 1) -> list[RowId]:
    return [
        audit.record(
            tx, actor="system", action="queue.call", subject=f"ticket-{place}", facts={"n": place}
        )
        for place in range(count)
    ]


def verdict(store: Store) -> audit.Verdict:
    with store.read() as reader:
        return audit.verify(reader)


def tamper(store: Store, sql: str, *values: Any) -> None:
    """Change the file behind the program's back, as somebody with the card in hand would."""

    def verb(tx: Transaction) -> None:
        assert tx.run(sql, values).rowcount > 0

    store.write(verb)


# --- what is in it -------------------------------------------------------------------------------


def test_an_action_and_its_line_are_written_together_or_not_at_all(store: Store) -> None:
    def act_and_fail(tx: Transaction) -> None:
        note(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(act_and_fail)
    assert verdict(store) == audit.Verdict(0, ())


def test_every_verb_of_staff_leaves_its_line(store: Store) -> None:
    person = hire(store)
    hire(store, "admin", roles=[Role.ADMINISTRATOR])
    store.write(service.rename, person, "Оксана Коваль", by=person)
    store.write(service.change_roles, person, {1: frozenset({Role.HEAD})}, by=person)
    store.write(service.issue_password, person, hashed=hashed(), by=person)
    store.write(service.dismiss, person, by=person)
    roles = {1: frozenset({Role.STAROSTA})}
    store.write(service.reinstate, person, roles, hashed=hashed(), by=person)
    store.write(service.issue_codes, 1, [hashed()], by=person)
    with store.read() as reader:
        lines = trail.lines(reader, trail.Filter())
    assert [line.action for line in reversed(lines)] == [
        "people.hire",
        "people.hire",
        "people.rename",
        "people.change_roles",
        "people.issue_password",
        "people.dismiss",
        "people.reinstate",
        "people.issue_codes",
    ]
    assert {line.actor for line in lines[:-2]} == {str(person)}
    assert all(line.fits for line in lines)


def test_the_trail_names_ids_and_no_person(store: Store) -> None:
    person = hire(store, "o.melnychuk", name="Оксана Мельничук")
    store.write(service.rename, person, "Оксана Коваль", by=person)
    with store.read() as reader:
        told = " ".join(
            " ".join(str(value) for value in tuple(row))
            for row in reader.all("SELECT actor, action, subject, facts FROM people_audit")
        )
    for name in ("Оксана", "Мельничук", "Коваль", "o.melnychuk"):
        assert name not in told


def test_a_line_never_changes_and_is_never_taken_out(store: Store) -> None:
    (row,) = store.write(note)
    with pytest.raises(NotOurs):
        store.write(lambda tx: tx.update_where(AUDIT, {"id": row}, {"action": "x"}))
    with pytest.raises(NotOurs):
        store.write(lambda tx: tx.delete(AUDIT, {"id": row}))


# --- the chain -----------------------------------------------------------------------------------


def test_an_untouched_trail_is_whole_across_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        store = staffing.open_store(tmp_path)
        store.write(note, 4)
        store.close()
    store = staffing.open_store(tmp_path)
    assert verdict(store) == audit.Verdict(12, ())
    store.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE people_audit SET action = 'queue.finish' WHERE id = ?",
        "UPDATE people_audit SET actor = 'device:x' WHERE id = ?",
        "UPDATE people_audit SET at = at + 1 WHERE id = ?",
        "UPDATE people_audit SET facts = '{}' WHERE id = ?",
        "DELETE FROM people_audit WHERE id = ?",
        "DELETE FROM people_audit_link WHERE row = ?",
        "UPDATE people_audit_link SET chain = zeroblob(16) WHERE row = ?",
    ],
)
def test_a_trail_that_was_touched_names_the_row(store: Store, sql: str) -> None:
    rows = store.write(note, 9)
    tamper(store, sql, rows[4].blob)
    found = verdict(store)
    assert not found.whole
    assert rows[4] in found.broken or rows[5] in found.broken


def test_a_row_taken_out_with_its_link_is_missed_by_the_next(store: Store) -> None:
    rows = store.write(note, 9)
    tamper(store, "DELETE FROM people_audit WHERE id = ?", rows[4].blob)
    tamper(store, "DELETE FROM people_audit_link WHERE row = ?", rows[4].blob)
    assert verdict(store).broken == (rows[5],)


def test_a_row_slipped_in_is_a_stranger(store: Store) -> None:
    store.write(note, 3)
    stranger = RowId(1, store.epoch, 4000)
    tamper(
        store,
        "INSERT INTO people_audit (id, own, actor, action, subject, facts, at)"
        " VALUES (?, 1, 'system', 'queue.call', 'x', '{}', 1)",
        stranger.blob,
    )
    assert verdict(store).broken == (stranger,)


def test_two_rows_that_changed_places_are_noticed(store: Store) -> None:
    rows = store.write(note, 4)
    for sql, first, second in (
        ("UPDATE people_audit_link SET place = 9 WHERE row = ? AND ? <> ''", rows[1], rows[2]),
        ("UPDATE people_audit_link SET place = 2 WHERE row = ? AND ? <> ''", rows[2], rows[1]),
        ("UPDATE people_audit_link SET place = 3 WHERE row = ? AND ? <> ''", rows[1], rows[2]),
    ):
        tamper(store, sql, first.blob, second.blob)
    assert not verdict(store).whole


texts = st.text(max_size=8)
lines = st.fixed_dictionaries(
    {
        "id": st.binary(min_size=14, max_size=14),
        "actor": texts,
        "action": texts,
        "subject": texts,
        "facts": texts,
        "at": st.integers(0, 2**53),
    }
)


@given(lines, lines, st.binary(min_size=16, max_size=16))
def test_two_lines_that_differ_anywhere_never_share_a_link(
    one: dict[str, Any], other: dict[str, Any], previous: bytes
) -> None:
    same = chain.link(previous, chain.told(one)) == chain.link(previous, chain.told(other))
    assert same == (one == other)


def test_the_centre_folds_the_same_chain_out_of_what_a_village_sent(tmp_path: Path) -> None:
    centre = staffing.open_store(tmp_path, node=1)
    village = staffing.open_store(tmp_path, node=2, centre=False)
    village.write(note, 3)
    village.write(note, 2)
    send_up(village, centre)
    assert verdict(centre) == verdict(village) == audit.Verdict(5, ())
    told = []
    for store in (centre, village):
        with store.read() as reader:
            sql = "SELECT place, chain FROM people_audit_link ORDER BY place"
            told.append([tuple(row) for row in reader.all(sql)])
    assert told[0] == told[1]
    centre.close()
    village.close()


# --- on the page ---------------------------------------------------------------------------------


@pytest.fixture
def reader_of_it(store: Store, office: FlaskClient) -> FlaskClient:
    hire(store, "head", name="Марія Кушнір", roles=[Role.HEAD])
    sign_in(office, "head")
    return office


def test_the_page_shows_who_did_what(reader_of_it: FlaskClient) -> None:
    page = reader_of_it.get("/audit").text
    assert "Марія Кушнір" in page
    assert "Увійшли" in page
    assert "Прийняли на роботу" in page
    assert "сходиться" in page
    assert "не сходиться" not in page


def test_the_page_is_filtered_and_paged(
    store: Store, reader_of_it: FlaskClient, clock: Any
) -> None:
    store.write(note, 120)
    clock.advance(2 * 24 * 3600)
    store.write(note, 1)
    sign_in_again(reader_of_it)
    first = reader_of_it.get("/audit?action=queue.call").text
    assert first.count("<tr>") == 51
    assert "1–50 із 121" in first
    third = reader_of_it.get("/audit?action=queue.call&page=3").text
    assert "101–121 із 121" in third
    assert reader_of_it.get("/audit?day=2026-09-23&action=queue.call").text.count("<tr>") == 2
    assert "Таких записів немає" in reader_of_it.get("/audit?day=1999-01-01").text
    assert "Таких записів немає" in reader_of_it.get("/audit?actor=nobody").text


def sign_in_again(client: FlaskClient) -> None:
    client.environ_base.pop("HTTP_X_CSRF_TOKEN", None)
    sign_in(client, "head")


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "page=٣",
        "day=9999-12-31",
        "day=x",
        "office=99",
        "office=²",
        "action='%20OR%201=1",
    ],
)
def test_a_query_that_makes_no_sense_is_passed_over(reader_of_it: FlaskClient, query: str) -> None:
    assert reader_of_it.get(f"/audit?{query}").status_code == 200
    assert reader_of_it.get(f"/audit.csv?{query}").status_code == 200


def test_a_hostile_query_is_refused(reader_of_it: FlaskClient) -> None:
    assert reader_of_it.get("/audit?action=%00").status_code == 422
    assert reader_of_it.get("/audit?actor=" + "x" * 500).status_code == 422


def test_a_trail_that_was_touched_is_marked_on_the_page(
    store: Store, reader_of_it: FlaskClient
) -> None:
    rows = store.write(note, 3)
    assert "нічого не змінено" in reader_of_it.get("/audit?verify=1").text
    tamper(store, "UPDATE people_audit SET facts = '{' WHERE id = ?", rows[1].blob)
    page = reader_of_it.get("/audit?verify=1").text
    assert "Журнал хтось змінив" in page
    assert str(rows[1]) in page
    assert "не сходиться" in page


def test_the_export_holds_the_lines_and_runs_no_formula(
    store: Store, reader_of_it: FlaskClient
) -> None:
    store.write(lambda tx: audit.record(tx, actor="system", action="queue.call", subject="=1+1"))
    answered = reader_of_it.get("/audit.csv?action=queue.call")
    assert answered.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answered.headers["Content-Disposition"]
    head, line = csv.reader(io.StringIO(answered.text.removeprefix("\ufeff")))
    assert line[head.index("subject")] == "'=1+1"
    assert line[head.index("fits")] == "1"


def test_a_technician_does_not_read_the_trail(
    store: Store, browser: Callable[[], FlaskClient]
) -> None:
    hire(store, "technician", roles=[Role.TECHNICIAN])
    client = browser()
    sign_in(client, "technician")
    assert client.get("/audit").status_code == 403
    assert client.get("/audit.csv").status_code == 403
    with store.read() as reader:
        assert queries.names(reader)


@pytest.mark.parametrize(
    "facts",
    [
        "[" * 20_000,
        '{"a": [[1]]}',
        '{"a": {"b": 1}}',
        '{"a": "\\ud800"}',
        "[1]",
        "{",
    ],
)
def test_facts_that_nobody_here_writes_are_shown_as_they_came(store: Store, facts: str) -> None:
    told = {"actor": "office:" + "9" * 5000, "action": "x", "subject": "", "facts": facts, "at": 1}
    store.write(lambda tx: tx.insert(AUDIT, told))
    with store.read() as reader:
        assert trail.lines(reader, trail.Filter(action="x"))[0].facts == {"?": facts}
