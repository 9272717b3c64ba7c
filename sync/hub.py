"""The centre's end of the link: who is inside, what nodes said last, and the page of the protocol.

The door (`sync.receiver`) judges a request by its head, before its body is read: in production
inside the web server (`sync.gate`), else when the view begins. `sync.intake` does the rest. Here is
only what has to be remembered between the two, under one lock that is held for microseconds.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.wsgi import get_input_stream

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store import grants
from appliance.store.database import Store
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import intake, receiver
from sync.fleet import Heard
from sync.lanes import LANES, Wire
from sync.messages import Code, NodeStatus
from sync.receiver import LARGEST_BODY, Centre, Knock, Left, Refused, Welcome
from sync.signing import Head, SignedHead
from sync.tables import NODES

LOG: Final = logging.getLogger(__name__)
PREFIX: Final = "/sync/v1/"
SLIP: Final = "VUZOL_SLIP"
"""The header in which the gate hands a request's slip to the view; nobody outside can know one."""

KEPT_SECONDS: Final = 30.0
"""A node's last words are written this often at most; in memory they are always the newest."""

LIGHT: Final = 16 << 10
"""A larger body is read and kept one at a time: several at once would only take the interpreter
from the people at this centre's own counters. A ticket's body is far smaller and never waits."""

HEADERS: Final = frozenset({"content-length", "retry-after"})
HROMADA: Final = "hromada"


def scopes(node: int) -> tuple[str, str]:
    """Return the scopes that a node of the hromada may hold."""
    return HROMADA, f"office:{node}"


@dataclass(frozen=True, slots=True)
class Inside:
    """A welcomed request whose body is on its way."""

    welcome: Welcome
    hang_up: Callable[[], None]


class Hub:
    """What the centre remembers of the requests inside and of its nodes."""

    def __init__(self, centre: Centre, store: Store, give_way: GiveWay = alone) -> None:
        self.centre = centre
        self._give_way = give_way
        self._store = store
        self._now: Callable[[], float] = store.clock.monotonic
        self._lock = threading.Lock()
        self._heavy = threading.Lock()
        self._state = receiver.State()
        self._inside: dict[str, Inside] = {}
        self._heard: dict[int, Heard] = {}
        self._kept: dict[int, float] = {}

    def start(self) -> None:
        """Let each node hold what is for everybody and what is for its own office."""
        for node in self.centre.members:
            self._store.write(grants.give, node, scopes(node))

    def stop(self) -> None:
        """Keep what the nodes said last."""
        for node, heard in self._heard.items():
            self._keep(node, heard)

    @property
    def heard(self) -> Mapping[int, Heard]:
        """Return what each node said last in this start of the centre."""
        return self._heard

    def knock(self, asked: Knock, hang_up: Callable[[], None]) -> str | Refused:
        """Judge a request by its head; return its slip, or what to answer instead."""
        dead: list[Inside] = []
        with self._lock:
            state, answer = self.centre.step(self._state, asked, self._now())
            if isinstance(answer, Refused) and answer.code == Code.BUSY:
                dead = self._given_up(asked)
                state, answer = self._again(asked, dead) if dead else (state, answer)
            self._state = state
            slip = secrets.token_hex(8)
            if isinstance(answer, Welcome):
                self._inside[slip] = Inside(answer, hang_up)
        for one in dead:
            one.hang_up()
        return answer if isinstance(answer, Refused) else slip

    def holds(self, slip: str) -> bool:
        """Tell whether the request of a slip is still on its way in."""
        return slip in self._inside

    def enter(self, slip: str) -> Welcome | None:
        """Return the request of a slip, whose body is here now; the slip is used up."""
        with self._lock:
            inside = self._inside.pop(slip, None)
        return inside.welcome if inside else None

    def lose(self, slip: str) -> None:
        """Give the place of a request back whose connection ended before its body did."""
        welcome = self.enter(slip)
        if welcome is not None:
            self._leave(welcome)

    def exchange(self, welcome: Welcome, body: bytes, address: str) -> receiver.Response:
        """Do what a welcomed request asks for; return the signed answer."""
        try:
            with self._heavy if len(body) > LIGHT else nullcontext():
                told = intake.exchange(self.centre, self._store, welcome, body, self._give_way)
        finally:
            self._leave(welcome)
        node = welcome.head.sender
        if told.code:
            LOG.info("s%02d %s: %s", node, welcome.head.lane.label, told.code)
        if told.status is not None:
            self._hear(node, told.status, address)
        return told.response

    def _given_up(self, asked: Knock) -> list[Inside]:
        """Take out what the asking node itself has on its way on the same wire.

        It asks one thing at a time on each, so that is a body which it has given up: its
        connection is dead and must not keep its own node out. Called with the lock.
        """
        head = SignedHead.read(asked.method, asked.path, asked.authorization).head
        mine = {slip: one for slip, one in self._inside.items() if _asks_as(one, head)}
        for slip in mine:
            del self._inside[slip]
        return list(mine.values())

    def _again(self, asked: Knock, dead: list[Inside]) -> tuple[receiver.State, receiver.Action]:
        """Judge a request as if those that are given up had left before it."""
        state = self._state
        for one in dead:
            state, _ = self.centre.step(state, Left(one.welcome), self._now())
        return self.centre.step(state, asked, self._now())

    def _leave(self, welcome: Welcome) -> None:
        with self._lock:
            self._state, _ = self.centre.step(self._state, Left(welcome), self._now())

    def _hear(self, node: int, status: NodeStatus, address: str) -> None:
        now = self._store.clock.wall()
        heard = Heard(
            at=now,
            address=address,
            version=status.version,
            clock=status.clock,
            offset_ms=status.at - now,
            unsent=status.unsent,
            oldest_at=status.oldest_at,
            compared_at=status.compared_at,
            compared=status.compared,
        )
        with self._lock:
            self._heard = {**self._heard, node: heard}
            last = self._kept.get(node)
            due = last is None or self._now() - last >= KEPT_SECONDS
            if due:
                self._kept[node] = self._now()
        if due:
            self._keep(node, heard)

    def _keep(self, node: int, heard: Heard) -> None:
        try:
            self._store.write(_remember, node, heard)
        except VuzolError as error:  # the rows are safe; that the node called is told by memory
            LOG.warning("what s%02d said of itself is not kept: %s", node, error)


def _asks_as(inside: Inside, head: Head) -> bool:
    """Tell whether a request is of the same node and wire."""
    other = inside.welcome.head
    return other.sender == head.sender and wire_of(other.lane) is wire_of(head.lane)


def wire_of(lane: Lane) -> Wire:
    """Return the connection that carries a lane."""
    return next(wire for wire, lanes in LANES.items() if lane in lanes)


def _remember(tx: Transaction, node: int, heard: Heard) -> None:
    tx.put(
        NODES,
        {
            "node": node,
            "contact_at": heard.at,
            "address": heard.address,
            "version": heard.version,
            "clock": heard.clock,
            "offset_ms": heard.offset_ms,
            "unsent": heard.unsent,
            "oldest_at": heard.oldest_at,
            "compared_at": heard.compared_at,
            "compared": heard.compared,
        },
    )
    tx.announce("link")


class Lean(Response):
    """An answer without the headers that pages for browsers carry: nodes pay for each byte."""

    def get_wsgi_headers(self, environ):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as werkzeug has it
        """Return only what the protocol needs."""
        headers = super().get_wsgi_headers(environ)
        for name in {name.lower() for name, _ in headers} - HEADERS:
            headers.remove(name)
        return headers


def hub_room(hub: Hub) -> Blueprint:
    """Return the room of the hub surface: the one path that nodes call."""
    room = Blueprint("sync_hub", __name__)

    @room.post(f"{PREFIX}<path:_rest>")
    def exchange(_rest: str) -> Response:
        """Take in what a node sends, and tell it what it may know."""
        welcome = hub.enter(request.environ.get(f"HTTP_{SLIP}", "")) or _knocked(hub)
        if isinstance(welcome, Refused):
            return _lean(welcome.response)
        body = get_input_stream(request.environ).read(LARGEST_BODY + 1)
        return _lean(hub.exchange(welcome, body, _address()))

    return room


def _knocked(hub: Hub) -> Welcome | Refused:
    """Judge a request that came by no gate."""
    asked = Knock(
        request.method,
        request.environ["PATH_INFO"],
        request.headers.get("Authorization", ""),
        request.content_length or 0,
    )
    answer = hub.knock(asked, _nothing)
    return answer if isinstance(answer, Refused) else hub.enter(answer) or NOBODY


NOBODY: Final = Refused(receiver.Response(receiver.UNSIGNED, b""), "unsigned")


def _nothing() -> None:
    """Hang up where nothing can be hung up: the server has read the whole body."""


def _address() -> str:
    """Return where the node called from, as far as a proxy of ours tells; nothing depends on it."""
    carried = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return (carried or request.remote_addr or "")[:45]


def _lean(told: receiver.Response) -> Response:
    answer = Lean(told.body, status=told.status)
    if told.retry_after is not None:
        answer.headers["Retry-After"] = str(told.retry_after)
    return answer
