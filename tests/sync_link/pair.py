"""A centre and its nodes in one process: real files, real sockets, real servers."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import waitress
from flask import Flask
from nacl.signing import SigningKey

from appliance.store.clock import Clock, SystemClock
from appliance.store.database import Store
from sync.agent import Agent
from sync.budget import UNLIMITED, Budget
from sync.client import Link, Way
from sync.gate import install
from sync.hub import Hub, hub_room
from sync.projector import Projector
from sync.receiver import Centre
from sync.switch import LinkSwitch
from sync.transport import Patience
from tests.sync_link.rows import numbers, open_store

HROMADA = "tykhovody"
KEYS = {node: SigningKey(bytes([node]) * 32) for node in range(1, 40)}
QUICK = Patience(connect=2, pause=3, total=10)


def until(true: Callable[[], bool], seconds: float = 20, told: str = "not in time") -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, told
        time.sleep(0.02)


class HubServer:
    """The hub's own server over one store."""

    def __init__(self, folder: Path, *, gated: bool = True, port: int = 0, **more: Any) -> None:
        self.store = open_store(folder / "centre.db", 1, SystemClock(trusted=True), **more)
        members = {node: key.verify_key for node, key in KEYS.items() if node != 1}
        self.centre = Centre(HROMADA, 1, KEYS[1], self.store.epoch, members)
        self.hub = Hub(self.centre, self.store)
        self.hub.start()
        self.projector = Projector(self.store)
        self.store.subscribe("inbox", self.projector.wake)
        self.projector.start()
        app = Flask("hub")
        app.register_blueprint(hub_room(self.hub))
        self.map: dict[int, Any] = {}
        self.server = waitress.create_server(
            app,
            map=self.map,
            host="127.0.0.1",
            port=port,
            threads=4,
            ident=None,
            channel_timeout=60,
            max_request_body_size=(2 << 20) + 1024,
        )
        if gated:
            install(self.server, self.hub)
        self.port = self.server.effective_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            self.server.run()

    def stop(self) -> None:
        """End as a process would: sockets, then threads, then the file."""
        for channel in list(self.map.values()):
            with suppress(OSError):
                channel.close()
        self.server.close()
        self.thread.join(5)
        self.projector.stop()
        self.hub.stop()
        self.store.close()

    def seen(self) -> list[int]:
        """Return the numbers of the visits that are visible here."""
        with self.store.read() as reader:
            return numbers(reader)


class Village:
    """A node: its file and its running agent."""

    def __init__(
        self,
        folder: Path,
        url: str,
        node: int = 2,
        *,
        clock: Clock | None = None,
        start: bool = True,
        key: SigningKey | None = None,
        centre_key: SigningKey | None = None,
        name: str = "",
        budget: Budget = UNLIMITED,
        way: Way | None = None,
        **more: Any,
    ) -> None:
        path = folder / f"village{name or node}.db"
        kept = clock or SystemClock(trusted=True)
        self.store: Store = open_store(path, node, kept, centre=False, **more)
        self.switch = LinkSwitch()
        agent = Agent(
            hromada=HROMADA,
            stream=self.store.stream,
            centre=1,
            key=key or KEYS[node],
            centre_key=(centre_key or KEYS[1]).verify_key,
            poll_seconds=300,
            budget=budget,
        )
        self.link = Link(
            agent,
            self.store,
            way=way or Way(address=url, gate=self.switch, patience=QUICK),
            version="0.1.0",
            chance=Random(node),
        )
        self.switch.subscribe(self.link.call)
        if start:
            self.link.start()

    def stop(self) -> None:
        """End as a process would."""
        self.link.stop()
        self.store.close()


logging.getLogger("waitress").setLevel(logging.ERROR)
