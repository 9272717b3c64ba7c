"""Rules bind own rows; a row of another node is kept whatever our rules say."""

import sqlite3
from pathlib import Path

import pytest

from appliance.store.database import Store
from appliance.store.failures import AlreadyThere, RuleBroken
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from tests.store.sample import EVENT, NOTE, PERSON, SERVICE, TICKET, State, rows, take, value


def foreign(tx: Transaction, table: str, row: RowId, **columns: object) -> None:
    names = ", ".join(("id", *columns))
    places = ", ".join("?" * (len(columns) + 1))
    tx.run(f"INSERT INTO {table} ({names}) VALUES ({places})", (row.blob, *columns.values()))


def test_own_rows_keep_every_rule(store: Store) -> None:
    ticket = store.write(take)
    for table, values in [
        (TICKET, {"series": None, "number": 5}),
        (TICKET, {"series": "А", "number": 0}),
        (EVENT, {"ticket": ticket, "state": "gone"}),
        (EVENT, {"ticket": RowId(3, 7, 7), "state": State.CALLED}),
    ]:
        with pytest.raises(RuleBroken):
            store.write(Transaction.insert, table, values)
    with pytest.raises(AlreadyThere):
        store.write(Transaction.insert, TICKET, {"series": "А", "number": 1})
    assert value(store, "SELECT count(*) FROM ticket") == 1


def test_rows_of_others_keep_none_but_the_id(store: Store) -> None:
    def arrive(tx: Transaction) -> None:
        foreign(tx, "ticket", RowId(2, 7, 1), series="А", number=1)
        foreign(tx, "ticket", RowId(2, 7, 2), series="А", number=1)
        foreign(tx, "ticket", RowId(2, 7, 3), series=None, number=-1)
        foreign(tx, "event", RowId(2, 7, 4), ticket=RowId(2, 7, 99).blob, state="from the future")

    store.write(take)
    store.write(arrive)
    assert value(store, "SELECT count(*) FROM ticket WHERE series = 'А' AND number = 1") == 3
    with pytest.raises(AlreadyThere):
        store.write(foreign, "ticket", RowId(2, 7, 1))
    with pytest.raises(RuleBroken):
        store.write(lambda tx: tx.run("INSERT INTO ticket (id) VALUES (x'00')"))


def test_an_own_row_may_refer_to_a_row_of_another_node_that_is_not_here(store: Store) -> None:
    store.write(Transaction.insert, EVENT, {"ticket": RowId(2, 7, 1), "state": State.CALLED})


def test_an_own_row_that_others_refer_to_stays(store: Store) -> None:
    ticket = store.write(take)
    with pytest.raises(RuleBroken):
        store.write(lambda tx: tx.run("DELETE FROM ticket WHERE id = ?", (ticket.blob,)))


def test_a_lookup_of_an_own_unique_uses_its_index(store: Store) -> None:
    plan = rows(
        store,
        "EXPLAIN QUERY PLAN SELECT 1 FROM ticket WHERE own = 1 AND series = :s AND number = :n",
        s="А",
        n=1,
    )
    assert "USING INDEX ticket_one_series_number" in plan[0]["detail"]


def test_a_deleted_row_of_the_centre_frees_its_unique_values(store: Store) -> None:
    def swap(tx: Transaction) -> None:
        values = {"name": "Довідка", "is_open": 1}
        tx.insert(SERVICE, values, scope="hromada")
        tx.delete(SERVICE, {"name": "Довідка"})
        tx.insert(SERVICE, values, scope="hromada")

    store.write(swap)
    with pytest.raises(AlreadyThere):
        store.write(Transaction.insert, SERVICE, {"name": "Довідка", "is_open": 1}, scope="hromada")
    with pytest.raises(RuleBroken):
        store.write(Transaction.insert, SERVICE, {"name": "А", "is_open": 2}, scope="hromada")


def test_a_local_table_with_one_whole_number_for_a_key_counts_by_itself(store: Store) -> None:
    store.write(lambda tx: [tx.add(NOTE, {"words": word}) for word in "аб"])
    assert rows(store, "SELECT * FROM note") == [
        {"place": 1, "words": "а"},
        {"place": 2, "words": "б"},
    ]


def test_every_table_is_strict_about_kinds(store: Store, tmp_path: Path) -> None:
    store.write(Transaction.insert, PERSON, {"name": "Олена", "age": 40})
    store.close()
    connection = sqlite3.connect(tmp_path / "node.db")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE person SET age = 'forty'")
    connection.close()
