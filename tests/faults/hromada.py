"""A centre and its villages as real processes (`vuzol up`), to be broken; and what must hold after.

Invariants, after everything has healed and drained:
- each answered ticket is at the centre exactly once, as its village has it;
- nothing is at the centre that no village wrote, and nothing is held back there;
- the chain of each lane is the same at both ends;
- a request that was repeated under its key got the same ticket;
- the files are sound, and nothing is left unsent.
"""

import http.client
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from appliance.config import Role
from appliance.demo.hromada import DATABASE, prepare
from appliance.demo.places import Place, folder, places
from appliance.queue.model import label
from appliance.rooms import TABLES
from appliance.store.ids import RowId
from appliance.store.tables import Owner

STARTS: Final = 60.0
DRAINS: Final = 90.0
ASKS: Final = 15.0
_numbers: Final = itertools.count(1)

Ticket = tuple[str, str]
"""Its id and its number, as the answer told them."""


def eventually(true: Callable[[], object], seconds: float, told: str) -> None:
    """Wait until it is true; fail with the words when the time is over."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, told
        time.sleep(0.05)


class Node:
    """One appliance: its folder, and its process when it runs."""

    def __init__(self, home: Path, place: Place) -> None:
        self.place = place
        self.folder = folder(home, place)
        self.environ: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.answered: list[Ticket] = []
        self.unanswered: list[str] = []  # keys of requests that got no answer
        self._service = ""

    @property
    def database(self) -> Path:
        """Return its file."""
        return self.folder / DATABASE

    def start(self, *, wait: bool = True) -> None:
        """Run `vuzol up`."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "appliance", "up", "--config", self.folder / "node.toml"],
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it answers; another that listens there must not pass for it."""

        def ready() -> bool:
            assert self.process is None or self.process.poll() is None, self.last_words()
            return bool(self.health())

        eventually(ready, STARTS, f"{self.place.word} does not answer: {self.last_words()}")

    def kill(self) -> None:
        """Let it be gone, as a power cut does: no farewell."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Stop it as systemd does; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def last_words(self) -> str:
        """Return the end of its log."""
        return (self.folder / "log").read_text(encoding="utf-8")[-1500:]

    def health(self) -> dict[str, Any]:
        """Return its /healthz; empty while it does not answer."""
        try:
            status, told = self.ask("GET", "office", "/healthz")
        except OSError:
            return {}
        return told if status == 200 else {}

    def ask(
        self, method: str, surface: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Ask a surface; raise `OSError` when no whole answer comes."""
        port = int(self.place.urls[surface].rpartition(":")[2])
        line = http.client.HTTPConnection(self.place.address, port, timeout=ASKS)
        sent = None if body is None else json.dumps(body).encode()
        try:
            with closing(line):
                line.request(method, path, sent, {"Content-Type": "application/json", **headers})
                reply = line.getresponse()
                return reply.status, json.loads(reply.read() or b"{}")
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionError(str(error)) from error

    def take(self, key: str = "") -> Ticket | None:
        """Take a ticket at the kiosk; None when no answer came, and then the key is kept."""
        key = key or uuid.uuid4().hex
        try:
            self._service = self._service or self.first_service()
            wish = {"service": self._service, "purpose": "consultation"}
            headers = {"Idempotency-Key": key}
            status, told = self.ask("POST", "kiosk", "/api/queue/tickets", wish, **headers)
        except OSError:
            self.unanswered.append(key)
            return None
        assert status == 201, told
        ticket = (str(told["id"]), str(told["number"]))
        self.answered.append(ticket)
        return ticket

    def first_service(self) -> str:
        """Return the id of the first service that it offers; it must have come from the centre."""
        told: list[str] = []

        def offered() -> bool:
            _, catalogue = self.ask("GET", "kiosk", "/api/queue/services")
            told.extend(one["id"] for one in catalogue["services"])
            return bool(told)

        eventually(offered, STARTS, "no service has come from the centre")
        return told[0]

    def repeat_unanswered(self) -> None:
        """Ask again what got no answer, under the same key, as a kiosk does."""
        keys, self.unanswered = self.unanswered, []
        for key in keys:
            assert self.take(key) is not None
            first, again = self.answered[-1], self.take(key)
            assert again == first
            self.answered.pop()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read its file, as it stands, without owning it."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as reader:
            return reader.execute(sql, values).fetchall()

    def link(self, *, up: bool) -> None:
        """Pull the cable to the centre, or put it back."""
        assert self.ask("POST", "office", "/demo/link", {"up": up}) == (200, {"up": up})


class Hromada:
    """All its appliances."""

    def __init__(self, home: Path, first: str) -> None:
        all_places = places(first)
        prepare(home, all_places)
        self.home = home
        self.nodes = [Node(home, place) for place in all_places]
        self.centre = next(one for one in self.nodes if one.place.role is Role.CENTRE)
        self.villages = [one for one in self.nodes if one is not self.centre]

    def drain(self) -> None:
        """Wait until nothing is on its way."""
        for village in self.villages:
            if village.process is not None and village.process.poll() is None:
                eventually(
                    lambda node=village: unsent(node) == 0,  # type: ignore[misc]
                    DRAINS,
                    f"{village.place.word} is stuck: {village.health()} {village.last_words()}",
                )
        eventually(
            lambda: self.centre.health()["replication"]["unprojected"] == 0,
            DRAINS,
            f"the centre is stuck: {self.centre.health()}",
        )

    def check(self) -> int:
        """Assert the invariants; return how many answers were checked."""
        held = self.centre.health()["replication"]
        assert (held["waiting"], held["quarantined"]) == (0, 0)
        for node in self.nodes:
            assert not node.database.exists() or node.rows("PRAGMA integrity_check") == [("ok",)]
        for village in self.villages:
            if village.database.exists():
                self._agrees(village)
        return sum(len(village.answered) for village in self.villages)

    def _agrees(self, village: Node) -> None:
        number = village.place.number
        for table in UP:
            columns = ", ".join(column.name for column in table.columns)
            # the id begins with the node that wrote the row
            query = f"SELECT id, {columns} FROM {table.name} WHERE hex(id) GLOB ? ORDER BY id"
            ours, theirs = (one.rows(query, f"{number:04X}*") for one in (self.centre, village))
            assert ours == theirs, f"{table.name}: {len(ours)} here, {len(theirs)} there"
        at_centre = {
            (str(RowId.of(born)), label(prefix, n))
            for born, prefix, n in self.centre.rows(TICKETS, number)
        }
        lost = [ticket for ticket in village.answered if ticket not in at_centre]
        assert not lost, f"{len(lost)} of {len(village.answered)} are lost: {lost[:5]}"
        assert len(set(village.answered)) == len(village.answered)
        chains = "SELECT epoch, lane, max(lane_seq), chain FROM {} WHERE {} GROUP BY epoch, lane"
        here = self.centre.rows(chains.format("_inbox", f"node = {number}"))
        there = village.rows(chains.format("_log", "1 = 1"))
        assert sorted(here) == sorted(there), (set(here) ^ set(there), unsent(village))


TICKETS: Final = "SELECT id, prefix, n FROM queue_ticket WHERE office = ?"
UP: Final = [table for table in TABLES if table.owner is Owner.UP]


def unsent(node: Node) -> int:
    """Return how many entries the node knows to be missing at the centre; -1: it does not say."""
    told = node.health()
    return int(told["replication"]["unsent"]) if told else -1


@contextmanager
def hromada(home: Path) -> Iterator[Hromada]:
    """Make a hromada on loopback addresses of its own; whatever runs at the end is killed."""
    made = Hromada(home, f"127.{100 + os.getpid() % 150}.{next(_numbers) % 250}.1")
    try:
        yield made
    finally:
        for node in made.nodes:
            if node.process is not None and node.process.poll() is None:
                node.kill()
