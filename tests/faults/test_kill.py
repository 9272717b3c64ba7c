"""The process is killed while it works: the kernel keeps what it was given, the program does not.

0 failures of n rounds prove only that the true rate is likely below 3/n; so the long tier does
many rounds, and a planted mistake shows that a round can fail.
"""

import random
import subprocess
import time
from pathlib import Path
from threading import Timer

import pytest

from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from tests.faults import invariants
from tests.faults.clerks import answers, clerk
from tests.store.two_ends import TABLES, VILLAGE

pytestmark = pytest.mark.fault


def killed_after(file: Path, seconds: float, *told: str) -> dict[int, RowId]:
    """Let a clerk work for a while after its first answer, kill it, return what it answered."""
    with clerk(file, *told) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        timer = Timer(seconds, process.kill)
        timer.start()
        found = dict(answers([first, *process.stdout]))
        timer.join()
    return found


def rounds_of_kills(file: Path, chance: random.Random, rounds: int) -> int:
    answered: dict[int, RowId] = {}
    for _ in range(rounds):
        fresh = killed_after(file, chance.uniform(0, 0.3))
        assert fresh
        assert not fresh.keys() & answered.keys()
        answered |= fresh
        invariants.check(file, answered)
    return len(answered)


def test_kill_at_any_moment_keeps_every_answer_and_gives_no_number_twice(tmp_path: Path) -> None:
    assert rounds_of_kills(tmp_path / "node.db", random.Random(3), rounds=5) > 20


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(4))
def test_kills_without_end_keep_every_answer(tmp_path: Path, seed: int) -> None:
    assert rounds_of_kills(tmp_path / "node.db", random.Random(seed), rounds=30) > 100


def test_kill_after_an_answer_before_the_commit_is_found_out(tmp_path: Path) -> None:
    """A clerk that answers before the commit loses answers: the invariant sees it."""
    for turn in range(20):
        file = tmp_path / f"{turn}.db"
        found = killed_after(file, 0.05, "--mistake", "early", "--hands", "8")
        try:
            invariants.check(file, found)
        except AssertionError as told:
            assert "are lost" in str(told)  # noqa: PT017 - which invariant it was is the point
            return
    pytest.fail("20 kills in a row have not found out a clerk who answers too early")


def test_kill_during_a_second_owners_wait_lets_it_have_the_file(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    with clerk(file) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        timer = Timer(0.3, process.kill)
        timer.start()
        begun = time.monotonic()
        store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), patience=10)
        assert time.monotonic() - begun > 0.2
        found = answers([first, *process.stdout])
    store.close()
    invariants.check(file, found)


def test_pause_of_a_process_that_works_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    with clerk(file, "--turns", "30") as process:
        for _ in range(3):
            time.sleep(0.1)
            subprocess.run(["kill", "-STOP", str(process.pid)], check=True)
            time.sleep(0.1)
            subprocess.run(["kill", "-CONT", str(process.pid)], check=True)
        found = answers(process.stdout)
        assert process.wait(30) == 0
    assert invariants.check(file, found) == len(found) == 90
