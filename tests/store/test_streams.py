"""Each start of an owner is a stream of its own, so copies of a file part ways."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.store import streams
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from tests.store.sample import rows, take, value, village


def test_each_start_opens_an_epoch_that_knows_its_parent(tmp_path: Path, clock: FixedClock) -> None:
    opened = []
    for _ in range(3):
        store = village(tmp_path / "node.db", clock=clock)
        store.write(take)
        opened.append(store.epoch)
        with store.read() as reader:
            starts = streams.starts(reader)
        store.close()
        clock.advance(60)
    assert len(set(opened)) == 3
    assert [start.stream.epoch for start in starts] == opened
    assert [start.parent for start in starts] == [None, *opened[:2]]
    assert [start.parent_last_seq for start in starts] == [0, 2, 4]
    assert starts[1].opened_at == starts[0].opened_at + 60_000


def test_an_epoch_is_recorded_before_the_first_write(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db")
    assert rows(store, "SELECT epoch FROM _stream") == [{"epoch": store.epoch}]
    assert value(store, "SELECT count(*) FROM _log") == 0
    store.close()


def test_both_copies_of_a_file_run_and_give_no_id_twice(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db")
    store.write(take)
    store.close()
    shutil.copytree(tmp_path, tmp_path / "copy")
    one, other = village(tmp_path / "node.db"), village(tmp_path / "copy" / "node.db")
    born = [side.write(take) for side in (one, other, one, other)]
    assert len(set(born)) == 4
    assert len({ticket.seq for ticket in born}) == 2, "the epoch alone tells them apart"
    one.close()
    other.close()


def test_an_epoch_that_chance_gives_twice_is_drawn_again(tmp_path: Path) -> None:
    drawn: list[bytes] = [bytes(6), b"same__", b"same__", b"other_"]

    def entropy(_: int) -> bytes:
        return drawn.pop(0)

    epochs = []
    for _ in range(2):
        store = village(tmp_path / "node.db", entropy=entropy)
        epochs.append(store.epoch)
        store.close()
    assert epochs == [int.from_bytes(b"same__", "big"), int.from_bytes(b"other_", "big")]


@pytest.mark.parametrize("work", [None, take], ids=["idle", "busy"])
def test_a_start_of_which_nothing_is_missing_is_closed_by_the_next(
    tmp_path: Path, work: Callable[..., object] | None
) -> None:
    store = village(tmp_path / "node.db")
    if work:
        store.write(work)
    store.close()
    again = village(tmp_path / "node.db")
    with again.read() as reader:
        left = streams.starts(reader, open_only=True)
    again.close()
    assert [start.stream.epoch for start in left] == (
        [store.epoch, again.epoch] if work else [again.epoch]
    )


def test_a_stream_is_named_by_node_and_epoch(store: Store) -> None:
    assert store.stream == (3, store.epoch)
    assert store.node == 3
