"""The very statements that write a ticket, recorded from the product and played back bare.

What is played is the raw limit: the same rows into the same tables with the same indexes, without
HTTP, sign-in, validation, reads or group commit. Reads are left out: that is in its favour.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from appliance.queue.model import Purpose, ServiceState
from appliance.queue.service import Office, Wish, take_ticket
from appliance.queue.tables import SERVICES
from appliance.rooms import TABLES
from appliance.store import pragmas
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.transaction import Transaction
from appliance.web.idempotency import Asked, Reply, once

CHANGES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")
Statement = tuple[str, Any, bool]
"""SQL, its values, and whether the values are many rows."""


class Recorder:
    """A connection that remembers each statement that changes something."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.statements: list[Statement] = []

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        """Execute and remember."""
        if sql.lstrip().upper().startswith(CHANGES):
            self.statements.append((sql, values, False))
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Execute and remember."""
        rows = list(values)
        self.statements.append((sql, rows, True))
        return self._connection.executemany(sql, rows)

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._connection.in_transaction


def record(folder: Path, tickets: int) -> tuple[Path, list[list[Statement]]]:
    """Return a file as it was before the tickets, and the statements of each ticket."""
    live, before = folder / "recorded.db", folder / "before.db"
    store = Store.open(live, TABLES, node=1, clock=FixedClock(), inline=True, second_medium=folder)
    office = _office()
    service = store.write(_service)
    store.write(_one, office, service, 0)  # opens the day
    with sqlite3.connect(before) as target:
        store._opened.connection.backup(target)
    store._opened.connection.execute("PRAGMA synchronous = OFF")  # recording is no measurement
    recorder = Recorder(store._opened.connection)
    store._committer._connection = recorder  # type: ignore[assignment]
    recorded = []
    for turn in range(1, tickets + 1):
        recorder.statements = []
        store.write(_one, office, service, turn)
        recorded.append(recorder.statements)
    store.close()
    return before, recorded


def play(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Write one ticket in a transaction of its own."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, values, many in statements:
            if many:
                connection.executemany(sql, values)
            else:
                connection.execute(sql, values).fetchall()
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def fresh(before: Path, name: str) -> Path:
    """Return a new copy of the file to play into."""
    target = before.with_name(name)
    for old in (target, *(target.with_name(name + end) for end in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    shutil.copy(before, target)
    return target


def connected(path: Path) -> sqlite3.Connection:
    """Open the file as the product's writer does."""
    return pragmas.open_writer(path, busy_seconds=60)


def _office() -> Office:
    return Office(1, ZoneInfo("Europe/Kyiv"), time(4))


def _service(tx: Transaction) -> Any:
    row = {
        "prefix": "А",
        "name_uk": "Довідка або витяг",
        "icon": "doc",
        "purposes": ",".join(Purpose),
        "state": ServiceState.OPEN,
        "ordering": 1,
    }
    return tx.insert(SERVICES, row, scope="hromada")


def _one(tx: Transaction, office: Office, service: Any, turn: int) -> Reply:
    asked = Asked.of("kiosk", f"recorded-{turn:08}", "POST /api/queue/tickets", b"{}")

    def answer(tx: Transaction) -> Reply:
        ticket = take_ticket(
            tx,
            office,
            Wish(service, Purpose.SUBMIT, "uk"),
            device="kiosk",
            token_hash=bytes(16),
        )
        return Reply.of(201, {"id": str(ticket.id), "number": ticket.label, "filler": "x" * 200})

    return once(tx, asked, answer)
