"""A crowd at one door leaves the others open: a small node in a process of its own."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

import pytest

from tests.faults.hromada import hromada
from tests.web import crowd, real_crowd, sockets, trial_node

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("crowds")]

NOISE_MS = 25.0
"""What a busy machine does to the slowest of a hundred answers, whoever else is there."""


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return sockets.free_ports()


@pytest.fixture
def node(tmp_path: Path, ports: dict[str, str]) -> Iterator["Popen[str]"]:
    with trial_node.running(tmp_path, ports) as running:
        yield running


def kiosk_p99(ports: dict[str, str]) -> float:
    taken = crowd.latencies(int(ports["VUZOL_SURFACES_KIOSK"]), 100)
    return crowd.quantile(taken, 0.99)


Crowd = Callable[[], AbstractContextManager[object]]


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("who", ["slow heads", "slow bodies", "listeners"])
def test_a_crowd_elsewhere_leaves_the_kiosk_within_twice_its_quiet_time(
    ports: dict[str, str], who: str
) -> None:
    guests = int(ports["VUZOL_SURFACES_GUEST"]) + sockets.OFFSET
    gather: dict[str, Crowd] = {
        "slow heads": partial(crowd.slow_senders, ports, crowd.HEAD),
        "slow bodies": partial(crowd.slow_senders, ports, crowd.BODY),
        "listeners": partial(crowd.listeners, guests),
    }
    quiet, crowded = [], []
    kiosk_p99(ports)
    for _ in range(5):  # side by side, so that what else the machine does hits both
        quiet.append(kiosk_p99(ports))
        with gather[who]():
            crowded.append(kiosk_p99(ports))
    assert statistics.median(crowded) <= 2 * statistics.median(quiet) + NOISE_MS


@pytest.mark.soak
def test_a_crowd_of_all_kinds_at_a_real_node_doubles_nothing_for_the_kiosk(tmp_path: Path) -> None:
    """256 slow requests and 100 listeners at a centre, and no allowance for noise."""
    quiet: list[float] = []
    crowded: list[float] = []
    with hromada(tmp_path) as town:
        town.centre.start()
        host, url = town.centre.place.address, town.centre.place.urls
        kiosk, guest, hub = (int(url[on].rpartition(":")[2]) for on in ("kiosk", "guest", "hub"))
        crowd.latencies(kiosk, host=host)
        for _ in range(5):  # side by side, so that what else the machine does hits both
            quiet += crowd.latencies(kiosk, host=host)
            with real_crowd.crowd(host, guest, hub, kiosk + sockets.OFFSET) as there:
                crowded += crowd.latencies(kiosk, host=host)
            assert (there["heads"], there["bodies"], there["listeners"]) == (128, 128, 100)
    assert len(quiet) == len(crowded) >= 5 * 400
    before, during = (crowd.quantile(sorted(taken), 0.99) for taken in (quiet, crowded))
    assert during <= 2 * before, f"p99 {before:.1f} ms before, {during:.1f} ms in the crowd"


def test_a_hundred_listeners_cost_little_and_hear_soon(
    node: "Popen[str]", ports: dict[str, str]
) -> None:
    kiosk_p99(ports)
    before = trial_node.memory(node.pid)
    with crowd.listeners(int(ports["VUZOL_SURFACES_GUEST"]) + sockets.OFFSET) as held:
        assert (trial_node.memory(node.pid) - before) / crowd.LISTENERS <= 10 * 1024
        assert statistics.median(crowd.broadcasts(ports, held)) <= 20


def test_a_stop_under_load_answers_all_that_was_accepted_and_is_over_in_time(
    node: "Popen[str]", ports: dict[str, str]
) -> None:
    """Every answered write is in the database, and no answer was cut off in the middle."""
    office = int(ports["VUZOL_SURFACES_OFFICE"])
    numbers: list[int] = []
    cut_off: list[str] = []

    def clerk() -> None:
        client = HTTPConnection("127.0.0.1", office, timeout=15)
        try:
            while True:
                client.request("POST", "/note")
                answer = client.getresponse()
                numbers.append(int(answer.read().decode().split(":")[1].strip(" }\n")))
        except ConnectionRefusedError:
            return  # the door is shut: nothing was accepted
        except (OSError, HTTPException) as error:
            cut_off.append(repr(error))

    clerks = [threading.Thread(target=clerk) for _ in range(16)]
    for one in clerks:
        one.start()
    time.sleep(1.0)
    began = time.monotonic()
    node.terminate()
    assert node.wait(15) == 0
    assert time.monotonic() - began < 10
    for one in clerks:
        one.join(15)
    assert not cut_off
    assert len(numbers) > 16
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
