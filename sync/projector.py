"""The thread that carries received entries from the inbox into the typed tables.

Promise: it never ends by itself. An entry that cannot be applied is held and counted by the step
(`appliance.store.projection`); a disk that fails is tried again; nothing is skipped.
"""

import logging
import threading
from typing import Final

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store import projection
from appliance.store.database import Store
from appliance.store.failures import StoreClosed
from sync.step_size import StepSize

LOG: Final = logging.getLogger(__name__)
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0


class Projector:
    """One thread; `wake` tells it that something was appended."""

    def __init__(self, store: Store, give_way: GiveWay = alone) -> None:
        self._store = store
        self._give_way = give_way
        self._size = StepSize()
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
            if not self._size.write(self._store, projection.step, self._size.most):
                return

    @staticmethod
    def _tell(error: Exception, pause: float) -> None:
        if isinstance(error, VuzolError):
            LOG.warning("projection waits %g s: %s", pause, error)
        else:
            LOG.exception("projection waits %g s", pause)
