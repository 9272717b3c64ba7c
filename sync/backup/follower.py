"""Who lets the tail of the newest copy follow the log; a medium that fails is tried again."""

import logging
from collections.abc import Callable
from typing import Final

from appliance.store.database import Store
from sync.backup.model import Copy
from sync.backup.shelf import Shelf
from sync.backup.tail import Tail

LOG: Final = logging.getLogger(__name__)


class Follower:
    """The tail that is written now. It is used by one thread at a time."""

    def __init__(self, store: Store, on: Shelf) -> None:
        self._store = store
        self._shelf = on
        self._now: Callable[[], float] = store.clock.monotonic
        self._tail: Tail | None = None
        self._copy: Copy | None = None
        self._synced_at: float | None = None
        self.trouble = ""

    def follow(self, copy: Copy | None) -> None:
        """Bring the copy's tail up to the log; go on from the tail that is there."""
        if copy is None:
            return
        try:
            if copy.number != (self._copy and self._copy.number):
                self._bridge()
                self._open(copy)
            if self._tail is not None:
                self._tail.follow(self._store)
                self._synced_at, self.trouble = self._now(), ""
        except OSError as error:
            self.let_go()
            told = error.strerror or str(error)
            if told != self.trouble:
                LOG.warning("what is logged does not follow its copy: %s", told)
            self.trouble = told

    def behind(self) -> float | None:
        """Return the seconds since the tail held all that was logged; None: there is no tail."""
        return None if self._synced_at is None else self._now() - self._synced_at

    def let_go(self) -> None:
        """Close the file; the next time goes on where it ends."""
        if self._tail is not None:
            self._tail.close()
        self._tail = self._copy = None

    def _bridge(self) -> None:
        """Let the old tail reach the new copy, so that an older copy has all up to now too."""
        if self._tail is not None and self._copy is not None:
            if self._shelf.tail(self._copy).exists():  # else the copy has gone meanwhile
                self._tail.follow(self._store)
            self.let_go()

    def _open(self, copy: Copy) -> None:
        self._tail = Tail(
            self._shelf.tail(copy),
            node=self._store.node,
            seq=copy.held.seq,
            epoch=copy.held.epoch,
        )
        self._copy = copy
        with self._store.read() as reader:
            if not self._tail.continued_by(reader):  # the next copy is of this life of the file
                self._tail.close()
                self._tail = None
