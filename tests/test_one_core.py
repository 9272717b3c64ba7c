"""The interpreter keeps to one core; what computes outside of it may use all."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.test_node import manager, node_toml, up

__all__ = ["node_toml"]

pytestmark = [
    pytest.mark.xdist_group("node"),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only"),
]

SETTLE_AND_ROAM = """
import os, threading
from appliance.one_core import Cores
given = os.sched_getaffinity(0)
cores = Cores()
cores.settle({number})
told = []
def work():
    told.append(sorted(os.sched_getaffinity(0)))
    cores.roam()
    told.append(os.sched_getaffinity(0) == given)
one = threading.Thread(target=work); one.start(); one.join()
print(sorted(given).index(*told[0]), told[1], len(os.sched_getaffinity(0)))
"""


@pytest.mark.parametrize("number", [1, 2, 3, 65535])
def test_a_thread_inherits_the_one_core_of_its_nodes_number_and_may_leave_it(number: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SETTLE_AND_ROAM.format(number=number)],
        capture_output=True,
        text=True,
        check=True,
    )
    mine = number % len(os.sched_getaffinity(0))
    assert told.stdout.split() == [str(mine), "True", "1"]


def test_only_the_hashing_thread_of_a_running_node_leaves_its_core(
    tmp_path: Path, node_toml: Path
) -> None:
    with manager(tmp_path) as listening, up(node_toml, NOTIFY_SOCKET=str(tmp_path / "notify")) as p:
        assert listening.recv(100) == b"READY=1"
        threads = [thread.id for thread in psutil.Process(p.pid).threads()]
        kept = [frozenset(os.sched_getaffinity(thread)) for thread in threads]
    assert sorted(len(cores) for cores in set(kept)) == [1, len(os.sched_getaffinity(0))]
    assert sum(len(cores) > 1 for cores in kept) == 1
