"""The node loses its power: what the disk was not told to keep may be gone.

A killed process cannot tell a synced write from one in the kernel's memory. So a layer under the
real store keeps what stood in each sector before it was synced, and turns a random part of them
back at a random write or sync (power.c).
"""

import random
from pathlib import Path

import pytest

from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.failures import FileDamaged
from appliance.store.ids import RowId
from tests.faults import invariants
from tests.faults.clerks import POWER_GONE, answers, clerk, compiled
from tests.faults.invariants import Answers
from tests.store.two_ends import TABLES, VILLAGE

pytestmark = pytest.mark.fault

OPENING = 60
"""About how many writes and syncs a fresh file costs before the first ticket."""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("layer"))


def until_the_power_goes(
    layer: Path, file: Path, *told: str, cut: int, seed: int, lies: bool = False
) -> Answers:
    """Let a clerk work until the power goes; return what was answered before."""
    environment = {
        "LD_PRELOAD": str(layer),
        "POWER_DIR": str(file.parent),
        "POWER_CUT": str(cut),
        "POWER_SEED": str(seed),
        "POWER_LIES": str(int(lies)),
    }
    with clerk(file, *told, environment=environment) as process:
        found = answers(process.stdout)
        assert process.wait(60) == POWER_GONE
    return found


def rounds_of_cuts(layer: Path, file: Path, chance: random.Random, rounds: int) -> Answers:
    """Cut the power again and again under one file; check it after each cut."""
    answered: dict[int, RowId] = {}
    for _ in range(rounds):
        cut = chance.choice([chance.randint(1, OPENING), chance.randint(OPENING, 2500)])
        fresh = until_the_power_goes(layer, file, cut=cut, seed=chance.getrandbits(32))
        assert not fresh.keys() & answered.keys()
        answered |= fresh
        invariants.check(file, answered)
    return answered


def test_power_cut_after_an_answer_keeps_what_was_answered(layer: Path, tmp_path: Path) -> None:
    answered = rounds_of_cuts(layer, tmp_path / "node.db", random.Random(7), rounds=6)
    assert len(answered) > 50


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
def test_power_cuts_without_end_keep_what_was_answered(
    layer: Path, tmp_path: Path, seed: int
) -> None:
    assert rounds_of_cuts(layer, tmp_path / "node.db", random.Random(seed), rounds=12)


@pytest.mark.parametrize("cut", [1, 9, 25, 45])
def test_power_cut_in_the_first_opening_starts_again_from_before_it(
    layer: Path, tmp_path: Path, cut: int
) -> None:
    assert until_the_power_goes(layer, tmp_path / "node.db", cut=cut, seed=cut) == {}
    assert invariants.check(tmp_path / "node.db", {}) == 0


@pytest.mark.parametrize("mistake", ["synchronous is NORMAL", "the disk lies"])
def test_power_cut_on_what_was_not_synced_loses_answers(
    layer: Path, tmp_path: Path, mistake: str
) -> None:
    """The layer does take away what is not synced: else the tests above would prove nothing."""
    lies = mistake == "the disk lies"
    told = [] if lies else ["--mistake", "normal"]
    lost = 0
    for seed in range(3):
        file = tmp_path / f"{seed}" / "node.db"
        file.parent.mkdir()
        Store.open(file, TABLES, node=VILLAGE, clock=SystemClock()).close()
        found = until_the_power_goes(layer, file, *told, cut=900 + 100 * seed, seed=seed, lies=lies)
        assert found
        lost += losses(file, found)
    assert lost > 0


def losses(file: Path, answered: Answers) -> int:
    """Return how many answers the file has lost; all of them if it is damaged beyond opening."""
    try:
        store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), inline=True)
    except FileDamaged:
        return len(answered)
    with store.read() as reader:
        lost = len(invariants.missing(reader, answered))
    store.close()
    return lost
