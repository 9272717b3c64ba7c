"""The thread that has a node compare its chains with the centre's, a little at a time.

Promise: it never ends by itself, and what it does gives way to people. Without a link the question
stays open until there is one; nothing is called equal that was not compared.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Final

from appliance.errors import VuzolError
from appliance.store.database import Store
from sync import comparison
from sync.comparison import Outcome

LOG: Final = logging.getLogger(__name__)
LOOK_SECONDS: Final = 300.0
LATEST_SECONDS: Final = 1 << 36
"""Past it no calendar of Python reaches; a clock can show anything."""


class Nightly:
    """One thread; `look` is one turn of it."""

    def __init__(
        self,
        store: Store,
        *,
        zone: tzinfo,
        call: Callable[[], None],
        forked: Callable[[], str],
        linked: Callable[[], bool],
        broken: Callable[[], str] = lambda: "",
    ) -> None:
        """Prepare; nothing happens before `start`.

        `call` wakes the agent, `linked` tells whether the centre answers now, `forked` names a lane
        that it found to differ, and `broken` one of this file's own that does not hold what it was
        chained over.
        """
        self._store = store
        self._zone = zone
        self._call = call
        self._forked = forked
        self._linked = linked
        self._broken = broken
        self._began = store.clock.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nightly", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End after what is in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def look(self) -> None:
        """Ask, if it is time; else see whether what was asked has been answered."""
        with self._store.read() as reader:
            last = comparison.last(reader)
            found = comparison.judge(reader, self._forked())
        if found is not None:
            self._store.write(comparison.keep, found.outcome, where=found.where)
            if found.outcome is Outcome.FORKED:
                LOG.error("the chains differ: %s", found.where)
        elif self._linked() and self._is_due(last.at if last else None):
            self.compare()  # without a link a cursor that was doubted would only hold up a stick

    def compare(self) -> None:
        """Look at the own log, then ask the centre about every lane."""
        where = self._broken()
        if where:
            LOG.error("the log does not hold what it was chained over: %s", where)
            self._store.write(comparison.keep, Outcome.BROKEN, where=where)
            return
        self._store.write(comparison.ask)
        self._call()

    def _is_due(self, last: int | None) -> bool:
        clock = self._store.clock
        now = clock.wall()
        seconds = max(0, min(now // 1000, LATEST_SECONDS))
        hour = datetime.fromtimestamp(seconds, UTC).astimezone(self._zone).hour
        return comparison.is_due(last, now, hour=hour, awake=clock.monotonic() - self._began)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except VuzolError as error:
                LOG.warning("chains are not compared now: %s", error)
            except Exception:  # the thread must outlive whatever one night met
                LOG.exception("chains are not compared now")
