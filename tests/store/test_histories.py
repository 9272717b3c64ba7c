"""Whatever happens to a file, in whatever order, what was answered is there, once.

A small world, so that things collide: few series and names, groups of verbs of which some fail,
transactions that SQLite ends by itself, kills, restarts, and copies of which both sides live on.
"""

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.failures import AlreadyThere, DiskFull
from appliance.store.group import Job
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from tests.store.checking import verify
from tests.store.sample import NOTE, PERSON, rows, take, value, village

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
"""Where a sync costs nothing, if there is one: no rule here cuts the power."""

SIDES = st.integers(0, 3)
SERIES = st.sampled_from("АБ")
NAMES = st.sampled_from(["Олена", "Іван", "Марія"])


class OnPurpose(Exception):
    """A verb that fails after it has written."""


def hire(tx: Transaction, name: str, age: int) -> RowId:
    return tx.insert(PERSON, {"name": name, "age": age})


def grow_older(tx: Transaction, name: str) -> int:
    return len(tx.update_where(PERSON, {"name": name}, {"age": tx.now}))


def leave(tx: Transaction, name: str) -> int:
    return len(tx.delete(PERSON, {"name": name}))


def fails(tx: Transaction, series: str) -> None:
    take(tx, series)
    tx.delete(PERSON, {"age": 1})
    raise OnPurpose


def swallows(tx: Transaction, name: str) -> RowId:
    try:
        hire(tx, name, 1)
        hire(tx, name, 2)
    except AlreadyThere:
        pass
    return take(tx)


def large(tx: Transaction, series: str) -> None:
    take(tx, series)
    tx.add(NOTE, {"words": "х" * 40_000})


VERBS = st.one_of(
    st.tuples(st.just(take), SERIES),
    st.tuples(st.just(take), SERIES),
    st.tuples(st.just(hire), NAMES, st.integers(1, 3)),
    st.tuples(st.just(grow_older), NAMES),
    st.tuples(st.just(leave), NAMES),
    st.tuples(st.just(fails), SERIES),
    st.tuples(st.just(swallows), NAMES),
    st.tuples(st.just(large), SERIES),
)


@dataclass
class Side:
    """One copy of the file, and what its owner was answered."""

    store: Store
    folder: Path
    clock: FixedClock
    tickets: set[RowId] = field(default_factory=set)


class Histories(RuleBasedStateMachine):
    """Up to four copies of one village."""

    def __init__(self) -> None:
        super().__init__()
        self._folders = tempfile.TemporaryDirectory(
            dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        )
        self.sides: list[Side] = []
        self.born: Counter[RowId] = Counter()

    @initialize()
    def begin(self) -> None:
        self.sides.append(self.opened(Path(self._folders.name) / "0", FixedClock()))

    @rule(side=SIDES, verbs=st.lists(VERBS, min_size=1, max_size=6), full=st.booleans())
    def a_group_of_verbs_runs(
        self, side: int, verbs: list[tuple[object, ...]], *, full: bool
    ) -> None:
        here = self.side(side)
        connection = here.store._opened.connection
        if full:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 5}").fetchall()
        jobs = [Job(verb, arguments, {}) for verb, *arguments in verbs]
        here.store._finisher.finish(here.store._committer.run(iter(jobs)))
        connection.execute("PRAGMA max_page_count = 1073741823").fetchall()
        for job in jobs:
            assert full or not isinstance(job.error, DiskFull)
            assert (
                job.error is None
                or isinstance(job.error, OnPurpose | DiskFull)
                or (isinstance(job.error, AlreadyThere) and "person" in job.error.cause)
            )
            if isinstance(job.result, RowId) and job.error is None:
                self.born[job.result] += 1
                if job.verb in {take, swallows}:
                    here.tickets.add(job.result)

    @rule(side=SIDES)
    def it_restarts(self, side: int) -> None:
        here = self.side(side)
        here.store.close()
        here.store = self.opened(here.folder, here.clock).store

    @rule(side=SIDES)
    def it_is_killed(self, side: int) -> None:
        """Start from the files as they lie there now, with an owner that never said goodbye."""
        here = self.side(side)
        self.copied(here, here.folder.with_name(f"{here.folder.name}+"))

    @rule(side=SIDES)
    def it_is_copied_and_both_live_on(self, side: int) -> None:
        if len(self.sides) < 4:
            here = self.side(side)
            folder = Path(self._folders.name) / f"copy{len(self.sides)}"
            shutil.copytree(here.folder, folder)
            other = self.opened(folder, here.clock)
            other.tickets = set(here.tickets)
            self.sides.append(other)

    @rule(
        side=SIDES,
        days=st.integers(-400, 400),
        quality=st.sampled_from(ClockQuality),
    )
    def its_clock_jumps(self, side: int, days: int, quality: ClockQuality) -> None:
        clock = self.side(side).clock
        clock.set(max(0, clock.wall() + days * 86_400_000), quality=quality)

    @invariant()
    def no_id_is_given_twice(self) -> None:
        assert all(times == 1 for times in self.born.values())

    @invariant()
    def what_was_answered_is_there(self) -> None:
        for side in self.sides:
            there = {RowId.of(row["id"]) for row in rows(side.store, "SELECT id FROM ticket")}
            assert side.tickets <= there

    @invariant()
    def numbers_have_no_gap_and_no_double(self) -> None:
        for side in self.sides:
            for row in rows(
                side.store,
                "SELECT count(*) AS n, count(DISTINCT number) AS m, max(number) AS last FROM ticket"
                " GROUP BY series",
            ):
                assert row["n"] == row["m"] == row["last"]
            assert side.store.restored_series == ()

    @invariant()
    def hybrid_time_and_entries_only_grow(self) -> None:
        for side in self.sides:
            bad = value(
                side.store,
                "SELECT count(*) FROM _log a JOIN _log b ON b.seq = a.seq + 1"
                " WHERE b.hlc < a.hlc OR (b.tx != a.tx AND b.hlc = a.hlc)",
            )
            assert bad == 0

    def teardown(self) -> None:
        for side in self.sides:
            verify(side.store)
            side.store.close()
        self._folders.cleanup()

    def side(self, number: int) -> Side:
        return self.sides[number % len(self.sides)]

    def opened(self, folder: Path, clock: FixedClock) -> Side:
        store = village(folder / "node.db", inline=True, clock=clock)
        return Side(store, folder, clock)

    def copied(self, here: Side, folder: Path) -> None:
        shutil.copytree(here.folder, folder)
        here.store.close()
        shutil.rmtree(here.folder)
        folder.rename(here.folder)
        here.store = self.opened(here.folder, here.clock).store


Histories.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_any_history = Histories.TestCase
