"""The hands of one wire: a thread that gathers, sends and settles, one action after another.

It decides nothing. Each action ends as one event, told to the agent's thread.
"""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.errors import VuzolError
from sync.events import Answered, Broke, Collect, Collected, Event, Send, Settle, Settled
from sync.lanes import Answer, Draft, Plan, Settlement, Wire
from sync.transport import Connection, Failure, LinkFailed

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker does its work with."""

    collect: Callable[[Plan], Draft]
    settle: Callable[[Wire, Answer], Settlement]
    address: Callable[[Wire], str]  # the one to try now; empty: none is known
    tell: Callable[[Event], None]


class Worker:
    """One wire's thread and connection. `abort` ends what is in hand and what is queued."""

    def __init__(self, wire: Wire, connection: Connection, desk: Desk) -> None:
        self.connection = connection
        self._wire = wire
        self._desk = desk
        self._lock = threading.Lock()
        self._generation = 0
        self._actions: queue.SimpleQueue[tuple[int, Collect | Send | Settle] | None]
        self._actions = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"link-{wire.name.lower()}")
        self._thread.daemon = True  # a name look-up cannot be broken off, and must not hold the end

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def do(self, action: Collect | Send | Settle) -> None:
        """Queue an action."""
        self._actions.put((self._generation, action))

    def abort(self) -> None:
        """End the request in hand or queued; what is being settled is settled."""
        with self._lock:
            self._generation += 1
            self.connection.abort()

    def stop(self, seconds: float) -> bool:
        """End within the time; return whether it did."""
        self.abort()
        self._actions.put(None)
        if self._thread.is_alive():  # a start that failed may never have come to it
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (queued := self._actions.get()) is not None:
            generation, action = queued
            try:
                event = self._done(generation, action)
            except VuzolError as error:
                event = Broke(self._wire, action.attempt, _reason(error))
            except Exception as error:  # the wire must outlive whatever one request met
                LOG.exception("%s failed", type(action).__name__)
                event = Broke(self._wire, action.attempt, type(error).__name__)
            self._desk.tell(event)
        self.connection.close()

    def _done(self, generation: int, action: Collect | Send | Settle) -> Event:
        match action:
            case Collect():
                draft = self._desk.collect(action.plan)
                return Collected(self._wire, action.attempt, draft)
            case Settle():
                return Settled(
                    self._wire, action.attempt, self._desk.settle(self._wire, action.answer)
                )
            case Send():
                return self._sent(generation, action)

    def _sent(self, generation: int, action: Send) -> Answered:
        address = self._desk.address(self._wire)
        with self._lock:
            if generation != self._generation:
                raise LinkFailed(Failure.ABORTED, address)
            self.connection.arm()
        answer = self.connection.ask(
            address,
            action.path,
            action.body,
            {"Authorization": action.authorization},
            seconds=action.timeout,
        )
        return Answered(self._wire, action.attempt, answer.status, answer.body)


def _reason(error: VuzolError) -> str:
    return str(error.failure) if isinstance(error, LinkFailed) else error.code
