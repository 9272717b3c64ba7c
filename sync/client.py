"""A node's end of the link: threads and sockets around the agent, which alone decides.

    agent's thread   takes events one by one, steps the machine, hands out its actions
    urgent, bulk     one worker and one connection each (`sync.worker`)

Nobody else touches the agent's state, so it needs no lock. Stopping takes seconds at most: the
requests in hand are cut, and what the centre has not confirmed is sent again at the next start.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from appliance.store.database import Store
from appliance.store.transaction import Transaction
from sync import lanes, sides
from sync.addresses import AddressBook
from sync.agent import Agent, due
from sync.ahead import Ahead
from sync.events import (
    Abort,
    Action,
    Drop,
    Event,
    Kind,
    LinkUp,
    Report,
    Ticked,
    Woken,
)
from sync.lanes import Answer, Draft, Plan, Settlement, Wire
from sync.ledger import Counted, Ledger, LinkFacts
from sync.safety import Asking
from sync.transport import Connection, Failure, Gate, Patience
from sync.worker import Desk, Worker

LOG: Final = logging.getLogger(__name__)
STOP_SECONDS: Final = 3.0
STUMBLE_SECONDS: Final = 1.0
LONGEST_WAIT: Final = 3600.0
UNREACHED: Final = frozenset(Failure) - {Failure.ABORTED}
NOT_THE_CENTRE: Final = frozenset({"unsigned", "bad_message"})
GATEWAY: Final = frozenset({f"status {status}" for status in (500, 502, 503, 504)})
"""A proxy in front of a centre that is down answers so: no stranger, only nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the centre may be reached."""

    address: str = ""  # as configured; empty: discovery finds it
    authority: Path | None = None  # certificates to believe; None: the system's
    gate: Gate | None = None  # the demo's link switch
    patience: Patience | None = None


class Link:
    """The running agent of a node."""

    def __init__(
        self,
        agent: Agent,
        store: Store,
        *,
        way: Way,
        version: str,
        zone: str = "UTC",
        chance: Random | None = None,
    ) -> None:
        """Prepare; nothing happens before `start`."""
        self._agent = agent
        self._store = store
        self._version = version
        self._chance = chance or Random()  # noqa: S311 - it spreads waiting times, nothing else
        self._now: Callable[[], float] = store.clock.monotonic
        self._lock = threading.Lock()
        self._book = AddressBook.of(way.address)
        self._asked = dict.fromkeys(Wire, "")
        self._safety = Asking.begun(self._now())  # the urgent worker alone looks at it and moves it
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)
        self._ahead = {wire: Ahead(store, wire.name.lower()) for wire in Wire}
        desk = Desk(self._collect, self._settle, self._address, self._events.put)
        self._workers = {wire: Worker(wire, _connection(way), desk) for wire in Wire}
        self.traffic = {
            wire.name.lower(): worker.connection.traffic for wire, worker in self._workers.items()
        }
        self.ledger = Ledger(
            store, agent.centre, self._bytes, budget=agent.budget, zone=ZoneInfo(zone)
        )
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to call the centre, in the background."""
        self._unsubscribe = self._store.subscribe("log", self._wake)
        for ahead in self._ahead.values():
            ahead.start()
        for worker in self._workers.values():
            worker.start()
        self._thread.start()

    def call(self) -> None:
        """Call the centre now instead of waiting: the link may be up, or a person asks."""
        with self._lock:
            self._book = self._book.anew()
        self._events.put(LinkUp())

    def found(self, url: str) -> None:
        """Note an address that discovery has found."""
        with self._lock:
            before, self._book = self._book, self._book.found(url)
        if before != self._book and not self.ledger.facts.up:
            self._events.put(LinkUp())

    def lost(self, url: str) -> None:
        """Forget an address that has signed off."""
        with self._lock:
            self._book = self._book.lost(url)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Cut what is in hand and end."""
        self._unsubscribe()
        self._events.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)
        for worker in self._workers.values():
            if not worker.stop(seconds):
                LOG.warning("a request is still looking for the centre's name; it is left behind")
        for ahead in self._ahead.values():
            ahead.stop(seconds)

    # --- the agent's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        state = sides.first(self._now())
        while True:
            try:
                event = self._events.get(timeout=self._until(due(state)))
            except queue.Empty:
                event = Ticked()
            if event is None:
                return
            if isinstance(event, Woken):
                self._woken = False
            actions: tuple[Action, ...] = ()
            with _outlived(event):  # what is under way runs into its time-out, and is tried again
                state, actions = self._agent.step(
                    state, event, self._now(), self._chance, used=self.ledger.today.carried
                )
            for action in actions:
                with _outlived(action):  # one that fails takes none of the others along
                    self._act(action)

    def _until(self, moment: float) -> float:
        return min(LONGEST_WAIT, max(0.0, moment - self._now()))

    def _act(self, action: Action) -> None:
        match action:
            case Report():
                self._note(action)
            case Abort(wire) | Drop(wire):
                self._workers[wire].abort()
            case _:
                self._workers[action.wire].do(action)

    def _note(self, report: Report) -> None:
        address, now = self._asked[report.wire], self._now()
        LOG.log(LEVELS.get(report.kind, logging.INFO), "link: %s %s", report.kind, report.detail)
        with self._lock:
            self._book = _learned(self._book, report, address, now)
        if report.kind is Kind.CONTACT:
            self.ledger.touch(address)
        elif report.kind is Kind.FAILED and report.detail in UNREACHED | NOT_THE_CENTRE:
            self.ledger.fail(report.detail)
        elif report.kind in TELLING:
            self.ledger.warn(str(report.kind), report.detail)

    # --- from other threads ----------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._events.put(Woken())

    def _address(self, wire: Wire) -> str:
        with self._lock:
            self._asked[wire] = self._book.choose(self._now())
            return self._asked[wire]

    def _collect(self, plan: Plan) -> Draft:
        ahead = self._ahead[plan.wire]
        ready = ahead.take()
        asks_safe = plan.wire is Wire.URGENT and self._safety.due(self._now())
        with self._store.read() as reader:
            found = lanes.collect(
                reader,
                plan,
                version=self._version,
                clock=self._store.clock,
                ready=ready,
                asks_safe=asks_safe,
            )
        if asks_safe and found.questions:
            self._safety = self._safety.asked(self._now())
        draft = lanes.pack(found)
        ahead.after(found)
        return draft

    def _settle(self, wire: Wire, answer: Answer) -> Settlement:
        facts = self.ledger.contact(self._asked[wire])
        settlement = self._store.write(self._settled, answer, facts)
        self.ledger.believe(facts)
        if wire is Wire.URGENT and answer.acks:
            self._safety = self._safety.answered(self._now())
        return settlement

    def _settled(self, tx: Transaction, answer: Answer, facts: LinkFacts) -> Settlement:
        """Settle, and keep the contact in the same transaction: an idle card wears out slower."""
        settlement = lanes.settle(tx, answer)
        self.ledger.keep(tx, facts)
        return settlement

    def _bytes(self) -> Counted:
        all_of = self.traffic.values()
        return Counted(
            sum(one.sent for one in all_of),
            sum(one.received for one in all_of),
            sum(one.on_the_air() for one in all_of),
        )


@contextmanager
def _outlived(what: Event | Action) -> Iterator[None]:
    """Let the agent's thread go on whatever one event or action met: nobody starts another."""
    try:
        yield
    except Exception:  # the reason stands above
        LOG.exception("%s was not dealt with", type(what).__name__)
        time.sleep(STUMBLE_SECONDS)  # else what is due would be tried without a breath


LEVELS: Final = {
    Kind.CONTACT: logging.DEBUG,
    Kind.FAILED: logging.INFO,
    Kind.UNSIGNED: logging.WARNING,
    Kind.FORKED: logging.ERROR,
    Kind.RESTORED: logging.WARNING,
    Kind.REFUSED: logging.WARNING,
    Kind.UNREAD: logging.WARNING,
}
TELLING: Final = frozenset(
    {Kind.FORKED, Kind.RESTORED, Kind.REFUSED, Kind.UNREAD, Kind.HELD, Kind.WEDGED}
)
"""What a person should read on the page although the centre answers."""


def _connection(way: Way) -> Connection:
    return Connection(patience=way.patience, authority=way.authority, gate=way.gate)


def _learned(book: AddressBook, report: Report, address: str, now: float) -> AddressBook:
    """Return the book after what the report says of the address."""
    if report.kind is Kind.CONTACT:
        return book.answered(address, now)
    if report.kind is Kind.UNSIGNED and report.detail not in GATEWAY:
        return book.stranger(address, now)
    if report.kind is Kind.FAILED and report.detail in UNREACHED:
        return book.silent(address, now)
    return book
