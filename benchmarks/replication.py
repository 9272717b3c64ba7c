"""A village that was silent for months comes back: bytes a row, rows a second, an idle hour.

Real processes over loopback; the rows are those of `benchmarks.rows --seed 1`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, percentile
from benchmarks.load import Order
from benchmarks.rows import mix
from benchmarks.running import Appliance, hromada, wait_until

ROWS: Final = 60_000
"""What the village has logged in its silent months."""

EACH: Final = 0.1
"""Seconds between two looks at how far it has come: each look costs what it looks at."""

SERVICES: Final = "/api/queue/services"
CROWD_SECONDS: Final = 6.0
VISIT: Final = 0.025
"""Seconds between two visits of the kiosk: a touch of forty people in each second."""

QUIET_SECONDS: Final = 12.0
POLL: Final = 2
"""Seconds between two questions while idling is measured."""

DEFAULT_POLL: Final = 300


def measure() -> Iterator[Figure]:
    """Prepare the months, then let the village come back; then let it idle."""
    with tempfile.TemporaryDirectory(prefix="months-", dir="build") as folder:
        months, again = Path(folder) / "months", Path(folder) / "again"
        months.mkdir()
        prepare(months, rows=ROWS)
        shutil.copytree(months, again)
        with hromada(data=again) as appliances:
            yield from _return(appliances[0], appliances[1])
        with hromada(data=months) as appliances:
            yield from _return_under_siege(appliances[0], appliances[1])
            yield from _one_row(appliances[1])
    yield from _idle()


def prepare(folder: Path, *, rows: int) -> None:
    """Make a hromada whose first village has rows that the centre has not heard of."""
    with hromada(data=folder):
        pass
    home = next(path.parent for path in folder.glob("*/node.db") if "verboliz" in str(path))
    for old in home.glob("node.db*"):
        old.unlink()
    fast = Path("/dev/shm")  # noqa: S108 - filling is no measurement
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as made:
        village = mix(Path(made), seed=1, rows=rows)
        village.store.close()
        shutil.copy(Path(made) / "village.db", home / "node.db")


def _return(centre: Appliance, village: Appliance) -> Iterator[Figure]:
    """Count what a return costs, how fast it is, and what those feel who come meanwhile."""
    carried = village.metric("vuzol_link_bytes_total")
    processor = centre.processor_ms()
    crowd = _kiosk_crowd(centre, VISIT)
    rows, seconds = _returned(centre, village)
    used = centre.processor_ms() - processor
    during = _latencies(crowd)
    sent = village.metric("vuzol_link_bytes_total") - carried
    yield Figure("rows that waited in the village", rows, "rows", "tickets, events, audit")
    yield Figure("bytes a row on the wire, all in", sent / rows, "B", "both ways", "<= 10")
    told = f"projection on; village, centre and visitors on one machine, {seconds:.1f} s"
    yield Figure(
        "rows a second into the centre, touched 40 times a second", rows / seconds, "/s", told
    )
    yield Figure("rows a second of the centre's processor", rows / used * 1000, "/s")
    ratio, versus = _slower(during, _latencies(_kiosk_crowd(centre, VISIT)))
    told = f"{versus}; the kiosk is asked each {VISIT * 1000:.0f} ms"
    yield Figure("kiosk's p99 at the centre, touched 40 times a second", ratio, "x", told)


def _return_under_siege(centre: Appliance, village: Appliance) -> Iterator[Figure]:
    """Ask the centre's kiosk without a pause meanwhile; the bounds are those of this worst case."""
    crowd = _kiosk_crowd(centre)
    rows, seconds = _returned(centre, village)
    during = _latencies(crowd)
    told = f"the kiosk is asked without a pause on the same two cores, {seconds:.1f} s"
    yield Figure("rows a second into the centre", rows / seconds, "/s", told, ">= 10000")
    ratio, versus = _slower(during, _latencies(_kiosk_crowd(centre)))
    yield Figure("kiosk's p99 at the centre meanwhile", ratio, "x", versus, "<= 2")


def _slower(during: list[float], quiet: list[float]) -> tuple[float, str]:
    """Return how much later the slowest hundredth is answered, and both in words."""
    then, else_ = percentile(during, 0.99), percentile(quiet, 0.99)
    return then / else_, f"{then:.1f} ms / {else_:.1f} ms without"


def _returned(centre: Appliance, village: Appliance) -> tuple[float, float]:
    """Wait until all rows of the village are projected; return how many, and the seconds."""
    unsent = village.metric("vuzol_unsent_entries")
    begun = time.monotonic()
    wait_until(lambda: _landed(centre, village), seconds=300, each=EACH)
    return unsent - village.metric("vuzol_unsent_entries"), time.monotonic() - begun


def _landed(centre: Appliance, village: Appliance) -> bool:
    return (
        village.metric("vuzol_unsent_entries") == 0
        and centre.metric("vuzol_unprojected_entries") == 0
    )


def _kiosk_crowd(centre: Appliance, pause: float = 0.0) -> "subprocess.Popen[str]":
    url = centre.urls["kiosk"] + SERVICES
    order = Order(url, 1, CROWD_SECONDS, [], {}, "kiosk", pause)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    json.dump(asdict(order), process.stdin)
    process.stdin.close()
    return process


def _latencies(crowd: "subprocess.Popen[str]") -> list[float]:
    assert crowd.stdout is not None
    latencies, _, _ = json.load(crowd.stdout)
    crowd.wait()
    told: list[float] = latencies
    return told


def _one_row(village: Appliance) -> Iterator[Figure]:
    """Take one ticket of a day that is open, and count what crosses until the centre has it."""
    service = village.get("kiosk", SERVICES)["services"][0]
    body = {"service": service["id"], "purpose": service["purposes"][0], "priority": None}
    village.post("kiosk", "/api/queue/tickets", body, {"Idempotency-Key": "opens the day"})
    _quiet(village)
    before = village.metric("vuzol_link_bytes_total")
    village.post("kiosk", "/api/queue/tickets", body, {"Idempotency-Key": "is one row"})
    _quiet(village)
    crossed = village.metric("vuzol_link_bytes_total") - before
    yield Figure("one row, all in", crossed, "B", "both ways", "<= 800")


def _quiet(village: Appliance) -> None:
    time.sleep(0.5)
    wait_until(lambda: village.metric("vuzol_unsent_entries") == 0)
    time.sleep(0.5)


def _idle() -> Iterator[Figure]:
    """Count a village with nothing to say that asks every `POLL` seconds, for some seconds."""
    environment = {**os.environ, "VUZOL_LINK_POLL_SECONDS": str(POLL)}
    with hromada(environment=environment) as appliances:
        village = appliances[1]
        _quiet(village)
        names = ("vuzol_link_bytes_total", "vuzol_link_requests_total")
        bytes_before, requests_before = (village.metric(name) for name in names)
        time.sleep(QUIET_SECONDS)
        crossed, requests = (
            village.metric(name) - before
            for name, before in zip(names, (bytes_before, requests_before), strict=True)
        )
    yield Figure("nothing to send: one round trip", crossed / requests, "B", "both ways", "<= 700")
    hour = crossed / QUIET_SECONDS * 3600 * POLL / DEFAULT_POLL
    told = f"asking every {DEFAULT_POLL} s, from {requests:.0f} round trips"
    yield Figure("an idle hour", hour / 1024, "kB", told, "<= 10")
