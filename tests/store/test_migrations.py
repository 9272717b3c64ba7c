"""A file follows the code that opens it, and the release before still runs on it."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import pytest

from appliance.store import pragmas
from appliance.store.failures import RuleBroken
from appliance.store.log import entries
from appliance.store.migrations import STEPS, SchemaConflict, Step, migrate
from appliance.store.registry import Registry
from appliance.store.tables import Lane, Table, integer, one_of, reference, text
from appliance.store.transaction import Transaction
from appliance.store.values import decode_row
from tests.store.sample import EVENT, PERSON, STANDING, TABLES, TICKET, State, rows, value, village


class Wider(StrEnum):
    """`State`, a release later."""

    WAITING = "waiting"
    CALLED = "called"
    PUT_BACK = "put_back"


NEWER = replace(
    EVENT,
    columns=(
        reference("ticket", "ticket"),
        one_of("state", Wider),
        integer("counter", null=True, since=2),
        reference("after", "event", null=True, since=2),
    ),
    indexes=(("ticket",), ("counter",)),
    unique=(("ticket", "counter"),),
)
OLD, NEW = (TICKET, EVENT, STANDING), (TICKET, NEWER, STANDING)


def happen(tx: Transaction, table: Table, state: str, **more: object) -> None:
    ticket = tx.insert(TICKET, {"series": "А", "number": tx.next_number("А")})
    tx.insert(table, {"ticket": ticket, "state": state, **more})


def test_a_new_column_index_rule_and_reference_are_applied_at_open(tmp_path: Path) -> None:
    before = village(tmp_path / "node.db", OLD)
    before.write(happen, EVENT, State.WAITING)
    before.close()
    store = village(tmp_path / "node.db", NEW)
    store.write(happen, NEWER, Wider.PUT_BACK, counter=4)
    with pytest.raises(RuleBroken):
        store.write(happen, NEWER, "elsewhere")
    assert rows(store, "SELECT state, counter FROM event ORDER BY counter") == [
        {"state": "waiting", "counter": None},
        {"state": "put_back", "counter": 4},
    ]
    assert value(store, "PRAGMA integrity_check") == "ok"
    with store.read() as reader:
        assert len(reader.all("PRAGMA foreign_key_list(event)")) == 2
        assert {row["name"] for row in reader.all("PRAGMA index_list(event)")} >= {
            "event_by_counter",
            "event_one_ticket_counter",
        }
    store.close()


def test_the_release_before_runs_on_a_newer_file_and_changes_nothing_of_it(tmp_path: Path) -> None:
    for tables in (OLD, NEW):
        village(tmp_path / "node.db", tables).close()
    older = village(tmp_path / "node.db", OLD)
    older.write(happen, EVENT, State.CALLED)
    with older.read() as reader:
        entry = entries(reader, older.stream, Lane.TICKETS, 1, 1 << 20)[0]
    assert entry.schema == 1
    assert len(decode_row(entry.body)) == 2
    older.close()
    newer = village(tmp_path / "node.db", NEW)
    newer.write(happen, NEWER, Wider.PUT_BACK)
    assert value(newer, "SELECT count(*) FROM event") == 2
    newer.close()


def test_a_file_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    village(tmp_path / "node.db", NEW).close()
    connection = pragmas.open_writer(tmp_path / "node.db")
    assert migrate(connection, Registry(NEW), at=1) == []
    connection.close()


def test_each_change_is_recorded_once(tmp_path: Path) -> None:
    for tables in (OLD, NEW, OLD, NEW):
        village(tmp_path / "node.db", tables).close()
    store = village(tmp_path / "node.db", NEW)
    names = [row["name"] for row in rows(store, "SELECT name FROM _migration ORDER BY ordinal")]
    store.close()
    assert len(names) == len(set(names))
    assert names[: len(STEPS)] == [name for name, _ in STEPS]
    assert "event: column counter" in names


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (replace(PERSON, columns=(*PERSON.columns, text("surname"))), "lacks surname"),
        (replace(PERSON, columns=(integer("name"), *PERSON.columns[1:])), "name TEXT, not INTEGER"),
        (replace(STANDING, key=("state",)), "has the key"),
    ],
)
def test_a_table_that_can_not_follow_is_refused_and_the_file_left_as_it_was(
    tmp_path: Path, changed: Table, told: str
) -> None:
    village(tmp_path / "node.db").close()
    before = _dump(tmp_path / "node.db")
    with pytest.raises(SchemaConflict, match=told):
        village(tmp_path / "node.db", [changed])
    assert _dump(tmp_path / "node.db") == before


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def grown(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE _grown (a INTEGER) STRICT")


def broken(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE _half (a INTEGER) STRICT")
    connection.execute("not a statement")


@pytest.mark.parametrize("step", [grown, ["CREATE TABLE _grown (a INTEGER) STRICT"]])
def test_a_numbered_step_and_its_record_are_one(
    tmp_path: Path, step: Sequence[str] | Callable[[sqlite3.Connection], None]
) -> None:
    village(tmp_path / "node.db").close()
    connection = pragmas.open_writer(tmp_path / "node.db")
    steps: list[Step] = [*STEPS, ("9001 grown", step)]
    assert migrate(connection, Registry(TABLES), at=5, steps=steps) == ["9001 grown"]
    assert migrate(connection, Registry(TABLES), at=6, steps=steps) == []
    recorded = connection.execute("SELECT * FROM _migration WHERE name = '9001 grown'").fetchall()
    assert [row["applied_at"] for row in recorded] == [5]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, Registry(TABLES), at=7, steps=[*steps, ("9002 broken", broken)])
    assert not connection.in_transaction
    assert not connection.execute("PRAGMA table_info(_half)").fetchall()
    connection.close()
