"""One connection: it keeps, counts, gives up in time and can be cut."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.web.serving import allow_many_files
from sync.switch import LinkSwitch
from sync.transport import Connection, Failure, LinkFailed, Patience
from tests.sync_link.lines import answer, echo, request_on, serving

QUICK = Patience(connect=2, pause=0.4, total=1.0)


def ask(connection: Connection, address: str, body: bytes = b"words") -> bytes:
    return connection.ask(address, "/sync/v1/x", body, {"X-One": "1"}).body


def failure_of(connection: Connection, address: str, body: bytes = b"words") -> Failure:
    with pytest.raises(LinkFailed) as caught:
        ask(connection, address, body)
    return caught.value.failure


def test_connection_is_kept_and_each_byte_is_counted() -> None:
    seen: list[bytes] = []

    def play(line: socket.socket) -> None:
        while request := request_on(line):
            seen.append(request)
            line.sendall(answer(b"yes"))

    with serving(play) as address:
        connection = Connection()
        assert [ask(connection, address) for _ in range(3)] == [b"yes"] * 3
        connection.close()
    assert connection.traffic.dials == 1
    assert connection.traffic.requests == 3
    assert connection.traffic.sent == sum(len(request) for request in seen)
    assert connection.traffic.received == 3 * len(answer(b"yes"))
    assert seen[0].startswith(b"POST /sync/v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-One: 1\r\n" in seen[0]


def test_connection_is_kept_while_a_crowd_holds_thousands_of_files() -> None:
    """`select` refused a descriptor above 1023: after its first request a link stood for ever."""

    def play(line: socket.socket) -> None:
        while request_on(line):
            line.sendall(answer(b"yes"))

    allow_many_files()
    with serving(play) as address, ExitStack() as crowd:
        for _ in range(1024):
            crowd.enter_context(Path(os.devnull).open("rb"))
        connection = Connection()
        assert [ask(connection, address) for _ in range(2)] == [b"yes"] * 2
        connection.close()
    assert connection.traffic.dials == 1


def test_kept_connection_that_the_centre_has_closed_is_dialled_anew() -> None:
    def play(line: socket.socket) -> None:
        request_on(line)
        line.sendall(answer(b"once"))

    with serving(play) as address:
        connection = Connection()
        for _ in range(3):
            assert ask(connection, address) == b"once"
            time.sleep(0.05)  # let the end arrive
    assert connection.traffic.dials == 3


def test_large_body_goes_both_ways() -> None:
    body = bytes(range(256)) * 4096
    with serving(echo) as address:
        assert ask(Connection(), address, body) == body


def test_refusal_by_the_header_is_heard_though_the_body_never_got_there() -> None:
    def play(line: socket.socket) -> None:
        line.recv(1000)
        line.sendall(answer(b"later", status="503 Busy", more="Retry-After: 7\r\n"))
        time.sleep(0.05)

    with serving(play) as address:
        answered = Connection().ask(address, "/", bytes(8 << 20), {})
    assert (answered.status, answered.headers["retry-after"]) == (503, "7")
    assert answered.body == b"later"


def mute(line: socket.socket) -> None:
    request_on(line)
    time.sleep(3)


def dripping(line: socket.socket) -> None:
    request_on(line)
    for byte in answer(b"x" * 200):
        line.sendall(bytes([byte]))
        time.sleep(0.1)


def deaf(line: socket.socket) -> None:
    time.sleep(3)
    line.recv(1)


@pytest.mark.parametrize("play", [mute, dripping, deaf])
def test_request_ends_within_its_time_whatever_the_other_side_does(
    play: Callable[[socket.socket], None],
) -> None:
    with serving(play) as address:
        began = time.monotonic()
        assert failure_of(Connection(patience=QUICK), address, bytes(8 << 20)) is Failure.SILENT
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        answer(b"whole")[:-1],
        answer(b"whole")[:10],
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nno length",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(5 << 20),
    ],
)
def test_reply_that_is_not_whole_is_no_reply(sent: bytes) -> None:
    def play(line: socket.socket) -> None:
        request_on(line)
        line.sendall(sent)

    with serving(play) as address:
        assert failure_of(Connection(), address) in {Failure.CUT, Failure.GARBLED}


def test_abort_from_another_thread_ends_a_request_at_once() -> None:
    with serving(mute) as address:
        connection = Connection()
        threading.Timer(0.2, connection.abort).start()
        began = time.monotonic()
        assert failure_of(connection, address) is Failure.ABORTED
        assert time.monotonic() - began < 1


def test_abort_before_the_request_is_not_lost_and_arm_forgets_it() -> None:
    with serving(echo) as address:
        connection = Connection()
        connection.abort()
        assert failure_of(connection, address) is Failure.ABORTED
        connection.arm()
        assert ask(connection, address) == b"words"


@pytest.mark.parametrize(
    ("address", "failure"),
    [
        ("http://192.0.2.1:8083", Failure.PLAIN),
        ("http://centre.example:8083", Failure.PLAIN),
        ("ftp://127.0.0.1", Failure.NO_ADDRESS),
        ("", Failure.NO_ADDRESS),
        ("http://127.0.0.1:1", Failure.REFUSED),
        ("https://centre.invalid", Failure.NO_NAME),
    ],
)
def test_address_that_cannot_be_asked_is_told_why(address: str, failure: Failure) -> None:
    assert failure_of(Connection(patience=QUICK), address) is failure


def test_switch_cuts_a_live_request_and_refuses_new_ones_until_it_is_on_again() -> None:
    switch = LinkSwitch()
    connection = Connection(gate=switch)
    with serving(mute) as address:
        threading.Timer(0.2, lambda: switch.move(up=False)).start()
        began = time.monotonic()
        assert failure_of(connection, address) is Failure.CUT
        assert time.monotonic() - began < 1
        dials = connection.traffic.dials
        assert failure_of(connection, address) is Failure.REFUSED
        assert connection.traffic.dials == dials
    switch.move(up=True)
    with serving(echo) as address:
        assert ask(connection, address) == b"words"


def test_switch_cuts_an_idle_connection_too() -> None:
    ended = threading.Event()

    def play(line: socket.socket) -> None:
        echo(line)
        ended.set()

    switch = LinkSwitch()
    connection = Connection(gate=switch)
    with serving(play) as address:
        assert ask(connection, address) == b"words"
        switch.move(up=False)
        assert ended.wait(2)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for localhost that signs itself, and a server's context with it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the Debian package openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=localhost -addext"
    names = ["subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*made.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def test_tls_connection_is_kept_and_a_new_one_resumes_the_session(
    secure: tuple[Path, ssl.SSLContext],
) -> None:
    resumed: list[bool] = []

    def play(line: socket.socket) -> None:
        assert isinstance(line, ssl.SSLSocket)
        resumed.append(line.session_reused or False)
        for _ in range(2):
            line.sendall(answer(request_on(line).partition(b"\r\n\r\n")[2]))

    with serving(play, secure[1]) as address:
        connection = Connection(authority=secure[0])
        for _ in range(4):
            assert ask(connection, address) == b"words"
            time.sleep(0.05)
    assert connection.traffic.dials == 2
    assert resumed == [False, True]


def test_certificate_that_nobody_vouches_for_ends_it_before_a_byte_is_sent(
    secure: tuple[Path, ssl.SSLContext],
) -> None:
    seen: list[bytes] = []
    with serving(lambda line: seen.append(line.recv(100)), secure[1]) as address:
        connection = Connection()
        assert failure_of(connection, address) is Failure.CERTIFICATE
        assert connection.traffic.sent == 0
        other = Connection(authority=secure[0])
        wrong_name = address.replace("localhost", "127.0.0.1")
        assert failure_of(other, wrong_name) is Failure.CERTIFICATE
    assert b"POST" not in b"".join(seen)


def test_abort_ends_a_tls_request_at_once(secure: tuple[Path, ssl.SSLContext]) -> None:
    with serving(mute, secure[1]) as address:
        connection = Connection(authority=secure[0])
        threading.Timer(0.3, connection.abort).start()
        began = time.monotonic()
        assert failure_of(connection, address) is Failure.ABORTED
        assert time.monotonic() - began < 1.5
