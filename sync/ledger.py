"""What a node knows of its link to the centre: up or down since when, and why.

    up    the last thing that happened was a reply with the centre's signature
    down  a request came to nothing since then; counted from the last reply, not from the attempt

It is kept across restarts, so a node that boots without a link still says when the last one was.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from appliance.errors import VuzolError
from appliance.store.database import Store
from appliance.store.tables import LATEST
from appliance.store.transaction import Transaction
from sync.budget import UNLIMITED, Budget
from sync.tables import LINK

LOG: Final = logging.getLogger(__name__)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WARNS_SECONDS: Final = 3600.0
FRESH_MS: Final = 1000
"""A contact that was kept so lately is not written again."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """How the link stands. Times are milliseconds of this node's wall clock."""

    up: bool = False
    since: int | None = None
    contact_at: int | None = None
    address: str = ""
    trouble: str = ""

    def contact(self, address: str, now: int) -> "LinkFacts":
        """Return the facts after a signed reply."""
        since = self.since if self.up else now
        return LinkFacts(up=True, since=since, contact_at=now, address=address)

    def failed(self, trouble: str) -> "LinkFacts":
        """Return the facts after a request that came to nothing."""
        since = self.contact_at if self.up else self.since
        return replace(self, up=False, since=since, trouble=trouble)


class Counted(NamedTuple):
    """Bytes over a link."""

    sent: int
    received: int
    carried: int

    def since(self, before: "Counted") -> "Counted":
        """Return how many more these are."""
        return Counted(*(a - b for a, b in zip(self, before, strict=True)))


NOTHING: Final = Counted(0, 0, 0)


@dataclass(frozen=True, slots=True)
class DayBytes:
    """What went over the link today: a day of the office, as the operator's tariff has it."""

    day: str = ""
    sent: int = 0
    received: int = 0
    carried: int = 0  # about what the operator counts, both ways: with what TCP and TLS add

    def plus(self, day: str, counted: Counted) -> "DayBytes":
        """Return the count with more bytes; another day starts from nothing."""
        if day != self.day:
            return DayBytes(day, *counted)
        before = (self.sent, self.received, self.carried)
        return DayBytes(day, *(a + b for a, b in zip(before, counted, strict=True)))


class Ledger:
    """The facts of one link, in memory and in the node's file. Safe from any thread."""

    def __init__(
        self,
        store: Store,
        centre: int,
        counted: Callable[[], Counted] = lambda: NOTHING,
        *,
        budget: Budget = UNLIMITED,
        zone: tzinfo = UTC,
    ) -> None:
        """Read what was known before; `counted` tells the bytes since the process started."""
        self.budget = budget
        self._zone = zone
        self._store = store
        self._centre = centre
        self._counted = counted
        self._lock = threading.Lock()
        self._seen = NOTHING
        self._warnings: dict[str, tuple[float, str]] = {}
        self._facts, self._bytes = _read(store, centre)

    @property
    def facts(self) -> LinkFacts:
        """Return how the link stands now."""
        return self._facts

    @property
    def today(self) -> DayBytes:
        """Return what went over the link today."""
        with self._lock:
            return self._counted_up()

    def keep(self, tx: Transaction, facts: LinkFacts) -> None:
        """Write the facts in a transaction that is written anyway; `believe` them after it."""
        with self._lock:
            counted = self._counted_up()
        row = {**asdict(facts), "up": int(facts.up), **asdict(counted)}
        tx.put(LINK, {"centre": self._centre, **row})
        tx.announce("link")

    def contact(self, address: str) -> LinkFacts:
        """Return the facts as a signed reply from the address makes them."""
        return self._facts.contact(address, self._store.clock.wall())

    def believe(self, facts: LinkFacts) -> None:
        """Tell these facts from now on."""
        with self._lock:
            self._facts = facts

    def touch(self, address: str) -> None:
        """Note a signed reply that nothing else is written for."""
        with self._lock:
            before = self._facts
            self._facts = before.contact(address, self._store.clock.wall())
            after = self._facts
        just_kept = (after.contact_at or 0) - (before.contact_at or 0) < FRESH_MS
        if not (before.up and just_kept):
            self._keep(after)

    def carried(self, at: int) -> None:
        """Note that a stick has brought the centre's answer to what was asked at this moment.

        So the staff list is known to be that young; whether the link is up is another question.
        """
        with self._lock:
            before = self._facts
            known = max(before.contact_at or 0, min(at, self._store.clock.wall()))
            after = self._facts = replace(before, contact_at=known)
        if before != after:
            self._keep(after)

    def warn(self, kind: str, detail: str) -> None:
        """Note what a person should know although the centre answers."""
        with self._lock:
            self._warnings = {**self._warnings, kind: (self._store.clock.monotonic(), detail)}

    @property
    def warnings(self) -> dict[str, str]:
        """Return what was noted in the last hour; what persists is noted again by then."""
        oldest = self._store.clock.monotonic() - WARNS_SECONDS
        return {kind: told for kind, (at, told) in self._warnings.items() if at >= oldest}

    def fail(self, trouble: str) -> None:
        """Note that a request came to nothing; the file is written only when something changes."""
        with self._lock:
            before, self._facts = self._facts, self._facts.failed(trouble)
            after = self._facts
        if before != after:
            self._keep(after)

    def _keep(self, facts: LinkFacts) -> None:
        try:
            self._store.write(self.keep, facts)
        except VuzolError as error:  # a full disk must not end the agent; it is told elsewhere
            LOG.warning("the state of the link is not kept: %s", error)

    def _counted_up(self) -> DayBytes:
        counted = self._counted()
        fresh, self._seen = counted.since(self._seen), counted
        self._bytes = self._bytes.plus(self._day(), fresh)
        return self._bytes

    def _day(self) -> str:
        """Return the present date of the office; a clock can show any."""
        seconds = min(self._store.clock.wall() // 1000, LATEST // 1000)
        return str((EPOCH + timedelta(seconds=seconds)).astimezone(self._zone).date())


def _read(store: Store, centre: int) -> tuple[LinkFacts, DayBytes]:
    """Return what was known when the process ended: the link is down until a reply comes."""
    with store.read() as reader:
        row = reader.one("SELECT * FROM sync_link WHERE centre = :centre", centre=centre)
    if row is None:
        return LinkFacts(), DayBytes()
    facts = LinkFacts(
        up=False,
        since=row["contact_at"] if row["up"] else row["since"],
        contact_at=row["contact_at"],
        address=row["address"],
        trouble=row["trouble"],
    )
    return facts, DayBytes(row["day"], row["sent"], row["received"], row["carried"] or 0)
