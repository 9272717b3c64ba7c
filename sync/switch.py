"""The link switch of the demo: it cuts the real sockets to the centre and restores the way.

It stands where a cable would be pulled. Only the demo's appliances have one, and only a request
from this machine moves it.
"""

import threading
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from appliance.web import api
from appliance.web.safety import require_this_machine


class LinkSwitch:
    """A gate for connections (`sync.transport.Gate`) that a person can close."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._up = True
        self._live: dict[object, Callable[[], None]] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def up(self) -> bool:
        """Tell whether connections may live."""
        return self._up

    def admit(self, cut: Callable[[], None]) -> Callable[[], None]:
        """Let a connection live until the link goes down; raise `ConnectionRefusedError` then."""
        mark = object()
        with self._lock:
            if not self._up:
                raise ConnectionRefusedError("the link switch of the demo is off")
            self._live[mark] = cut
        return lambda: self._forget(mark)

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call the listener after each move, so that the agent need not wait for its next try."""
        self._listeners.append(listener)

    def move(self, *, up: bool) -> None:
        """Cut every live connection and refuse new ones, or let them live again."""
        with self._lock:
            moved, self._up = up != self._up, up
            if not up:
                for cut in self._live.values():
                    cut()
                self._live.clear()
        if moved:
            for listener in self._listeners:
                listener()

    def _forget(self, mark: object) -> None:
        with self._lock:
            self._live.pop(mark, None)


def switch_room(switch: LinkSwitch) -> Blueprint:
    """Return the room with `POST /demo/link {"up": true|false}` for the office surface."""
    room = Blueprint("demo_link", __name__)

    @room.post("/demo/link")
    def move() -> Response:
        """Move the switch and tell how it stands."""
        require_this_machine()
        up = api.body().get("up")
        if not isinstance(up, bool):
            raise api.BadInput({"up": "true or false"})
        switch.move(up=up)
        return jsonify(up=switch.up)

    return room
