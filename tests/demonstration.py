"""A demonstration as its user runs it: a process, its line of JSON, its pages over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STARTS_SECONDS = 60
STOPS_SECONDS = 15


@dataclass
class Appliance:
    """One appliance of the demonstration, seen from outside."""

    told: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def url(self, surface: str, path: str) -> str:
        """Return an address of a surface."""
        return f"{self.told['urls'][surface]}{path}"

    def ask(
        self, surface: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """GET, or POST where there is a body; return status and JSON."""
        asked = urllib.request.Request(  # noqa: S310 - http, as the demonstration told
            self.url(surface, path),
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                **self.headers,
                **headers,
            },
        )
        try:
            with urllib.request.urlopen(asked, timeout=20) as reply:  # noqa: S310 - see above
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def sign_in(self) -> None:
        """Sign in as the demonstration says; later calls are this person's."""
        asked = urllib.request.Request(  # noqa: S310 - see `ask`
            self.url("office", "/api/sign-in"),
            data=json.dumps(self.told["sign_in"]).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=20) as reply:  # noqa: S310 - see `ask`
            cookie = reply.headers["Set-Cookie"].partition(";")[0]
            self.headers = {"Cookie": cookie, "X-CSRF-Token": json.load(reply)["csrf_token"]}

    def take(self, key: str = "") -> dict[str, Any]:
        """Take a ticket for the first service, as a kiosk does."""
        _, catalogue = self.ask("kiosk", "/api/queue/services")
        wish = {"service": catalogue["services"][0]["id"], "purpose": "consultation"}
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        status, ticket = self.ask("kiosk", "/api/queue/tickets", wish, **headers)
        assert status == 201, ticket
        return ticket

    def link(self, *, up: bool) -> None:
        """Pull the cable to the centre, or put it back."""
        status, told = self.ask("office", "/demo/link", {"up": up})
        assert (status, told) == (200, {"up": up})

    def unsent(self) -> int:
        """Return how many entries the centre does not have yet."""
        _, health = self.ask("office", "/healthz")
        return int(health["replication"]["unsent"])


@dataclass
class Demonstration:
    """The running process, and its appliances: the centre first."""

    process: "subprocess.Popen[str]"
    line: str

    @property
    def appliances(self) -> list[Appliance]:
        """Return the centre and the villages."""
        return [Appliance(told) for told in json.loads(self.line)["appliances"]]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOPS_SECONDS)

    def children(self) -> list[int]:
        """Return the process ids of the appliances."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text(encoding="ascii").split()]


@contextmanager
def demonstration(address: str, *options: str) -> Iterator[Demonstration]:
    """Start `vuzol demo --json` and wait until it tells what to open."""
    with started("--json", "--address", address, *options) as process:
        assert process.stdout is not None
        line = process.stdout.readline()  # or its end: then stderr says why
        assert line, process.stderr and process.stderr.read()
        yield Demonstration(process, line)


@contextmanager
def started(*options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start `vuzol demo` as the leader of a group, as a shell does; in the end it is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOPS_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def eventually(
    true: Callable[[], object], *, seconds: float = STARTS_SECONDS, pause: float = 0.1
) -> None:
    """Wait until it is true; fail when the time is over."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(pause)


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
