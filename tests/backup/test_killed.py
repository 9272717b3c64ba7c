"""The node dies inside a copy: what counts as a copy is whole, and a restore of it works."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.store import checking
from appliance.store.checking import CopyDamaged
from sync.backup import restore, shelf
from sync.backup.shelf import NotTheBytes, Shelf
from tests.backup.shelves import TABLES, VILLAGE, opened, settings
from tests.faults.clerks import POWER_GONE, ROOT, compiled

pytestmark = pytest.mark.fault


@contextmanager
def copier(
    data: Path, medium: Path, *told: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a copier; kill it at the end if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.backup.copier", data, medium, *told],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def damaged(on: Shelf, scratch: Path) -> int:
    """Return how many of the copies that count are not whole, as a restore finds out."""
    bad = 0
    for copy in on.copies():
        try:
            shelf.brought(copy, on.database(copy), scratch, lambda *_: None)
            checking.check(scratch, TABLES, node=VILLAGE, expected=copy.held, breathe=lambda: None)
        except (CopyDamaged, NotTheBytes, FileNotFoundError):
            bad += 1
        finally:
            scratch.unlink(missing_ok=True)
    return bad


def on_shelf(data: Path, medium: Path) -> Shelf:
    on = shelf.of(settings(data, medium))
    assert on is not None
    return on


def test_kill_in_the_middle_of_a_copy_leaves_whole_copies_alone(data: Path, medium: Path) -> None:
    chance = random.Random(7)
    on = on_shelf(data, medium)
    for _ in range(3):
        with copier(data, medium) as process:
            assert process.stdout is not None
            assert process.stdout.readline()  # it is at work
            time.sleep(chance.uniform(0.0, 0.2))
            process.kill()
            process.wait()
        assert on.copies()
        assert damaged(on, data / "scratch") == 0
    done = restore.restore(settings(data, medium), TABLES, tell=lambda _: None)
    assert done.copy is not None
    with opened(settings(data, medium)) as node:
        assert done.lacking == ""
        held = done.copy.held.tables["hall_ticket"][0]
        assert len(node.tickets()) == held + done.entries // 3  # a ticket logs three changes
        node.take(1)
        node.copy()
    assert not list(on.folder.glob("*.new"))


def after_power_cuts(layer: Path, data: Path, medium: Path, rounds: int, *told: str) -> int:
    """Cut the medium's power at random moments; return how many copies that count are damaged."""
    chance, on, bad = random.Random(3), on_shelf(data, medium), 0
    on.make()
    for _ in range(rounds):
        with copier(
            data,
            medium,
            *told,
            LD_PRELOAD=str(layer),
            POWER_DIR=str(on.folder),
            POWER_CUT=str(chance.randint(20, 250)),
            POWER_SEED=str(chance.getrandbits(31)),
            POWER_LIES="0",
        ) as process:
            assert process.wait(20) == POWER_GONE
        bad += damaged(on, data / "scratch")
    assert on.copies()
    return bad


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("layer"))


@pytest.mark.soak
def test_medium_that_loses_its_power_keeps_every_copy_that_counts(
    layer: Path, data: Path, medium: Path
) -> None:
    assert after_power_cuts(layer, data, medium, 6) == 0


@pytest.mark.soak
def test_copy_that_is_not_synced_is_found_out(layer: Path, data: Path, medium: Path) -> None:
    """The mutant: a card that is on the medium before its copy is."""
    assert after_power_cuts(layer, data, medium, 3, "--mistake", "unsynced") > 0
