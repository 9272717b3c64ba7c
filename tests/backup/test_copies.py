"""Copies are whole, of one moment, private, bounded, and in nobody's way."""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.store import checking
from appliance.store.clock import FixedClock, SystemClock
from sync.backup import shelf
from sync.backup.model import Medium
from tests.backup.shelves import DAY, NOON, TABLES, VILLAGE, Node, opened, settings
from tests.faults.clerk import take
from tests.small_disk import small_disk

LONGEST_STALL = 0.05


def whole(node: Node, copy: object) -> None:
    assert node.keeper.shelf is not None
    (found,) = (one for one in node.keeper.shelf.copies() if one == copy)
    path = node.keeper.shelf.database(found)
    assert shelf.digest(path) == found.sha256
    checking.check(path, TABLES, node=VILLAGE, expected=found.held, breathe=lambda: None)


def test_copy_holds_every_row_of_its_moment_and_nothing_later(told: Config) -> None:
    with opened(told) as node:
        node.take(50)
        copy = node.copy()
        node.take(7)
        whole(node, copy)
        assert copy.held.tables["hall_ticket"][0] == 50
        assert node.keeper.facts()["copies"] == 1
        assert node.keeper.facts()["medium"] == Medium.WORKS


def test_copy_made_while_four_hands_write_is_of_one_moment(told: Config) -> None:
    with opened(told, clock=SystemClock(trusted=True)) as node:
        over = threading.Event()

        def writes(hand: int) -> None:
            turn = 0
            while not over.is_set():
                node.store.write(take, hand, turn := turn + 1)

        hands = [threading.Thread(target=writes, args=(hand,)) for hand in range(4)]
        for hand in hands:
            hand.start()
        made = [node.copy() for _ in range(5)]
        over.set()
        for hand in hands:
            hand.join()
        for copy in made:
            whole(node, copy)
            rows = copy.held.tables
            assert rows["hall_ticket"][0] == rows["hall_visit"][0] == rows["hall_tally"][0]


def test_writer_is_never_held_up_for_long_while_a_copy_is_made(told: Config) -> None:
    with opened(told, clock=SystemClock(trusted=True)) as node:
        node.store.write(_ballast)
        over, stalls = threading.Event(), list[float]()

        def writes() -> None:
            while not over.is_set():
                begun = time.monotonic()
                node.store.beat()
                stalls.append(time.monotonic() - begun)
                time.sleep(0.002)

        hand = threading.Thread(target=writes)
        hand.start()
        longest, alone = list[float](), list[float]()
        for _ in range(3):  # the best of three: other work on this machine stalls a disk too
            stalls.clear()
            time.sleep(0.3)
            alone.append(max(stalls))
            stalls.clear()
            copy = node.copy()
            longest.append(max(stalls, default=0.0))
        over.set()
        hand.join()
        assert copy.size > 30 << 20
        assert min(longest) < max(LONGEST_STALL, 2 * min(alone)), (longest, alone)


def _ballast(tx: object) -> None:
    """Make the file as large as that of some years."""
    tx._connection.execute("CREATE TABLE ballast (bytes BLOB)")  # type: ignore[attr-defined]
    tx._connection.executemany(  # type: ignore[attr-defined]
        "INSERT INTO ballast VALUES (?)", ((os.urandom(3000),) for _ in range(12_000))
    )


def test_copies_are_for_their_owner_alone(told: Config, medium: Path) -> None:
    with opened(told) as node:
        node.take(1)
        node.copy()
    for path in (medium / "vuzol-backup").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_oldest_copies_go_when_they_take_more_than_they_may(data: Path, medium: Path) -> None:
    with opened(settings(data, medium, most_megabytes=16)) as node:
        node.store.write(_ballast)
        for _ in range(3):
            node.copy()
        assert [one.number for one in node.keeper.shelf.copies()] == [3]  # type: ignore[union-attr]


def test_copies_older_than_35_days_go_on_a_good_clock_alone(told: Config) -> None:
    clock = FixedClock(NOON)
    with opened(told, clock=clock) as node:
        node.copy()
        node.copy()
        clock.set(NOON + 40 * DAY)
        node.copy()
        assert [one.number for one in node.keeper.shelf.copies()] == [3]  # type: ignore[union-attr]


def test_what_was_cut_off_does_not_count_and_goes(told: Config) -> None:
    with opened(told) as node:
        copy = node.copy()
        on = node.keeper.shelf
        assert on is not None
        (on.folder / "000009.new").write_bytes(b"half")
        (on.folder / "000008.db").write_bytes(b"no card")
        assert on.copies() == [copy]
        assert node.copy().number == 2
        assert sorted(path.name for path in on.folder.iterdir()) == [
            "000001.db", "000001.json", "000001.tail",
            "000002.db", "000002.json", "000002.tail",
        ]  # fmt: skip


def test_no_second_medium_makes_no_copies_and_no_noise(data: Path) -> None:
    with opened(settings(data, None)) as node:
        node.keeper.start()
        assert node.keeper.copy() is None
        assert node.keeper.facts()["medium"] == Medium.NONE
        assert node.keeper.nights_without() is None


def test_medium_on_the_disk_of_the_database_is_told(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "medium"
    other.mkdir()
    with opened(settings(data, other)) as node:
        node.copy()
        assert node.keeper.facts()["medium"] == Medium.SAME_DISK


def test_medium_that_vanishes_is_told_and_used_again_when_it_is_back(
    told: Config, medium: Path
) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        away = medium.with_name(f"{medium.name}.away")
        medium.rename(away)
        try:
            assert node.keeper.copy() is None
            assert node.keeper.facts()["medium"] == Medium.MISSING
            node.take(3)  # the node works on
        finally:
            away.rename(medium)
        assert node.copy().held.tables["hall_ticket"][0] == 6
        assert node.keeper.facts() | {"trouble": ""} == node.keeper.facts()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a medium of 12 MiB."""
    with small_disk(tmp_path / "small", mebibytes=12) as disk:
        yield disk


def test_full_medium_gives_up_its_oldest_copies_then_says_so(data: Path, small: Path) -> None:
    with opened(settings(data, small)) as node:
        node.take(3)
        node.store.write(_some)
        kept = [node.copy().number for _ in range(6)]
        on = node.keeper.shelf
        assert on is not None
        assert kept == [1, 2, 3, 4, 5, 6]
        assert 1 < len(on.copies()) < 6  # not all of them fit
        before = on.copies()
        node.store.write(_more)  # now the file is larger than the medium
        assert node.keeper.copy() is None
        facts = node.keeper.facts()
        assert facts["medium"] == Medium.FULL
        assert "no room for a copy" in facts["trouble"]
        assert on.copies() == before  # none was given up for nothing
        whole(node, before[-1])
        node.take(3)


def test_full_medium_is_used_again_when_it_has_room(data: Path, small: Path) -> None:
    with opened(settings(data, small)) as node:
        on = node.keeper.shelf
        assert on is not None
        (small / "others").write_bytes(bytes(on.room() + shelf.MARGIN))
        node.take(3)
        assert node.keeper.copy() is None
        assert node.keeper.medium is Medium.FULL
        (small / "others").unlink()
        whole(node, node.copy())
        assert node.keeper.medium is Medium.WORKS


def _some(tx: object) -> None:
    tx._connection.execute("CREATE TABLE some (bytes BLOB)")  # type: ignore[attr-defined]
    tx._connection.executemany(  # type: ignore[attr-defined]
        "INSERT INTO some VALUES (?)", ((os.urandom(3000),) for _ in range(500))
    )


def _more(tx: object) -> None:
    tx._connection.executemany(  # type: ignore[attr-defined]
        "INSERT INTO some VALUES (?)", ((os.urandom(3000),) for _ in range(2000))
    )


def test_medium_that_fills_up_inside_a_copy_leaves_no_half_of_it(data: Path, small: Path) -> None:
    with opened(settings(data, small)) as node:
        node.take(3)
        before = node.copy()
        node.store.write(_ballast)
        on = node.keeper.shelf
        assert on is not None
        on.room = lambda: 1 << 40  # type: ignore[method-assign]  # somebody fills it meanwhile
        assert node.keeper.copy() is None
        assert node.keeper.facts()["medium"] == Medium.FULL
        assert not list(on.folder.glob("*.new"))
        assert on.copies() == [before]
        whole(node, before)


def test_node_that_stops_gives_up_the_copy_in_hand(told: Config) -> None:
    node = Node(told, clock=SystemClock(trusted=True))
    node.store.write(_ballast)
    node.keeper._next_copy = 0.0
    node.keeper.start()
    on = node.keeper.shelf
    assert on is not None
    end = time.monotonic() + 20
    while not on.folder.is_dir() or not list(on.folder.glob("*.new")):
        assert time.monotonic() < end
        time.sleep(0.001)
    begun = time.monotonic()
    node.close()
    assert time.monotonic() - begun < 2
    assert on.copies() == []


def test_copy_needs_nothing_beside_it_to_be_read(told: Config) -> None:
    with opened(told) as node:
        node.take(5)
        copy = node.copy()
        assert node.keeper.shelf is not None
        path = node.keeper.shelf.database(copy)
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as reader:
        assert reader.execute("SELECT count(*) FROM hall_ticket").fetchone() == (5,)
