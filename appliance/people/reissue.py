"""At the centre: open the passwords that people set in villages, and issue them anew.

Projecting a received row is a pure fold and holds no key. So the fold only announces `people`, and
this worker, which alone holds the key, opens what has come and calls the verb `reissue`.

    reissuer = start_reissuer(context, sealing.opener(own_key))
    ...
    reissuer.stop()
"""

import logging
import threading
from typing import Final

from appliance.people import queries, service
from appliance.people.model import Outcome
from appliance.people.passwords import is_ours
from appliance.people.queries import Sealed
from appliance.people.sealing import Opener, SealBroken, unseal
from appliance.store.database import Store
from appliance.web.context import Context

LOG: Final = logging.getLogger("vuzol.people")
AT_ONCE: Final = 50
LOOK_ANYWAY_SECONDS: Final = 300.0
STOP_SECONDS: Final = 10.0


def open_waiting(store: Store, opening: Opener) -> list[Outcome]:
    """Open what has come and not been looked into; return what became of each, oldest first."""
    outcomes: list[Outcome] = []
    while True:
        with store.read() as reader:
            waiting = queries.unopened(reader, AT_ONCE)
        if not waiting:
            return outcomes
        outcomes += [_open(store, opening, one) for one in waiting]


def _open(store: Store, opening: Opener, one: Sealed) -> Outcome:
    try:
        password = unseal(opening, one.sealed)
    except SealBroken:
        password = None
    if password is None or password.person != one.person or not is_ours(password.hash):
        store.write(service.note_opened, one.id, one.person, Outcome.UNREADABLE)
        return Outcome.UNREADABLE
    return store.write(
        service.reissue, one.id, one.person, hashed=password.hash, edition=password.edition
    )


class Reissuer:
    """The worker that opens sealed passwords as they come."""

    def __init__(self, store: Store, opening: Opener) -> None:
        self._store = store
        self._opening = opening
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._unsubscribe = store.subscribe("people", self._wake.set)
        self._thread = threading.Thread(target=self._work, name="reissuer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the password in hand, then stop."""
        self._unsubscribe()
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                open_waiting(self._store, self._opening)
            except Exception:
                LOG.exception("a password from a village was not looked into; trying again")
                self._stopping.wait(STOP_SECONDS)  # a full disk passes; the worker outlives it
            self._wake.wait(LOOK_ANYWAY_SECONDS)


def start_reissuer(context: Context, opening: Opener) -> Reissuer:
    """Start the worker of a centre; `opening` holds the centre's private key."""
    return Reissuer(context.store, opening)
