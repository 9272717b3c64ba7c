"""Who asks and does not read, or comes in numbers, shuts no door and takes no descriptor."""

import errno
import logging
import os
import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Blueprint

from appliance.web import channels, serving
from appliance.web.context import Context
from appliance.web.serving import FROM_EACH, OPEN_FILES, Servers
from appliance.web.surfaces import Surface, port
from tests import loopback
from tests.demonstration import demonstration
from tests.web import places, sockets

LARGE = 12 * 1024 * 1024  # more than the kernel keeps for both ends
ROOT = Path(__file__).parents[2]


class Trial:
    """A guest surface with one large page, and how often it was asked for."""

    def __init__(self, context: Context, **environ: str) -> None:
        self.asked = 0
        store = context.store
        given = places.context(
            store.path.parent, store, context.clock, environ=sockets.free_ports() | environ
        )
        self.port = port(given.config, Surface.GUEST)
        self.servers = Servers(
            {Surface.GUEST: places.surface(Surface.GUEST, given, self._room())}, given.config
        )
        self.door = self.servers.door(Surface.GUEST)
        self.servers.start()

    def _room(self) -> Blueprint:
        blueprint = Blueprint("trial", __name__)

        @blueprint.get("/large")
        def large() -> bytes:
            self.asked += 1
            return b"x" * LARGE

        @blueprint.get("/quick")
        def quick() -> str:
            return "here"

        return blueprint

    def connected(self, source: str = "127.0.0.1", *, room: int = 65536) -> socket.socket:
        """Connect from an address; `room` is what the kernel keeps unread at this end."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        made.settimeout(10)
        made.bind((source, 0))
        made.connect(("127.0.0.1", self.port))
        return made

    def answers(self, source: str = "127.0.0.1") -> bool:
        """Tell whether somebody from the address is answered."""
        with self.connected(source) as client, suppress(OSError):
            client.sendall(sockets.head("/quick", "Connection: close"))
            return sockets.everything(client).endswith(b"here")
        return False


Start = Callable[..., Trial]


@pytest.fixture
def start(context: Context) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(**environ: str) -> Trial:
            trial = Trial(context, **environ)
            stack.callback(trial.servers.drain, 1)
            return trial

        yield begin


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "UNREAD_SECONDS", 1.5)
    monkeypatch.setattr(serving, "LOOK_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.2)


def eventually(true: Callable[[], object], seconds: float = 8) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def taken(client: socket.socket) -> int:
    """Read until the other end hangs up; return how many bytes came."""
    count = 0
    while piece := client.recv(2**20):
        count += len(piece)
    return count


def test_a_few_requests_at_once_are_answered_in_their_order(start: Start) -> None:
    with start().connected() as client:
        client.sendall(sockets.head("/quick") * 3 + sockets.head("/quick", "Connection: close"))
        assert sockets.everything(client).count(b"HTTP/1.1 200 OK") == 4


def test_who_asks_on_and_on_without_waiting_is_hung_up_on(start: Start) -> None:
    trial = start()
    with trial.connected() as client:
        client.sendall(sockets.head("/quick") * 40)
        assert sockets.everything(client).count(b"HTTP/1.1 200 OK") <= 4
    assert trial.answers()


def test_the_next_request_is_not_answered_before_the_last_answer_is_taken(start: Start) -> None:
    trial = start()
    with trial.connected() as client:
        client.sendall(sockets.head("/large") * 2 + sockets.head("/large", "Connection: close"))
        assert eventually(lambda: trial.asked)
        time.sleep(0.5)
        assert trial.asked == 1
        assert taken(client) > 3 * LARGE
    assert trial.asked == 3


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("requests", [1, 3])
def test_who_does_not_read_is_hung_up_on(start: Start, requests: int) -> None:
    trial = start()
    with trial.connected() as client:
        client.sendall(sockets.head("/large") * requests)
        assert eventually(lambda: trial.asked)
        began = time.monotonic()
        assert eventually(lambda: not trial.door.active_channels)
        assert time.monotonic() - began > 1


@pytest.mark.usefixtures("hasty")
def test_who_reads_slowly_gets_everything(start: Start) -> None:
    """The kernel takes nothing from us for seconds; what it sends is progress all the same."""
    trial = start()
    slowly = 0
    with trial.connected() as client:
        client.sendall(sockets.head("/large", "Connection: close"))
        began = time.monotonic()
        while time.monotonic() - began < 4:
            slowly += len(client.recv(16384))
            time.sleep(0.05)
        assert slowly + taken(client) > LARGE


def test_one_address_has_so_many_connections_and_the_newest_is_refused(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    trial = start()
    resident, other = loopback.address(), loopback.address()
    with ExitStack() as held:
        crowd = [held.enter_context(trial.connected(resident)) for _ in range(40)]
        assert not trial.answers(resident)
        assert not trial.answers(resident)
        assert trial.answers(other)
        for one in crowd:  # those who were there first stay
            one.sendall(sockets.head("/quick"))
            assert sockets.read_until(one, b"here")
    assert [f"{resident} has 40" in line for line in caplog.messages] == [True]
    assert eventually(lambda: trial.answers(resident))


def test_a_proxy_on_this_machine_brings_as_many_as_come(start: Start) -> None:
    trial = start()
    with ExitStack() as held:
        for _ in range(2 * FROM_EACH[Surface.GUEST]):
            held.enter_context(trial.connected())
        assert trial.answers()


def test_a_proxy_elsewhere_brings_as_many_as_come(start: Start) -> None:
    trial = start(VUZOL_SURFACES_GUEST_URL="https://queue.example")
    with ExitStack() as held:
        for _ in range(2 * FROM_EACH[Surface.GUEST]):
            held.enter_context(trial.connected("127.0.0.9"))
        assert trial.answers("127.0.0.9")


def test_without_a_descriptor_it_waits_and_says_so_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trial = start()
    tried: list[float] = []

    def none_left() -> None:
        tried.append(time.monotonic())
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as lack, caplog.at_level(logging.WARNING):
        lack.setattr(trial.door, "accept", none_left)
        with trial.connected():
            assert eventually(lambda: len(tried) > 2)
    assert tried[-1] - tried[0] > 1.5
    assert [line for line in caplog.messages if "Too many open files" in line] == [
        "the guest: nobody can be let in for now (Too many open files)"
    ]
    assert trial.answers()


def test_without_a_descriptor_it_can_be_stopped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = start()

    def none_left() -> None:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    monkeypatch.setattr(trial.door, "accept", none_left)
    with trial.connected():
        began = time.monotonic()
        trial.servers.drain(1)
        assert time.monotonic() - began < 2


def test_the_unit_allows_the_files_that_a_crowd_opens() -> None:
    unit = (ROOT / "systemd/vuzol.service").read_text(encoding="utf-8")
    (allowed,) = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    assert int(allowed) >= OPEN_FILES


# --- the whole attack -----------------------------------------------------------------------------

FILE = b"GET /static/x/govuk-office.css HTTP/1.1\r\nHost: x\r\n\r\n"
ATTACKERS = 120


@contextmanager
def attack(guest: tuple[str, int], sources: list[str], sent: bytes, count: int) -> Iterator[None]:
    """Connect, ask, and never read; who is hung up on comes no more."""
    with ExitStack() as held:
        for turn in range(count):
            one = held.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.settimeout(3)
            one.bind((sources[turn % len(sources)], 0))
            with suppress(OSError):
                one.connect(guest)
                one.sendall(sent)
        yield


def health(urls: list[str]) -> float:
    """Ask each for its health; return how long the slowest took, or fail."""
    slowest = 0.0
    for url in urls:
        began = time.monotonic()
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as told:  # noqa: S310 - ours
            assert told.status == 200
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def answers(url: str) -> bool:
    with suppress(OSError, HTTPException):
        return health([url]) < 5
    return False


@pytest.mark.soak
@pytest.mark.parametrize(
    ("sent", "count", "residents"),
    [
        (FILE * 160, ATTACKERS, 0),
        (FILE * 4, ATTACKERS, 0),
        (FILE * 4, 520, 20),
        (b"", 520, 1),
    ],
    ids=["many requests", "few requests", "few requests of many residents", "idle"],
)
def test_no_crowd_of_guests_takes_the_descriptors_of_a_node(
    tmp_path: Path, sent: bytes, count: int, residents: int
) -> None:
    with demonstration(loopback.address(), "--data", str(tmp_path / "data")) as demo:
        urls = demo.appliances[0].told["urls"]
        others = [urls["office"], urls["kiosk"]]
        guest = urlsplit(urls["guest"])
        assert guest.hostname
        assert guest.port
        folders = [Path(f"/proc/{pid}/fd") for pid in demo.children()]

        def opened() -> int:
            return max(len(list(folder.iterdir())) for folder in folders)

        before, most, slowest = opened(), 0, health(others)
        sources = [loopback.address() for _ in range(residents)] or ["127.0.0.1"]
        with attack((guest.hostname, guest.port), sources, sent, count):
            began = time.monotonic()
            while time.monotonic() - began < 35:
                most, slowest = max(most, opened()), max(slowest, health(others))
                time.sleep(0.2)
            assert answers(urls["guest"])  # most of them have been hung up on
            assert eventually(lambda: opened() < before + 20, 30)  # and who had to wait as well
        print(f"{before} files open, {most} at most; {slowest:.3f} s at most")  # noqa: T201
        assert most < before + 520
        assert slowest < 1
        logged = sum(p.stat().st_size for p in tmp_path.rglob("*.log"))
        assert logged < 100_000
