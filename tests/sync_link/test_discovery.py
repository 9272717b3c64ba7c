"""Discovery: whom it believes, where it speaks, and that nothing depends on it."""

import threading
import time
from collections.abc import Callable

import pytest

from sync.discovery import Discovery, Hub, Interface, candidate, usable

TOLD = {"v": "1", "hromada": "tykhovody", "node": "1", "tls": "1"}
LOOPBACK = ["127.0.0.1"]


def test_guest_network_and_loopback_are_never_spoken_at() -> None:
    interfaces = [
        Interface("lo", "127.0.0.1"),
        Interface("eth0", "192.0.2.5"),
        Interface("wlan1", "10.77.0.1"),
    ]
    assert usable(interfaces, guest="wlan1") == ["192.0.2.5"]
    assert usable([Interface("lo", "127.0.0.1")], guest="wlan1") == []


@pytest.mark.parametrize(
    ("told", "address", "offered"),
    [
        (TOLD, "192.0.2.9", "https://192.0.2.9:8083"),
        ({**TOLD, "tls": "0"}, "192.0.2.9", ""),
        ({**TOLD, "tls": "0"}, "127.0.0.1", "http://127.0.0.1:8083"),
        ({**TOLD, "hromada": "other"}, "192.0.2.9", ""),
        ({**TOLD, "node": "2"}, "192.0.2.9", ""),
        ({**TOLD, "v": "2"}, "192.0.2.9", ""),
        ({}, "192.0.2.9", ""),
    ],
)
def test_only_our_own_centre_is_a_candidate(
    told: dict[str, str], address: str, offered: str
) -> None:
    assert candidate(told, [address], 8083, hromada="tykhovody", centre=1) == offered


def finder(
    speak_at: Callable[[], list[str]],
    found: Callable[[str], None] = lambda _: None,
    lost: Callable[[str], None] = lambda _: None,
) -> Discovery:
    return Discovery(hromada="tykhovody", centre=1, speak_at=speak_at, found=found, lost=lost)


def test_node_finds_a_centre_that_comes_later_and_forgets_it_when_it_goes() -> None:
    found, lost = list[str](), list[str]()
    seen, gone = threading.Event(), threading.Event()
    node = finder(
        lambda: LOOPBACK,
        lambda url: (found.append(url), seen.set())[0],
        lambda url: (lost.append(url), gone.set())[0],
    )
    node.start()
    centre = Discovery(
        hromada="tykhovody",
        centre=1,
        speak_at=lambda: LOOPBACK,
        found=lambda _: None,
        lost=lambda _: None,
        hub=Hub("tykhovody", 1, 8083, secure=False),
    )
    centre.start()
    assert seen.wait(15)
    centre.stop()
    assert gone.wait(15)
    node.stop()
    assert set(found) == set(lost) == {"http://127.0.0.1:8083"}


def no_network() -> list[str]:
    raise OSError("no interface at all")


@pytest.mark.parametrize("speak_at", [list, no_network, lambda: ["203.0.113.77"]])
def test_no_network_is_a_normal_state(speak_at: Callable[[], list[str]]) -> None:
    node = finder(speak_at)
    began = time.monotonic()
    node.start()
    assert time.monotonic() - began < 0.2
    time.sleep(0.3)
    node.stop()
    assert time.monotonic() - began < 3
