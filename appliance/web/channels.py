"""One connection to a surface: what may wait on it, and when it is hung up on.

A connection holds one answer that is not yet taken and a few requests behind it, never more, so
who asks without reading costs a socket and one answer. Browsers do not pipeline at all.
"""

import fcntl
import functools
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]
from waitress.utilities import build_http_date  # type: ignore[import-untyped]

HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take to arrive, however it trickles."""

PIPELINED: Final = 4
"""How many whole requests may be on one connection at once."""

UNREAD_SECONDS: Final = 20.0
"""How long an answer may lie without the other end confirming one more byte of it."""

TOLD: Final[Mapping[int, str]] = {
    400: "Запит не вдалося прочитати. / The request could not be read.",
    413: "Це завелике, щоб прийняти. / This is too large to be taken in.",
    431: "Запит завеликий. / The head of the request is too large.",
}


class Answer(WSGITask):  # type: ignore[misc]
    """Answers one request; while the server drains, it is the last one of its connection."""

    wrote_header: bool = False

    def build_response_header(self) -> bytes:
        """Say that the connection ends, if it does."""
        if self.channel.server.draining:
            self.set_close_on_finish()
        if self.version == "1.1" and self.has_body and self.content_length is not None:
            return self._plain_head()
        head: bytes = super().build_response_header()
        return head

    def _plain_head(self) -> bytes:
        """Return the head of an answer of known length, as nearly all are: in the app's own words.

        waitress would write each name anew and sort them, in each answer.
        """
        if self.request.headers.get("CONNECTION", "").lower() == "close":
            self.set_close_on_finish()
        names = {name.lower() for name, _ in self.response_headers}
        lines = [f"{name}: {value}\r\n" for name, value in self.response_headers]
        if "content-length" not in names:
            lines.append(f"Content-Length: {self.content_length}\r\n")
        if "date" not in names:
            lines.append(f"Date: {_date(int(self.start_time))}\r\n")
        return f"HTTP/1.1 {self.status}\r\n{''.join(lines)}\r\n".encode("latin-1")

    def write(self, data: bytes) -> None:
        """Send a body that comes whole in one piece with its head, not each on its own."""
        if self.wrote_header or not data or self.content_length != len(data) or not self.has_body:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    told: str = build_http_date(second)
    return told


class Refusal(ErrorTask):  # type: ignore[misc]
    """Tells who sent what is no request at all; the app never sees it."""

    def execute(self) -> None:
        """Answer in both languages, and hang up."""
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        body = TOLD.get(error.code, f"{error.code} {error.reason}").encode()
        self.response_headers.append(("Content-Type", "text/plain; charset=utf-8"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, which knows what arrives on it and what is not taken from it."""

    task_class = Answer
    error_task_class = Refusal
    arriving_since: float | None = None
    postponed = False
    """A request waits until the answer before it is taken; a thread sets it, the loop ends it."""

    _seen_left = 0
    _seen_at = 0.0

    def received(self, data: bytes) -> bool:
        """Take bytes in; hang up on who asks on and on without waiting for answers."""
        before = self.request
        taken: bool = super().received(data)
        if len(self.requests) > PIPELINED:
            self.handle_close()
        elif self.request is None:
            self.arriving_since = None
        elif self.request is not before:
            self.arriving_since = time.monotonic()
        return taken

    def writable(self) -> bool:
        """Tell whether there is something to send, or to go on with."""
        return bool(self.postponed or super().writable())

    def handle_write(self) -> None:
        """Send; when all is sent, let the request that waited for it be answered."""
        super().handle_write()
        if self.postponed and not self.total_outbufs_len:
            self.postponed = False
            self.server.add_task(self)

    def is_overdue(self, now: float, *, body_seconds: float) -> bool:
        """Tell whether a request has been arriving for too long."""
        if self.arriving_since is None or self.request is None:
            return False
        limit = body_seconds if self.request.headers_finished else HEAD_SECONDS
        return now - self.arriving_since > limit

    def is_unread(self, now: float) -> bool:
        """Tell whether what is to be sent has not become less for long; it is to be asked often.

        What the kernel holds counts as well: over a thin link it takes nothing from us for longer
        than that, while the other end reads all the time.
        """
        left = self.total_outbufs_len and self.total_outbufs_len + self._unconfirmed()
        if not left or left != self._seen_left:
            self._seen_left, self._seen_at = left, now
            return False
        return now - self._seen_at > UNREAD_SECONDS

    def is_idle(self) -> bool:
        """Tell whether nothing arrives, is worked at, or is left to be sent."""
        return not self.requests and self.request is None and not self.total_outbufs_len

    def _unconfirmed(self) -> int:
        """Return how many bytes the kernel keeps because the other end has not confirmed them."""
        told = bytes(4)
        with suppress(OSError, TypeError):  # it was closed meanwhile
            told = fcntl.ioctl(self._fileno, termios.TIOCOUTQ, told)
        return int.from_bytes(told, sys.byteorder)
