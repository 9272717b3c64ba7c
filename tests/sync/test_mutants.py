"""Each invariant is worth its name: a machine with one mistake in it is caught."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.sync.simulation.mutants import MUTANTS
from tests.sync.test_simulation import MEMORY

MOST_SEEDS = 25


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_mutant_is_caught(name: str) -> None:
    for seed in range(MOST_SEEDS):
        with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            try:
                MUTANTS[name](seed, Path(folder)).run()
            except AssertionError:
                return
    pytest.fail(f"{name}: {MOST_SEEDS} runs noticed nothing")


def test_there_are_mutants_enough() -> None:
    assert len(MUTANTS) >= 12
