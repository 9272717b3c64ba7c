"""One listener: a socket that is written to and, after its first request, never read again.

reading --head complete, let in--> waiting --first events--> listening --closed--> gone
   `--refused, or too slow--> gone
"""

import asyncio
import socket
from enum import Enum, auto
from typing import Final, Protocol, cast

from appliance.web import knocks
from appliance.web.knocks import Refused
from appliance.web.topics import Knock

HEAD_SECONDS: Final = 5.0
UNREAD_BYTES: Final = 64 * 1024
"""Who lets this much pile up does not listen; the next connection replays what was missed."""

LOST_MS: Final = 30_000
"""A phone that has left without a word is noticed after this."""


class Hall(Protocol):
    """Where listeners are let in."""

    def entered(self, listener: "Listener") -> None:
        """Take note of a new connection."""

    def asked(self, listener: "Listener", head: bytes) -> None:
        """Let the listener in, or raise `Refused`."""

    def left(self, listener: "Listener") -> None:
        """Forget the listener."""


class Stage(Enum):
    """Where a listener stands."""

    READING = auto()
    WAITING = auto()
    LISTENING = auto()
    GONE = auto()


class Listener(asyncio.Protocol):
    """One connection. Everything happens on the loop's own thread."""

    __slots__ = ("_deadline", "_hall", "_head", "_transport", "check_at", "knock", "last", "stage")

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.stage = Stage.READING
        self.knock: Knock | None = None
        self.last: str | None = None
        self.check_at = 0.0

    @property
    def address(self) -> str:
        """Return the address of the other end."""
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return str(peer[0]) if peer else ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the head of the request its time."""
        self._transport = cast(asyncio.Transport, transport)
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_MS)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HEAD_SECONDS, self.abort)
        self._hall.entered(self)

    def data_received(self, data: bytes) -> None:
        """Read until the head is complete; what comes after it is nobody's."""
        if self.stage is not Stage.READING:
            return
        self._head += data
        try:
            head = knocks.complete_head(self._head)
            if head is not None:
                self._hall.asked(self, head)
        except Refused as refused:
            self.refuse(refused)

    def let_in(self, knock: Knock, *, last: str | None, head: bytes) -> None:
        """Answer that events will follow."""
        self._set_aside()
        self.stage, self.knock, self.last = Stage.WAITING, knock, last
        self._write(head)

    def refuse(self, refused: Refused, answer: bytes = b"") -> None:
        """Say why not, and hang up."""
        self._set_aside()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer or knocks.refusal(refused))
            self._transport.close()
        self.stage = Stage.GONE

    def tell(self, frames: bytes) -> None:
        """Write what everybody is told; hang up on who does not read."""
        if frames:
            self._write(frames)

    def close(self) -> None:
        """Hang up once what was told has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why makes no difference
        """Be forgotten."""
        self._set_aside()
        self.stage = Stage.GONE
        self._hall.left(self)
        self._transport = None

    def _set_aside(self) -> None:
        """Forget what only the reading of the head needed."""
        self._head = b""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > UNREAD_BYTES:
            self._transport.abort()
