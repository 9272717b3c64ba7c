"""The live events of a surface: one thread, one loop, one port, and a limited number of seats.

A listener gets what it missed (`Last-Event-ID`), then each event as it is committed, and a beat
every 5 s that carries the node's time: a page that hears no beat knows that it is stale. Whoever
may no longer listen is sent away within a minute. A full hall answers 503 and the page, which
works without events, is loaded again by hand.

Whether somebody may listen is asked on a thread of its own: the answer may need a write, and while
the writer waits for its disk the loop goes on telling those who are in.
"""

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from appliance.config import Config
from appliance.web import hosts, knocks, surfaces
from appliance.web.fan_out import FanOut
from appliance.web.knocks import Refused
from appliance.web.listener import Listener
from appliance.web.serving import BACKLOG, PortTaken
from appliance.web.surfaces import Surface
from appliance.web.topics import Knock, Topic

if TYPE_CHECKING:
    from appliance.store.database import Store

LOG: Final = logging.getLogger("vuzol.events")
SEATS: Final = 150
STRANGERS: Final = 100
"""How many may be in the door at once; the one who has dallied longest makes room."""

BEAT_SECONDS: Final = 5.0
CHECK_SECONDS: Final = 60.0
RETRY_MS: Final = (2000, 5000)
FULL_SECONDS: Final = 15
STOPS_WITHIN: Final = 3.0


class EventServer:
    """The hall of one surface's listeners."""

    def __init__(
        self, surface: Surface, config: Config, store: "Store", topics: Sequence[Topic]
    ) -> None:
        """Take the port; raise `PortTaken` if it cannot be had."""
        self.surface = surface
        self._config = config
        self._store = store
        self._topics = tuple(topics)
        self._zone = ZoneInfo(config.node.timezone)
        self._fans: dict[str, FanOut] = {}
        self._strangers: dict[Listener, None] = {}
        self._asking: dict[Listener, asyncio.Task[None]] = {}
        self._doorkeeper = ThreadPoolExecutor(1, thread_name_prefix=f"door-{surface}")
        self._socket = _bound(surface, config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"events-{surface}", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it really listens on."""
        return int(self._socket.getsockname()[1])

    def seats_taken(self) -> int:
        """Return how many listen now."""
        return sum(len(fan) for fan in self._fans.values())

    def start(self) -> None:
        """Begin to let listeners in."""
        self._thread.start()

    def stop(self) -> None:
        """Send everybody away and end the thread; to stop twice is no mistake."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOPS_WITHIN)
        self._doorkeeper.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    # --- on the loop's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(self._open())
            running = [self._loop.create_task(fan.run()) for fan in self._fans.values()]
            running += [self._loop.create_task(one) for one in (self._beat(), self._watch())]
            self._loop.run_forever()
            server.close()
            for fan in self._fans.values():
                for listener in fan.everybody():
                    listener.close()
            running += self._asking.values()
            for task in running:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*running, return_exceptions=True))
        finally:
            self._loop.close()

    async def _open(self) -> asyncio.Server:
        self._fans = {topic.name: FanOut(topic, self._store) for topic in self._topics}
        return await self._loop.create_server(lambda: Listener(self), sock=self._socket)

    def entered(self, listener: Listener) -> None:
        """Take note of a new connection; the longest dallying one makes room."""
        self._strangers[listener] = None
        if len(self._strangers) > STRANGERS:
            next(iter(self._strangers)).abort()

    def asked(self, listener: Listener, head: bytes) -> None:
        """Let the listener in or refuse it, when it is known whether it may listen."""
        if listener in self._asking:
            return  # it has asked, and goes on sending
        knock = knocks.knock(head, surface=self.surface, address=listener.address)
        if not hosts.is_answered(self._config, self.surface, knock.headers.get("host", "")):
            raise Refused(421, "this surface does not answer to that name")
        origin = self._checked_origin(knock)
        answering = self._answer(listener, knock, origin)
        self._asking[listener] = self._loop.create_task(answering)

    async def _answer(self, listener: Listener, knock: Knock, origin: str) -> None:
        try:
            await self._admit(listener, knock, origin)
        except Refused as refused:
            answer = knocks.refusal(refused, origin=origin, allowed_origin=origin)
            listener.refuse(refused, answer)
        finally:
            self._asking.pop(listener, None)

    async def _admit(self, listener: Listener, knock: Knock, origin: str) -> None:
        if not await self._may(self._fan(knock).topic, knock):
            raise Refused(403, "you may not listen to this; sign in again")
        self._seat(listener, knock, origin, self._fan(knock))  # others came in meanwhile

    def _fan(self, knock: Knock) -> FanOut:
        """Return who tells the topic; raise `Refused` if nobody does, or no seat is free now."""
        fan = self._fans.get(knock.topic)
        if fan is None:
            raise Refused(404, "there is no such topic here")
        if self.seats_taken() >= SEATS:
            raise Refused(503, "all seats are taken; reload the page", FULL_SECONDS)
        return fan

    def _seat(self, listener: Listener, knock: Knock, origin: str, fan: FanOut) -> None:
        self._strangers.pop(listener, None)
        listener.check_at = self._loop.time() + CHECK_SECONDS
        retry = RETRY_MS[0] + secrets.randbelow(RETRY_MS[1] - RETRY_MS[0])
        head = knocks.welcome(knock, allowed_origin=origin)
        listener.let_in(
            knock,
            last=knocks.last_heard(knock),
            head=head + f"retry: {retry}\n\n".encode() + self._time(),
        )
        fan.join(listener)

    def left(self, listener: Listener) -> None:
        """Forget the listener."""
        self._strangers.pop(listener, None)
        if (asking := self._asking.get(listener)) is not None:
            asking.cancel()
        if listener.knock is not None:
            self._fans[listener.knock.topic].leave(listener)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beat = self._time()
            for fan in self._fans.values():
                told = b"" if fan.failing else beat  # a beat says: you see it all
                for listener in fan.everybody():
                    listener.tell(told)

    async def _watch(self) -> None:
        """Ask again, one after the other, whether those who listen still may."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = self._loop.time()
            for fan in self._fans.values():
                for listener in fan.everybody():
                    if listener.check_at <= now:
                        await self._check(fan.topic, listener)

    async def _check(self, topic: Topic, listener: Listener) -> None:
        listener.check_at = self._loop.time() + CHECK_SECONDS
        if listener.knock is None or not await self._may(topic, listener.knock):
            listener.tell(b"event: over\ndata: 1\n\n")
            listener.close()

    async def _may(self, topic: Topic, knock: Knock) -> bool:
        try:
            return await self._loop.run_in_executor(self._doorkeeper, topic.allow, knock)
        except Exception:  # the loop must outlive a room's mistake; in doubt nobody listens
            LOG.exception("the right to listen to %s could not be read", topic.name)
            return False

    def _time(self) -> bytes:
        wall = datetime.fromtimestamp(self._store.clock.wall() / 1000, UTC)
        return f"event: beat\ndata: {wall.astimezone(self._zone):%H:%M}\n\n".encode()

    def _checked_origin(self, knock: Knock) -> str:
        """Return the page's origin; raise `Refused` unless it is this very surface."""
        origin = knock.headers.get("origin", "")
        if origin and origin not in self._our_origins(knock.headers.get("host", "")):
            raise Refused(403, "the page that asks is not of this surface")
        return origin

    def _our_origins(self, host: str) -> set[str]:
        """Return where pages of this surface live, seen from whoever reached us as `host`."""
        public = surfaces.public_url(self._config, self.surface)
        ours = {surfaces.origin(surfaces.base_url(self._config, self.surface))}
        name = hosts.hostname(host)
        if not public and hosts.is_local(name):
            shown = f"[{name}]" if ":" in name else name
            ours.add(f"http://{shown}:{surfaces.port(self._config, self.surface)}")
        return ours


class EventServers:
    """The live events of all surfaces of a process."""

    def __init__(
        self, topics: Mapping[Surface, Sequence[Topic]], config: Config, store: "Store"
    ) -> None:
        """Take every port; a surface without topics needs none."""
        self._servers: list[EventServer] = []
        for surface, told in topics.items():
            if told:
                self._servers.append(EventServer(surface, config, store, told))

    def start(self) -> None:
        """Begin to let listeners in."""
        for server in self._servers:
            server.start()

    def seats_taken(self) -> dict[str, int]:
        """Return how many listen on each surface."""
        return {str(server.surface): server.seats_taken() for server in self._servers}

    def stop(self) -> None:
        """Send everybody away."""
        for server in self._servers:
            server.stop()


def _bound(surface: Surface, config: Config) -> socket.socket:
    host, port = config.surfaces.address, surfaces.events_port(config, surface)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise PortTaken(surface, host, port, error.strerror or str(error)) from error
