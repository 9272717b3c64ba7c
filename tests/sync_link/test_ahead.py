"""What is packed ahead is a guess: it may be of use, and it may never be in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from sync import ahead, lanes
from sync.ahead import Ahead
from sync.lanes import LANES, Found, Plan, Wire
from tests.sync_link.rows import open_store, visit


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "village.db", 2, FixedClock())
    for n in range(20):
        opened.write(visit, n)
    yield opened
    opened.close()


@pytest.fixture
def hand(village: Store) -> Iterator[Ahead]:
    started = Ahead(village, "urgent")
    started.start()
    yield started
    started.stop(5.0)


def gathered(village: Store, most_bytes: int) -> Found:
    plan = Plan(Wire.URGENT, LANES[Wire.URGENT], 100, most_bytes)
    with village.read() as reader:
        return lanes.collect(reader, plan, version="1", clock=village.clock)


def test_what_follows_is_given_once_and_nothing_where_nothing_follows(
    village: Store, hand: Ahead
) -> None:
    first = gathered(village, 600)
    hand.after(first)
    ready = hand.take()
    assert ready is not None
    assert (ready.stream, ready.lane) == (first.stream, first.lane)
    assert ready.after == first.after + len(first.entries)
    assert hand.take() is None
    hand.after(gathered(village, 1 << 20))
    assert hand.take() is None


def test_a_store_that_cannot_be_read_holds_nobody_up(village: Store, hand: Ahead) -> None:
    first = gathered(village, 600)
    village.close()
    hand.after(first)
    assert hand.take() is None


def test_a_thread_that_has_ended_is_not_waited_for(
    village: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LONGEST", 60.0)
    ended = Ahead(village, "urgent")
    ended.start()
    ended.stop(5.0)
    ended.after(gathered(village, 600))
    assert ended.take() is None
