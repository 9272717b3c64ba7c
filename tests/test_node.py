"""One node as a real process: from its start to its last answer."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from appliance import cli
from provisioning.keys import public_text
from tests.loopback import address

pytestmark = pytest.mark.xdist_group("node")

HERE, THERE = address(), address()
SETTINGS = f"""
[node]
number = 7
title = "Старостат села Тихе"
role = "centre"
data = "."
[hromada]
id = "t"
name = "Громада"
[surfaces]
address = "{HERE}"
"""


@pytest.fixture
def node_toml(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@contextmanager
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as the service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


@contextmanager
def up(node_toml: Path, **environ: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "up", "--config", str(node_toml)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_tells_the_service_manager_that_it_is_ready_alive_and_stopping(
    tmp_path: Path, node_toml: Path
) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "900000"}
    with manager(tmp_path) as listening, up(node_toml, **environ) as process:
        assert listening.recv(100) == b"READY=1"
        with socket.create_connection((HERE, 8080), timeout=5):
            pass  # ready means that it answers
        assert {listening.recv(100) for _ in range(3)} == {b"WATCHDOG=1"}
        process.send_signal(signal.SIGTERM)
        heard = {listening.recv(100) for _ in range(1)}
        while b"STOPPING=1" not in heard:
            heard.add(listening.recv(100))
        assert process.wait(15) == cli.DONE


def test_a_cold_start_takes_less_than_three_seconds_of_the_processor(node_toml: Path) -> None:
    """Other tests keep the machine busy; `make bench` measures what a clock on the wall says."""
    with up(node_toml) as process:
        wait_for_port(process)
        assert 0 < processor_seconds(process.pid) < 3


def test_a_second_owner_of_the_data_is_refused_in_one_sentence(node_toml: Path) -> None:
    with up(node_toml) as first:
        wait_for_port(first)
        with up(node_toml, VUZOL_SURFACES_ADDRESS=THERE) as second:
            assert second.wait(25) == cli.FAILED
            assert second.stderr is not None
            told = second.stderr.read()
    assert re.search(rf"belongs to process {first.pid}, which kept it for 10 s; stop that", told)
    assert told.count("\n") == 1


@pytest.mark.parametrize("role", ["centre", "village"])
def test_a_port_that_is_taken_is_named_and_nothing_is_left_running(
    node_toml: Path, role: str
) -> None:
    if role == "village":
        make_a_village(node_toml)
    with socket.create_server((HERE, 8082)), up(node_toml) as process:
        assert process.wait(15) == cli.FAILED
        assert process.stderr is not None
        told = process.stderr.read()
    assert f"{HERE}:8082" in told
    assert told.count("\n") == 1


def test_a_key_that_others_can_read_is_refused(node_toml: Path) -> None:
    key = node_toml.parent / "node.key"
    key.write_text("x\n", encoding="ascii")
    key.chmod(0o644)
    with up(node_toml) as process:
        assert process.wait(15) == cli.FAILED
        assert process.stderr is not None
        assert "lets other users read it; run: chmod 600" in process.stderr.read()


def test_it_stops_within_ten_seconds_whoever_holds_on_to_it(node_toml: Path) -> None:
    """A centre that never answers, a body that never ends, a display that goes on listening."""
    make_a_village(node_toml)
    with (
        socket.create_server((HERE, 9099)) as silent,
        up(node_toml) as process,
    ):
        wait_for_port(process)
        called, _ = silent.accept()
        with called, slow_body() as slow, listener():
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            assert process.wait(15) == cli.DONE
            assert time.monotonic() - begun < 10
            assert slow.recv(100) == b""


def test_it_answers_what_it_had_accepted_when_it_was_told_to_stop(node_toml: Path) -> None:
    with up(node_toml) as process:
        wait_for_port(process)
        with socket.create_connection((HERE, 8080), timeout=10) as late:
            late.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            late.sendall(b"\r\n")
            assert late.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        assert process.wait(15) == cli.DONE


def make_a_village(node_toml: Path) -> None:
    """Let the node be a village whose centre is where a test may listen, or nobody does."""
    centre = public_text(SigningKey.generate())
    settings = node_toml.read_text(encoding="utf-8").replace('"centre"', '"village"')
    link = f'[link]\ncentre = "http://{HERE}:9099"\ncentre_key = "{centre}"\n'
    node_toml.write_text(settings + link, encoding="utf-8")


def processor_seconds(pid: int) -> float:
    """Return what a process has taken of the processor so far."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def slow_body() -> socket.socket:
    """Begin a request whose body does not come."""
    connected = socket.create_connection((HERE, 8082), timeout=15)
    connected.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    return connected


def listener() -> socket.socket:
    """Listen to live events, as a display does."""
    connected = socket.create_connection((HERE, 8181), timeout=15)
    connected.sendall(b"GET /events/queue HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connected.recv(100).startswith(b"HTTP/1.1 200 ")
    return connected


def wait_for_port(process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None
        try:
            socket.create_connection((HERE, 8080), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nobody listens")
