"""How many entries one transaction takes: as many as a visitor does not notice."""

import time
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec

from appliance.store.database import Store
from appliance.store.transaction import Transaction

SHORTEST_STEP: Final = 0.01
LONGEST_STEP: Final = 0.025
"""Seconds that a step may keep the writer: about as long as two commits take on this disk, so that
a visitor who comes meanwhile waits as for two more, and the disk takes a third of the time."""

FEWEST: Final = 50
MOST: Final = 600

Given = ParamSpec("Given")
Verb = Callable[Concatenate[Transaction, Given], int]
"""A verb that returns how many entries it looked at."""


def next_size(most: int, *, looked: int, taken: float, commit: float) -> int:
    """Return how many entries the next step should look at.

    `taken` is how long the last step ran for the `looked` entries, `commit` how long it then took
    to become durable.
    """
    wanted = min(LONGEST_STEP, max(SHORTEST_STEP, 2 * commit))
    fits = round(looked * wanted / max(taken, 1e-6))
    return max(FEWEST, min(MOST, fits, 2 * most))


class StepSize:
    """The size of the next step, learnt from the last one."""

    def __init__(self) -> None:
        """Begin with the smallest step."""
        self.most = FEWEST

    def write(
        self, store: Store, verb: Verb[Given], *args: Given.args, **given: Given.kwargs
    ) -> int:
        """Run the verb in a transaction of its own, learn from it, and return what it returned."""
        began = time.perf_counter()
        looked, taken = store.write(_timed, verb, *args, **given)
        if looked:
            commit = time.perf_counter() - began - taken
            self.most = next_size(self.most, looked=looked, taken=taken, commit=commit)
        return looked


def _timed(
    tx: Transaction, verb: Verb[Given], /, *args: Given.args, **given: Given.kwargs
) -> tuple[int, float]:
    """Run the verb; return how many entries it looked at, and the seconds that took."""
    began = time.perf_counter()
    looked = verb(tx, *args, **given)
    return looked, time.perf_counter() - began
