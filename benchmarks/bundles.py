"""A stick: 100,000 rows of a village's days packed, written, synced, read back; then read in.

Two processes over loopback do what `vuzol sync export` and `vuzol sync import` ask for; the rows
are those of `benchmarks.rows --seed 1`. The stick is a folder on this disk.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

from appliance import config
from benchmarks.figure import Figure
from benchmarks.replication import prepare
from benchmarks.running import Appliance, wait_until

ROWS: Final = 100_000
EACH: Final = 0.1
STOPS_SECONDS: Final = 20
ALONE: Final = {"VUZOL_LINK_CENTRE": "http://127.0.0.1:9", "VUZOL_LINK_DISCOVER": "false"}
"""A village that reaches nobody: the stick is all that it has."""


def measure() -> Iterator[Figure]:
    """Prepare the months, then carry them to the centre and the answer back."""
    with tempfile.TemporaryDirectory(prefix="stick-", dir="build") as folder:
        months, stick = Path(folder) / "months", Path(folder) / "stick"
        months.mkdir()
        stick.mkdir()
        prepare(months, rows=ROWS)
        with (
            _running(months / "centre", {}) as centre,
            _running(months / "verboliz", ALONE) as village,
        ):
            yield from _carried(centre, village, stick.resolve())


@contextmanager
def _running(home: Path, environment: dict[str, str]) -> Iterator[Appliance]:
    """Run one appliance of the demonstration without its supervisor."""
    words = [sys.executable, "-m", "appliance", "up", "--config", str(home / "node.toml")]
    environment = {**os.environ, **environment, "VUZOL_DEMO_ENDS_WITH_PARENT": "false"}
    with (home / "bench.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stderr=log)
    told = config.load(home / "node.toml", environment)
    url = f"http://{told.surfaces.address}:{told.surfaces.office}"
    appliance = Appliance(
        name=told.node.title,
        role=told.node.role,
        urls={"office": url},
        sign_in=None,
        process=psutil.Process(process.pid),
        data=home,
    )
    try:
        wait_until(lambda: _answers(appliance), seconds=60)
        yield appliance
    finally:
        process.terminate()
        process.wait(timeout=STOPS_SECONDS)


def _answers(appliance: Appliance) -> bool:
    with suppress(OSError):
        return bool(appliance.get("office", "/sync/status"))
    return False


def _carried(centre: Appliance, village: Appliance, stick: Path) -> Iterator[Figure]:
    before = village.processor_ms()
    job, seconds = _done(village, "export", {"folder": str(stick)})
    used = (village.processor_ms() - before) / 1000
    rows = job["done"]
    scale = ROWS / rows
    told = f"{rows} rows, {job['files']} file, {job['size'] / 1e6:.2f} MB"
    yield Figure("100,000 rows packed, written and verified", seconds * scale, "s", told, "<= 5")
    yield Figure("the same, seconds of the village's processor", used * scale, "s")
    yield Figure("bytes a row on the stick", job["size"] / rows, "B", "sealed and signed", "<= 10")
    job, seconds = _done(centre, "import", {"files": [str(stick)]})
    assert job["taken"]["rows"] == rows, job
    yield Figure("100,000 rows read in at the centre", seconds * scale, "s", "proved, projected")
    _, seconds = _done(centre, "export", {"folder": str(stick)})
    yield Figure("the answer written and verified", seconds, "s")
    _, seconds = _done(village, "import", {"files": [str(stick)]})
    yield Figure("the answer read in at the village", seconds, "s")
    left = village.metric("vuzol_unsent_entries")
    yield Figure("rows unsent after that", left, "rows", "both ways by stick alone", "== 0")


def _done(appliance: Appliance, verb: str, asked: dict[str, Any]) -> tuple[Any, float]:
    """Return the finished job and the seconds that it took, as who waits for it sees them."""
    begun = time.monotonic()
    job, _ = appliance.post("office", f"/sync/bundles/{verb}", asked)
    while job["phase"] == "working":
        time.sleep(EACH)
        job = appliance.get("office", "/sync/bundles")
    assert not job["failed"], job
    assert not job["refused"], job
    return job, time.monotonic() - begun
