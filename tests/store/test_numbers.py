"""A number that was shown is never shown again, and its series has no gaps in one database."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store import numbers
from appliance.store.database import Store
from appliance.store.numbers import GAP, HighWater, NumberNotKept, Restored
from appliance.store.transaction import Transaction
from tests.store.sample import rows, take, value, village

NAME = "s03-node.db.numbers"
COUNT = """
import sys
from pathlib import Path
from tests.store.sample import village
from appliance.store.transaction import Transaction
store = village(Path(sys.argv[1]), patience=10)
while True:
    print(store.write(Transaction.next_number, "А"), flush=True)
"""


def number(store: Store, series: str = "А") -> int:
    return store.write(Transaction.next_number, series)


def marks(path: Path) -> dict[str, int]:
    return HighWater([path.parent], path.name).marks


def test_each_series_counts_for_itself(store: Store) -> None:
    assert [number(store), number(store), number(store, "Б"), number(store)] == [1, 2, 1, 3]


def test_a_number_is_synced_outside_the_database_before_it_is_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[dict[str, int]] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        real(descriptor)
        synced.append(marks(store.path.with_name(NAME)))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    assert number(store) == 1
    assert synced == [{"А": 1}]


def test_a_verb_without_a_number_waits_for_no_second_sync(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", lambda _: pytest.fail("nothing to sync"))
    store.write(lambda _: None)


def test_a_database_from_a_copy_goes_on_after_a_declared_gap(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db")
    number(store)
    store.close()
    shutil.copy(tmp_path / "node.db", tmp_path / "copy")
    store = village(tmp_path / "node.db")
    assert [number(store) for _ in range(4)] == [2, 3, 4, 5]
    number(store, "Б")
    store.close()
    shutil.copy(tmp_path / "copy", tmp_path / "node.db")

    restored = village(tmp_path / "node.db")
    assert restored.restored_series == (
        Restored("А", database=1, mark=5, continues_at=5 + GAP + 1),
        Restored("Б", database=0, mark=1, continues_at=1 + GAP + 1),
    )
    assert [number(restored), number(restored)] == [5 + GAP + 1, 5 + GAP + 2]
    restored.close()
    again = village(tmp_path / "node.db")
    assert again.restored_series == restored.restored_series, "nobody has told it yet"
    assert number(again) == 5 + GAP + 3
    again.write(numbers.forget_restored)
    again.close()
    later = village(tmp_path / "node.db")
    assert later.restored_series == ()
    later.close()


def test_a_restore_is_seen_on_the_second_medium_when_the_whole_card_went_back(
    tmp_path: Path,
) -> None:
    card, stick = tmp_path / "card", tmp_path / "stick"
    stick.mkdir()
    store = village(card / "node.db", second_medium=stick)
    number(store)
    assert marks(stick / NAME) == {"А": 1}
    assert not (card / NAME).exists()
    store.close()
    shutil.rmtree(card)
    restored = village(card / "node.db", second_medium=stick)
    assert number(restored) == 1 + GAP + 1
    restored.close()


def test_a_stick_of_another_node_means_nothing_here(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    for node in (2, 3):
        store = village(tmp_path / f"{node}" / "node.db", node=node, second_medium=stick)
        assert number(store) == 1
        assert store.restored_series == ()
        store.close()


def test_a_stick_that_is_not_there_is_done_without_and_told(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db", second_medium=tmp_path / "stick")
    assert store.marks_displaced
    assert number(store) == 1
    assert marks(tmp_path / NAME) == {"А": 1}
    store.close()
    (tmp_path / "stick").mkdir()
    store = village(tmp_path / "node.db", second_medium=tmp_path / "stick")
    assert not store.marks_displaced
    assert store.restored_series == ()
    assert marks(tmp_path / "stick" / NAME) == {"А": 1}
    store.close()


def test_a_stick_that_is_pulled_out_moves_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    store = village(tmp_path / "node.db", second_medium=stick)
    number(store)
    monkeypatch.setattr(os, "pwrite", _broken)
    assert number(store) == 2
    assert store.marks_displaced
    assert marks(tmp_path / NAME) == {"А": 2}
    monkeypatch.undo()
    assert number(store) == 3
    assert marks(tmp_path / NAME) == {"А": 3}
    store.close()


def test_a_number_that_no_medium_takes_is_not_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    number(store)
    monkeypatch.setattr(os, "pwrite", _broken)
    with pytest.raises(NumberNotKept, match="repeat the request"):
        number(store)
    store.write(lambda _: None)
    monkeypatch.undo()
    assert number(store) == 3, "the one that was not shown stays with its row"
    assert marks(store.path.with_name(NAME)) == {"А": 3}


def test_a_mark_that_is_owed_is_kept_with_the_next_write_of_any_kind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeated request gets the number that was refused: its mark must not wait for another."""
    number(store)
    monkeypatch.setattr(os, "pwrite", _broken)
    with pytest.raises(NumberNotKept):
        number(store)
    assert marks(store.path.with_name(NAME)) == {"А": 1}
    store.write(lambda _: None)
    assert marks(store.path.with_name(NAME)) == {"А": 2}


def test_a_repeated_answer_waits_for_the_mark_that_is_owed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(tx: Transaction) -> int:
        tx.repeat()
        return 2

    number(store)
    monkeypatch.setattr(os, "pwrite", _broken)
    monkeypatch.setattr(HighWater, "_begin", _broken)
    with pytest.raises(NumberNotKept):
        number(store)
    with pytest.raises(NumberNotKept):
        store.write(again)
    store.write(lambda _: None)  # what shows no number goes on
    monkeypatch.undo()
    assert store.write(again) == 2
    assert marks(store.path.with_name(NAME)) == {"А": 2}


def _broken(*_: object) -> int:
    raise OSError(5, "Input/output error")


def test_marks_fit_on_a_disk_that_has_become_full(tmp_path: Path) -> None:
    high_water = HighWater([tmp_path], NAME)
    high_water.open({})
    before = (tmp_path / NAME).stat()
    for value_ in range(1, 200):
        high_water.keep({"А": value_})
    after = (tmp_path / NAME).stat()
    high_water.close()
    assert (after.st_ino, after.st_size, after.st_blocks) == (
        before.st_ino,
        before.st_size,
        before.st_blocks,
    )


def a_day_of(tx: Transaction, *days: int) -> None:
    for day in days:
        for letter in "АБВГДЕ":
            tx.next_number(f"ticket/117/{20_000 + day}/{letter}")


def test_a_copy_of_long_ago_gives_no_number_of_its_lost_days_again(tmp_path: Path) -> None:
    """Why no series is forgotten: after such a copy the days are counted again, from its last."""
    store = village(tmp_path / "node.db")
    store.write(a_day_of, 0)
    store.close()
    shutil.copy(tmp_path / "node.db", tmp_path / "copy")
    for year in range(3):
        store = village(tmp_path / "node.db")
        store.write(a_day_of, *range(1 + 366 * year, 367 + 366 * year))
        store.close()
    shutil.copy(tmp_path / "copy", tmp_path / "node.db")
    store = village(tmp_path / "node.db")
    store.write(a_day_of, 1, 366, 1098)
    again = {row["last"] for row in rows(store, "SELECT * FROM _number WHERE last > 1")}
    assert again == {1 + GAP, 1 + GAP + 1}
    assert len(store.restored_series) == 6 * 3 * 366
    store.close()


def test_all_series_of_a_year_take_less_than_eighty_kilobytes(tmp_path: Path) -> None:
    sizes = []
    store = village(tmp_path / "node.db")
    for year in range(3):
        store.write(a_day_of, *range(366 * year, 366 * (year + 1)))
        store.close()
        store = village(tmp_path / "node.db")
        with store.read() as reader:
            pages, size = reader.value("PRAGMA page_count"), reader.value("PRAGMA page_size")
        sizes.append((pages * size, (tmp_path / NAME).stat().st_size))
    store.close()
    for before, after in itertools.pairwise(sizes):
        assert all(0 < b - a < 80_000 for a, b in zip(before, after, strict=True)), sizes


def test_a_file_without_room_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "ROOM", 100)
    high_water = HighWater([tmp_path], NAME)
    high_water.open({"Б": 7})
    for value_ in range(1, 50):
        high_water.keep({"А": value_})
        assert marks(tmp_path / NAME) == {"А": value_, "Б": 7}
    high_water.close()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@given(
    kept=st.lists(st.tuples(st.sampled_from("АБВ"), st.integers(1, 10**9)), max_size=8),
    damage=st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=30)) | st.none(),
)
def test_a_damaged_file_never_remembers_more_than_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    kept: list[tuple[str, int]],
    damage: tuple[int, bytes] | None,
) -> None:
    path = tmp_path_factory.mktemp("marks") / NAME
    high_water = HighWater([path.parent], NAME)
    high_water.open({})
    for series, mark in kept:
        high_water.keep({series: mark})
    high_water.close()
    written = {series: {m for s, m in kept if s == series} for series, _ in kept}
    if damage:
        data = bytearray(path.read_bytes())
        data[damage[0] : damage[0] + len(damage[1])] = damage[1]
        path.write_bytes(data)
    found = marks(path)
    assert all(mark in written[series] for series, mark in found.items())
    if not damage:
        assert found == {series: max(seen) for series, seen in written.items()}


@pytest.mark.parametrize("round_", range(3))
def test_a_process_that_is_killed_leaves_no_gap_and_no_double(tmp_path: Path, round_: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COUNT, tmp_path / "node.db"], stdout=subprocess.PIPE, text=True
    )
    shown = [int(process.stdout.readline()) for _ in range(40 + 7 * round_)]
    process.send_signal(signal.SIGKILL)
    shown += [int(line) for line in process.stdout]
    process.wait()
    process.stdout.close()
    assert shown == list(range(1, len(shown) + 1))
    store = village(tmp_path / "node.db", patience=10)
    assert store.restored_series == ()
    last = value(store, "SELECT last FROM _number")
    assert last in {len(shown), len(shown) + 1}, "one may be committed and not shown"
    assert number(store) == last + 1
    store.close()


@pytest.mark.parametrize("verb", [take, lambda tx: tx.next_number("А")])
def test_a_verb_that_fails_gives_its_number_back(
    store: Store, verb: Callable[[Transaction], object]
) -> None:
    def fails(tx: Transaction) -> None:
        verb(tx)
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fails)
    assert number(store) == 1
