"""What a node costs: memory after a day's sign-ins and an hour's load, and the start from cold.

An hour of the busiest office is 400 tickets with all their pages and calls, at the centre and at a
village at once. `make bench` does it in a minute: what memory keeps of an hour depends on how much
was done in it more than on how long it took. For a real hour:

    python -m benchmarks.memory --minutes 60
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import psutil

from benchmarks.__main__ import line
from benchmarks.figure import Figure
from benchmarks.load import Order
from benchmarks.queue import PATH, clients
from benchmarks.running import Appliance, Session, first_sign_in, hromada, wait_until

SIGN_INS: Final = 100
TICKETS_AN_HOUR: Final = 400
MINUTES: Final = 1.0
CROWD: Final = 16
CROWD_SECONDS: Final = 3.0
PAGES: Final = (("kiosk", "/"), ("kiosk", "/display"), ("guest", "/"), ("office", "/queue"))


@dataclass(frozen=True, slots=True)
class Hour:
    """What one node's hour was."""

    served: int
    highest: float  # MB, seen while it lasted


def measure(minutes: float = MINUTES) -> Iterator[Figure]:
    """Start, sign in, load a centre and a village for so long, weigh both."""
    with hromada() as appliances:
        nodes = {"centre": appliances[0], "village": appliances[1]}
        for role, node in nodes.items():
            yield Figure(f"memory of a {role} after the start", _megabytes(node), "MB", "PSS")
        for role, node in nodes.items():
            for _ in range(SIGN_INS):
                node.post("office", "/api/sign-in", first_sign_in(node.sign_in))
            yield Figure(f"memory of a {role} after 100 sign-ins", _megabytes(node), "MB", "PSS")
        with ThreadPoolExecutor(len(nodes)) as side_by_side:
            hours = dict(
                zip(
                    nodes,
                    side_by_side.map(lambda one: _hour(one, minutes), nodes.values()),
                    strict=True,
                )
            )
        for role, node in nodes.items():
            hour = hours[role]
            told = (
                f"PSS of all its processes; {SIGN_INS} sign-ins, {hour.served} tickets from tap to"
                f" end in {minutes:g} min, {CROWD} clients for {CROWD_SECONDS:g} s; highest"
                f" {hour.highest:.1f}"
            )
            name = f"memory of a {role} after an hour of load"
            yield Figure(name, _megabytes(node), "MB", told, "<= 75")
        yield Figure(
            "cold start to the first ticket", _cold_start(nodes["centre"]), "s", "", "<= 3"
        )


def _megabytes(appliance: Appliance) -> float:
    """Return what all processes of the node hold; what they share is counted once."""
    every = [appliance.process, *appliance.process.children(recursive=True)]
    return sum(_pss_bytes(process) for process in every) / 1024 / 1024


def _pss_bytes(process: psutil.Process) -> int:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    pss = next(row for row in rollup.splitlines() if row.startswith("Pss:"))
    return int(pss.split()[1]) * 1024


def _hour(node: Appliance, minutes: float) -> Hour:
    """Let a crowd come once, then people one by one, each through all their pages and calls."""
    session = node.signed_in()
    services = node.get("office", "/api/queue/services")["services"]
    bodies = [
        {"service": one["id"], "purpose": one["purposes"][0], "priority": None} for one in services
    ]
    url = node.urls["office"] + PATH
    clients(Order(url, CROWD, CROWD_SECONDS, bodies, session.headers, f"crowd-{node.name}"))
    _say(node, "open", session)
    begun = time.monotonic()
    highest = 0.0
    for turn in range(TICKETS_AN_HOUR):
        _wait_until(begun + turn * minutes * 60 / TICKETS_AN_HOUR)
        _serve_one(node, session, bodies[turn % len(bodies)], turn)
        highest = max(highest, _megabytes(node))
    return Hour(TICKETS_AN_HOUR, highest)


def _serve_one(node: Appliance, session: Session, body: Any, turn: int) -> None:
    for surface, path in PAGES:
        page = Request(node.urls[surface] + path, headers=session.headers)
        with urlopen(page, timeout=30) as answer:
            answer.read()
    node.post("office", PATH, body, {**session.headers, "Idempotency-Key": f"hour-{turn}"})
    for word in ("call-next", "start", "finish"):
        _say(node, word, session)


def _say(node: Appliance, word: str, session: Session) -> None:
    node.post("office", f"/api/queue/counters/1/{word}", {}, session.headers)


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _cold_start(centre: Appliance) -> float:
    """Kill the node, start it on its data, and take a ticket; return the seconds from start."""
    config = next(word for word in centre.process.cmdline() if word.endswith(".toml"))
    centre.process.kill()
    wait_until(lambda: not centre.process.is_running() or centre.process.status() == "zombie")
    turns = count()
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "appliance", "up", "--config", config])
    try:
        wait_until(lambda: _took(centre, next(turns)), each=0.02)
        return time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(timeout=30)


def _took(centre: Appliance, turn: int) -> bool:
    try:
        services = centre.get("kiosk", "/api/queue/services")["services"]
        body = {"service": services[0]["id"], "purpose": services[0]["purposes"][0]}
        headers = {"Idempotency-Key": f"cold-{turn}"}
        return "number" in centre.post("kiosk", PATH, {**body, "priority": None}, headers)[0]
    except OSError:
        return False


def main() -> int:
    """Weigh for as many minutes as asked; return 1 if a bound was missed."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    asked.add_argument("--minutes", type=float, default=MINUTES, help="how long the hour takes")
    missed = 0
    for figure in measure(asked.parse_args().minutes):
        missed += figure.met is False
        print(line(figure), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
