"""Servers over real sockets: who is slow is hung up on, and stopping answers what was accepted."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Blueprint, request

from appliance.web import channels
from appliance.web.context import Context
from appliance.web.safety import from_this_machine
from appliance.web.serving import PortTaken, Servers
from appliance.web.surfaces import Surface, port
from tests.web import places, sockets

KIBIBYTE = 1024


def room() -> Blueprint:
    blueprint = Blueprint("trial", __name__)

    @blueprint.get("/quick")
    def quick() -> str:
        return "here"

    @blueprint.get("/slow")
    def slow() -> str:
        time.sleep(0.4)
        return "here at last"

    @blueprint.post("/take")
    def take() -> str:
        return str(len(request.get_data()))

    @blueprint.get("/who")
    def who() -> dict[str, object]:
        return {"address": request.remote_addr, "here": from_this_machine()}

    return blueprint


@pytest.fixture
def given(context: Context) -> Context:
    return places.context(
        context.store.path.parent,
        context.store,
        context.clock,
        environ=sockets.free_ports(),
    )


Start = Callable[..., Servers]


@pytest.fixture
def start(given: Context) -> Iterator[Start]:
    started: list[Servers] = []

    def begin(*surfaces: Surface) -> Servers:
        apps = {kind: places.surface(kind, given, room()) for kind in surfaces or Surface}
        servers = Servers(apps, given.config)
        servers.start()
        started.append(servers)
        return servers

    yield begin
    for servers in started:
        servers.drain(1)


def ask(port_: int, path: str, *lines: str) -> bytes:
    return sockets.asked(port_, sockets.head(path, "Connection: close", *lines))


def test_each_surface_answers_on_its_own_port(start: Start, given: Context) -> None:
    start()
    for kind in Surface:
        told = ask(port(given.config, kind), "/quick")
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")
        assert told.endswith(b"here")
        assert b"waitress" not in told.lower()


def test_the_metrics_tell_how_busy_each_surface_is(start: Start, given: Context) -> None:
    start()
    with sockets.slow(port(given.config, Surface.GUEST), 3, b"GET"):
        time.sleep(0.2)
        told = ask(port(given.config, Surface.OFFICE), "/metrics")
    assert b'vuzol_http_connections{surface="guest"} 3.0' in told
    assert b'vuzol_http_waiting{surface="guest"} 0.0' in told


def test_a_taken_port_is_told_with_what_changes_it(start: Start, given: Context) -> None:
    start()
    with pytest.raises(PortTaken, match="office cannot listen"):
        Servers({Surface.OFFICE: places.surface(Surface.OFFICE, given)}, given.config)


def test_a_head_that_trickles_is_hung_up_on(
    start: Start, given: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "HEAD_SECONDS", 0.5)
    start(Surface.GUEST)
    began = time.monotonic()
    with sockets.connected(port(given.config, Surface.GUEST)) as trickling:
        while time.monotonic() - began < 8 and _sent(trickling, b"G"):
            time.sleep(0.2)
    assert 0.4 < time.monotonic() - began < 6


def _sent(open_socket: socket.socket, data: bytes) -> bool:
    try:
        open_socket.sendall(data)
    except OSError:
        return False
    return True


def test_a_body_over_the_limit_is_refused_on_a_page_that_explains(
    start: Start, given: Context
) -> None:
    start(Surface.OFFICE)
    size = 65 * KIBIBYTE
    request_ = sockets.head(
        "/take", f"Content-Length: {size}", "Accept: text/html", "Connection: close", method="POST"
    )
    told = sockets.asked(port(given.config, Surface.OFFICE), request_ + b"x" * size)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert "Це завелике, щоб прийняти" in told.decode()
    assert "<html" in told.decode()


def test_a_huge_body_is_refused_before_it_is_read(start: Start, given: Context) -> None:
    start(Surface.GUEST)
    request_ = sockets.head("/take", "Content-Length: 10000000", method="POST")
    told = sockets.asked(port(given.config, Surface.GUEST), request_)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert "Це завелике, щоб прийняти" in told.decode()


def test_what_is_no_request_is_refused_in_both_languages(start: Start, given: Context) -> None:
    start(Surface.OFFICE)
    told = sockets.asked(port(given.config, Surface.OFFICE), b"nonsense\r\n\r\n").decode()
    assert told.startswith("HTTP/1.0 400 ")
    assert "Запит не вдалося прочитати" in told
    assert "could not be read" in told


def test_a_head_over_the_limit_is_refused(start: Start, given: Context) -> None:
    start(Surface.OFFICE)
    told = ask(port(given.config, Surface.OFFICE), "/quick", "X-Much: " + "x" * 20_000)
    assert told.startswith(b"HTTP/1.0 431 ")


@pytest.mark.parametrize(
    "lines", [(), ("X-Forwarded-For: 10.0.0.7",), ("Forwarded: for=10.0.0.7",)]
)
def test_what_a_proxy_carried_is_not_of_this_machine(
    start: Start, given: Context, lines: tuple[str, ...]
) -> None:
    start(Surface.KIOSK)
    told = ask(port(given.config, Surface.KIOSK), "/who", *lines)
    assert json.loads(told.partition(b"\r\n\r\n")[2])["here"] is (not lines)


def test_draining_answers_everything_that_was_accepted(start: Start, given: Context) -> None:
    servers = start(Surface.OFFICE)
    number = port(given.config, Surface.OFFICE)
    waiting = [sockets.connected(number) for _ in range(24)]  # three times the threads
    for one in waiting:
        one.sendall(sockets.head("/slow"))
    time.sleep(0.1)
    began = time.monotonic()
    servers.drain()
    assert time.monotonic() - began < 6
    for one in waiting:
        told = sockets.everything(one)
        assert told.endswith(b"here at last")
        assert b"Connection: close" in told
        one.close()


def test_draining_under_load_loses_no_request_that_was_sent_in_time(
    start: Start, given: Context
) -> None:
    """Clients keep their connections and ask again and again while the server goes away."""
    servers = start(Surface.OFFICE)
    number = port(given.config, Surface.OFFICE)
    asked, answered = [0] * 8, [0] * 8

    def client(index: int) -> None:
        with sockets.connected(number) as open_socket:
            while True:
                open_socket.sendall(sockets.head("/quick"))
                asked[index] += 1
                told = sockets.read_until(open_socket, b"here")
                answered[index] += 1
                if b"Connection: close" in told:
                    return

    clients = [threading.Thread(target=client, args=(index,)) for index in range(8)]
    for one in clients:
        one.start()
    time.sleep(0.5)
    servers.drain()
    for one in clients:
        one.join(5)
    assert asked == answered
    assert min(answered) > 5


def test_draining_does_not_wait_for_who_never_finishes_asking(start: Start, given: Context) -> None:
    servers = start(Surface.OFFICE)
    with sockets.slow(port(given.config, Surface.OFFICE), 5, b"GET /quick HTTP/1.1\r\nA: b"):
        time.sleep(0.1)
        began = time.monotonic()
        servers.drain(2)
        assert time.monotonic() - began < 4
