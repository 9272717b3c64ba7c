"""What a verb can do: rows and their log entries together, own rows only, by the table's owner."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.store import log
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.entries import Op
from appliance.store.failures import AlreadyThere, RuleBroken
from appliance.store.ids import RowId
from appliance.store.journal import LARGEST, TransactionTooLarge
from appliance.store.registry import UnknownTable
from appliance.store.tables import Lane, Owner, Row, Table, integer, text
from appliance.store.transaction import NotOurs, Transaction, TransactionOver
from appliance.store.values import WrongValue, decode_changes, decode_row
from tests.store.checking import verify
from tests.store.sample import (
    EVENT,
    NOTE,
    PERSON,
    SERVICE,
    STANDING,
    TABLES,
    TICKET,
    State,
    rows,
    take,
    value,
    village,
)


def logged(store: Store, lane: Lane) -> list[log.Entry]:
    with store.read() as reader:
        return log.entries(reader, store.stream, lane, 0, 1 << 30)


def test_a_row_is_named_after_the_entry_that_gave_birth_to_it(store: Store) -> None:
    ticket = store.write(take, "А", "на прийом")
    first, second = logged(store, Lane.TICKETS)
    assert ticket == RowId(3, store.epoch, first.seq)
    assert (first.table, first.op, first.key, first.tx) == ("ticket", Op.INSERT, ticket.blob, 1)
    assert decode_row(first.body) == ["А", 1, "на прийом"]
    assert decode_row(second.body) == [ticket.blob, "waiting"]
    assert second.tx == first.tx
    verify(store)


def test_the_body_of_an_append_only_row_is_kept_once(store: Store) -> None:
    store.write(take)
    store.write(Transaction.insert, PERSON, {"name": "Олена"})
    kept = rows(store, "SELECT tbl, body IS NULL AS elsewhere, length(salt) AS salt FROM _log")
    assert kept == [
        {"tbl": "ticket", "elsewhere": 1, "salt": None},
        {"tbl": "event", "elsewhere": 1, "salt": None},
        {"tbl": "person", "elsewhere": 0, "salt": 16},
    ]


def test_a_projection_runs_in_the_same_transaction(store: Store) -> None:
    ticket = store.write(take)
    assert rows(store, "SELECT ticket, state FROM standing") == [
        {"ticket": ticket.blob, "state": "waiting"}
    ]


def test_a_projection_is_given_the_whole_row_of_the_centre(tmp_path: Path) -> None:
    seen: list[Row] = []
    table = replace(SERVICE, project=lambda _, born: seen.extend(born))
    store = village(tmp_path / "node.db", [table])
    store.write(Transaction.insert, table, {"name": "А", "is_open": 1}, scope="hromada")
    assert rows(store, "SELECT * FROM service") == seen
    store.close()


def test_an_update_logs_what_changed_and_returns_the_rows_as_they_are(store: Store) -> None:
    def age(tx: Transaction) -> list[str]:
        for name in ("Олена", "Іван", "Марія"):
            tx.insert(PERSON, {"name": name, "age": None if name == "Марія" else 40})
        changed = tx.update_where(PERSON, {"age": 40, "name": ["Олена", "Іван"]}, {"age": 41})
        changed += tx.update_where(PERSON, {"age": None}, {"age": 1})
        return sorted(f"{row['name']} {row['age']}" for row in changed)

    assert store.write(age) == ["Іван 41", "Марія 1", "Олена 41"]
    bodies = [decode_changes(e.body) for e in logged(store, Lane.STATE) if e.op is Op.UPDATE]
    assert bodies == [{1: 41}, {1: 41}, {1: 1}]
    verify(store)


def test_who_comes_second_changes_nothing(store: Store) -> None:
    ticket = store.write(take)
    call = (STANDING, {"ticket": ticket, "state": State.WAITING}, {"state": State.CALLED})
    assert len(store.write(Transaction.update_where, *call)) == 1
    assert store.write(Transaction.update_where, *call) == []
    assert store.write(Transaction.update_where, PERSON, {"name": []}, {"age": 1}) == []


def test_a_deleted_row_is_logged_and_returned_as_it_was(store: Store) -> None:
    def leave(tx: Transaction) -> list[str]:
        tx.insert(PERSON, {"name": "Олена"})
        return [row["name"] for row in tx.delete(PERSON, {"name": "Олена"})]

    assert store.write(leave) == ["Олена"]
    assert [entry.op for entry in logged(store, Lane.STATE)] == [Op.INSERT, Op.DELETE]
    assert logged(store, Lane.STATE)[1].body is None
    verify(store)


def test_only_own_rows_are_touched(store: Store) -> None:
    def meet(tx: Transaction) -> tuple[int, int]:
        tx.run("INSERT INTO person (id, name) VALUES (?, 'Олена')", (RowId(2, 7, 1).blob,))
        tx.insert(PERSON, {"name": "Олена"})
        changed = tx.update_where(PERSON, {"name": "Олена"}, {"age": 5})
        return len(changed), len(tx.delete(PERSON, {"name": "Олена"}))

    assert store.write(meet) == (1, 1)
    assert rows(store, "SELECT own, age FROM person") == [{"own": None, "age": None}]


def test_local_rows_are_added_put_and_never_logged(store: Store) -> None:
    store.write(Transaction.add, NOTE, {"place": 1, "words": "перше"})
    with pytest.raises(AlreadyThere):
        store.write(Transaction.add, NOTE, {"place": 1})
    store.write(Transaction.put, NOTE, {"place": 1, "words": "друге"})
    store.write(Transaction.put, NOTE, {"place": 1})
    assert rows(store, "SELECT * FROM note") == [{"place": 1, "words": "друге"}]
    assert store.write(Transaction.delete, NOTE, {"place": 1})[0]["words"] == "друге"
    assert value(store, "SELECT count(*) FROM _log") == 0


def test_a_row_of_the_centre_has_a_scope_a_revision_and_leaves_a_tombstone(store: Store) -> None:
    def offer(tx: Transaction) -> None:
        tx.insert(SERVICE, {"name": "Довідка", "is_open": 1}, scope="office:3")
        tx.insert(SERVICE, {"name": "Субсидія", "is_open": 1}, scope="hromada")
        tx.update_where(SERVICE, {"is_open": 1}, {"is_open": 0})
        assert tx.delete(SERVICE, {"name": "Довідка"})[0]["is_open"] == 0
        assert tx.update_where(SERVICE, {"deleted": 1}, {"is_open": 1}) == []

    store.write(offer)
    assert rows(store, "SELECT * FROM service ORDER BY rev_seq") == [
        {
            "id": RowId(3, store.epoch, seq).blob,
            "own": 1,
            "scope": scope,
            "rev_epoch": store.epoch,
            "rev_seq": rev,
            "deleted": deleted,
            "name": name,
            "is_open": is_open,
        }
        for seq, scope, rev, deleted, name, is_open in [
            (2, "hromada", 4, 0, "Субсидія", 0),
            (1, "office:3", 5, 1, None, None),
        ]
    ]
    assert value(store, "SELECT count(*) FROM _log") == 0


def test_revisions_go_on_growing_after_a_restart(store: Store, clock: FixedClock) -> None:
    offer = {"is_open": 1}
    store.write(Transaction.insert, SERVICE, {"name": "А", **offer}, scope="hromada")
    store.write(Transaction.update_where, SERVICE, {"name": "А"}, {"is_open": 0})
    store.close()
    again = village(store.path, clock=clock)
    again.write(Transaction.insert, SERVICE, {"name": "Б", **offer}, scope="hromada")
    again.write(Transaction.insert, PERSON, {"name": "Олена"})
    revisions = rows(again, "SELECT name, rev_seq, rev_epoch FROM service ORDER BY rev_seq")
    assert [(row["name"], row["rev_seq"]) for row in revisions] == [("А", 2), ("Б", 3)]
    assert [row["rev_epoch"] for row in revisions] == [store.epoch, again.epoch]
    assert value(again, "SELECT seq FROM _log") == 4
    again.close()


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        (Transaction.insert, (SERVICE, {"name": "А", "is_open": 1})),
        (Transaction.insert, (NOTE, {"place": 1})),
        (Transaction.add, (PERSON, {"name": "Олена"})),
        (Transaction.put, (SERVICE, {"name": "А", "is_open": 1})),
        (Transaction.update_where, (TICKET, {"number": 1}, {"note": "б"})),
        (Transaction.update_where, (PERSON, {"name": "Олена"}, {})),
        (Transaction.delete, (EVENT, {"state": State.WAITING})),
    ],
)
def test_a_table_is_written_as_its_owner_allows(
    store: Store, verb: object, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(NotOurs):
        store.write(verb, *arguments)


def test_a_row_of_a_node_has_no_scope(store: Store) -> None:
    with pytest.raises(NotOurs):
        store.write(Transaction.insert, PERSON, {"name": "Олена"}, scope="hromada")


def test_a_village_does_not_write_rows_of_the_centre(store: Store) -> None:
    store.close()
    there = village(store.path, centre=False)
    with pytest.raises(NotOurs, match="the centre alone"):
        there.write(Transaction.insert, SERVICE, {"name": "А", "is_open": 1}, scope="hromada")
    there.close()


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (PERSON, {"name": "Олена", "surname": "Коваль"}),
        (PERSON, {"name": 5}),
        (PERSON, {"name": "Олена", "age": "сорок"}),
        (PERSON, {"name": "Олена", "age": 1 << 63}),
        (PERSON, {"name": "\ud800"}),
        (PERSON, {"name": b"bytes"}),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    store: Store, table: Table, values: dict[str, object]
) -> None:
    with pytest.raises(WrongValue) as refused:
        store.write(Transaction.insert, table, values)
    assert refused.value.column in values


@pytest.mark.parametrize("where", [{"surname": "Коваль"}, {"name; DROP TABLE person": 1}])
def test_a_condition_names_columns_only(store: Store, where: dict[str, object]) -> None:
    with pytest.raises(WrongValue):
        store.write(Transaction.update_where, PERSON, where, {"age": 1})
    with pytest.raises(WrongValue):
        store.write(Transaction.delete, PERSON, where)


def test_a_table_that_is_not_declared_is_refused(store: Store) -> None:
    other = Table("other", owner=Owner.LOCAL, columns=(text("a"),), key=("a",))
    with pytest.raises(UnknownTable):
        store.write(Transaction.add, other, {"a": "б"})


def test_a_transaction_that_no_batch_could_carry_is_refused_whole(store: Store) -> None:
    def flood(tx: Transaction) -> None:
        for number in range(3):
            tx.insert(PERSON, {"name": f"{number}" + "х" * (LARGEST // 4)})

    with pytest.raises(TransactionTooLarge):
        store.write(flood)
    assert value(store, "SELECT count(*) FROM person") == 0
    verify(store)


def test_time_stands_still_within_a_verb_and_the_hybrid_time_grows_between(
    store: Store, clock: FixedClock
) -> None:
    def look(tx: Transaction) -> tuple[int, int, ClockQuality]:
        return tx.now, tx.hlc, tx.clock_quality

    now, hlc, quality = store.write(look)
    assert (now, quality) == (clock.wall(), ClockQuality.SYNCHRONISED)
    clock.set(now - 365 * 86_400_000, quality=ClockQuality.UNKNOWN)
    earlier, later_hlc, unknown = store.write(look)
    assert earlier < now
    assert later_hlc > hlc
    assert unknown is ClockQuality.UNKNOWN


def test_the_hybrid_time_of_another_node_is_followed_within_reason(
    store: Store, clock: FixedClock
) -> None:
    ahead = (clock.wall() + 60_000) << 16
    assert store.write(Transaction.witness, ahead)
    assert store.write(lambda tx: tx.hlc) > ahead
    assert not store.write(Transaction.witness, (clock.wall() + 3_600_000) << 16)


def test_the_hybrid_time_goes_on_growing_after_a_restart_with_a_bad_clock(store: Store) -> None:
    store.write(take)
    before = store.write(lambda tx: tx.hlc)
    store.write(take)
    store.close()
    bad = FixedClock(1000, quality=ClockQuality.UNKNOWN)
    again = village(store.path, clock=bad)
    assert again.write(lambda tx: tx.hlc) > before
    again.close()


def test_a_transaction_that_was_kept_is_of_no_use(store: Store) -> None:
    kept = store.write(lambda tx: tx)
    for use in (
        lambda: kept.insert(PERSON, {"name": "Олена"}),
        lambda: kept.value("SELECT 1"),
        lambda: kept.next_number("А"),
        lambda: kept.run_many("SELECT 1", []),
    ):
        with pytest.raises(TransactionOver):
            use()
    assert value(store, "SELECT count(*) FROM person") == 0


def test_a_reader_in_a_transaction_sees_what_it_has_written(store: Store) -> None:
    def look(tx: Transaction) -> int:
        take(tx)
        return tx.value("SELECT count(*) FROM ticket")

    assert store.write(look) == 1


def test_local_rows_are_changed_each_by_its_own_key(store: Store) -> None:
    first, second, third = (store.write(take) for _ in range(3))

    def verb(tx: Transaction) -> None:
        tx.update_all(STANDING, "ticket", [])
        told = [{"state": State.CALLED, "ticket": one} for one in (first, third)]
        tx.update_all(STANDING, "ticket", told)

    store.write(verb)
    with store.read() as reader:
        rows = reader.all("SELECT ticket, state FROM standing ORDER BY ticket")
    assert [(RowId.of(row["ticket"]), row["state"]) for row in rows] == [
        (first, "called"),
        (second, "waiting"),
        (third, "called"),
    ]


def test_rows_of_a_replicated_table_are_not_changed_many_at_once(store: Store) -> None:
    with pytest.raises(NotOurs):
        store.write(lambda tx: tx.update_all(PERSON, "name", [{"name": "Олена", "age": 3}]))


def test_a_local_row_is_shifted_by_what_is_told(tmp_path: Path) -> None:
    counted = Table(
        "counted",
        owner=Owner.LOCAL,
        key=("name",),
        columns=(text("name"), integer("n", check="n >= 0"), integer("turns")),
    )
    store = village(tmp_path / "node.db", (*TABLES, counted))

    def shift(tx: Transaction, name: str, by: int) -> list[tuple[int, int]]:
        rows = tx.shift(counted, {"name": name}, {"n": by, "turns": 1})
        return [(row["n"], row["turns"]) for row in rows]

    store.write(lambda tx: tx.add(counted, {"name": "a", "n": 2, "turns": 0}))
    assert store.write(shift, "a", +3) == [(5, 1)]
    assert store.write(shift, "a", -5) == [(0, 2)]
    assert store.write(shift, "b", +1) == []
    with pytest.raises(RuleBroken):
        store.write(shift, "a", -1)
    with pytest.raises(NotOurs):
        store.write(lambda tx: tx.shift(PERSON, {}, {"age": 1}))
    with store.read() as reader:
        assert reader.value("SELECT n FROM counted WHERE name = 'a'") == 0
    store.close()
