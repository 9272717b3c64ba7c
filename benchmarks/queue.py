"""Tickets over HTTP, by a signed-in member of staff, beside bare SQLite and beside a plain peer."""

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.figure import Figure, percentile
from benchmarks.load import Order
from benchmarks.pace import watched
from benchmarks.recorded import connected, fresh, play, record
from benchmarks.running import Appliance, hromada
from benchmarks.slow_sync import environment

CLIENTS: Final = 16
SECONDS: Final = 10.0
RECORDED: Final = 20_000
PATH: Final = "/api/queue/tickets"
PEER: Final = ("127.0.0.35", 8090)
BOUNDS: Final = {0: "", 3: ">= 1.5", 15: ">= 3"}
"""Milliseconds that each sync takes longer: the least share that ours is of the raw speed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the clients saw, and what it cost the server."""

    seconds: float
    latencies: list[float]
    statuses: dict[str, int]
    answers: list[dict[str, Any]]

    @property
    def per_second(self) -> float:
        """Return tickets a second."""
        return len(self.answers) / self.seconds

    @property
    def p99(self) -> float:
        """Return the 99th percentile of latency, in milliseconds."""
        return percentile(self.latencies, 0.99)


@dataclass(frozen=True, slots=True)
class Costs:
    """What a ticket cost the server."""

    commits: float
    processor_ms: float
    written_bytes: float
    slowed: float  # how much slower the core was, by strangers, than at its best in that run


def measure() -> Iterator[Figure]:
    """Measure at each speed of sync; the raw limit and the peer in the same run."""
    with tempfile.TemporaryDirectory(prefix="recorded-", dir="build") as folder:
        before, recorded = record(Path(folder), RECORDED)
        for slow, bound in BOUNDS.items():
            yield from _at(slow, bound, before, recorded)


def _at(slow: int, bound: str, before: Path, recorded: list[Any]) -> Iterator[Figure]:
    told = f"sync +{slow} ms" if slow else "disk as it is"
    raw = _raw(slow, before, recorded)
    run, costs = _product(slow)
    peer = _peer(slow, before, recorded)
    yield Figure(f"raw tickets a second, one at a time, {told}", raw, "/s")
    yield Figure(f"tickets a second over HTTP, {told}", run.per_second, "/s", f"{CLIENTS} clients")
    ratio = run.per_second / raw
    yield Figure(f"HTTP / raw, {told}", ratio, "x", "bare SQLite FULL, same rows", bound)
    p99 = run.p99 / peer.p99
    versus = f"{run.p99:.0f} ms / {peer.p99:.0f} ms, a connection per thread"
    yield Figure(f"p99 / peer's p99, {told}", p99, "x", versus, "<= 0.2" if slow == 0 else "")
    yield Figure(f"tickets a second / peer's, {told}", run.per_second / peer.per_second, "x")
    failed = sum(n for status, n in run.statuses.items() if not status.startswith("2"))
    yield Figure(f"refused requests, {told}", failed, "", "", "== 0")
    numbers = Counter(answer["number"] for answer in run.answers)
    yield Figure(f"numbers given twice, {told}", len(run.answers) - len(numbers), "", "", "== 0")
    yield Figure(f"gaps between numbers, {told}", _gaps(numbers), "", "", "== 0")
    yield Figure(f"commits a ticket, {told}", costs.commits, "", f"{CLIENTS} clients", "<= 0.3")
    bound, pace = "" if slow else "<= 1.5", f"the core ran {costs.slowed:.2f} x below its best"
    yield Figure(f"processor a ticket, {told}", costs.processor_ms, "ms", pace, bound)
    at_best = costs.processor_ms / costs.slowed
    yield Figure(f"the same at the core's best pace, {told}", at_best, "ms", "worked out")
    yield Figure(f"bytes written to the card a ticket, {told}", costs.written_bytes, "B")


def _gaps(numbers: Counter[str]) -> int:
    """Count the numbers of each prefix that are missing between its first and its last."""
    by_prefix: dict[str, list[int]] = {}
    for number in numbers:
        prefix, _, n = number.rpartition("-")
        by_prefix.setdefault(prefix, []).append(int(n))
    return sum(max(ns) - min(ns) + 1 - len(ns) for ns in by_prefix.values())


def _product(slow: int) -> tuple[Run, Costs]:
    with hromada(environment=environment(Path("build").absolute(), slow)) as appliances:
        centre = appliances[0]
        headers = centre.signed_in().headers
        services = centre.get("office", "/api/queue/services")["services"]
        bodies = [
            {"service": one["id"], "purpose": purpose, "priority": None}
            for one in services[:4]
            for purpose in one["purposes"][:1]
        ]
        url = centre.urls["office"] + PATH
        clients(Order(url, 4, 1.0, bodies, headers, "warm"))
        before = _costs(centre)
        with watched(centre.core()) as pace:
            run = clients(Order(url, CLIENTS, SECONDS, bodies, headers, "run"))
        after = _costs(centre)
    count = len(run.answers)
    each = [(b - a) / count for a, b in zip(before, after, strict=True)]
    return run, Costs(*each, slowed=pace.slowed)


def _costs(appliance: Appliance) -> tuple[float, float, float]:
    return (
        appliance.metric("vuzol_store_commits_total"),
        appliance.processor_ms(),
        appliance.written_bytes(),
    )


def clients(order: Order) -> Run:
    """Run the clients in a process of their own."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(order)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    latencies, statuses, answers = json.loads(told.stdout)
    return Run(order.seconds, latencies, statuses, answers)


def _raw(slow: int, before: Path, recorded: list[Any]) -> float:
    """Return recorded tickets a second, in a process whose syncs are as slow."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.queue", str(_kept(before, recorded[:4000]))],
        env=environment(Path("build").absolute(), slow),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(told.stdout)


def _kept(before: Path, recorded: list[Any]) -> Path:
    path = before.with_name("recorded.pickle")
    path.write_bytes(pickle.dumps(recorded))
    return path


def _peer(slow: int, before: Path, recorded: list[Any]) -> Run:
    database = fresh(before, "peer.db")
    words = [sys.executable, "-m", "benchmarks.peer", str(database)]
    process = subprocess.Popen(
        [*words, str(_kept(before, recorded)), PEER[0], str(PEER[1])],
        env=environment(Path("build").absolute(), slow),
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        url = f"http://{PEER[0]}:{PEER[1]}{PATH}"
        return clients(Order(url, CLIENTS, SECONDS, [{}], {}, "peer"))
    finally:
        process.kill()
        process.wait()


def _play_alone(kept: Path) -> float:
    """Return the recorded tickets a second that bare SQLite writes, for up to five seconds."""
    recorded = pickle.loads(kept.read_bytes())
    connection = connected(fresh(kept.with_name("before.db"), "raw.db"))
    begun = time.perf_counter()
    written = 0
    for statements in recorded:
        play(connection, statements)
        written += 1
        if time.perf_counter() - begun > SECONDS / 2:
            break
    return written / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(_play_alone(Path(sys.argv[1])))
    os._exit(0)
