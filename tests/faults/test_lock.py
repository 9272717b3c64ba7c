"""Another process holds the database: somebody opened the file with a tool."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from appliance.store import pragmas
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.failures import StoreBusy
from tests.faults import invariants
from tests.faults.clerk import take
from tests.store.two_ends import TABLES, VILLAGE

pytestmark = pytest.mark.fault

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def held(file: Path) -> Iterator[Callable[[], None]]:
    """Let another process hold the write lock; give what lets it go before the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.stdin.close
        process.stdin.close()
        assert process.wait(30) == 0


def refused_and_then_taken(file: Path, *, busy: float, hold: float = 0) -> None:
    store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), busy_seconds=busy)
    first = store.write(take, 1, 1)
    begun = time.monotonic()
    with held(file):
        refusals = 0
        while not refusals or time.monotonic() - begun < hold:
            with pytest.raises(StoreBusy):
                store.write(take, 1, 2)
            refusals += 1
            with store.read() as reader:
                assert reader.value("SELECT count(*) FROM hall_ticket") == 1
        assert time.monotonic() - begun > busy * refusals * 0.9
    second = store.write(take, 1, 3)
    store.close()
    assert (first[0], second[0]) == (1, 2)
    assert invariants.check(file, dict([first, second])) == 2


def test_lock_held_by_another_process_refuses_and_leaves_no_trace(tmp_path: Path) -> None:
    refused_and_then_taken(tmp_path / "node.db", busy=0.2)


@pytest.mark.soak
def test_lock_held_for_ten_seconds_refuses_and_leaves_no_trace(tmp_path: Path) -> None:
    refused_and_then_taken(tmp_path / "node.db", hold=10, busy=pragmas.BUSY_SECONDS)


def test_lock_held_for_less_than_the_patience_only_delays_the_answer(tmp_path: Path) -> None:
    file = tmp_path / "node.db"
    store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), busy_seconds=30)
    with held(file) as let_go:
        Timer(0.3, let_go).start()
        first = store.write(take, 1, 1)
    store.close()
    assert invariants.check(file, dict([first])) == 1
