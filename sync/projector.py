"""The thread that carries received entries from the inbox into the typed tables.

Promise: it never ends by itself. An entry that cannot be applied is held and counted by the step
(`appliance.store.projection`); a disk that fails is tried again; nothing is skipped.
"""

import logging
import threading
import time
from typing import Final

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store import projection
from appliance.store.database import Store
from appliance.store.failures import StoreClosed
from appliance.store.transaction import Transaction

LOG: Final = logging.getLogger(__name__)
FIRST_PAUSE: Final = 0.5
SHORTEST_STEP: Final = 0.01
LONGEST_STEP: Final = 0.025
"""Seconds that a step may keep the writer: about as long as two commits take on this disk, so that
a visitor who comes meanwhile waits as for two more, and the disk takes a third of the time."""

FEWEST: Final = 50
MOST: Final = 600
LONGEST_PAUSE: Final = 30.0


def next_size(most: int, *, looked: int, taken: float, commit: float) -> int:
    """Return how many entries the next step should look at.

    `taken` is how long the last step ran for the `looked` entries, `commit` how long it then took
    to become durable.
    """
    wanted = min(LONGEST_STEP, max(SHORTEST_STEP, 2 * commit))
    fits = round(looked * wanted / max(taken, 1e-6))
    return max(FEWEST, min(MOST, fits, 2 * most))


def _step(tx: Transaction, most: int) -> tuple[int, float]:
    """Project some entries; return how many were looked at, and the seconds that took."""
    began = time.perf_counter()
    looked = projection.step(tx, most)
    return looked, time.perf_counter() - began


class Projector:
    """One thread; `wake` tells it that something was appended."""

    def __init__(self, store: Store, give_way: GiveWay = alone) -> None:
        self._store = store
        self._give_way = give_way
        self._most = FEWEST
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)

    def start(self) -> None:
        """Try again what is held, for the program may be newer now; then go on from the inbox."""
        self._wanted.set()
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """Tell whether there is work that it has not begun."""
        return self._wanted.is_set()

    def wake(self) -> None:
        """Go on: there is something new in the inbox."""
        self._wanted.set()

    def stop(self, seconds: float = 5.0) -> None:
        """End after the step in hand."""
        self._stopping.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause, replayed = FIRST_PAUSE, False
        while not self._stopping.is_set():
            self._wanted.wait()
            self._wanted.clear()
            try:
                if not replayed:
                    self._store.write(projection.replay_quarantined)
                    replayed = True
                self._drain()
                pause = FIRST_PAUSE
            except StoreClosed:
                return
            except Exception as error:  # noqa: BLE001 - it must outlive a full disk and a bad step
                self._tell(error, pause)
                self._stopping.wait(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
                self._wanted.set()

    def _drain(self) -> None:
        while not self._stopping.is_set():
            self._give_way()
            began = time.perf_counter()
            looked, taken = self._store.write(_step, self._most)
            if not looked:
                return
            commit = time.perf_counter() - began - taken
            self._most = next_size(self._most, looked=looked, taken=taken, commit=commit)

    @staticmethod
    def _tell(error: Exception, pause: float) -> None:
        if isinstance(error, VuzolError):
            LOG.warning("projection waits %g s: %s", pause, error)
        else:
            LOG.exception("projection waits %g s", pause)
