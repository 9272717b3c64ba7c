"""A village behind 64 kbit/s: how much of the link carries rows.

Two real nodes, one of them in a network namespace behind a shaped interface. What the rows weigh
alone is worked out from the same rows, packed in batches of 5,000.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from appliance.store import log
from appliance.store.tables import Lane
from benchmarks.figure import Figure
from benchmarks.narrow_link import NarrowLink
from benchmarks.replication import prepare
from benchmarks.rows import batches, mix
from sync import wire

KILOBITS: Final = 64
ROWS: Final = 50_000
CENTRE, FAR = "127.0.0.31", "127.0.0.32"
HUB, OFFICE = 8083, 8080
READ: Final = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"


def measure() -> Iterator[Figure]:
    """Let the village come back through the narrow link; count seconds, rows and bytes."""
    with tempfile.TemporaryDirectory(prefix="narrow-", dir="build") as folder:
        home = Path(folder).absolute()
        prepare(home, rows=ROWS)
        with NarrowLink(f"{CENTRE}:{HUB}", kilobits=KILOBITS) as link:
            centre = _up(home, "centre", [])
            _answers(f"http://{CENTRE}:{OFFICE}/healthz")
            near = link.inside("env", f"VUZOL_LINK_CENTRE={link.address}")
            village = _up(home, "verboliz", near)
            try:
                yield from _drained(link)
            finally:
                for process in (village, centre):
                    process.terminate()
                    process.wait(timeout=30)


def _drained(link: NarrowLink) -> Iterator[Figure]:
    before = 0
    while not before:
        before = _unsent(link)
    towards, back = link.crossed()
    begun = time.monotonic()
    while left := _unsent(link):
        if time.monotonic() - begun > 300:
            break
        time.sleep(1)
    seconds = time.monotonic() - begun
    rows = before - left
    crossed = [now - then for now, then in zip(link.crossed(), (towards, back), strict=True)]
    weight = _weight() * rows
    share = weight / (KILOBITS * 125 * seconds)
    told = f"{rows} rows in {seconds:.0f} s"
    yield Figure("share of 64 kbit/s that carries rows", share, "", told, ">= 0.9")
    yield Figure("rows a second through 64 kbit/s", rows / seconds, "/s")
    yield Figure(
        "bytes a row through 64 kbit/s, every header", sum(crossed) / rows, "B", "both ways"
    )


def _weight() -> float:
    """Return the bytes of a row in packed batches of 5,000, and nothing else."""
    with tempfile.TemporaryDirectory(dir="build") as folder:
        village = mix(Path(folder), seed=1, rows=10_000)
        with village.store.read() as reader:
            entries = log.entries(reader, village.store.stream, Lane.TICKETS, 0, 1 << 40)
        cut = batches(village.store, Lane.TICKETS, entries, 5000)[:-1]
        village.store.close()
    return sum(len(wire.encode(batch)) for batch in cut) / sum(len(one.entries) for one in cut)


def _up(home: Path, word: str, prefix: list[str]) -> "subprocess.Popen[bytes]":
    config = next(path for path in home.glob("*/node.toml") if path.parent.name == word)
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "appliance", "up", "--config", str(config)]
    )


def _answers(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


def _unsent(link: NarrowLink) -> int:
    words = link.inside(sys.executable, "-c", READ, f"http://{FAR}:{OFFICE}/healthz")
    told = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if told.returncode:
        time.sleep(0.2)
        return 0
    health: dict[str, Any] = json.loads(told.stdout)
    return int(health["replication"]["unsent"])
