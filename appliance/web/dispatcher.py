"""The threads of one surface, which answer whole requests in the order of their arrival.

It has the methods that waitress asks of a dispatcher. Its own one waits at a condition written in
Python, and that alone took one twentieth of a ticket's processor time; this queue waits in C.
"""

import logging
import queue
import threading
import time
from typing import Final, Protocol

LOG: Final = logging.getLogger(__name__)


class Task(Protocol):
    """A request that has arrived whole."""

    def service(self) -> None:
        """Answer it; what goes wrong is answered as well."""

    def cancel(self) -> None:
        """Hang up."""


class Dispatcher:
    """Answers each request in one of a fixed number of threads, in the order of arrival."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        """Begin to answer."""
        for thread in self._threads:
            thread.start()

    def waiting(self) -> int:
        """Return how many requests wait for a thread."""
        return self._waiting.qsize()

    def add_task(self, task: Task) -> None:
        """Let the next free thread answer the request."""
        self._waiting.put(task)

    def shutdown(self, *, timeout: float = 5.0) -> None:
        """Let each thread end after its present request; hang up on who still waits then."""
        until = time.monotonic() + timeout
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        while not self._waiting.empty():
            if (task := self._waiting.get_nowait()) is not None:
                task.cancel()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            try:
                task.service()
            except Exception:  # the thread must outlive a mistake of the server itself
                LOG.exception("a request could not be answered")
