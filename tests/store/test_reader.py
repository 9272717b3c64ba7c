"""A reader sees one moment and can't write."""

import sqlite3
import threading

import pytest

from appliance.store.database import Store
from appliance.store.failures import DiskBroken
from appliance.store.ids import RowId
from appliance.store.reader import POOLED
from tests.store.sample import State, take, value


def test_a_reader_sees_one_moment(store: Store) -> None:
    store.write(take)
    with store.read() as reader:
        assert reader.value("SELECT count(*) FROM ticket") == 1
        store.write(take)
        assert reader.value("SELECT count(*) FROM ticket") == 1
    assert value(store, "SELECT count(*) FROM ticket") == 2


def test_rows_come_back_as_one_all_or_a_value(store: Store) -> None:
    ticket = store.write(take)
    with store.read() as reader:
        row = reader.one("SELECT * FROM ticket WHERE id = :id", id=ticket)
        assert row is not None
        assert RowId.of(row["id"]) == ticket
        assert reader.one("SELECT 1 WHERE 0") is None
        assert reader.value("SELECT 1 WHERE 0") is None
        states = reader.all("SELECT state FROM event WHERE state = :state", state=State.WAITING)
        assert [row["state"] for row in states] == ["waiting"]
        assert reader.node == 3


def test_a_reader_can_not_write(store: Store) -> None:
    with store.read() as reader, pytest.raises(Exception, match=r"(?i)read-?only"):
        reader.all("DELETE FROM ticket")


def test_a_request_that_fails_gives_its_connection_back(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(Exception, match="no such table"), store.read() as reader:
            reader.all("SELECT * FROM nobody")
    assert len(store._pool._free) == 1


def test_a_file_that_cannot_be_opened_is_told_as_an_error_of_the_disk(store: Store) -> None:
    def refused() -> sqlite3.Connection:
        return sqlite3.connect("file:/nowhere/at/all?mode=ro", uri=True)

    store._pool._open = refused
    with pytest.raises(DiskBroken), store.read():
        raise AssertionError("nobody reads")


def test_a_connection_that_fails_to_begin_is_not_used_again(store: Store) -> None:
    with store.read():
        pass
    [kept] = store._pool._free
    kept.execute("BEGIN")  # a second one fails
    with pytest.raises(sqlite3.OperationalError), store.read():
        raise AssertionError("nobody reads")
    assert store._pool._free == []
    with store.read() as reader:
        assert reader.value("SELECT 1") == 1


def test_a_crowd_is_served_and_leaves_few_connections_open(store: Store) -> None:
    crowd = POOLED * 2
    together = threading.Barrier(crowd)

    def request() -> None:
        with store.read() as reader:
            together.wait(20)
            assert reader.value("SELECT count(*) FROM ticket") == 0

    threads = [threading.Thread(target=request) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store._pool._free) == POOLED


def test_a_reader_that_outlives_the_store_lets_go_of_the_file(store: Store) -> None:
    with store.read() as reader:
        store.close()
        assert reader.value("SELECT count(*) FROM ticket") == 0
    assert store._pool._free == []
