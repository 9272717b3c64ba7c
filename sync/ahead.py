"""The next batch of a backlog, made ready while the one before it is on the wire.

Reading and packing ten thousand rows takes half a second of a small board; on a narrow link the
line would stand idle for that long after each reply. What is made ready here is a guess and no
more: `lanes.collect` takes it if it is the very batch that it would make now, and else forgets it.
"""

import logging
import queue
import threading
from typing import Final

from appliance.errors import VuzolError
from appliance.store.database import Store
from sync import lanes
from sync.lanes import Found, Ready

LOG: Final = logging.getLogger(__name__)
LONGEST: Final = 30.0
"""Seconds to wait for what is being made ready; it takes a second or two."""


class Ahead:
    """One thread for one wire; `after` says what was gathered last, `take` gives what follows."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._asked: queue.SimpleQueue[Found | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._ready: Ready | None = None
        self._thread = threading.Thread(target=self._run, name=f"ahead-{name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def after(self, found: Found) -> None:
        """Make ready what follows these rows, if any does."""
        self._ready = None
        if found.entries and found.status.unsent and self._thread.is_alive():
            self._idle.clear()
            self._asked.put(found)

    def take(self) -> Ready | None:
        """Return what is ready, once; wait for what is being made, for that is begun already."""
        self._idle.wait(LONGEST)
        ready, self._ready = self._ready, None
        return ready

    def stop(self, seconds: float) -> None:
        """End after what is in hand."""
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while (found := self._asked.get()) is not None:
            try:
                with self._store.read() as reader:
                    self._ready = lanes.following(reader, found)
            except VuzolError as error:  # it is a guess: who needs the rows asks for them again
                LOG.info("nothing is made ready: %s", error)
            finally:
                self._idle.set()
