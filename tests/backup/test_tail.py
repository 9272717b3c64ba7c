"""What was logged after a copy comes back with it, as far as it was on the medium."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.config import Config
from sync.backup import restore, tail
from tests.backup.shelves import TABLES, VILLAGE, Node, opened
from tests.faults import invariants
from tests.store.two_ends import WINDOW

ROWS = ("hall_ticket", "hall_visit", "hall_window", "hall_tally")


def restored(told: Config, **more: int) -> restore.Restored:
    return restore.restore(told, TABLES, tell=lambda _: None, **more)


def tail_of(node: Node) -> Path:
    on = node.keeper.shelf
    assert on is not None
    return on.tail(on.copies()[-1])


def test_copy_and_its_tail_give_every_row_that_was_on_the_medium(told: Config) -> None:
    with opened(told) as node:
        node.take(10)
        node.copy()
        node.take(10)
        node.store.write(lambda tx: tx.delete(WINDOW, {"title": "1"}))
        node.take(3)
        node.keeper.follow()
        before = {name: node.rows(name) for name in ROWS}
        node.take(2)  # the window that is lost
        node.die()
    done = restored(told)
    assert done.lacking == ""
    assert done.entries == 3 * 13 + 1
    with opened(told) as node:
        assert {name: node.rows(name) for name in ROWS} == before
        (series,) = node.store.restored_series  # its mark knows of the two that are gone
        assert series.mark == 25
        node.take(1)
        assert node.keeper.trial()


def test_tail_goes_on_through_restarts_and_keeps_their_epochs(told: Config, data: Path) -> None:
    with opened(told) as node:
        node.take(4)
        node.copy()
        node.take(4)
    for _ in range(2):
        with opened(told) as node:
            node.take(4)
    with opened(told) as node:
        before = {name: node.rows(name) for name in ROWS}
    done = restored(told)
    assert (done.entries, done.lacking) == (3 * 12, "")
    with opened(told) as node:
        assert {name: node.rows(name) for name in ROWS} == before
    invariants.check(data / "node.db", {}, gapless=False)


def test_older_copy_reaches_the_present_by_the_tails_of_all_later_ones(told: Config) -> None:
    with opened(told) as node:
        for _ in range(3):
            node.take(5)
            node.copy()
        node.take(5)
    done = restored(told, number=1)
    assert (done.entries, done.lacking) == (3 * 15, "")
    with opened(told) as node:
        assert len(node.tickets()) == 20


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 100, 1000])
def test_torn_end_of_a_tail_loses_its_last_part_alone(told: Config, cut: int) -> None:
    with opened(told) as node:
        node.copy()
        node.take(5)
        node.keeper.follow()
        whole = tail_of(node).stat().st_size
        node.take(5)
        node.keeper.follow()
        path = tail_of(node)
        node.die()
    os.truncate(path, max(whole, path.stat().st_size - cut))
    assert restored(told).lacking == ""
    with opened(told) as node:
        assert len(node.tickets()) == 5


def test_tail_that_was_torn_is_written_over_and_goes_on(told: Config) -> None:
    with opened(told) as node:
        node.copy()
        node.take(5)
        node.keeper.follow()
        path = tail_of(node)
        node.die()
    with path.open("ab") as file:
        file.write(b"\0\0\0\x20torn")
    with opened(told) as node:
        node.take(5)
    assert restored(told).entries == 3 * 10


def test_tail_that_was_altered_stops_before_what_does_not_follow(told: Config) -> None:
    with opened(told) as node:
        node.take(2)
        node.copy()
        node.take(6)
        node.keeper.follow()
        path = tail_of(node)
        node.die()
    ((part, _),) = tail.parts(path, VILLAGE)
    stream, lane, entry = part.logged[4]
    forged = entry._replace(hlc=entry.hlc + 1)
    logged = (*part.logged[:4], (stream, lane, forged), *part.logged[5:])
    path.write_bytes(tail.written(type(part)(part.starts, logged)))
    done = restored(told)
    assert "does not continue the chain" in done.lacking
    with opened(told) as node:
        assert len(node.tickets()) == 2  # a part comes back whole or not at all


def test_file_that_was_put_back_does_not_go_on_in_the_tail_of_its_old_life(told: Config) -> None:
    with opened(told) as node:
        node.take(4)
        node.copy()
        node.copy()
        node.take(4)
        node.keeper.follow()
        path = tail_of(node)
        node.die()
    old = path.read_bytes()
    path.unlink()
    restored(told)  # of the copy alone
    path.write_bytes(old)
    with opened(told) as node:
        node.take(2)
        node.keeper.follow()
        assert path.read_bytes() == old
        node.copy()
        node.take(1)
        node.keeper.follow()
        assert tail_of(node) != path
        before = node.rows("hall_ticket")
    assert restored(told).lacking == ""
    with opened(told) as node:
        assert node.rows("hall_ticket") == before


def test_medium_that_is_pulled_out_stops_the_tail_and_nothing_else(
    told: Config, medium: Path
) -> None:
    with opened(told) as node:
        node.copy()
        node.keeper._follower.let_go()  # type: ignore[union-attr]
        away = medium.with_name(f"{medium.name}.away")
        medium.rename(away)
        try:
            node.take(3)
            node.keeper.follow()
            assert node.keeper.facts()["tail_trouble"]
        finally:
            away.rename(medium)
        node.keeper.follow()
        assert node.keeper.facts()["tail_trouble"] == ""
        assert node.keeper.facts()["tail_behind_seconds"] == 0
    assert restored(told).entries == 9


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_bytes_that_are_no_tail_give_nothing_and_harm_nothing(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "noise.tail"
    path.write_bytes(noise)
    assert list(tail.parts(path, VILLAGE)) == []
