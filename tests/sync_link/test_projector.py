"""The projector goes on whatever happens to the disk, and stops only when it is told to."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.store import projection
from appliance.store.database import Store
from sync.projector import Projector
from tests.sync_link.rows import carry, numbers, open_store, visit


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "village.db", 2)
    yield opened
    opened.close()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "centre.db", 1, busy_seconds=0.3)
    yield opened
    opened.close()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def seen(centre: Store) -> list[int]:
    with centre.read() as reader:
        return numbers(reader)


def test_what_was_appended_before_the_start_and_after_it_becomes_visible(
    village: Store, centre: Store
) -> None:
    village.write(visit, 1)
    carry(village, centre)
    projector = Projector(centre)
    projector.start()
    until(lambda: seen(centre) == [1])
    village.write(visit, 2)
    carry(village, centre)
    projector.wake()
    until(lambda: seen(centre) == [1, 2])
    projector.stop()


def test_locked_database_only_delays_it(village: Store, centre: Store) -> None:
    for n in range(5):
        village.write(visit, n)
    carry(village, centre)
    other = sqlite3.connect(centre.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    projector = Projector(centre)
    projector.start()
    time.sleep(1.2)
    assert seen(centre) == []
    other.execute("ROLLBACK")
    other.close()
    until(lambda: seen(centre) == [0, 1, 2, 3, 4])
    projector.stop()


def test_closed_store_ends_it(centre: Store) -> None:
    projector = Projector(centre)
    projector.start()
    until(lambda: not projector.wanted)
    centre.close()
    projector.wake()
    began = time.monotonic()
    projector.stop()
    assert time.monotonic() - began < 1


def test_start_tries_again_what_is_held(village: Store, centre: Store) -> None:
    village.write(visit, 1)
    carry(village, centre)
    while centre.write(projection.step):
        pass

    def hold(tx: object) -> None:
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO _held (node, epoch, lane, lane_seq, tbl, key, reason, told, at)
            SELECT node, epoch, lane, lane_seq, tbl, key, 'unknown_table', '', 0 FROM _inbox"""
        )

    centre.write(hold)
    projector = Projector(centre)
    projector.start()

    def held() -> tuple[int, int]:
        with centre.read() as reader:
            return projection.counts(reader)

    until(lambda: held() == (0, 0))
    projector.stop()
    assert seen(centre) == [1]
