"""A real hromada of three processes to measure: `vuzol demo` as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import psutil

PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Session:
    """A member of staff who is signed in."""

    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Appliance:
    """One appliance of the demonstration, from outside."""

    name: str
    role: str
    urls: Mapping[str, str]
    sign_in: Any
    process: psutil.Process
    data: Path

    def get(self, surface: str, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON at a path of a surface."""
        request = urllib.request.Request(self.urls[surface] + path, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def post(
        self, surface: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> tuple[Any, Mapping[str, str]]:
        """Post JSON; return the JSON of the answer and its headers."""
        request = urllib.request.Request(
            self.urls[surface] + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response), response.headers

    def signed_in(self) -> Session:
        """Sign the demonstration's first member of staff in at the office."""
        told, headers = self.post("office", "/api/sign-in", first_sign_in(self.sign_in))
        cookie = SimpleCookie(headers["Set-Cookie"])
        pairs = "; ".join(f"{name}={morsel.value}" for name, morsel in cookie.items())
        return Session({"Cookie": pairs, "X-CSRF-Token": told["csrf_token"]})

    def metric(self, name: str) -> float:
        """Return one figure of /metrics, summed over its labels."""
        with urllib.request.urlopen(self.urls["office"] + "/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
        if not found:
            raise LookupError(f"/metrics has no {name}")
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def processor_ms(self) -> float:
        """Return the processor time that its process has used, in milliseconds."""
        times = self.process.cpu_times()
        return (times.user + times.system) * 1000

    def core(self) -> int:
        """Return the core that its process keeps to, or the first of several."""
        return min(self.process.cpu_affinity() or [0])

    def written_bytes(self) -> int:
        """Return the bytes that its process caused to be written to the disk."""
        return int(self.process.io_counters().write_bytes)

    def pss_bytes(self) -> int:
        """Return the proportional share of memory of its process."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) * 1024


def first_sign_in(told: Any) -> dict[str, str]:
    """Return one login and password of those that the demonstration printed."""
    one = told[0] if isinstance(told, list) else told
    return {"login": one["login"], "password": one["password"]}


@contextmanager
def hromada(
    *,
    environment: Mapping[str, str] | None = None,
    address: str = "127.0.0.31",
    data: Path | None = None,
) -> Iterator[list[Appliance]]:
    """Start the demonstration in `data` or a new folder; give its appliances, the centre first."""
    with ExitStack() as closing:
        Path("build").mkdir(exist_ok=True)
        folder = data or Path(
            closing.enter_context(tempfile.TemporaryDirectory(prefix="vuzol-bench-", dir="build"))
        )
        words = [sys.executable, "-m", "appliance", "demo", "--json", "--address", address]
        process = subprocess.Popen(
            [*words, "--data", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environment or os.environ),
        )
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield _appliances(told["appliances"], process.pid, folder)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=PATIENCE)


def _appliances(told: list[dict[str, Any]], parent: int, folder: Path) -> list[Appliance]:
    children = psutil.Process(parent).children(recursive=True)
    found = [
        Appliance(
            name=one["name"],
            role=one["role"],
            urls=one["urls"],
            sign_in=one["sign_in"],
            process=_listening(children, one["urls"]["office"]),
            data=folder,
        )
        for one in told
    ]
    return sorted(found, key=lambda one: one.role != "centre")


def _listening(children: list[psutil.Process], url: str) -> psutil.Process:
    address, _, port = url.removeprefix("http://").partition(":")
    for child in children:
        for connection in child.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr == (address, int(port)):
                return child
    raise LookupError(f"no process of the demonstration listens at {url}")


def wait_until(true: Any, *, seconds: float = PATIENCE, each: float = 0.1) -> float:
    """Wait until `true()` holds; return the seconds that took, or raise `TimeoutError`."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(each)
    return time.monotonic() - begun
