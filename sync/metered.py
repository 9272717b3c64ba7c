"""A socket that is counted and timed and can be cut from another thread.

It has what `http.client` asks of a socket, and it never waits past its deadline.
"""

import io
import select
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

PACKET: Final = 1400
HEADERS: Final = 52 + 26
"""Bytes that IP and TCP add to a packet, and the share of a confirmation that answers it."""

HANDSHAKE: Final = 5000
"""Bytes of a new connection with TLS 1.3, both ways, where the certificates are sent."""

EXCHANGE: Final = 4 * HEADERS
"""What a request and its reply add, however small they are."""

SLICE: Final = 16 << 10  # one send of more would hide from the clock


@dataclass(slots=True)
class Traffic:
    """What went over one connection since the process started; TLS's own bytes are not in it."""

    sent: int = 0
    received: int = 0
    requests: int = 0
    dials: int = 0

    def on_the_air(self) -> int:
        """Return about how many bytes the operator counts: with what TCP, IP and TLS add."""
        payload = self.sent + self.received
        packets = payload // PACKET * HEADERS
        return payload + packets + self.requests * EXCHANGE + self.dials * HANDSHAKE


class MeteredSocket:
    """One connected socket. `deadline` is on the monotonic clock and set for each request."""

    def __init__(self, sock: socket.socket, traffic: Traffic, patience: float) -> None:
        self._sock = sock
        self._traffic = traffic
        self._patience = patience
        self._readers = 0
        self._closed = False
        self.deadline = 0.0

    def sendall(self, content: "ReadableBuffer") -> None:
        """Send everything; raise `TimeoutError` when a slice or the whole takes too long."""
        view = memoryview(content).cast("B")
        while view:
            self._wait_no_longer()
            sent = self._sock.send(view[:SLICE])
            self._traffic.sent += sent
            view = view[sent:]

    def receive_into(self, buffer: "WriteableBuffer") -> int:
        """Receive what there is; 0 at the end."""
        self._wait_no_longer()
        count = self._sock.recv_into(buffer)
        self._traffic.received += count
        return count

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """Return a reader; the socket stays open until the reader is closed too."""
        del mode  # `http.client` asks for "rb" and nothing else
        self._readers += 1
        return io.BufferedReader(_Incoming(self))

    def quiet(self) -> bool:
        """Tell whether nothing has arrived. On a kept connection news can only be its end."""
        news = select.poll()  # `select` knows no descriptor above 1023, and a crowd takes those
        news.register(self._sock, select.POLLIN)
        return not news.poll(0)

    def session(self) -> ssl.SSLSession | None:
        """Return the TLS session, which makes the next handshake short."""
        return self._sock.session if isinstance(self._sock, ssl.SSLSocket) else None

    def cut(self) -> None:
        """End the conversation at once, from any thread: whoever waits on it gets an error."""
        with suppress(OSError):
            # Not SSLSocket.shutdown: it would pull the TLS object from under the reading thread.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close as soon as the last reader is gone."""
        self._closed = True
        self._close_if_unused()

    def reader_closed(self) -> None:
        """Note that a reader is gone."""
        self._readers -= 1
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._closed and not self._readers:
            self._sock.close()

    def _wait_no_longer(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request has had its time")
        self._sock.settimeout(min(self._patience, left))


class _Incoming(io.RawIOBase):
    def __init__(self, sock: MeteredSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        return self._sock.receive_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._sock.reader_closed()
        super().close()
