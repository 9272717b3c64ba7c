"""The store as rooms and the node use it."""

from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.failures import StoreClosed
from appliance.store.tables import Owner, Table, integer
from appliance.store.transaction import Transaction
from tests.store.checking import verify
from tests.store.sample import TABLES, TICKET, take, value, village


def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    store = village(tmp_path / "deep" / "node.db")
    tickets = [store.write(take) for _ in range(5)]
    store.close()
    again = village(tmp_path / "deep" / "node.db")
    for ticket in tickets:
        assert value(again, "SELECT 1 FROM ticket WHERE id = :id", id=ticket) == 1
    assert again.epoch != store.epoch
    verify(again)
    again.close()


def test_arguments_reach_the_verb_and_its_result_the_caller(store: Store) -> None:
    def verb(tx: Transaction, *args: int, **kwargs: int) -> tuple[object, ...]:
        return tx.node, args, kwargs

    assert store.write(verb, 1, 2, more=3) == (3, (1, 2), {"more": 3})


def test_only_tables_of_the_file_are_made(tmp_path: Path) -> None:
    reading = Table(
        "reading",
        owner=Owner.LOCAL,
        columns=(integer("place"),),
        key=("place",),
        files=("telemetry",),
    )
    store = village(tmp_path / "telemetry.db", [*TABLES, reading], files="telemetry")
    assert [table.name for table in store.tables] == ["reading"]
    store.close()


def test_a_store_without_threads_does_the_same(tmp_path: Path, clock: FixedClock) -> None:
    store = village(tmp_path / "node.db", inline=True, clock=clock)
    heard: list[str] = []
    store.subscribe("queue", lambda: heard.append("queue"))
    assert store.write(take).seq == 1
    with pytest.raises(LookupError):
        store.write(_fails)
    assert heard == ["queue"]
    verify(store)
    store.close()
    with pytest.raises(StoreClosed):
        store.write(take)
    with pytest.raises(StoreClosed), store.read():
        pass


def _fails(tx: Transaction) -> None:
    take(tx)
    raise LookupError


def test_one_seed_gives_the_same_file_twice(tmp_path: Path) -> None:
    """A simulation replays byte for byte: nothing but clock and entropy decides what is written."""

    def run(folder: Path) -> bytes:
        drawn = iter(range(1, 1000))
        store = village(
            folder / "node.db",
            inline=True,
            clock=FixedClock(),
            entropy=lambda size: next(drawn).to_bytes(size, "big"),
        )
        for _ in range(5):
            store.write(take)
        store.close()
        return (folder / "node.db").read_bytes()

    assert run(tmp_path / "one") == run(tmp_path / "other")


def test_a_table_is_told_from_another_of_its_name(store: Store) -> None:
    assert store.tables["ticket"] is TICKET
    assert store.clock.wall() > 0
