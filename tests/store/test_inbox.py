"""The inbox keeps what came, once, in order, and believes no chain that it cannot follow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store import inbox
from appliance.store.clock import COUNTER_BITS, FixedClock
from appliance.store.database import Store
from appliance.store.entries import Entry, Op, Proved
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from tests.store.forging import Forger
from tests.store.two_ends import CENTRE, TICKET, VILLAGE, carry, opened, quick_folder

STREAM = StreamId(VILLAGE, 77)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "centre.db", node=CENTRE)
    yield store
    store.close()


def told(count: int) -> list[Entry]:
    forger = Forger(STREAM, Lane.TICKETS)
    for number in range(1, count + 1):
        forger.insert(TICKET, [number, "Оксана"])
    return forger.entries


TOLD = told(12)


def held(centre: Store) -> list[Entry]:
    with centre.read() as reader:
        return inbox.entries(reader, STREAM, Lane.TICKETS, after=0, max_bytes=1 << 20)


slices = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


@settings(max_examples=40, deadline=None)
@given(st.lists(slices, max_size=12))
def test_whatever_batches_come_each_entry_is_kept_once_and_in_order(
    arriving: list[list[int]],
) -> None:
    with quick_folder() as folder:
        centre = opened(folder / "centre.db", node=CENTRE)
        have = 0
        for after, upto in arriving:
            batch = TOLD[after:upto]
            if batch and after > have:
                with pytest.raises(inbox.NotContiguous):
                    centre.write(inbox.append, STREAM, Lane.TICKETS, batch)
            else:
                have = max(have, upto) if batch else have
                assert centre.write(inbox.append, STREAM, Lane.TICKETS, batch).have == have
            assert held(centre) == TOLD[:have]
        centre.close()


CHANGES: list[dict[str, Any]] = [
    {"body": b"\x82\x18\x63\x60"},
    {"table": "hall_visit"},
    {"key": bytes(14)},
    {"hlc": 2},
    {"schema": 2},
    {"op": Op.DELETE},
    {"commitment": bytes(16)},
    {"chain": bytes(16)},
    {"salt": bytes(16)},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_an_entry_that_was_changed_on_the_way_is_refused_with_all_of_its_batch(
    centre: Store, change: dict[str, Any]
) -> None:
    centre.write(inbox.append, STREAM, Lane.TICKETS, TOLD[:3])
    changed = [*TOLD[3:6], TOLD[6]._replace(**change), *TOLD[7:]]
    with pytest.raises(inbox.ChainBroken) as refused:
        centre.write(inbox.append, STREAM, Lane.TICKETS, changed)
    assert refused.value.lane_seq == 7
    assert held(centre) == TOLD[:3]


@pytest.mark.parametrize(("stream", "lane"), [((4, 77), 1), ((3, 78), 1), ((3, 77), 0)])
def test_an_entry_of_another_stream_or_lane_is_refused(
    centre: Store, stream: tuple[int, int], lane: int
) -> None:
    with pytest.raises(inbox.ChainBroken):
        centre.write(inbox.append, StreamId(*stream), Lane(lane), TOLD)


def test_an_entry_left_out_is_noticed(centre: Store) -> None:
    renumbered = [*TOLD[:4], *(one._replace(lane_seq=one.lane_seq - 1) for one in TOLD[5:])]
    with pytest.raises(inbox.ChainBroken):
        centre.write(inbox.append, STREAM, Lane.TICKETS, renumbered)
    assert held(centre) == []


def test_an_entry_erased_before_it_was_sent_is_kept_as_its_commitment_alone(centre: Store) -> None:
    erased = [TOLD[0]._replace(body=None), *TOLD[1:]]
    assert centre.write(inbox.append, STREAM, Lane.TICKETS, erased).have == 12
    assert held(centre)[0].body is None


def test_the_cursor_and_the_chain_outlive_the_process(tmp_path: Path) -> None:
    centre = opened(tmp_path / "centre.db", node=CENTRE)
    before = centre.write(inbox.append, STREAM, Lane.TICKETS, TOLD)
    centre.close()
    again = opened(tmp_path / "centre.db", node=CENTRE)
    with again.read() as reader:
        assert inbox.cursor(reader, STREAM, Lane.TICKETS) == before == (12, TOLD[-1].chain)
        assert inbox.cursor(reader, STREAM, Lane.ALARMS) == inbox.NOTHING
        assert [one.stream for one in inbox.streams(reader)] == [STREAM]
    again.close()


@pytest.mark.parametrize("max_bytes", [1, 150, 400, 100_000])
def test_reading_back_gives_parts_that_join_into_the_whole(centre: Store, max_bytes: int) -> None:
    centre.write(inbox.append, STREAM, Lane.TICKETS, TOLD)
    found: list[Entry] = []
    with centre.read() as reader:
        while part := inbox.entries(
            reader, STREAM, Lane.TICKETS, after=len(found), max_bytes=max_bytes
        ):
            assert len(part) == 1 or sum(96 + len(one.body or b"") for one in part) <= max_bytes
            found += part
        with pytest.raises(inbox.NotHere):
            inbox.one(reader, STREAM, Lane.TICKETS, 13)
    assert found == TOLD


def test_a_clock_that_runs_far_ahead_is_kept_and_flagged_and_not_followed(tmp_path: Path) -> None:
    clock = FixedClock()
    centre = opened(tmp_path / "centre.db", node=CENTRE, clock=clock)
    year = 365 * 24 * 3600 * 1000
    village = opened(tmp_path / "v.db", node=VILLAGE, clock=FixedClock(clock.wall() + year))
    village.write(lambda tx: tx.insert(TICKET, {"number": 1, "holder": None}))
    carry(village, centre)
    with centre.read() as reader:
        assert [(one.have, one.runs_ahead) for one in inbox.streams(reader)] == [(1, True)]
    assert centre.write(lambda tx: tx.hlc) >> COUNTER_BITS == clock.wall()
    village.close()
    centre.close()


def test_what_is_proved_is_kept_from_where_it_continues_and_nowhere_else(centre: Store) -> None:
    """Its chain is not worked out again, but that it belongs here is."""
    proved = Proved(TOLD)
    assert centre.write(inbox.append, STREAM, Lane.TICKETS, proved.part(0, 5)).have == 5
    with pytest.raises(inbox.NotContiguous):
        centre.write(inbox.append, STREAM, Lane.TICKETS, proved.part(6))
    for stream, lane in ((STREAM, Lane.STATE), (StreamId(4, STREAM.epoch), Lane.TICKETS)):
        with pytest.raises(inbox.ChainBroken):
            centre.write(inbox.append, stream, lane, proved)
    forked = Proved((TOLD[5]._replace(hlc=TOLD[5].hlc + 1), *TOLD[6:]))
    with pytest.raises(inbox.ChainBroken):
        centre.write(inbox.append, STREAM, Lane.TICKETS, forked)
    assert centre.write(inbox.append, STREAM, Lane.TICKETS, proved).have == len(TOLD)
    assert centre.write(inbox.append, STREAM, Lane.TICKETS, proved.part(2, 4)).have == len(TOLD)
