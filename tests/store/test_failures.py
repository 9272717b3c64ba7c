"""A disk that is really full: refused with a sentence, nothing half written, all goes on after."""

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.errors import VuzolError
from appliance.store.database import Store
from appliance.store.failures import DiskFull, FileDamaged
from appliance.store.opening import CannotOpen
from appliance.store.transaction import Transaction
from tests.small_disk import small_disk
from tests.store.checking import verify
from tests.store.sample import NOTE, take, value, village

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small tmpfs")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of two megabytes."""
    with small_disk(tmp_path / "small", mebibytes=2) as disk:
        yield disk


def crowd(store: Store, taken: list[int], errors: list[VuzolError]) -> None:
    """Take tickets, and notes so large that pages spill into the WAL before the commit."""

    def client(number: int) -> None:
        for turn in range(12):
            try:
                if (number + turn) % 3 == 0:
                    store.write(Transaction.add, NOTE, {"words": "х" * 30_000})
                else:
                    store.write(take)
                    taken.append(1)
            except VuzolError as error:
                errors.append(error)

    with ThreadPoolExecutor(16) as clients:
        list(clients.map(client, range(16)))


@needs_root
def test_a_full_disk_refuses_with_a_sentence_and_loses_nothing(small: Path) -> None:
    store = village(small / "node.db")
    store._opened.connection.execute("PRAGMA cache_size = 10")  # so that a group spills
    taken: list[int] = []
    errors: list[VuzolError] = []
    crowd(store, taken, errors)
    assert errors, "the disk was meant to be too small"
    assert {type(error) for error in errors} == {DiskFull}
    assert value(store, "SELECT count(*) FROM ticket") == len(taken)
    assert value(store, "SELECT max(number) FROM ticket") == len(taken)
    subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
    store.write(take)
    verify(store)
    store.close()
    again = village(small / "node.db")
    assert value(again, "SELECT count(*) FROM ticket") == len(taken) + 1
    assert again.restored_series == ()
    verify(again)
    again.close()


@needs_root
def test_a_disk_that_is_full_at_the_start_is_told_in_a_sentence(small: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small / "ballast").write_bytes(bytes(4 << 20))
    with pytest.raises(DiskFull, match="free some space"):
        village(small / "node.db")
    (small / "ballast").unlink()
    village(small / "node.db").close()


def test_a_folder_that_can_not_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotOpen, match=r"can't be opened .*; give the node a folder"):
        village(tmp_path / "file" / "node.db")


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "node.db").write_bytes(os.urandom(8192))
    with pytest.raises(FileDamaged, match="restore it from the last backup"):
        village(tmp_path / "node.db")


def test_nothing_is_left_running_by_a_start_that_failed(tmp_path: Path) -> None:
    before = threading.active_count()
    test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path)
    assert threading.active_count() == before
