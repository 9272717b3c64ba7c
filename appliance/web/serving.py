"""One server for each surface, all in one process: a crowd at one door leaves the others open.

Each has its own port, threads, connection limit and body limit. A request reaches a thread only
when all of it has arrived, so slow senders cost a socket and nothing else; who takes too long, or
does not read, is hung up on. Stopping drains: what was accepted is answered, then the doors are
shut.
"""

import logging
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
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.web import metrics, surfaces
from appliance.web.channels import Channel
from appliance.web.dispatcher import Dispatcher
from appliance.web.surfaces import FACINGS, Surface

CONNECTIONS: Final = 500
"""waitress's own 100 was seen to freeze a server under 120 listeners."""

FROM_EACH: Final[Mapping[Surface, int]] = {
    Surface.GUEST: 40,  # a phone needs 6, and on the hotspot each has an address of its own
    Surface.OFFICE: CONNECTIONS // 2,  # 40 browsers behind one router
    Surface.KIOSK: CONNECTIONS // 2,
    Surface.HUB: CONNECTIONS // 2,  # all villages behind the one address of a carrier
}
"""How many connections one address may have; where a proxy carries the surface, nobody counts."""

OURSELVES: Final = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
"""Where a proxy on this machine calls from, for everybody."""

BACKLOG: Final = 512
LOOK_SECONDS: Final = 1.0
LOOK_AFTER_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
"""How long nobody is let in after it failed; until then something may have been given back."""

QUIET_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 30
HEAD_BYTES: Final = 16 * 1024
GRACE_SECONDS: Final = 0.5
"""A request that was already on its way when draining began still arrives within this."""

DRAIN_SECONDS: Final = 6.0
OPEN_FILES: Final = 8192
"""Four doors of 500 connections, each with a socket and at most one large body or answer in a file;
four halls of listeners with 350 at most; some hundred for everything else. The unit allows it."""

STOPS_WITHIN: Final = 2.0
LOG: Final = logging.getLogger("vuzol.web")


class PortTaken(VuzolError):
    """A surface cannot listen where it should."""

    code: ClassVar[str] = "port_taken"

    def __init__(self, surface: Surface, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"the {surface} cannot listen at {host}:{port} ({reason})",
            next_step=f"stop what listens there, or set surfaces.{surface} to another port",
        )
        self.port = port


class _Door(TcpWSGIServer):  # type: ignore[misc]
    """The listening socket of one surface."""

    channel_class = Channel
    draining = False
    body_seconds = 30.0
    from_each = CONNECTIONS

    def __init__(self, surface: Surface, *args: object, **given: object) -> None:
        self.surface = surface
        self._look_at = 0.0
        self._paused_until = 0.0
        self._quiet_until = 0.0
        self._woken = False
        super().__init__(*args, **given)

    def look(self, seconds: float) -> None:
        """Wait so long at most for something to happen on any connection, and deal with it."""
        self._woken = False  # whoever calls from now on wakes the wait that follows
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def pull_trigger(self) -> None:
        """Wake the loop for a change that it is to see; once is enough until it looks again."""
        if not self._woken:
            self._woken = True
            super().pull_trigger()

    def readable(self) -> bool:
        """Tell whether somebody may come in now; look after those who are in, now and then."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_AFTER_SECONDS
            self.maintenance(time.time())
        if len(self._map) >= self.adj.connection_limit:
            self._tell("all connections are taken; who comes now waits")
            return False
        return bool(self.accepting and now >= self._paused_until)

    def maintenance(self, now: float) -> None:
        """Hang up on who has been idle for long, sends too slowly to be meant, or does not read."""
        super().maintenance(now)
        elapsed = time.monotonic()
        for channel in list(self.active_channels.values()):
            if channel.is_unread(elapsed):
                channel.handle_close()  # the loop would wait until there is room to write
            elif channel.is_overdue(elapsed, body_seconds=self.body_seconds):
                channel.will_close = True

    def add_task(self, task: Channel) -> None:
        """Let a thread answer the next request, as soon as the answer before it is taken."""
        if task.total_outbufs_len:
            task.postponed = True
        else:
            super().add_task(task)

    def handle_accept(self) -> None:
        """Let one more in, unless its address has its share; pause when it cannot be taken in."""
        try:
            accepted = self.accept()
            if accepted is None:
                return
            connected, (address, *rest) = accepted
            self.set_socket_options(connected)
        except OSError as error:  # above all: no descriptor is left
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            self._tell(f"nobody can be let in for now ({error.strerror or error})")
            return
        if self._has_its_share(address):
            connected.close()
            self._tell(f"{address} has {self.from_each} connections; one more is refused")
            return
        self.channel_class(self, connected, (address, *rest), self.adj, map=self._map)

    def accept_waiting(self) -> None:
        """Take in who has already been connected by the kernel."""
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        for _ in range(BACKLOG):
            if time.monotonic() < self._paused_until or not waiting.poll(0):
                return
            self.handle_accept()

    def _has_its_share(self, address: str) -> bool:
        if address in OURSELVES or len(self.active_channels) < self.from_each:
            return False
        inside = [channel.addr[0] for channel in list(self.active_channels.values())]
        return inside.count(address) >= self.from_each

    def _tell(self, what: str) -> None:
        """Log it, unless something was logged a short while ago: a crowd must not fill the disk."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            LOG.warning("the %s: %s", self.surface, what)


class Server:
    """One surface's server, in a thread of its own."""

    def __init__(
        self, app: Flask, surface: Surface, host: str, port: int, *, from_each: int
    ) -> None:
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
            log_socket_errors=False,  # they are the other end's, and as many as it likes
            asyncore_use_poll=True,
            asyncore_loop_timeout=LOOK_SECONDS,
            # what one byte more than allowed is still read for: the app's own page says it better
            max_request_body_size=2 * facing.body_limit,
            max_request_header_size=HEAD_BYTES,
            # a proxy's headers must reach the app: they tell that a request is not of this machine
            clear_untrusted_proxy_headers=False,
        )
        try:
            self.door = _Door(
                surface, app, map=self._map, dispatcher=self._dispatcher, adj=settings
            )
        except OSError as error:
            raise PortTaken(surface, host, port, error.strerror or str(error)) from error
        self.door.from_each = from_each
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
            self.door.look(LOOK_SECONDS)
        self._drain()
        self._dispatcher.shutdown(timeout=max(0.1, self._until - time.monotonic()))
        wasyncore.close_all(self._map, ignore_all=True)

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
            door.look(0.05)


class Servers:
    """All surfaces of a process."""

    def __init__(self, apps: Mapping[Surface, Flask], config: Config) -> None:
        """Take every port before any surface answers."""
        allow_many_files()
        logging.getLogger("waitress").setLevel(logging.WARNING)  # it logs each who hangs up early
        host = config.surfaces.address
        self._servers: list[Server] = []
        try:
            for surface, app in apps.items():
                port = surfaces.port(config, surface)
                server = Server(app, surface, host, port, from_each=_from_each(config, surface))
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


def _from_each(config: Config, surface: Surface) -> int:
    return CONNECTIONS if surfaces.public_url(config, surface) else FROM_EACH[surface]


def allow_many_files() -> None:
    """Let the process hold a socket for each connection that it is ready to take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
