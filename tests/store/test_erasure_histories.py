"""Whatever comes in whatever order, an erased value is nowhere, and everything else is untouched.

Two real files, and parcels of the log that travel between them as they were on the day of packing:
late, twice, in any order, over restarts and kills of either end. Each name is of one row alone.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.store import inbox, log, projection, streams
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.entries import Entry
from appliance.store.ids import RowId, StreamId
from appliance.store.inbox import NotContiguous
from appliance.store.tables import Lane, Table
from tests.store.residents import (
    APPEAL,
    CENTRE,
    RESIDENT,
    TABLES,
    VILLAGE,
    VISIT,
    VISITOR,
    raw,
    settle,
    verify_inbox,
    verify_log,
)
from tests.store.two_ends import carry, rows

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
PEOPLE = st.sampled_from([RESIDENT, VISITOR, APPEAL])
ANY = st.integers(0, 30)
SIDES = st.sampled_from([VILLAGE, CENTRE])


class Erasures(RuleBasedStateMachine):
    """A village that takes people in and forgets them, and its centre."""

    def __init__(self) -> None:
        super().__init__()
        self._folders = tempfile.TemporaryDirectory(
            dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        )
        self.stores: dict[int, Store] = {}
        self.parcels: list[tuple[StreamId, Lane, list[Entry]]] = []
        self.born: list[tuple[Table, RowId]] = []
        self.told: dict[RowId, list[str]] = {}  # every name that a row has ever had
        self.erased: set[RowId] = set()
        self.deleted: set[RowId] = set()
        self.names = 0

    @initialize()
    def begin(self) -> None:
        self.start(VILLAGE)
        self.start(CENTRE)

    @rule(table=PEOPLE)
    def a_person_comes(self, table: Table) -> None:
        name = self.name()
        values: dict[str, object] = {
            RESIDENT: {"name": name, "age": 1},
            VISITOR: {"name": name, "number": self.names, "phone": name},
            APPEAL: {"words": name, "answered": 0},
        }[table]  # type: ignore[index, assignment]
        row = self.village.write(lambda tx: tx.insert(table, values))
        self.born.append((table, row))
        self.told[row] = [name]
        if table is VISITOR:
            self.village.write(lambda tx: tx.insert(VISIT, {"visitor": row, "day": 1}))

    @rule(which=ANY)
    def a_person_is_renamed(self, which: int) -> None:
        table, row = self.row(which)
        if table is None or table is VISITOR:
            return
        name, column = self.name(), "name" if table is RESIDENT else "words"
        changed = self.village.write(lambda tx: tx.update_where(table, {"id": row}, {column: name}))
        assert bool(changed) == (row not in self.erased | self.deleted)
        if changed:
            self.told[row].append(name)

    @rule(which=ANY)
    def a_person_leaves(self, which: int) -> None:
        table, row = self.row(which)
        if table in (RESIDENT, APPEAL) and row not in self.erased:
            self.village.write(lambda tx: tx.delete(table, {"id": row}))
            self.deleted.add(row)

    @rule(which=ANY, more=st.integers(1, 3))
    def a_person_is_erased(self, which: int, more: int) -> None:
        for step in range(more):
            table, row = self.row(which + step)
            if table is not None:
                self.village.write(lambda tx, table=table, row=row: tx.erase(table, [row]))  # type: ignore[misc]
                self.erased.add(row)

    @rule(after=st.integers(0, 6), most=st.sampled_from([1, 400, 1 << 20]))
    def a_parcel_is_packed(self, after: int, most: int) -> None:
        with self.village.read() as reader:
            for start in streams.starts(reader):
                for lane in (Lane.TICKETS, Lane.STATE):
                    found = log.entries(reader, start.stream, lane, after, most)
                    if found:
                        self.parcels.append((start.stream, lane, found))

    @rule(which=ANY, follows=st.booleans())
    def a_parcel_arrives(self, which: int, *, follows: bool) -> None:
        if not self.parcels:
            return
        stream, lane, found = self.parcels[which % len(self.parcels)]
        try:
            self.centre.write(inbox.append, stream, lane, found)
        except NotContiguous:
            return
        if follows:
            self.centre.write(projection.follow, stream, lane, found)

    @rule(limit=st.integers(1, 5))
    def a_step_is_projected(self, limit: int) -> None:
        self.centre.write(projection.step, limit)

    @rule(side=SIDES)
    def it_restarts(self, side: int) -> None:
        self.stores[side].close()
        self.start(side)

    @rule(side=SIDES)
    def it_is_killed(self, side: int) -> None:
        """Start from the files as they lie there now, with an owner that never said goodbye."""
        folder = self.folder(side)
        shutil.copytree(folder, folder.with_name("killed"))
        self.stores[side].close()
        shutil.rmtree(folder)
        folder.with_name("killed").rename(folder)
        self.start(side)

    @invariant()
    def the_village_holds_no_erased_value(self) -> None:
        if self.erased:
            self.nothing_is_left_at(VILLAGE)

    def teardown(self) -> None:
        carry(self.village, self.centre)
        settle(self.centre)
        with self.centre.read() as reader:
            assert projection.quarantined(reader) == []
        self.nothing_is_left_at(CENTRE)
        verify_log(self.village)
        verify_inbox(self.centre)
        gone = self.erased | self.deleted
        for table in (RESIDENT, VISITOR, APPEAL):
            here, there = rows(self.village, table), rows(self.centre, table)
            for row, values in here.items():
                if row not in gone:
                    assert there[row] == values
                    assert self.told[row][-1] in values.values()
            assert set(here) - gone == set(there) - gone
            assert {row for of, row in self.born if of is table} - gone == set(here) - gone
        for store in self.stores.values():
            store.close()
        self._folders.cleanup()

    def nothing_is_left_at(self, side: int) -> None:
        found = raw(self.folder(side))
        for row in self.erased:
            for name in self.told[row]:
                assert name.encode() not in found, f"{name} of {row} is still at {side}"

    @property
    def village(self) -> Store:
        return self.stores[VILLAGE]

    @property
    def centre(self) -> Store:
        return self.stores[CENTRE]

    def row(self, which: int) -> tuple[Table | None, RowId]:
        return self.born[which % len(self.born)] if self.born else (None, RowId(0, 0, 0))

    def name(self) -> str:
        self.names += 1
        return f"Одарка {self.names} Немирівна"

    def folder(self, side: int) -> Path:
        return Path(self._folders.name) / str(side)

    def start(self, side: int) -> None:
        self.stores[side] = Store.open(
            self.folder(side) / "node.db",
            TABLES,
            node=side,
            clock=FixedClock(),
            centre=side == CENTRE,
            inline=True,
        )


Erasures.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_any_history_of_erasures = Erasures.TestCase
