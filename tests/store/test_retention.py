"""A log gives away only what is safe, and a full disk only what the centre has, in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store import log, retention, streams
from appliance.store.clock import EARLIEST, ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.entries import link
from appliance.store.ids import RowId
from appliance.store.log import NotInLog
from appliance.store.retention import ALWAYS_ENOUGH, DAY_MS, THINNED, Dated
from appliance.store.tables import Lane, Owner, Table, integer
from sync.lanes import Ack, Answer
from sync.lanes import settle as settle_answer
from tests.store.two_ends import batches, carry, opened, rows, settle

NOW: Final = 1_790_000_000_000
DAY: Final = 24 * 3600
LANES: Final = tuple(
    Table(
        f"field_{lane.label}",
        owner=Owner.UP,
        lane=lane,
        columns=(integer("value"),),
        append_only=lane is not Lane.STATE,
        keep_days=90 if lane is Lane.READINGS else 30,
    )
    for lane in Lane
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def village(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    store = opened(tmp_path / "village.db", node=3, tables=LANES, clock=clock)
    yield store
    store.close()


@pytest.fixture
def centre(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    store = opened(tmp_path / "centre.db", node=1, tables=LANES, clock=clock)
    yield store
    store.close()


def measure(store: Store, lane: Lane, times: int = 1) -> list[RowId]:
    return [store.write(lambda tx: tx.insert(LANES[lane], {"value": 1})) for _ in range(times)]


def acknowledge(store: Store, lane: Lane, have: int, safe: int, epoch: int = 9) -> None:
    store.write(log.acknowledge, store.stream, lane, have=have, safe=safe, centre_epoch=epoch)


def left(store: Store, lane: Lane) -> list[int]:
    with store.read() as reader:
        after = log.cut(reader, store.stream, lane).lane_seq
        found = log.entries(reader, store.stream, lane, after, 1 << 30)
    return [entry.lane_seq for entry in found]


def purge(store: Store) -> int:
    return store.write(retention.purge)


def test_what_is_safe_and_old_goes_and_nothing_above_it(village: Store, clock: FixedClock) -> None:
    born = measure(village, Lane.TICKETS, 5)
    acknowledge(village, Lane.TICKETS, have=4, safe=3)
    assert purge(village) == 0, "it is not old enough"
    clock.advance(31 * DAY)
    assert purge(village) == 3
    assert left(village, Lane.TICKETS) == [4, 5]
    assert rows(village, LANES[Lane.TICKETS]).keys() == set(born), "the rows stay"
    assert purge(village) == 0


def test_nothing_goes_as_long_as_the_centre_calls_nothing_safe(
    village: Store, clock: FixedClock
) -> None:
    measure(village, Lane.STATE, 3)
    acknowledge(village, Lane.STATE, have=3, safe=0)
    clock.advance(4000 * DAY)
    assert purge(village) == 0
    assert left(village, Lane.STATE) == [1, 2, 3]


def test_what_is_called_safe_and_not_acknowledged_stays(village: Store, clock: FixedClock) -> None:
    measure(village, Lane.STATE, 3)
    acknowledge(village, Lane.STATE, have=1, safe=1)
    clock.advance(31 * DAY)
    assert village.write(retention.purge, safe=lambda *_: 3) == 1
    assert left(village, Lane.STATE) == [2, 3]


def test_nothing_expires_on_a_bad_clock(village: Store, clock: FixedClock) -> None:
    measure(village, Lane.STATE, 3)
    acknowledge(village, Lane.STATE, have=3, safe=3)
    clock.set(NOW + 400 * DAY * 1000, quality=ClockQuality.UNKNOWN)
    assert purge(village) == 0


def test_a_table_keeps_its_entries_as_long_as_it_declares(
    village: Store, clock: FixedClock
) -> None:
    measure(village, Lane.READINGS, 2)
    acknowledge(village, Lane.READINGS, have=2, safe=2)
    clock.advance(89 * DAY)
    assert purge(village) == 0
    clock.advance(2 * DAY)
    assert purge(village) == 2
    with pytest.raises(ValueError, match="30 days"):
        Table("field_brief", owner=Owner.UP, lane=Lane.STATE, columns=(), keep_days=29)


def test_the_chain_is_verified_from_the_cut_on_and_the_centre_takes_what_follows(
    village: Store, centre: Store, clock: FixedClock
) -> None:
    measure(village, Lane.STATE, 4)
    carry(village, centre)
    acknowledge(village, Lane.STATE, have=4, safe=3)
    clock.advance(31 * DAY)
    assert purge(village) == 3
    measure(village, Lane.STATE, 2)
    with village.read() as reader:
        place = village.stream, Lane.STATE
        chain = log.chain_at(reader, *place, 3)
        for entry in log.entries(reader, *place, 3, 1 << 20):
            chain = link(chain, *place, entry)
            assert entry.chain == chain == log.chain_at(reader, *place, entry.lane_seq)
        with pytest.raises(NotInLog):
            log.entries(reader, *place, 2, 1 << 20)
        assert log.chain_at(reader, *place, 2) == log.UNKNOWN
    assert [len(found) for *_, found in batches(village, centre)] == [2]
    carry(village, centre)
    settle(centre)
    assert rows(village, LANES[Lane.STATE]) == rows(centre, LANES[Lane.STATE])


def test_a_lane_that_is_purged_to_its_end_is_still_drained_and_numbered(
    village: Store, clock: FixedClock, tmp_path: Path
) -> None:
    measure(village, Lane.STATE, 3)
    with village.read() as reader:
        hlc = reader.value("SELECT max(hlc) FROM _log")
    acknowledge(village, Lane.STATE, have=3, safe=3)
    clock.advance(31 * DAY)
    purge(village)
    with village.read() as reader:
        assert log.last(reader, village.stream, Lane.STATE) == 3
        assert log.backlog(reader)[Lane.STATE].count == 0
        assert log.pending_streams(reader, Lane.STATE) == []
    village.close()
    early = FixedClock(EARLIEST, quality=ClockQuality.UNKNOWN)
    again = opened(tmp_path / "village.db", node=3, tables=LANES, clock=early)
    with again.read() as reader:
        assert [start.closed for start in streams.starts(reader)] == [True, False]
    measure(again, Lane.STATE)
    with again.read() as reader:
        assert reader.value("SELECT min(hlc) FROM _log") > hlc, "hybrid time only grows"
    again.close()


def test_a_centre_that_lost_what_it_called_safe_is_told_and_holds_up_no_other_lane(
    village: Store, clock: FixedClock
) -> None:
    measure(village, Lane.STATE, 3)
    acknowledge(village, Lane.STATE, have=3, safe=3)
    clock.advance(31 * DAY)
    purge(village)
    acknowledge(village, Lane.STATE, have=1, safe=1, epoch=10)
    measure(village, Lane.TICKETS)
    with village.read() as reader:
        assert log.pending_streams(reader, Lane.STATE) == []
        assert log.backlog(reader)[Lane.STATE].count == 2, "it is shown as not sent"
        assert log.pending_streams(reader, Lane.TICKETS) == [village.stream]


def test_an_answer_from_before_the_cut_is_believed_no_chain(
    village: Store, clock: FixedClock
) -> None:
    """The centre was put back from a copy: the agent holds the lane, and tells it."""
    measure(village, Lane.STATE, 3)
    with village.read() as reader:
        chain = log.chain_at(reader, village.stream, Lane.STATE, 1)
    acknowledge(village, Lane.STATE, have=3, safe=3)
    clock.advance(31 * DAY)
    purge(village)
    late = Ack(village.stream, Lane.STATE, 1, 1, chain)
    same = Ack(village.stream, Lane.STATE, 3, 3, cut_of(village))
    settled = village.write(settle_answer, Answer(10, (late, same)))
    assert settled.forked == (late,)
    with village.read() as reader:
        assert log.cursor(reader, village.stream, Lane.STATE).have == 3


def cut_of(store: Store) -> bytes:
    with store.read() as reader:
        return log.cut(reader, store.stream, Lane.STATE).chain


def test_what_goes_at_once_is_bounded(village: Store, clock: FixedClock) -> None:
    measure(village, Lane.STATE, 7)
    acknowledge(village, Lane.STATE, have=7, safe=7)
    clock.advance(31 * DAY)
    assert [village.write(retention.purge, most=3) for _ in range(4)] == [3, 3, 1, 0]


def test_entries_from_before_the_clock_was_set_go_with_the_next_dated_one() -> None:
    old = NOW - 31 * DAY_MS
    undated = [Dated(1, 5, 30), Dated(2, 6, 30)]
    told = {"now": NOW, "quality": ClockQuality.SYNCHRONISED}
    assert retention.purgeable(undated, **told) == 0  # type: ignore[arg-type]
    assert retention.purgeable([*undated, Dated(3, old, 30)], **told) == 3  # type: ignore[arg-type]


LANE = st.sampled_from(Lane)


@given(gives=st.dictionaries(LANE, st.integers(0, 9)), free=st.integers(0, 1 << 40))
def test_lanes_give_way_in_order_and_tickets_never(gives: dict[Lane, int], free: int) -> None:
    chosen = retention.to_thin(gives, free=free, total=1 << 40)
    if free >= ALWAYS_ENOUGH:
        assert chosen is None
    elif chosen is not None:
        assert chosen not in {Lane.TICKETS, Lane.ALARMS}
        assert gives[chosen] > 0
        assert not any(gives.get(lane) for lane in THINNED[: THINNED.index(chosen)])
    else:
        assert not any(gives.get(lane) for lane in THINNED)


def test_alarms_tickets_and_audit_are_refused_to_a_thinning(village: Store) -> None:
    for lane in (Lane.ALARMS, Lane.TICKETS):
        measure(village, lane)
        acknowledge(village, lane, have=1, safe=1)
        with pytest.raises(ValueError, match="never"):
            village.write(retention.thin, lane)
        assert left(village, lane) == [1]


def test_thinning_takes_what_the_centre_has_and_leaves_what_it_lacks(village: Store) -> None:
    for lane in (Lane.SIGHTINGS, Lane.STATE):
        born = measure(village, lane, 4)
        acknowledge(village, lane, have=3, safe=0)
        with village.read() as reader:
            assert retention.thinnable(reader)[lane] == 3
        assert village.write(retention.thin, lane, most=2) == 2
        assert village.write(retention.thin, lane) == 1
        assert village.write(retention.thin, lane) == 0
        assert left(village, lane) == [4]
        kept = set(born) if lane is Lane.STATE else {born[3]}
        assert rows(village, LANES[lane]).keys() == kept
