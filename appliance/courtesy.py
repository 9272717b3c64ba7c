"""Long work gives way to people: while somebody's request is being answered, it stands still.

One interpreter serves the kiosk and reads a village's backlog. A switch of threads shares it
evenly, and even is not enough: the visitor should not notice the backlog at all. So long work asks
`give_way` every few milliseconds. It never starves: each wait is short, and then it goes on.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST: Final = 0.02
"""Seconds of one wait: under a crowd that never ends, long work still gets on."""


class Courtesy:
    """Who is being answered now. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._calm = threading.Event()
        self._calm.set()

    def attend(self, app: "WSGIApplication") -> "WSGIApplication":
        """Return the application, whose requests are people's from now on."""

        def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
            self._enter()
            try:
                return app(environ, start)
            finally:
                self._leave()

        return answer

    def give_way(self) -> None:
        """Wait until nobody is being answered, but not for long."""
        if self._inside:
            self._calm.wait(LONGEST)

    def _enter(self) -> None:
        with self._lock:
            self._inside += 1
            self._calm.clear()

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._calm.set()


GiveWay = Callable[[], None]
"""What long work calls between two pieces of it."""


def alone() -> None:
    """Give way to nobody: there are no people in this process."""
