"""The log as the way to the centre sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store import log, streams
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.entries import GENESIS
from appliance.store.ids import StreamId
from appliance.store.log import Backlog, Cursor, NotInLog
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from tests.store.sample import PERSON, TICKET, rows, take, village

CENTRE, RESTORED = 5001, 5002


def acknowledge(store: Store, have: int, *, safe: int = 0, centre: int = CENTRE) -> None:
    store.write(
        log.acknowledge, store.stream, Lane.TICKETS, have=have, safe=safe, centre_epoch=centre
    )


def cursor(store: Store, stream: StreamId | None = None) -> Cursor:
    with store.read() as reader:
        return log.cursor(reader, stream or store.stream, Lane.TICKETS)


def backlog(store: Store) -> dict[Lane, Backlog]:
    with store.read() as reader:
        return {lane: left for lane, left in log.backlog(reader).items() if left.count}


def test_lanes_count_for_themselves(store: Store) -> None:
    store.write(take)
    store.write(Transaction.insert, PERSON, {"name": "Олена"})
    store.write(take)
    with store.read() as reader:
        assert [log.last(reader, store.stream, lane) for lane in Lane] == [0, 4, 1, 0, 0, 0, 0]
        assert log.chain_at(reader, store.stream, Lane.STATE, 0) == GENESIS
        with pytest.raises(NotInLog):
            log.chain_at(reader, store.stream, Lane.STATE, 2)
        assert log.entries(reader, store.stream, Lane.ALARMS, 0, 1000) == []
        assert log.entries(reader, StreamId(3, 1), Lane.TICKETS, 0, 1000) == []


def test_a_batch_ends_with_a_transaction(store: Store) -> None:
    def several(tx: Transaction, count: int) -> None:
        for _ in range(count):
            tx.insert(TICKET, {"series": "А", "number": tx.next_number("А"), "note": "х" * 100})

    for count in (3, 1, 5):
        store.write(several, count)
    with store.read() as reader:
        ends = []
        for most in range(0, 2500, 50):
            found = log.entries(reader, store.stream, Lane.TICKETS, 0, most)
            assert [entry.lane_seq for entry in found] == list(range(1, len(found) + 1))
            ends.append(len(found))
    assert sorted(set(ends)) == [3, 4, 9]
    assert ends == sorted(ends)


@given(after=st.integers(0, 12), most=st.integers(0, 3000))
def test_batches_one_after_another_are_the_whole_lane(after: int, most: int) -> None:
    with LANE.read() as reader:
        whole = log.entries(reader, LANE.stream, Lane.TICKETS, after, 1 << 30)
        pieces = []
        while piece := log.entries(reader, LANE.stream, Lane.TICKETS, after + len(pieces), most):
            pieces += piece
    assert pieces == whole


@pytest.fixture(scope="module", autouse=True)
def _lane(tmp_path_factory: pytest.TempPathFactory) -> object:
    global LANE  # noqa: PLW0603 - hypothesis takes no fixture that lives for one test
    LANE = village(tmp_path_factory.mktemp("lane") / "node.db", inline=True)
    for number in range(6):
        LANE.write(take, note="х" * number * 40)
    yield LANE
    LANE.close()


def test_more_than_a_page_comes_in_order(store: Store) -> None:
    def many(tx: Transaction) -> None:
        for _ in range(log.PAGE):
            take(tx)

    store.write(many)
    with store.read() as reader:
        found = log.entries(reader, store.stream, Lane.TICKETS, 0, 1)
    assert [entry.lane_seq for entry in found] == list(range(1, 2 * log.PAGE + 1))
    assert all(entry.body for entry in found)


def test_the_backlog_is_what_the_centre_does_not_have(store: Store, clock: FixedClock) -> None:
    began = clock.wall()
    assert backlog(store) == {}
    for _ in range(3):
        store.write(take)
        clock.advance(60)
    assert backlog(store) == {Lane.TICKETS: Backlog(6, began)}
    acknowledge(store, 4)
    assert backlog(store) == {Lane.TICKETS: Backlog(2, began + 120_000)}
    acknowledge(store, 6)
    assert backlog(store) == {}


def test_the_backlog_reaches_over_restarts_oldest_first(store: Store, clock: FixedClock) -> None:
    began = clock.wall()
    store.write(take)
    store.close()
    clock.advance(60)
    again = village(store.path, clock=clock)
    again.write(take)
    assert backlog(again) == {Lane.TICKETS: Backlog(4, began)}
    with again.read() as reader:
        assert log.pending_streams(reader, Lane.TICKETS) == [store.stream, again.stream]
        assert log.pending_streams(reader, Lane.ALARMS) == []
    again.write(log.acknowledge, store.stream, Lane.TICKETS, have=2, safe=0, centre_epoch=CENTRE)
    with again.read() as reader:
        assert log.pending_streams(reader, Lane.TICKETS) == [again.stream]
        assert [start.stream for start in streams.starts(reader, open_only=True)] == [again.stream]
    assert backlog(again) == {Lane.TICKETS: Backlog(2, began + 60_000)}
    again.close()


def test_a_clock_that_nobody_set_dates_no_backlog(store: Store, clock: FixedClock) -> None:
    clock.set(1000, quality=ClockQuality.UNKNOWN)
    store.write(take)
    assert backlog(store) == {Lane.TICKETS: Backlog(2, None)}


def test_within_one_epoch_of_the_centre_the_cursor_never_falls(store: Store) -> None:
    store.write(take)
    for have, safe in [(1, 0), (2, 1), (1, 0), (0, 0)]:
        acknowledge(store, have, safe=safe)
    assert cursor(store) == Cursor(2, 1)


def test_a_new_epoch_of_the_centre_may_lower_it_and_a_drained_stream_opens_again(
    store: Store,
) -> None:
    store.write(take)
    acknowledge(store, 2, safe=2)
    store.close()
    again = village(store.path)
    assert backlog(again) == {}
    again.write(log.acknowledge, store.stream, Lane.TICKETS, have=0, safe=0, centre_epoch=RESTORED)
    assert cursor(again, store.stream) == Cursor(0, 0)
    assert backlog(again)[Lane.TICKETS].count == 2
    with again.read() as reader:
        assert log.pending_streams(reader, Lane.TICKETS) == [store.stream]
    again.close()


def test_a_stream_that_the_centre_knows_further_tells_of_a_restore(store: Store) -> None:
    store.write(take)
    with store.read() as reader:
        assert log.ahead(reader) == []
    acknowledge(store, 9)
    with store.read() as reader:
        assert log.ahead(reader) == [(store.stream, Lane.TICKETS)]
    assert backlog(store) == {}


def test_an_acknowledgement_of_another_nodes_stream_is_refused(store: Store) -> None:
    with pytest.raises(NotInLog):
        store.write(
            log.acknowledge, StreamId(4, 1), Lane.TICKETS, have=1, safe=0, centre_epoch=CENTRE
        )
    with pytest.raises(NotInLog):
        store.write(
            log.acknowledge, StreamId(3, 1), Lane.TICKETS, have=1, safe=0, centre_epoch=CENTRE
        )
    assert rows(store, "SELECT * FROM _cursor") == []


def test_a_link_hears_of_what_was_logged(store: Store) -> None:
    heard: list[str] = []
    store.subscribe("log", lambda: heard.append("log"))
    store.write(take)
    store.write(lambda _: None)
    store.close()
    assert heard == ["log"]
