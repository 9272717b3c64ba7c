"""Live events over real sockets: what is told, to whom, and who is sent away."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.reader import Reader
from appliance.store.tables import Owner, Table, integer, text
from appliance.store.transaction import Transaction
from appliance.web import fan_out, sse
from appliance.web.sse import EventServer
from appliance.web.surfaces import Surface
from appliance.web.topics import Event, Knock, Topic
from tests.web import places, sockets

NEWS = Table("trial_news", owner=Owner.LOCAL, columns=(integer("n"), text("said")), key=("n",))


def publish(tx: Transaction, said: str) -> int:
    n = int(tx.value("SELECT coalesce(max(n), 0) + 1 FROM trial_news"))
    tx.add(NEWS, {"n": n, "said": said})
    tx.announce("news")
    return n


def replay(reader: Reader, last: str | None) -> Sequence[Event]:
    newest = int(reader.value("SELECT coalesce(max(n), 0) FROM trial_news"))
    if last is None or not last.isdecimal() or int(last) > newest:
        return [Event(str(newest), {"present": newest})]
    rows = reader.all("SELECT * FROM trial_news WHERE n > :n ORDER BY n", n=int(last))
    return [Event(str(row["n"]), {"said": row["said"]}, kind="news") for row in rows]


@dataclass
class Door:
    """Lets in while it is open, and remembers who knocked."""

    open: bool = True
    knocks: list[Knock] = field(default_factory=list)

    def allow(self, knock: Knock) -> bool:
        self.knocks.append(knock)
        return self.open


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    opened = Store.open(tmp_path / "node.db", (*places.TABLES, NEWS), node=3, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def door() -> Door:
    return Door()


Start = Callable[..., EventServer]


@pytest.fixture
def start(tmp_path: Path, store: Store, door: Door) -> Iterator[Start]:
    started: list[EventServer] = []

    def begin(*topics: Topic) -> EventServer:
        config = places.settings(tmp_path, sockets.free_ports())
        given = topics or (
            Topic(name="news", allow=door.allow, replay=replay),
            Topic(name="plain", allow=door.allow),
        )
        server = EventServer(Surface.OFFICE, config, store, given)
        server.start()
        started.append(server)
        return server

    yield begin
    for server in started:
        server.stop()


def test_a_newcomer_hears_the_present_and_then_each_event(start: Start, store: Store) -> None:
    store.write(publish, "before")
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news"))
        told = sockets.read_until(listener, b'data: {"present":1}\n\n')
        assert told.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Type: text/event-stream" in told
        assert b"retry: " in told
        assert b"event: beat\ndata: 14:05\n\n" in told
        store.write(publish, "вікно 2")
        after = sockets.read_until(listener, "вікно 2".encode())
        assert after == 'id: 2\nevent: news\ndata: {"said":"вікно 2"}\n\n'.encode()


def test_a_listener_that_comes_back_hears_all_it_missed_once(start: Start, store: Store) -> None:
    for said in ("a", "b", "c"):
        store.write(publish, said)
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news", "Last-Event-ID: 1"))
        told = sockets.read_until(listener, b'"c"}\n\n')
        store.write(publish, "d")
        told += sockets.read_until(listener, b'"d"}\n\n')
    assert [line for line in told.decode().split("\n") if line.startswith("id:")] == [
        "id: 2",
        "id: 3",
        "id: 4",
    ]


def test_a_page_may_name_the_last_event_in_the_query(start: Start, store: Store) -> None:
    store.write(publish, "a")
    store.write(publish, "b")
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news?last=1"))
        assert b"id: 1" not in sockets.read_until(listener, b'"b"}\n\n')


def test_an_id_of_another_life_of_the_database_brings_the_present(
    start: Start, store: Store
) -> None:
    store.write(publish, "a")
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news", "Last-Event-ID: 999"))
        sockets.read_until(listener, b'data: {"present":1}\n\n')


def test_a_topic_without_a_replay_says_that_something_changed(start: Start, store: Store) -> None:
    def change(tx: Transaction) -> None:
        tx.announce("plain")

    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/plain"))
        first = sockets.read_until(listener, b'data: {"changed":"plain"}\n\n')
        store.write(change)
        second = sockets.read_until(listener, b'data: {"changed":"plain"}\n\n')
    assert first.split(b"id: ")[1] != second.split(b"id: ")[1]


def test_everybody_hears_the_same_bytes_of_many_commits_in_order(
    start: Start, store: Store
) -> None:
    port = start().port
    listeners = [sockets.connected(port) for _ in range(20)]
    for listener in listeners:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
    for number in range(50):
        store.write(publish, f"n{number}")
    heard = {sockets.read_until(listener, b'"n49"}\n\n') for listener in listeners}
    for listener in listeners:
        listener.close()
    (same,) = heard
    ids = [line for line in same.decode().split("\n") if line.startswith("id:")]
    assert ids == [f"id: {number}" for number in range(1, 51)]


def test_who_may_not_listen_is_refused(start: Start, door: Door) -> None:
    door.open = False
    told = sockets.asked(start().port, sockets.head("/events/news", "Cookie: a=b; c=d"))
    assert told.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    (knock,) = door.knocks
    assert (knock.cookies, knock.surface, knock.address) == (
        {"a": "b", "c": "d"},
        Surface.OFFICE,
        "127.0.0.1",
    )
    assert knock.from_this_machine


def test_a_request_that_a_proxy_carried_is_not_of_this_machine(start: Start, door: Door) -> None:
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news", "X-Forwarded-For: 10.0.0.9"))
        sockets.read_until(listener, b"event: beat")
    assert not door.knocks[0].from_this_machine


def test_a_right_that_ends_ends_the_listening(
    start: Start, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0.1)
    with sockets.connected(start().port) as listener:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
        door.open = False
        assert sockets.everything(listener).endswith(b"event: over\ndata: 1\n\n")


class Writer:
    """Holds up the store's writer, as a slow disk does, and asks it at the door."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.free = threading.Event()
        self.free.set()
        self.asked = 0

    def busy(self) -> threading.Thread:
        began = threading.Event()

        def verb(_: Transaction) -> None:
            began.set()
            assert self.free.wait(10)

        self.free.clear()
        thread = threading.Thread(target=self.store.write, args=(verb,))
        thread.start()
        assert began.wait(5)
        return thread

    def allow(self, _: Knock) -> bool:
        self.asked += 1
        self.store.write(lambda _: None)
        return True


def test_a_right_that_waits_for_the_writer_keeps_nobody_else_from_hearing(
    start: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noting when a display was seen is a write: on the loop it stopped every listener's beat."""
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.05)
    writer = Writer(store)
    server = start(Topic(name="news", allow=writer.allow, replay=replay))
    request = sockets.head("/events/news")
    with sockets.connected(server.port) as listener, sockets.connected(server.port) as late:
        listener.sendall(request)
        sockets.read_until(listener, b'"present":0}\n\n')
        held = writer.busy()
        try:
            late.sendall(request)
            late.sendall(request)  # and goes on sending
            with sockets.connected(server.port) as gone:
                gone.sendall(request)
            for _ in range(10):
                sockets.read_until(listener, b"event: beat")
            assert server.seats_taken() == 1
        finally:
            writer.free.set()
            held.join()
        told = sockets.read_until(late, b'"present":0}\n\n')
        assert told.count(b"HTTP/1.1 200 OK") == 1
        sockets.read_until(late, b"event: beat")
        assert server.seats_taken() == 2
    assert writer.asked == 2


def test_a_right_that_is_looked_at_again_keeps_nobody_from_hearing(
    start: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0.01)
    writer = Writer(store)
    server = start(Topic(name="news", allow=writer.allow, replay=replay))
    with sockets.connected(server.port) as listener:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
        held = writer.busy()
        try:
            for _ in range(10):
                sockets.read_until(listener, b"event: beat")
        finally:
            writer.free.set()
            held.join()
        sockets.read_until(listener, b"event: beat")


def test_seats_are_counted_when_the_right_is_known(
    start: Start, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEATS", 2)
    writer = Writer(store)
    server = start(Topic(name="news", allow=writer.allow, replay=replay))
    held = writer.busy()
    crowd = [sockets.connected(server.port) for _ in range(5)]
    for one in crowd:
        one.sendall(sockets.head("/events/news"))
    time.sleep(0.2)
    writer.free.set()
    held.join()
    answers = [sockets.read_until(one, b"\r\n").split(b" ")[1] for one in crowd]
    assert sorted(answers) == [b"200"] * 2 + [b"503"] * 3
    for one in crowd:
        one.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /events/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404 Not Found"),
        (b"GET /events/news HTTP/1.1\r\n\r\n", b"421 Misdirected Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET /events/news/../../etc HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET //[ HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"GET /events/news HTTP/1.1\r\nHost: [\r\nOrigin: http://a\r\n\r\n", b"421 Misdirected"),
        (b"POST /events/news HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400 Bad Request"),
        (b"GET /events/news HTTP/1.1\r\nno header\r\n\r\n", b"400 Bad Request"),
        (b"GET /events/news HTTP/1.1\r\nA: " + b"x" * 9000, b"431 Request Header Fields"),
    ],
)
def test_what_is_no_such_request_is_told_so(start: Start, request_: bytes, status: bytes) -> None:
    assert sockets.asked(start().port, request_).startswith(b"HTTP/1.1 " + status)


def test_a_page_of_this_surface_may_listen_with_its_cookies(start: Start) -> None:
    server = start()
    origin = f"http://127.0.0.1:{server.port - sockets.OFFSET}"
    with sockets.connected(server.port) as listener:
        listener.sendall(sockets.head("/events/news", f"Origin: {origin}"))
        told = sockets.read_until(listener, b"event: beat")
    assert f"Access-Control-Allow-Origin: {origin}\r\n".encode() in told
    assert b"Access-Control-Allow-Credentials: true\r\n" in told


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://evil.example", "null"])
def test_a_page_of_anywhere_else_may_not(start: Start, origin: str) -> None:
    told = sockets.asked(start().port, sockets.head("/events/news", f"Origin: {origin}"))
    assert told.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Access-Control-Allow-Origin" not in told


def test_a_name_that_a_stranger_bent_to_us_shares_nothing(start: Start) -> None:
    server = start()
    origin = f"http://evil.example:{server.port - sockets.OFFSET}"
    for more in ([f"Origin: {origin}"], []):  # a page asks its own origin without naming it
        request = sockets.head("/events/news", *more, host=f"evil.example:{server.port}")
        told = sockets.asked(server.port, request)
        assert told.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


def test_a_full_hall_says_when_to_come_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SEATS", 1)
    port = start().port
    with sockets.connected(port) as first:
        first.sendall(sockets.head("/events/news"))
        sockets.read_until(first, b"event: beat")
        told = sockets.asked(port, sockets.head("/events/news"))
        assert told.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: 15\r\n" in told


def test_who_dallies_in_the_door_makes_room(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "STRANGERS", 3)
    port = start().port
    with sockets.slow(port, 3, b"GET /events/news HT") as dallying:
        time.sleep(0.1)
        with sockets.connected(port) as listener:
            listener.sendall(sockets.head("/events/news"))
            sockets.read_until(listener, b"event: beat")
            assert sockets.everything(dallying[0]) == b""


def test_who_does_not_read_is_dropped_and_others_hear_on(start: Start, store: Store) -> None:
    server = start()
    with sockets.connected(server.port) as deaf, sockets.connected(server.port) as listener:
        for one in (deaf, listener):
            one.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
        big = "x" * 40_000
        for number in range(300):
            if server.seats_taken() < 2:
                break
            store.write(publish, big)
            sockets.read_until(listener, f"id: {number + 1}\n".encode())
        assert server.seats_taken() == 1


def test_a_failing_read_is_tried_again(
    start: Start, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "CALM_SECONDS", 0.05)
    failures = [OSError("disk"), OSError("disk")]

    def shaky(reader: Reader, last: str | None) -> Sequence[Event]:
        if failures:
            raise failures.pop()
        return replay(reader, last)

    server = start(Topic(name="news", allow=door.allow, replay=shaky))
    with sockets.connected(server.port) as listener:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
    assert not failures


def test_no_beat_is_heard_while_what_is_new_cannot_be_read(
    start: Start, store: Store, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages with old calls on them heard the beat go on, and called themselves fresh."""
    monkeypatch.setattr(fan_out, "CALM_SECONDS", 0.01)
    monkeypatch.setattr(sse, "BEAT_SECONDS", 0.05)
    broken = threading.Event()

    def shaky(reader: Reader, last: str | None) -> Sequence[Event]:
        if broken.is_set():
            raise OSError("disk")
        return replay(reader, last)

    server = start(Topic(name="news", allow=door.allow, replay=shaky))
    with sockets.connected(server.port) as listener:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
        broken.set()
        store.write(publish, "unread")
        time.sleep(0.2)
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            hear_on(listener)
        broken.clear()
        sockets.read_until(listener, b"unread")
        sockets.read_until(listener, b"event: beat")


def hear_on(listener: socket.socket) -> None:
    for _ in range(3):  # what was said before comes in one piece or two
        listener.recv(65536)


def test_stopping_hangs_up(start: Start) -> None:
    server = start()
    with sockets.connected(server.port) as listener:
        listener.sendall(sockets.head("/events/news"))
        sockets.read_until(listener, b'"present":0}\n\n')
        server.stop()
        assert sockets.everything(listener) == b""
