"""The door of the hub: who is judged by the head, what a stranger learns, what is given back."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.tables import Lane
from sync.messages import Code, Reply, Request
from sync.signing import SIGNATURE, Head, Nonce, body_hash, open_reply
from tests.faults.wire import BadWire, Harm
from tests.sync_link.lines import request_on
from tests.sync_link.pair import HROMADA, KEYS, HubServer, Village, until
from tests.sync_link.rows import visit


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[HubServer]:
    opened = HubServer(tmp_path)
    yield opened
    opened.stop()


class Asker:
    """Somebody who can sign as a node, and sends what it likes."""

    def __init__(self, centre: HubServer, node: int = 2, *, process: int = 99) -> None:
        self.centre = centre
        self.node = node
        self.process = process
        self.counter = 0

    def head(self, body: bytes, *, lane: Lane = Lane.TICKETS, epoch: int | None = None) -> Head:
        self.counter += 1
        return Head(
            hromada=HROMADA,
            stream=self.centre.store.stream._replace(node=self.node),
            lane=lane,
            after=0,
            last=0,
            recipient=1,
            centre_epoch=self.centre.store.epoch if epoch is None else epoch,
            nonce=Nonce(self.process, int(lane > Lane.TICKETS), self.counter),
            body_hash=body_hash(body),
        )

    def written(self, head: Head, length: int, *, key: int | None = None, more: str = "") -> bytes:
        signed = head.header(KEYS[key or self.node])
        return (
            f"POST {head.path} HTTP/1.1\r\nHost: hub\r\nAuthorization: {signed}\r\n"
            f"{more}Content-Length: {length}\r\n\r\n"
        ).encode()


def sent(centre: HubServer, *pieces: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", centre.port), timeout=5)
    for piece in pieces:
        sock.sendall(piece)
    return sock


def answered(sock: socket.socket) -> tuple[int, bytes, bytes]:
    head, _, body = request_on(sock).partition(b"\r\n\r\n")
    return int(head.split()[1]), head, body


EMPTY = Request().body()


def test_signed_request_is_answered_with_few_bytes(centre: HubServer) -> None:
    asker = Asker(centre)
    head = asker.head(EMPTY)
    status, told, body = answered(sent(centre, asker.written(head, len(EMPTY)), EMPTY))
    reply = Reply.read(open_reply(KEYS[1].verify_key, head, status, body))
    assert (status, reply.code, reply.centre_epoch) == (200, "", centre.store.epoch)
    assert {line.split(b":")[0].lower() for line in told.split(b"\r\n")[1:]} == {
        b"content-length",
        b"date",
    }


def test_unsigned_is_turned_away_before_its_body_and_learns_nothing(centre: HubServer) -> None:
    asker = Asker(centre)
    for wrong in (
        asker.written(asker.head(EMPTY), 1_000_000, key=3),
        asker.written(asker.head(EMPTY), 1_000_000).replace(b"/s02.", b"/s03."),
        b"POST /sync/v1/x HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000000\r\n\r\n",
    ):
        status, _, body = answered(sent(centre, wrong))
        assert (status, body) == (401, b"")


def test_request_for_another_epoch_learns_the_present_one_and_nothing_else(
    centre: HubServer,
) -> None:
    asker = Asker(centre)
    head = asker.head(EMPTY, epoch=7)
    status, _, body = answered(sent(centre, asker.written(head, 1_000_000)))
    reply = Reply.read(open_reply(KEYS[1].verify_key, head, status, body))
    assert status == 409
    assert reply == Reply(centre.store.epoch, code=Code.NEW_CENTRE)


def test_busy_bulk_is_told_its_slot_before_its_body(centre: HubServer) -> None:
    waiting = []
    for node in range(2, 6):  # each holds a place with a body that does not end
        asker = Asker(centre, node)
        head = asker.head(EMPTY, lane=Lane.READINGS)
        waiting.append(sent(centre, asker.written(head, 1000), b"half"))
    time.sleep(0.3)
    asker = Asker(centre, 6)
    head = asker.head(EMPTY, lane=Lane.READINGS)
    status, told, body = answered(sent(centre, asker.written(head, 1_000_000)))
    reply = Reply.read(open_reply(KEYS[1].verify_key, head, status, body))
    assert (status, reply.code) == (429, Code.BUSY)
    assert reply.slot_ms > 0
    assert re.search(rb"Retry-After: [1-9]", told)
    urgent = Asker(centre, 7)
    head = urgent.head(EMPTY)
    assert answered(sent(centre, urgent.written(head, len(EMPTY)), EMPTY))[0] == 200
    for sock in waiting:  # and every place comes back when its connection ends
        sock.close()
    until(lambda: not centre.hub._state.places.bulk)


def test_node_is_not_kept_out_by_its_own_dead_connection(centre: HubServer) -> None:
    asker = Asker(centre)
    dead = sent(centre, asker.written(asker.head(EMPTY, lane=Lane.READINGS), 1000), b"half")
    time.sleep(0.3)
    head = asker.head(EMPTY, lane=Lane.READINGS)
    status, _, _ = answered(sent(centre, asker.written(head, len(EMPTY)), EMPTY))
    assert status == 200
    assert dead.recv(10) == b""
    assert not centre.hub._state.places.bulk


@pytest.mark.parametrize("length", [(2 << 20) + 1, 1 << 40])
def test_body_that_is_too_large_is_never_read(centre: HubServer, length: int) -> None:
    asker = Asker(centre)
    head = asker.head(EMPTY)
    status, _, _ = answered(sent(centre, asker.written(head, length)))
    assert status == 413
    assert not centre.hub._state.places.urgent


def test_chunked_body_is_turned_away(centre: HubServer) -> None:
    asker = Asker(centre)
    head = asker.written(asker.head(EMPTY), 0).replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    assert answered(sent(centre, head))[0] == 411


def test_invented_slip_opens_nothing(centre: HubServer) -> None:
    asker = Asker(centre)
    held = sent(centre, asker.written(asker.head(EMPTY), 1000), b"half")
    time.sleep(0.2)
    slip = next(iter(centre.hub._inside))
    for name in ("Vuzol-Slip", "VUZOL_SLIP", "vuzol-slip"):
        raw = (
            f"POST /sync/v1/x HTTP/1.1\r\nHost: hub\r\n{name}: {slip}\r\nContent-Length: 0\r\n\r\n"
        )
        assert answered(sent(centre, raw.encode()))[0] in {400, 401}
    assert centre.hub.holds(slip)
    held.close()


@pytest.mark.parametrize("gated", [True, False])
def test_captured_request_yields_nothing_to_a_third_party(tmp_path: Path, *, gated: bool) -> None:
    centre = HubServer(tmp_path, gated=gated)
    wire = BadWire(centre.url, seed=1, harms=[Harm.NONE])
    village = Village(tmp_path, wire.url)
    for n in range(5):
        village.store.write(visit, n)
    until(lambda: centre.seen() == list(range(5)))
    village.stop()
    before = centre.store.commits
    for captured in wire.requests:
        status, _, body = answered(sent(centre, captured))
        assert status == 409
        told = Reply.read(body[SIGNATURE:])
        assert told == Reply(told.centre_epoch, code=told.code)
        assert told.code in {Code.REPLAYED, Code.NEW_CENTRE}
    assert centre.store.commits == before
    wire.close()
    centre.stop()


def test_crowd_of_slow_heads_and_bodies_does_not_keep_a_node_out(
    tmp_path: Path, centre: HubServer
) -> None:
    crowd = [sent(centre, b"POST /sync/v1/slow") for _ in range(64)]
    crowd += [
        sent(centre, b"POST /sync/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\nbody")
        for _ in range(64)
    ]
    village = Village(tmp_path, centre.url)
    began = time.monotonic()
    village.store.write(visit, 1)
    until(lambda: centre.seen() == [1])
    assert time.monotonic() - began < 3
    village.stop()
    for sock in crowd:
        sock.close()


def test_hub_without_a_gate_takes_rows_and_gives_places_back_too(tmp_path: Path) -> None:
    centre = HubServer(tmp_path, gated=False)
    village = Village(tmp_path, centre.url)
    village.store.write(visit, 1)
    until(lambda: centre.seen() == [1])
    until(lambda: not centre.hub._state.places.urgent)
    village.stop()
    centre.stop()
