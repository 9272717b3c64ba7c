"""One kept connection to the centre, over HTTP/1.1.

Promise: a request ends within its total time-out, whatever the other side does, and `abort` ends
it at once from any thread. Plain HTTP is for loopback alone and never leaves this machine.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Protocol, cast
from urllib.parse import SplitResult, urlsplit

from appliance.errors import VuzolError
from sync.metered import MeteredSocket, Traffic

REPLY_LIMIT: Final = 4 << 20
PORTS: Final = {"http": 80, "https": 443}


class Failure(StrEnum):
    """How a request can end without a reply. Pages translate the value."""

    NO_ADDRESS = "no_address"
    NO_NAME = "no_name"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CUT = "cut"
    CERTIFICATE = "certificate"
    PLAIN = "plain"
    GARBLED = "garbled"
    ABORTED = "aborted"


CAUSES: Final[tuple[tuple[type[Exception], Failure], ...]] = (  # the first that fits
    (socket.gaierror, Failure.NO_NAME),
    (ssl.SSLCertVerificationError, Failure.CERTIFICATE),
    (TimeoutError, Failure.SILENT),
    (ConnectionRefusedError, Failure.REFUSED),
    (http.client.RemoteDisconnected, Failure.CUT),
    (http.client.IncompleteRead, Failure.CUT),
    (http.client.HTTPException, Failure.GARBLED),
    (ConnectionError, Failure.CUT),
    (ssl.SSLError, Failure.CUT),
    (OSError, Failure.UNREACHABLE),
)


class LinkFailed(VuzolError):
    """The centre could not be asked, or its reply did not come whole."""

    code: ClassVar[str] = "link_failed"
    status_hint: ClassVar[int] = 503

    def __init__(self, failure: Failure, address: str, detail: str = "") -> None:
        told = f" ({detail})" if detail else ""
        super().__init__(
            f"no reply from {address or 'the centre'}: {failure}{told}",
            next_step="the node goes on working and tries again by itself",
        )
        self.failure = failure
        self.address = address


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds each step of a request may take."""

    connect: float = 10.0
    pause: float = 30.0  # between two pieces of what is sent or received
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Gate(Protocol):
    """What each new connection passes, and by which a live one can be cut."""

    def admit(self, cut: Callable[[], None]) -> Callable[[], None]:
        """Let a connection live and return how it signs off; raise `ConnectionRefusedError`."""


class OpenGate:
    """The gate of an appliance without a link switch: always open."""

    def admit(self, cut: Callable[[], None]) -> Callable[[], None]:
        """Let every connection live."""
        del cut
        return _nothing


def is_loopback(host: str) -> bool:
    """Tell whether the name or address can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Connection:
    """A connection to one address at a time. One thread asks; any thread may abort."""

    def __init__(
        self,
        *,
        patience: Patience | None = None,
        authority: Path | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.traffic = Traffic()
        self._patience = patience or Patience()
        self._authority = authority
        self._gate = gate or OpenGate()
        self._lock = threading.Lock()
        self._aborted = False
        self._severed = False
        self._address = ""
        self._sock: MeteredSocket | None = None
        self._sign_off = _nothing
        self._context: ssl.SSLContext | None = None
        self._session: ssl.SSLSession | None = None

    def ask(
        self,
        address: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        seconds: float | None = None,
    ) -> Answer:
        """POST the body and return the answer; raise `LinkFailed` and hang up on anything else.

        It takes `seconds` at most. Whether the request has arrived is unknown after `LinkFailed`.
        """
        deadline = time.monotonic() + (seconds or self._patience.total)
        try:
            sock = self._kept(address) or self._dial(address, deadline)
            sock.deadline = deadline
            answer = self._exchange(sock, _written(address, path, body, headers))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise LinkFailed(self._cause(error), address, str(error)) from error
        self.traffic.requests += 1
        return answer

    def arm(self) -> None:
        """Forget an `abort`; called before the decision to ask, so that none gets lost."""
        with self._lock:
            self._aborted = False

    def abort(self) -> None:
        """End the request in hand, or the next one, with `Failure.ABORTED`; from any thread."""
        with self._lock:
            self._aborted = True
            if self._sock is not None:
                self._sock.cut()

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            sock, self._sock = self._sock, None
        self._sign_off()
        self._sign_off = _nothing
        if sock is not None:
            sock.cut()
            sock.close()

    def _kept(self, address: str) -> MeteredSocket | None:
        sock = self._sock
        if sock is not None and address == self._address and sock.quiet():
            return sock
        self.close()
        return None

    def _dial(self, address: str, deadline: float) -> MeteredSocket:
        parts = urlsplit(address)
        host, port = _target(parts, address)
        self._severed = False
        self._sign_off = self._gate.admit(self._sever)
        sock = socket.create_connection((host, port), timeout=self._patience.connect)
        self.traffic.dials += 1
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(max(0.1, min(self._patience.connect, deadline - time.monotonic())))
            if parts.scheme == "https":
                sock = self._secured(sock, host)
        except BaseException:
            sock.close()
            raise
        metered = MeteredSocket(sock, self.traffic, self._patience.pause)
        with self._lock:
            self._sock, self._address = metered, address
            if self._aborted or self._severed:
                metered.cut()
        return metered

    def _sever(self) -> None:
        with self._lock:
            self._severed = True
            if self._sock is not None:
                self._sock.cut()

    def _secured(self, sock: socket.socket, name: str) -> ssl.SSLSocket:
        if self._context is None:
            authority = str(self._authority) if self._authority else None
            self._context = ssl.create_default_context(cafile=authority)
        return self._context.wrap_socket(sock, server_hostname=name, session=self._session)

    def _exchange(self, sock: MeteredSocket, request: bytes) -> Answer:
        broken = _send(sock, request)
        reply = http.client.HTTPResponse(cast(socket.socket, sock), method="POST")
        try:
            try:
                reply.begin()
            except (OSError, http.client.HTTPException) as error:
                raise broken or error from None
            body = _whole_body(reply)
        finally:
            reply.close()
        self._session = sock.session() or self._session
        if reply.will_close or broken:
            self.close()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, headers, body)

    def _cause(self, error: Exception) -> Failure:
        with self._lock:
            if self._aborted:
                return Failure.ABORTED
        return next(failure for kind, failure in CAUSES if isinstance(error, kind))


def _nothing() -> None:
    """Stand in for a sign-off when nobody was told."""


def _target(parts: SplitResult, address: str) -> tuple[str, int]:
    host = parts.hostname or ""
    if not host or parts.scheme not in PORTS:
        raise LinkFailed(Failure.NO_ADDRESS, address)
    if parts.scheme == "http" and not is_loopback(host):
        raise LinkFailed(Failure.PLAIN, address)
    return host, parts.port or PORTS[parts.scheme]


def _written(address: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(address).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _send(sock: MeteredSocket, request: bytes) -> OSError | None:
    """Send, and return what broke it: a centre may refuse by the header and hang up early.

    Its refusal can still be read then, so the error waits until nothing is there.
    """
    try:
        sock.sendall(request)
    except TimeoutError:
        raise
    except OSError as error:
        return error
    return None


def _whole_body(reply: http.client.HTTPResponse) -> bytes:
    if reply.length is None and not reply.chunked:
        raise http.client.HTTPException("the reply does not tell its length")
    body = reply.read(REPLY_LIMIT + 1)
    if len(body) > REPLY_LIMIT:
        raise http.client.HTTPException("the reply has no end")
    if reply.length:
        raise http.client.IncompleteRead(body, reply.length)
    return body
