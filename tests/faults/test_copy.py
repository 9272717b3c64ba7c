"""The file is copied while it works, and both copies run on: a cloned card, a restored backup."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pytest

from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.failures import FileDamaged
from appliance.store.ids import RowId
from tests.faults import invariants
from tests.faults.clerk import take
from tests.faults.clerks import answers, clerk
from tests.store.two_ends import TABLES, VILLAGE

pytestmark = pytest.mark.fault


def copied_by_hand(file: Path, to: Path) -> None:
    """Copy the database and its WAL as somebody with a file manager would: one, then the other."""
    copyfile(file, to)
    wal = file.with_name(f"{file.name}-wal")
    if wal.exists():
        copyfile(wal, to.with_name(f"{to.name}-wal"))


def runs_on(
    file: Path, tickets: int = 20, *, entropy: Callable[[int], bytes] = os.urandom
) -> set[RowId]:
    """Own a file, take tickets, and return their ids."""
    store = Store.open(
        file, TABLES, node=VILLAGE, clock=SystemClock(), inline=True, entropy=entropy
    )
    found = {store.write(take, 9, turn)[1] for turn in range(tickets)}
    store.close()
    return found


def copies_of_one_at_work(folder: Path, chance: random.Random, rounds: int) -> int:
    """Copy a file at random moments, run every copy on; return how many could be opened."""
    file = folder / "node.db"
    born: list[set[RowId]] = []
    with clerk(file) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        for turn in range(rounds):
            time.sleep(chance.uniform(0, 0.1))
            copied_by_hand(file, folder / f"copy{turn}.db")
        process.kill()
        told = answers([first, *process.stdout])
    for turn in range(rounds):
        try:
            born.append(runs_on(folder / f"copy{turn}.db"))
        except FileDamaged:
            continue  # a copy made across a checkpoint is two halves, and is refused
    born += [set(told.values()), runs_on(file)]
    assert sum(map(len, born)) == len(set.union(*born))
    invariants.check(file, told)
    return len(born) - 2


def test_copies_made_at_any_moment_never_give_an_id_twice(tmp_path: Path) -> None:
    assert copies_of_one_at_work(tmp_path, random.Random(5), rounds=8) > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_many_copies_never_give_an_id_twice(tmp_path: Path, seed: int) -> None:
    assert copies_of_one_at_work(tmp_path, random.Random(seed), rounds=20) > 0


def test_copies_that_open_the_same_epoch_are_found_out(tmp_path: Path) -> None:
    """Without a new epoch at each start, two copies give one id to two tickets."""
    runs_on(tmp_path / "node.db")
    copied_by_hand(tmp_path / "node.db", tmp_path / "copy.db")
    first, second = (
        runs_on(tmp_path / name, entropy=lambda size: b"\7" * size)
        for name in ("node.db", "copy.db")
    )
    assert first & second


def test_copy_put_back_goes_on_after_a_gap_and_says_so(tmp_path: Path) -> None:
    file, copy = tmp_path / "node.db", tmp_path / "kept" / "copy.db"
    copy.parent.mkdir()
    runs_on(file, 5)
    copied_by_hand(file, copy)
    runs_on(file, 7)
    file.with_name("node.db-wal").unlink(missing_ok=True)
    copyfile(copy, file)  # the marks beside it were not part of the copy
    store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), inline=True)
    (told,) = store.restored_series
    assert (told.database, told.mark, told.continues_at) == (5, 12, 113)
    assert store.write(take, 1, 1)[0] == 113
    store.close()
    invariants.check(file, {}, gapless=False)
