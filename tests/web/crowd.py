"""What a crowd costs those who are not in it: figures of one small node, on the desk.

Run it with `python -m tests.web.crowd`.
"""

import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from tests.web import sockets, trial_node

EVENTS = 25
TRICKLE_SECONDS = 0.5
ROUNDS = 400
LISTENERS = 100
SLOW = 64
HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "
BODY = sockets.head("/note", "Content-Length: 20000", method="POST") + b"x" * 100


def latencies(port: int, rounds: int = ROUNDS, host: str = "127.0.0.1") -> list[float]:
    """Return how long the kiosk's page took, in milliseconds, sorted."""
    client = HTTPConnection(host, port, timeout=20)
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200
        taken.append((time.perf_counter() - began) * 1000)
    client.close()
    return sorted(taken)


def quantile(taken: list[float], share: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * share))]


@contextmanager
def slow_senders(ports: Mapping[str, str], first: bytes) -> Iterator[None]:
    """Hold 64 requests at the guests' and 64 at the hub's door, with one more byte at times."""
    held: list[socket.socket] = []
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(TRICKLE_SECONDS):
            for one in held:
                with suppress(OSError):
                    one.send(b"x")

    with ExitStack() as stack:
        for name in ("GUEST", "HUB"):
            port = int(ports[f"VUZOL_SURFACES_{name}"])
            held += stack.enter_context(sockets.slow(port, SLOW, first))
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def listeners(port: int, count: int = LISTENERS) -> Iterator[list[socket.socket]]:
    held = [sockets.connected(port) for _ in range(count)]
    for one in held:
        one.sendall(sockets.head("/events/notes"))
    for one in held:
        sockets.read_until(one, b"changed")
    try:
        yield held
    finally:
        for one in held:
            one.close()


def broadcasts(ports: Mapping[str, str], held: list[socket.socket]) -> list[float]:
    """Return how long after its commit each listener heard of each event, in ms, sorted."""
    client = HTTPConnection("127.0.0.1", int(ports["VUZOL_SURFACES_OFFICE"]), timeout=20)
    told = []
    watching = selectors.DefaultSelector()
    for one in held:
        watching.register(one, selectors.EVENT_READ)
    for _ in range(EVENTS):
        client.request("POST", "/note")
        client.getresponse().read()
        committed = time.perf_counter()
        waiting = {one.fileno() for one in held}
        while waiting:
            ready = watching.select(5)
            assert ready, f"{len(waiting)} listeners heard nothing"
            for key, _events in ready:
                if b"changed" in os.read(key.fd, 65536):
                    waiting.discard(key.fd)
                    told.append((time.perf_counter() - committed) * 1000)
        time.sleep(0.05)
    client.close()
    return sorted(told)


@dataclass
class Figures:
    """What was seen, in the order of seeing."""

    kiosk: int
    seen: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str) -> None:
        taken = latencies(self.kiosk)
        self.seen[f"kiosk p50 ms, {name}"] = statistics.median(taken)
        self.seen[f"kiosk p99 ms, {name}"] = quantile(taken, 0.99)


def figures() -> dict[str, float]:
    """Run everything once and return what was seen."""
    ports = sockets.free_ports()
    told = Figures(int(ports["VUZOL_SURFACES_KIOSK"]))
    guests = int(ports["VUZOL_SURFACES_GUEST"]) + sockets.OFFSET
    with tempfile.TemporaryDirectory() as folder, trial_node.running(Path(folder), ports) as node:
        latencies(told.kiosk, 100)  # warm
        before = trial_node.memory(node.pid)
        told.seen["PSS MB, warm"] = before / 2**20
        with listeners(guests) as held:
            each = (trial_node.memory(node.pid) - before) / 1024 / LISTENERS
            told.seen["KB for each of 100 listeners"] = each
            heard = broadcasts(ports, held)
            told.seen["event p50 ms, 100 listeners"] = statistics.median(heard)
            told.seen["event p99 ms, 100 listeners"] = quantile(heard, 0.99)
            told.measure("100 listeners")
        told.measure("quiet")
        with slow_senders(ports, HEAD):
            told.measure("64 slow heads at guest and hub")
        told.measure("quiet again")
        with slow_senders(ports, BODY):
            told.measure("64 slow bodies at guest and hub")
        told.seen["PSS MB, at the end"] = trial_node.memory(node.pid) / 2**20
    return told.seen


def main() -> None:
    for name, value in figures().items():
        sys.stdout.write(f"{name:45} {value:8.2f}\n")


if __name__ == "__main__":
    main()
