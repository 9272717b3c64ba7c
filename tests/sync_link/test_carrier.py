"""The kernel's news: read as they come, and told once."""

import os
import shutil
import subprocess
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.carrier import HEADER, Carrier, kinds


def message(kind: int, body: bytes = b"") -> bytes:
    whole = HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body
    return whole + bytes(-len(whole) % 4)


@given(st.lists(st.tuples(st.integers(0, 100), st.binary(max_size=30)), max_size=5))
def test_each_message_of_a_datagram_is_seen(told: list[tuple[int, bytes]]) -> None:
    datagram = b"".join(message(kind, body) for kind, body in told)
    assert list(kinds(datagram)) == [kind for kind, _ in told]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_an_end(datagram: bytes) -> None:
    assert len(list(kinds(datagram))) <= len(datagram) // HEADER.size


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and iproute2 to add an address"
)
def test_new_address_is_told_once_and_never_after_the_stop() -> None:
    told: list[float] = []
    seen = threading.Event()

    def came_up() -> None:
        told.append(time.monotonic())
        seen.set()

    def plug() -> None:
        subprocess.run(["ip", "address", "add", "127.77.0.9/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "address", "del", "127.77.0.9/32", "dev", "lo"], check=True)

    carrier = Carrier(came_up)
    carrier.start()
    plug()
    assert seen.wait(5)
    carrier.stop()
    plug()
    time.sleep(1.5)
    assert len(told) == 1
