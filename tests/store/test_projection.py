"""What came is applied as it was at home, and what cannot be is held with its reason."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store import inbox, projection
from appliance.store.database import Store
from appliance.store.entries import Op
from appliance.store.failures import DiskFull
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Lane, Owner, Row, Table, integer, text
from appliance.store.transaction import Transaction
from tests.store.forging import Forger
from tests.store.two_ends import (
    CENTRE,
    OTHER,
    SERVICE,
    TABLES,
    TALLY,
    TICKET,
    VILLAGE,
    VISIT,
    WINDOW,
    carry,
    opened,
    quick_folder,
    rows,
    settle,
)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "centre.db", node=CENTRE)
    yield store
    store.close()


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "village.db", node=VILLAGE)
    yield store
    store.close()


@pytest.fixture
def tickets() -> Forger:
    return Forger(StreamId(VILLAGE, 77), Lane.TICKETS)


@pytest.fixture
def state() -> Forger:
    return Forger(StreamId(VILLAGE, 77), Lane.STATE, seq=1000)


def land(centre: Store, *forgers: Forger) -> None:
    for forger in forgers:
        centre.write(inbox.append, forger.stream, forger.lane, forger.entries)
        settle(centre)


def reasons(centre: Store) -> list[tuple[int, Reason]]:
    with centre.read() as reader:
        return [(one.lane_seq, one.reason) for one in projection.quarantined(reader)]


def counts(centre: Store) -> tuple[int, int]:
    with centre.read() as reader:
        return projection.counts(reader)


def tally(store: Store) -> dict[bytes, tuple[int, str]]:
    with store.read() as reader:
        found = reader.all("SELECT * FROM hall_tally")
        return {row["ticket"]: (row["visits"], row["last"]) for row in found}


# What is the same at both ends


def _work(tx: Transaction, acts: Iterable[tuple[str, int]]) -> None:
    """Do a few acts of an office in one transaction; which rows they touch follows from chance."""
    tickets = tx.all("SELECT id FROM hall_ticket WHERE own = 1 ORDER BY id")
    windows = tx.all("SELECT id FROM hall_window WHERE own = 1 ORDER BY id")
    last = tx.value("SELECT max(number) FROM hall_ticket") or 0
    for place, (act, chance) in enumerate(acts):
        ticket = tickets[chance % len(tickets)]["id"] if tickets else None
        where = {"id": windows[chance % len(windows)]["id"]} if windows else {}
        if act == "take":
            tx.insert(TICKET, {"number": last + place + 1, "holder": f"н{chance}"})
        elif act == "visit" and ticket:
            tx.insert(VISIT, {"ticket": ticket, "note": f"{chance}"})
        elif act == "open":
            tx.insert(WINDOW, {"title": f"{chance}", "ticket": ticket, "busy": 0})
        elif act == "change" and where:
            tx.update_where(WINDOW, where, {"busy": chance, "ticket": ticket})
        elif act == "close" and where:
            tx.delete(WINDOW, where)


acts = st.lists(
    st.tuples(st.sampled_from(["take", "visit", "open", "change", "close"]), st.integers(0, 5)),
    min_size=1,
    max_size=6,
)
turns = st.lists(
    acts | st.sampled_from(["carry", "step", "restart village", "restart centre"]), max_size=14
)


@settings(max_examples=30, deadline=None)
@given(turns, st.integers(1, 5))
def test_tables_and_folds_of_the_centre_become_those_of_the_village(
    turns: list[Any], limit: int
) -> None:
    with quick_folder() as folder:
        village = opened(folder / "village.db", node=VILLAGE)
        centre = opened(folder / "centre.db", node=CENTRE)
        for turn in turns:
            if turn == "carry":
                carry(village, centre)
            elif turn == "step":
                centre.write(projection.step, limit)
            elif turn == "restart village":
                village.close()
                village = opened(folder / "village.db", node=VILLAGE)
            elif turn == "restart centre":
                centre.close()
                centre = opened(folder / "centre.db", node=CENTRE)
            else:
                village.write(_work, turn)
        carry(village, centre)
        settle(centre, limit=limit)
        for table in (TICKET, VISIT, WINDOW):
            assert rows(centre, table) == rows(village, table)
        assert tally(centre) == tally(village)
        assert counts(centre) == (0, 0)
        village.close()
        centre.close()


def test_two_tickets_with_one_number_are_both_kept(tmp_path: Path, centre: Store) -> None:
    for node in (VILLAGE, OTHER):
        store = opened(tmp_path / f"{node}.db", node=node)
        store.write(lambda tx: tx.insert(TICKET, {"number": 1, "holder": f"{tx.node}"}))
        carry(store, centre)
        store.close()
    centre.write(lambda tx: tx.insert(TICKET, {"number": 1, "holder": "here"}))
    settle(centre)
    assert sorted(str(row["holder"]) for row in rows(centre, TICKET).values()) == ["3", "4", "here"]


def test_a_rule_of_ours_is_no_reason_to_refuse_the_row_of_another(
    centre: Store, tickets: Forger
) -> None:
    tickets.insert(TICKET, [-5, None])
    land(centre, tickets)
    assert counts(centre) == (0, 0)
    assert [row["number"] for row in rows(centre, TICKET).values()] == [-5]


def test_a_step_shows_whole_transactions_only(village: Store, centre: Store) -> None:
    for first in (1, 4, 7):
        village.write(_take_three, first)
    carry(village, centre)
    seen = []
    while centre.write(projection.step, 2):
        seen.append(len(rows(centre, TICKET)))
    assert seen == [3, 6, 9]


def _take_three(tx: Transaction, first: int) -> None:
    for number in range(first, first + 3):
        tx.insert(TICKET, {"number": number, "holder": None})


@pytest.mark.parametrize("turn", [1, -1])
def test_the_urgent_lane_is_projected_first(
    centre: Store, tickets: Forger, state: Forger, turn: int
) -> None:
    state.insert(WINDOW, ["перше", None, 0])
    tickets.insert(TICKET, [1, None])
    for forger in (state, tickets)[::turn]:
        centre.write(inbox.append, forger.stream, forger.lane, forger.entries)
    assert centre.write(projection.step, 1) == 1
    assert (len(rows(centre, TICKET)), len(rows(centre, WINDOW))) == (1, 0)
    with centre.read() as reader:
        assert projection.remaining(reader) == 1


def test_the_older_epoch_is_projected_first(centre: Store, state: Forger) -> None:
    window = state.insert(WINDOW, ["вікно", None, 0])
    state.update(WINDOW, window, {2: 1})
    later = Forger(StreamId(VILLAGE, 5), Lane.STATE)
    later.update(WINDOW, window, {2: 2})
    for forger in (state, later):
        centre.write(inbox.append, forger.stream, forger.lane, forger.entries)
    settle(centre, limit=1)
    assert rows(centre, WINDOW)[window]["busy"] == 2


def test_a_lane_projected_again_from_its_beginning_changes_nothing(
    centre: Store, tickets: Forger, state: Forger
) -> None:
    ticket = tickets.insert(TICKET, [1, None])
    tickets.insert(VISIT, [ticket.blob, "a"])
    window = state.insert(WINDOW, ["вікно", ticket.blob, 0])
    state.update(WINDOW, window, {2: 1})
    land(centre, tickets, state)
    before = rows(centre, TICKET), rows(centre, WINDOW), tally(centre)
    centre.write(lambda tx: tx.run("UPDATE _inbox_cursor SET projected = 0").rowcount)
    settle(centre)
    assert (rows(centre, TICKET), rows(centre, WINDOW), tally(centre)) == before
    assert tally(centre) == {ticket.blob: (1, "a")}


def test_rooms_are_told_of_what_was_projected(centre: Store, tickets: Forger) -> None:
    told: list[str] = []
    centre.subscribe("hall", lambda: told.append("hall"))
    tickets.insert(TICKET, [1, None])
    land(centre, tickets)
    assert told == ["hall"]


# What waits


def test_a_row_waits_for_its_parent_and_lands_with_it(
    centre: Store, tickets: Forger, state: Forger
) -> None:
    ticket = RowId(*tickets.stream, 1)
    window = state.insert(WINDOW, ["вікно", ticket.blob, 0])
    state.update(WINDOW, window, {2: 1})
    state.insert(WINDOW, ["інше", None, 0])
    land(centre, state)
    assert reasons(centre) == [(1, Reason.WAITING), (2, Reason.BEHIND)]
    assert [row["title"] for row in rows(centre, WINDOW).values()] == ["інше"]
    tickets.insert(TICKET, [1, None])
    land(centre, tickets)
    assert counts(centre) == (0, 0)
    assert rows(centre, WINDOW)[window] == {"title": "вікно", "ticket": ticket.blob, "busy": 1}


def test_a_change_to_a_missing_parent_waits_too(
    centre: Store, tickets: Forger, state: Forger
) -> None:
    ticket = RowId(*tickets.stream, 1)
    window = state.insert(WINDOW, ["вікно", None, 0])
    state.update(WINDOW, window, {1: ticket.blob})
    state.delete(WINDOW, window)
    land(centre, state)
    assert reasons(centre) == [(2, Reason.WAITING), (3, Reason.BEHIND)]
    assert rows(centre, WINDOW)[window]["ticket"] is None
    tickets.insert(TICKET, [1, None])
    land(centre, tickets)
    assert (counts(centre), rows(centre, WINDOW)) == ((0, 0), {})


def test_a_change_that_comes_before_the_birth_of_its_row_waits_for_it(
    centre: Store, state: Forger
) -> None:
    later = Forger(StreamId(VILLAGE, 99), Lane.STATE)
    window = RowId(*state.stream, 1001)
    later.update(WINDOW, window, {2: 1})
    later.update(WINDOW, window, {2: 2})
    land(centre, later)
    assert reasons(centre) == [(1, Reason.WAITING), (2, Reason.BEHIND)]
    assert state.insert(WINDOW, ["вікно", None, 0]) == window
    land(centre, state)
    assert (counts(centre), rows(centre, WINDOW)[window]["busy"]) == ((0, 0), 2)


def test_many_children_of_one_parent_land_in_short_steps(
    centre: Store, tickets: Forger, state: Forger
) -> None:
    ticket = RowId(*tickets.stream, 1)
    for number in range(25):
        state.insert(WINDOW, [f"{number}", ticket.blob, 0])
    land(centre, state)
    assert counts(centre) == (25, 0)
    tickets.insert(TICKET, [1, None])
    centre.write(inbox.append, tickets.stream, tickets.lane, tickets.entries)
    assert settle(centre, limit=10) == 5  # the parent; 10, 10 and 5 children; nothing
    assert (counts(centre), len(rows(centre, WINDOW))) == ((0, 0), 25)


# What is quarantined


NEW: Table = Table("hall_new", owner=Owner.UP, lane=Lane.STATE, columns=(text("word"),))
WIDER: Table = replace(WINDOW, columns=(*WINDOW.columns, integer("colour", null=True, since=2)))


def upgraded(centre: Store, tables: Iterable[Table]) -> Store:
    centre.close()
    again = opened(centre.path, node=CENTRE, tables=tables)
    again.write(projection.replay_quarantined)
    settle(again)
    return again


def test_an_unknown_table_is_kept_and_replayed_after_an_upgrade(
    centre: Store, state: Forger
) -> None:
    born = state.insert(NEW, ["слово"])
    state.update(NEW, born, {0: "інше"})
    window = state.insert(WINDOW, ["вікно", None, 0])
    land(centre, state)
    assert reasons(centre) == [(1, Reason.UNKNOWN_TABLE), (2, Reason.BEHIND)]
    assert (counts(centre), list(rows(centre, WINDOW))) == ((1, 1), [window])
    newer = upgraded(centre, [*TABLES, NEW])
    assert (counts(newer), rows(newer, NEW)) == ((0, 0), {born: {"word": "інше"}})
    newer.close()


def test_unknown_columns_are_kept_and_replayed_after_an_upgrade(
    centre: Store, state: Forger
) -> None:
    old = state.insert(WINDOW, ["давнє", None, 0])
    new = state.insert(WIDER, ["нове", None, 0, 7], schema=2)
    land(centre, state)
    assert reasons(centre) == [(2, Reason.NEWER_SCHEMA)]
    newer = upgraded(centre, [*(table for table in TABLES if table is not WINDOW), WIDER])
    assert counts(newer) == (0, 0)
    assert {row: values["colour"] for row, values in rows(newer, WIDER).items()} == {
        old: None,
        new: 7,
    }
    newer.close()


UNREADABLE: dict[str, Callable[[Forger], object]] = {
    "no CBOR": lambda f: f.write("hall_window", Op.INSERT, b"\xff"),
    "too few": lambda f: f.insert(WINDOW, ["вікно", None]),
    "too many": lambda f: f.insert(WINDOW, ["вікно", None, 0, 1]),
    "no row": lambda f: f.write("hall_window", Op.INSERT, b"\xa1\x00\x01"),
    "nested": lambda f: f.write("hall_window", Op.INSERT, b"\x83\x80\xf6\x00"),
    "erased": lambda f: f.write("hall_window", Op.INSERT, None),
    "no changes": lambda f: f.update(WINDOW, RowId(*f.stream, 1001), {}),
    "no column": lambda f: f.update(WINDOW, RowId(*f.stream, 1001), {3: 1}),
    "before the first": lambda f: f.update(WINDOW, RowId(*f.stream, 1001), {-1: 1}),
    "an erasure of no ids": lambda f: f.write("hall_window", Op.ERASE, b"\x81\x01"),
    "an erasure of a short id": lambda f: f.write("hall_window", Op.ERASE, b"\x81\x41\x00"),
}


@pytest.mark.parametrize("bad", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_entry_is_held_and_nothing_else(
    centre: Store, state: Forger, bad: Callable[[Forger], object]
) -> None:
    first = state.insert(WINDOW, ["перше", None, 0])
    bad(state)
    last = state.insert(WINDOW, ["останнє", None, 0])
    land(centre, state)
    assert reasons(centre) == [(2, Reason.UNREADABLE)]
    assert rows(centre, WINDOW).keys() == {first, last}
    assert rows(centre, WINDOW)[first] == {"title": "перше", "ticket": None, "busy": 0}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("not a number", Reason.UNREADABLE),
        ("12", Reason.UNREADABLE),  # the database would make a number of it, the fold a text
        (1.0, Reason.UNREADABLE),
        (b"", Reason.UNREADABLE),
        (None, Reason.UNREADABLE),
        (1 << 63, Reason.FAILED),
    ],
)
def test_a_value_of_another_kind_is_held(
    centre: Store, state: Forger, value: Any, reason: Reason
) -> None:
    state.insert(WINDOW, ["перше", None, value])
    state.insert(WINDOW, ["останнє", None, 0])
    land(centre, state)
    assert reasons(centre) == [(1, reason)]
    assert len(rows(centre, WINDOW)) == 1


def test_a_failed_fold_is_held_with_its_reason_and_undone_whole(
    centre: Store, tickets: Forger
) -> None:
    ticket = tickets.insert(TICKET, [1, None])
    for note in ("a", "unfoldable", "b"):
        tickets.insert(VISIT, [ticket.blob, note])
    land(centre, tickets)
    with centre.read() as reader:
        (held,) = projection.quarantined(reader)
    assert (held.reason, held.lane_seq) == (Reason.FAILED, 3)
    assert held.told == "LookupError: no such purpose"
    assert tally(centre) == {ticket.blob: (2, "b")}
    assert [row["note"] for row in rows(centre, VISIT).values()] == ["a", "b"]
    centre.write(projection.replay_quarantined)
    settle(centre)
    assert reasons(centre) == [(3, Reason.FAILED)]


def test_a_fold_that_was_mended_is_replayed(centre: Store, tickets: Forger) -> None:
    ticket = tickets.insert(TICKET, [1, None])
    visit = tickets.insert(VISIT, [ticket.blob, "unfoldable"])
    land(centre, tickets)

    def mended(tx: Transaction, born: Sequence[Row]) -> None:
        for row in born:
            tx.put(TALLY, {"ticket": row["ticket"], "visits": 1, "last": row["note"]})

    newer = upgraded(
        centre, [replace(table, project=mended) if table is VISIT else table for table in TABLES]
    )
    assert (counts(newer), list(rows(newer, VISIT))) == ((0, 0), [visit])
    assert tally(newer) == {ticket.blob: (1, "unfoldable")}
    newer.close()


FOREIGN: dict[str, Callable[[Forger], object]] = {
    "a row of the centre": lambda f: f.insert(SERVICE, ["Довідка", 1]),
    "a local row": lambda f: f.insert(TALLY, [bytes(14), 1, "x"]),
    "another node's row": lambda f: f.update(WINDOW, RowId(OTHER, 5, 1), {2: 1}),
    "removal of another's": lambda f: f.delete(WINDOW, RowId(CENTRE, 5, 1)),
    "an id of its choice": lambda f: f.write(
        "hall_window", Op.INSERT, b"\x83\x61a\xf6\x00", key=RowId(*f.stream, 5).blob
    ),
}


@pytest.mark.parametrize("bad", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_node_cannot_write_what_is_not_its_own(
    centre: Store, state: Forger, bad: Callable[[Forger], object]
) -> None:
    bad(state)
    land(centre, state)
    assert reasons(centre) == [(1, Reason.NOT_ITS_OWN)]
    assert counts(centre) == (0, 1)
    assert rows(centre, SERVICE) == rows(centre, WINDOW) == {}


def test_own_rows_of_the_centre_are_out_of_reach(centre: Store) -> None:
    own = centre.write(lambda tx: tx.insert(WINDOW, {"title": "тут", "ticket": None, "busy": 0}))
    clone = Forger(StreamId(CENTRE, 9), Lane.STATE)  # another machine that says it is the centre
    clone.update(WINDOW, own, {2: 9})
    clone.delete(WINDOW, own)
    land(centre, clone)
    assert rows(centre, WINDOW)[own]["busy"] == 0
    assert counts(centre) == (2, 0)


def test_held_entries_are_counted_by_node(centre: Store, state: Forger) -> None:
    other = Forger(StreamId(OTHER, 5), Lane.STATE)
    state.insert(NEW, ["слово"])
    other.insert(WINDOW, ["вікно", RowId(OTHER, 5, 9).blob, 0])
    land(centre, state, other)
    with centre.read() as reader:
        assert projection.counts(reader, node=VILLAGE) == (0, 1)
        assert projection.counts(reader, node=OTHER) == (1, 0)
        assert projection.counts(reader) == (1, 1)


@pytest.mark.parametrize("bad", [False, True])
def test_a_full_disk_fails_the_step_and_blames_no_entry(
    centre: Store, tickets: Forger, *, bad: bool
) -> None:
    ticket = tickets.insert(TICKET, [1, None])
    if bad:
        tickets.insert(VISIT, [ticket.blob, "unfoldable"])
    for number in range(2, 400):
        tickets.insert(TICKET, [number, None])
    centre.write(inbox.append, tickets.stream, tickets.lane, tickets.entries)
    pages = centre.write(lambda tx: tx.value("PRAGMA page_count"))
    centre.write(lambda tx: tx.value(f"PRAGMA max_page_count = {pages + 1}"))
    with pytest.raises(DiskFull):
        settle(centre)
    assert counts(centre)[1] <= int(bad)
    centre.write(lambda tx: tx.value("PRAGMA max_page_count = 100000"))
    settle(centre)
    assert (counts(centre), len(rows(centre, TICKET))) == ((0, int(bad)), 399)
