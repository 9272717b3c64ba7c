"""The database came back from a copy: the trail says so once, and the office for a day.

The store finds it out at its start (`Store.restored_series`) and lets every series go on above the
last number that anybody was shown. It says so at every start until the line is in the trail, so a
start that dies in between, or a disk that refuses the line, loses nothing of it. Staff must know
why the numbers jump, and that what happened after the copy was made is not in their office's data
any more.
"""

import logging
import re
from collections.abc import Iterable
from typing import Final

from appliance.errors import VuzolError
from appliance.people import audit, trail
from appliance.queue.model import label
from appliance.store.database import Store
from appliance.store.numbers import Restored, forget_restored
from appliance.store.transaction import Transaction

LOG: Final = logging.getLogger(__name__)
ACTION: Final = "store.restored"
SHOWN_MS: Final = 24 * 3600 * 1000
TICKETS: Final = re.compile(r"ticket/\d+/(?P<day>\d+)/(?P<prefix>.+)")
"""How the queue names the series of a letter on a service day."""

Numbers = tuple[str, ...]
"""The numbers of tickets that go on after the gap: А-143."""


class Restoration:
    """What the office is told of the last copy that was put back."""

    def __init__(self, store: Store) -> None:
        """Write the line of the trail, if this start or one that died found a copy."""
        self._store = store
        self._at: int | None = None
        self._numbers: Numbers = ()
        if store.restored_series:
            self._found(continuing(store.restored_series))
        else:
            self._remembered()

    def numbers(self) -> Numbers | None:
        """Return the numbers that tickets went on with; None when there is nothing to tell."""
        if self._at is None or abs(self._store.clock.wall() - self._at) > SHOWN_MS:
            return None
        return self._numbers

    def _found(self, numbers: Numbers) -> None:
        self._at, self._numbers = self._store.clock.wall(), numbers
        LOG.warning("the database was put back from a copy; numbers go on with %s", numbers)
        try:
            self._store.write(_tell, self._store.path.name, numbers)
        except VuzolError as error:  # people are served, and told on the page, all the same
            LOG.error("the trail could not take %s: %s", ACTION, error)  # noqa: TRY400 - no mistake

    def _remembered(self) -> None:
        """Go on telling what an earlier start of this node found."""
        since = self._store.clock.wall() - SHOWN_MS
        wanted = trail.Filter(since=since, action=ACTION, node=self._store.node)
        with self._store.read() as reader:
            lines = trail.lines(reader, wanted, limit=1)
        for line in lines:
            named = line.facts.get("numbers")
            self._at = line.at
            self._numbers = tuple(map(str, named)) if isinstance(named, list) else ()


def _tell(tx: Transaction, file: str, numbers: Numbers) -> None:
    """Put the line into the trail, and owe it no more."""
    audit.record(
        tx, actor=audit.SYSTEM, action=ACTION, subject=file, facts={"numbers": list(numbers)}
    )
    forget_restored(tx)


def continuing(series: Iterable[Restored]) -> Numbers:
    """Return the next number of each letter, in the latest service day of which one is known."""
    found = [
        (int(named["day"]), named["prefix"], one.continues_at)
        for one in series
        if (named := TICKETS.fullmatch(one.series))
    ]
    latest = max((day for day, _, _ in found), default=0)
    return tuple(label(prefix, n) for day, prefix, n in sorted(found) if day == latest)
