"""An office of the tests: a real store, a catalogue, and the verbs in short words."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from appliance.commands import tables as commands_tables
from appliance.people import tables as people_tables
from appliance.queue import catalogue, queries, service, tables
from appliance.queue.catalogue import Described
from appliance.queue.model import Event, Purpose, Ticket
from appliance.queue.service import Operator, Wish
from appliance.store import inbox, projection
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Lane
from appliance.web import idempotency
from tests.store.forging import Forger

KYIV: Final = ZoneInfo("Europe/Kyiv")
TABLES: Final = (
    *people_tables.TABLES,
    *commands_tables.TABLES,
    *idempotency.TABLES,
    *tables.TABLES,
)
NUMBER: Final = 1
HERE: Final = service.Office(NUMBER, KYIV, time(4, 0))
OKSANA: Final = Operator("s01-0000000001-1", "Оксана Мельничук", 1)
PETRO: Final = Operator("s01-0000000001-2", "Петро Гнатюк", 2)
ALL: Final = tuple(Purpose)


def moment(*when: int) -> int:
    """Return a moment by the clock on the office's wall, in ms."""
    return round(datetime(*when, tzinfo=KYIV).timestamp() * 1000)  # type: ignore[arg-type, misc]


@dataclass(frozen=True, slots=True)
class Office:
    """A furnished office."""

    store: Store
    clock: FixedClock
    extract: RowId  # a service: «Довідка або витяг», letter А
    land: RowId  # letter П
    closed: RowId  # letter А
    priority: RowId

    def take(self, wanted: RowId | None = None, *, purpose: Purpose = Purpose.SUBMIT) -> Ticket:
        """Take a ticket as a kiosk does."""
        wish = Wish(wanted or self.extract, purpose, "uk")
        return self.store.write(
            service.take_ticket, HERE, wish, device="kiosk-1", token_hash=secrets.token_bytes(32)
        )

    def open(self, *operators: Operator) -> None:
        """Open the operators' counters."""
        for who in operators:
            self.store.write(service.open_counter, HERE, who)

    def call(self, who: Operator = OKSANA, *, seen: RowId | None = None) -> Ticket:
        """Call the next person."""
        return self.store.write(service.call_next, HERE, who, seen=seen)

    def advance(self, event: Event, who: Operator = OKSANA, *, seen: RowId | None = None) -> Ticket:
        """Let the counter go on with the person it called."""
        return self.store.write(service.advance, HERE, who, event, seen=seen)

    def ticket(self, ticket_id: RowId) -> Ticket:
        """Return a ticket as it stands."""
        with self.store.read() as reader:
            return queries.ticket(reader, ticket_id)

    def receive(self, *written: Forger) -> None:
        """Let what other nodes have written land here."""
        for one in written:
            self.store.write(inbox.append, one.stream, one.lane, one.entries)
        while self.store.write(projection.step):
            pass

    def copy_of_a_ticket(self, node: int, token_hash: bytes) -> RowId:
        """Let a ticket of a village land here; return its id."""
        written = Forger(StreamId(node, 77), Lane.TICKETS)
        at = self.clock.wall()
        row = [node, 1, "А", 1, self.extract.blob, "submit", "uk", None, token_hash, "kiosk", at]
        born = written.insert(tables.TICKETS, row)
        self.receive(written)
        return born

    def held(self) -> list[tuple[str, Reason]]:
        """Return the table of each entry that is held, and why."""
        with self.store.read() as reader:
            return [(one.table, one.reason) for one in projection.quarantined(reader)]

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        with self.store.read() as reader:
            counted: int = reader.value(f"SELECT count(*) FROM {table}")
            return counted


def described(prefix: str, name: str, **more: object) -> Described:
    """Describe a service in few words."""
    given = {"icon": "document", "purposes": ALL, "name_en": f"{name} (en)", **more}
    return Described(prefix=prefix, name_uk=name, **given)  # type: ignore[arg-type]


@contextmanager
def furnished(path: Path, clock: FixedClock) -> Iterator[Office]:
    """Open a store with a catalogue in it."""
    store = Store.open(path, TABLES, node=NUMBER, clock=clock)
    try:
        yield furnish(store, clock)
    finally:
        store.close()


def furnish(store: Store, clock: FixedClock) -> Office:
    """Put a catalogue into the store."""

    def add(prefix: str, name: str, **more: object) -> RowId:
        told = described(prefix, name, **more)
        return store.write(catalogue.add_service, told, scope=catalogue.EVERYWHERE, actor="system")

    return Office(
        store,
        clock,
        extract=add("А", "Довідка або витяг", prepare=("паспорт", "податковий номер"), ordering=1),
        land=add("П", "Земля й господарство", purposes=(Purpose.CONSULTATION,), ordering=2),
        closed=add("А", "Засвідчити документ", state="CLOSED", ordering=3),
        priority=store.write(
            catalogue.add_category,
            name_uk="Особа з інвалідністю",
            name_en="Person with a disability",
            ground="Закон № 875-XII, ст. 36",
            ordering=1,
            actor="system",
        ),
    )
