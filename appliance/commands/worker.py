"""The worker of each node that decides what was asked of its objects, as it comes and at the start.

Landing is one transaction, deciding the next: what a crash leaves between the two is found at the
next start, because what counts is that no answer is there.

    worker = start_worker(store, handlers)
    ...
    worker.stop()
"""

import logging
import threading
from typing import Final

from appliance.commands import queries, service
from appliance.commands.model import Outcome, Reason
from appliance.commands.service import Handlers
from appliance.commands.tables import TOPIC
from appliance.errors import VuzolError
from appliance.store.database import Store
from appliance.store.failures import DiskBroken, DiskFull, FileDamaged, StoreBusy, StoreClosed
from appliance.store.ids import RowId

LOG: Final = logging.getLogger("vuzol.commands")
LOOK_ANYWAY_SECONDS: Final = 30.0
"""How often it looks without news: a clock becomes good without telling anybody."""

STOP_SECONDS: Final = 10.0
PASSES: Final = (DiskBroken, DiskFull, FileDamaged, StoreBusy, StoreClosed)
"""What says nothing about the command: it is tried again."""


def decide_all(store: Store, handlers: Handlers) -> list[Outcome]:
    """Decide what waits for a decision here; return what became of each, in the order of asking."""
    with store.read() as reader:
        waiting = queries.undecided(reader)
    return [_decide(store, one, handlers) for one in waiting]


def settle_all(store: Store) -> None:
    """At the centre: let homes know which answers have come."""
    with store.read() as reader:
        waits = bool(queries.unsettled(reader, at_most=1))
    while waits:
        waits = store.write(service.settle) == queries.AT_ONCE


def _decide(store: Store, command: RowId, handlers: Handlers) -> Outcome:
    """Decide one; whatever its service does, the others get their turn."""
    try:
        return store.write(service.decide, command, handlers) or Outcome.WAITING
    except PASSES:
        raise
    except VuzolError as refusal:
        reason = refusal.code
    except Exception:  # a service must not stop what is asked of others
        LOG.exception("command %s could not be carried out", command)
        reason = Reason.FAILED
    store.write(service.refuse, command, reason)
    return Outcome.REFUSED


class Worker:
    """Decides what comes, one command after the other."""

    def __init__(self, store: Store, handlers: Handlers, *, centre: bool) -> None:
        self._store = store
        self._handlers = handlers
        self._centre = centre
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._unsubscribe = store.subscribe(TOPIC, self._wake.set)
        self._thread = threading.Thread(target=self._work, name="commands", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the command in hand, then stop."""
        self._unsubscribe()
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                decide_all(self._store, self._handlers)
                if self._centre:
                    settle_all(self._store)
            except Exception:
                LOG.exception("what was asked of this node was not looked into; trying again")
                self._stopping.wait(STOP_SECONDS)  # a full disk passes; the worker outlives it
            self._wake.wait(LOOK_ANYWAY_SECONDS)


def start_worker(store: Store, handlers: Handlers, *, centre: bool) -> Worker:
    """Start the worker of a node; only a `centre` settles what homes have answered."""
    return Worker(store, handlers, centre=centre)
