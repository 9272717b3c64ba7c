"""A hromada lives through every fault we know, and nothing is lost, doubled, torn or stuck."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.sync.simulation.world import World

FAST = range(40)
EACH = 100
SOAK = range(1000, 2000, EACH)
ROOT = Path(__file__).parent.parent.parent
MEMORY = Path("/dev/shm")  # noqa: S108 - what is tried is the order of things; disks have tests of their own


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("seed", FAST)
def test_nothing_is_lost_doubled_torn_or_stuck(seed: int, folder: Path) -> None:
    World(seed, folder).run()


@pytest.mark.parametrize("seed", [3, 5])
def test_a_run_replays_byte_for_byte_from_its_seed(seed: int, folder: Path) -> None:
    first, second = World(seed, folder / "a"), World(seed, folder / "b")
    assert first.run() == second.run()
    assert first.told == second.told


def test_a_run_replays_in_another_process_whatever_its_hash_seed_is(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.sync.simulation.world import World;"
        "print(World(7, Path(sys.argv[1])).run())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script, str(folder / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert digests == {World(7, folder / "here").run() + "\n"}


def test_the_runs_meet_every_trouble(folder: Path) -> None:
    """A simulation in which nothing happens proves nothing."""
    met = "\n".join(line for seed in range(10) for line in _trace(seed, folder / str(seed)))
    for trouble in (
        "dies", "is copied", "is restored", "loses the link", "has another time", "new_centre",
        "restored", "unsigned", "wedged", "refused", "Drop", "replayed", "bad_message", "gap",
        "forked", "failed cut", "silent",
    ):  # fmt: skip
        assert trouble in met, f"nobody met: {trouble}"


def _trace(seed: int, folder: Path) -> list[str]:
    world = World(seed, folder)
    world.run()
    return world.told


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", SOAK, ids=lambda first: f"{first} to {first + EACH - 1}")
def test_a_thousand_runs_lose_nothing(first: int) -> None:
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        failed = [told for told in processes.map(_failure, range(first, first + EACH)) if told]
    assert failed == []


def _failure(seed: int) -> str:
    """Return what went wrong in the run of a seed; empty: nothing did."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        try:
            World(seed, Path(name)).run()
        except AssertionError as error:
            return f"seed {seed}: {error}"
    return ""
