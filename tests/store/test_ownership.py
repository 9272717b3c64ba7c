"""A second owner of a file is refused, however the first one ends."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.ownership import AlreadyOwned, Ownership
from tests.store.sample import village

OWN = """
import sys, time
from pathlib import Path
from tests.store.sample import village
store = village(Path(sys.argv[1]))
print("owned", flush=True)
sys.stdin.read()
store.close()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the file until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWN, tmp_path / "node.db"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "owned\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_owner_is_refused_with_a_sentence(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(AlreadyOwned, match=f"belongs to process {other.pid}, .*; stop that"):
        village(tmp_path / "node.db", patience=0.1)
    assert other.poll() is None


def test_a_second_owner_waits_for_the_first_to_drain(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    leaving = threading.Timer(0.3, other.stdin.close)
    leaving.start()
    begun = time.monotonic()
    village(tmp_path / "node.db", patience=20).close()
    assert time.monotonic() - begun >= 0.3
    leaving.join()


def test_an_owner_that_was_killed_leaves_the_file_free(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    village(tmp_path / "node.db").close()


def test_a_start_that_fails_leaves_the_file_free(tmp_path: Path) -> None:
    (tmp_path / "node.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(Exception, match="damaged"):
        village(tmp_path / "node.db")
    Ownership.take(tmp_path / "node.db", patience=0).release()


def test_two_owners_in_one_process_are_two_owners(tmp_path: Path) -> None:
    first = Ownership.take(tmp_path / "node.db", patience=0)
    with pytest.raises(AlreadyOwned):
        Ownership.take(tmp_path / "node.db", patience=0)
    first.release()
    Ownership.take(tmp_path / "node.db", patience=0).release()
