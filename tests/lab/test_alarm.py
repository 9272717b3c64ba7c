"""An alarm is at the centre within 15 s of the first packet that passes, whatever is in its way.

The village has 100,000 bulk rows to send over 64 kbit/s. The link is cut without a word, as by a
router that hides it, or slows down eightfold in the middle of a request.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.tls import TlsProxy
from tests.lab.wire import NEAR, LabWire
from tests.sync_link.pair import HubServer, until
from tests.sync_link.rows import ALARMS, READINGS, numbers

ROWS = 100_000
BOUND = 15.0
KILOBITS = 64

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("tc")),
        reason="needs root, nftables and iproute2",
    ),
]


def can_be_wired() -> bool:
    """Tell whether this machine lets us make namespaces and shape links; some containers do not."""
    try:
        with LabWire("vuzol-probe", kilobits=KILOBITS):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


class Town:
    """A centre here, a village behind the wire."""

    def __init__(self, centre: HubServer, wire: LabWire, village: "subprocess.Popen[str]") -> None:
        self.centre = centre
        self.wire = wire
        self._village = village
        self._raised = 0

    def raise_alarm(self) -> int:
        """Log an alarm in the village; return its number."""
        assert self._village.stdin is not None
        assert self._village.stdout is not None
        self._village.stdin.write("\n")
        self._village.stdin.flush()
        return int(self._village.stdout.readline())

    def has(self, alarm: int) -> bool:
        with self.centre.store.read() as reader:
            return alarm in numbers(reader, ALARMS)

    def bulk(self) -> int:
        with self.centre.store.read() as reader:
            return int(reader.value(f"SELECT count(*) FROM {READINGS.name}"))

    def stands_in_the_way(self) -> None:
        """Prove that bulk rows were still on their way: else the alarm had the wire for itself."""
        assert self.bulk() < ROWS * 0.9, "the backlog went too fast"

    def seconds_until(self, alarm: int, *, since: float) -> float:
        until(lambda: self.has(alarm), seconds=120, told=f"alarm {alarm} never came")
        return time.monotonic() - since


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    if not can_be_wired():
        pytest.skip("no network namespaces here")
    centre = HubServer(tmp_path)
    with (
        LabWire("vuzol-alarm", kilobits=KILOBITS) as wire,
        TlsProxy(tmp_path, NEAR, centre.port) as proxy,
    ):
        url = f"https://{NEAR}:{proxy.port}"
        words = [sys.executable, "-m", "tests.lab.village", str(tmp_path), url]
        village = subprocess.Popen(
            wire.inside(*words, str(proxy.authority), str(ROWS)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert village.stdout is not None
            assert village.stdout.readline() == "ready\n"
            made = Town(centre, wire, village)
            until(lambda: made.bulk() > 0, seconds=60, told="no bulk row ever came")
            yield made
        finally:
            village.kill()
            village.wait()
            centre.stop()


def test_alarm_goes_before_the_backlog(town: Town) -> None:
    for _ in range(3):
        alarm, logged = town.raise_alarm(), time.monotonic()
        assert town.seconds_until(alarm, since=logged) <= BOUND
    town.stands_in_the_way()


@pytest.mark.parametrize("dark", [3.0, 14.0, 31.0, 60.0])
def test_alarm_follows_a_cut_that_nobody_told_of(town: Town, dark: float) -> None:
    chance = random.Random(dark)
    town.wire.cut()
    before = chance.uniform(0.0, dark)
    time.sleep(before)
    alarm = town.raise_alarm()
    time.sleep(dark - before)
    town.wire.heal()
    took = town.seconds_until(alarm, since=time.monotonic())
    assert took <= BOUND
    town.stands_in_the_way()


def test_alarm_comes_through_when_the_rate_falls_eightfold_in_mid_request(town: Town) -> None:
    time.sleep(4)  # by now a request is as large as ten seconds of the link
    town.wire.shape(KILOBITS // 8)
    alarm, logged = town.raise_alarm(), time.monotonic()
    took = town.seconds_until(alarm, since=logged)
    assert took <= BOUND
    town.stands_in_the_way()
