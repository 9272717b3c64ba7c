"""One server for each surface, all in one process: a crowd at one door leaves the others open.

Each has its own port, threads, connection limit and body limit. A request reaches a thread only
when all of it has arrived, so slow senders cost a socket and nothing else; who takes too long is
hung up on. Stopping drains: what was accepted is answered, then the doors are shut.
"""

import resource
import select
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from flask import Flask
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.adjustments import Adjustments  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.web import metrics, surfaces
from appliance.web.dispatcher import Dispatcher
from appliance.web.surfaces import FACINGS, Surface

CONNECTIONS: Final = 500
"""waitress's own 100 was seen to freeze a server under 120 listeners."""

BACKLOG: Final = 512
LOOK_SECONDS: Final = 1.0
HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take to arrive, however it trickles."""

IDLE_SECONDS: Final = 30
HEAD_BYTES: Final = 16 * 1024
GRACE_SECONDS: Final = 0.5
"""A request that was already on its way when draining began still arrives within this."""

DRAIN_SECONDS: Final = 6.0
OPEN_FILES: Final = 8192
STOPS_WITHIN: Final = 2.0

TOLD: Final[Mapping[int, str]] = {
    400: "Запит не вдалося прочитати. / The request could not be read.",
    413: "Це завелике, щоб прийняти. / This is too large to be taken in.",
    431: "Запит завеликий. / The head of the request is too large.",
}


class PortTaken(VuzolError):
    """A surface cannot listen where it should."""

    code: ClassVar[str] = "port_taken"

    def __init__(self, surface: Surface, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"the {surface} cannot listen at {host}:{port} ({reason})",
            next_step=f"stop what listens there, or set surfaces.{surface} to another port",
        )
        self.port = port


class _Answer(WSGITask):  # type: ignore[misc]
    """Answers one request; while the server drains, it is the last one of its connection."""

    wrote_header: bool = False

    def build_response_header(self) -> bytes:
        if self.channel.server.draining:
            self.set_close_on_finish()
        head: bytes = super().build_response_header()
        return head

    def write(self, data: bytes) -> None:
        """Send a body that comes whole in one piece with its head, not each on its own."""
        if self.wrote_header or not data or self.content_length != len(data) or not self.has_body:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)


class _Refusal(ErrorTask):  # type: ignore[misc]
    """Tells who sent what is no request at all; the app never sees it."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        body = TOLD.get(error.code, f"{error.code} {error.reason}").encode()
        self.response_headers.append(("Content-Type", "text/plain; charset=utf-8"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, which knows since when a request has been arriving on it."""

    task_class = _Answer
    error_task_class = _Refusal
    arriving_since: float | None = None

    def received(self, data: bytes) -> bool:
        before = self.request
        taken: bool = super().received(data)
        if self.request is None:
            self.arriving_since = None
        elif self.request is not before:
            self.arriving_since = time.monotonic()
        return taken

    def is_overdue(self, now: float, *, body_seconds: float) -> bool:
        if self.arriving_since is None or self.request is None:
            return False
        limit = body_seconds if self.request.headers_finished else HEAD_SECONDS
        return now - self.arriving_since > limit

    def is_idle(self) -> bool:
        return not self.requests and self.request is None and not self.total_outbufs_len


class _Door(TcpWSGIServer):  # type: ignore[misc]
    """The listening socket of one surface."""

    channel_class = _Channel
    draining = False
    body_seconds = 30.0

    def maintenance(self, now: float) -> None:
        """Hang up on who has been idle for long, and on who sends too slowly to be meant."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.is_overdue(time.monotonic(), body_seconds=self.body_seconds):
                channel.will_close = True

    def accept_waiting(self) -> None:
        """Take in who has already been connected by the kernel."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        while waiting.poll(0):
            self.handle_accept()


class Server:
    """One surface's server, in a thread of its own."""

    def __init__(self, app: Flask, surface: Surface, host: str, port: int) -> None:
        """Take the port; raise `PortTaken` if it cannot be had."""
        facing = FACINGS[surface]
        self.surface = surface
        self._map: dict[int, Any] = {}
        self._until = 0.0
        self._stopping = threading.Event()
        self._dispatcher = Dispatcher(f"web-{surface}", facing.threads)
        settings = Adjustments(
            host=host,
            port=port,
            ident=None,
            threads=facing.threads,
            backlog=BACKLOG,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=2,
            asyncore_use_poll=True,
            asyncore_loop_timeout=LOOK_SECONDS,
            # what one byte more than allowed is still read for: the app's own page says it better
            max_request_body_size=2 * facing.body_limit,
            max_request_header_size=HEAD_BYTES,
            # a proxy's headers must reach the app: they tell that a request is not of this machine
            clear_untrusted_proxy_headers=False,
        )
        try:
            self.door = _Door(app, map=self._map, dispatcher=self._dispatcher, adj=settings)
        except OSError as error:
            raise PortTaken(surface, host, port, error.strerror or str(error)) from error
        self.door.body_seconds = float(facing.body_seconds)
        self._dispatcher.start()
        self._thread = threading.Thread(target=self._run, name=f"web-{surface}", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it really listens on."""
        return int(self.door.effective_port)

    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self.door.active_channels)

    def waiting(self) -> int:
        """Return how many whole requests wait for a thread."""
        return self._dispatcher.waiting()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Ask it to drain; `join` waits until it has. To ask twice is no mistake."""
        if self._stopping.is_set():
            return
        self._until = time.monotonic() + seconds
        self._stopping.set()
        self.door.pull_trigger()

    def join(self) -> None:
        """Wait until what was accepted is answered, or the time for it is over."""
        self._thread.join(max(0.0, self._until - time.monotonic()) + STOPS_WITHIN)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn(LOOK_SECONDS)
        self._drain()
        self._dispatcher.shutdown(timeout=max(0.1, self._until - time.monotonic()))
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def _drain(self) -> None:
        door = self.door
        door.draining = True
        door.accept_waiting()
        door.accepting = False
        door.socket.shutdown(socket.SHUT_RD)  # a listening socket: nobody new is connected
        began = time.monotonic()
        while door.active_channels and time.monotonic() < self._until:
            if time.monotonic() - began > GRACE_SECONDS:
                for channel in door.active_channels.values():
                    channel.will_close = channel.will_close or channel.is_idle()
            self._turn(0.05)


class Servers:
    """All surfaces of a process."""

    def __init__(self, apps: Mapping[Surface, Flask], config: Config) -> None:
        """Take every port before any surface answers."""
        allow_many_files()
        host = config.surfaces.address
        self._servers: list[Server] = []
        try:
            for surface, app in apps.items():
                port = surfaces.port(config, surface)
                server = Server(app, surface, host, port)
                self._servers.append(server)
                metrics.watch(app, surface, connections=server.connections, waiting=server.waiting)
        except PortTaken:
            for taken in self._servers:
                taken.start()
                taken.stop(0)
            raise

    def door(self, surface: Surface) -> _Door:
        """Return where a surface takes connections in, for what judges them by their heads."""
        return next(one.door for one in self._servers if one.surface is surface)

    def start(self) -> None:
        """Begin to answer on every surface."""
        for server in self._servers:
            server.start()

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Answer what was accepted on all surfaces at once, then stop."""
        for server in self._servers:
            server.stop(seconds)
        for server in self._servers:
            server.join()


def allow_many_files() -> None:
    """Let the process hold a socket for each connection that it is ready to take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
