"""Small replicated tables, and verbs that fill them, for tests of the link alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from appliance.store import inbox, log
from appliance.store.clock import Clock, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Owner, Table, integer, reference, text
from appliance.store.transaction import Transaction
from sync import tables as sync_tables

VISITS: Final = Table(
    "trial_visit",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(integer("n"), text("word")),
)
STEPS: Final = Table(
    "trial_step",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(reference("visit", "trial_visit", home=True), text("word")),
)
READINGS: Final = Table(
    "trial_reading",
    owner=Owner.UP,
    lane=Lane.READINGS,
    append_only=True,
    columns=(integer("value"), text("word")),
)
ALARMS: Final = Table(
    "trial_alarm",
    owner=Owner.UP,
    lane=Lane.ALARMS,
    append_only=True,
    columns=(integer("n"),),
)
NOTICES: Final = Table(
    "trial_notice", owner=Owner.DOWN, lane=Lane.STATE, columns=(text("word"), integer("n"))
)
TABLES: Final = (VISITS, STEPS, READINGS, ALARMS, NOTICES, *sync_tables.TABLES)


def open_store(
    path: Path,
    node: int,
    clock: Clock | None = None,
    *,
    tables: Sequence[Table] = TABLES,
    **more: object,
) -> Store:
    """Open a file with these tables, or with those of a room."""
    kept = clock or FixedClock()
    return Store.open(path, tables, node=node, clock=kept, **more)  # type: ignore[arg-type]


def visit(tx: Transaction, n: int) -> RowId:
    """Write a visit and its step in one transaction."""
    born = tx.insert(VISITS, {"n": n, "word": f"талон {n}"})
    tx.insert(STEPS, {"visit": born, "word": "стоїть у черзі"})
    return born


def readings(tx: Transaction, first: int, count: int) -> None:
    """Write many bulk rows in one transaction."""
    for value in range(first, first + count):
        tx.insert(READINGS, {"value": value, "word": f"рівень води {value * 7919 % 1000}"})


def alarm(tx: Transaction, n: int) -> RowId:
    """Raise an alarm."""
    return tx.insert(ALARMS, {"n": n})


def notice(tx: Transaction, n: int, scope: str) -> RowId:
    """Write a DOWN row, as the centre does."""
    return tx.insert(NOTICES, {"word": f"оголошення {n}", "n": n}, scope=scope)


def numbers(reader: Reader, table: Table = VISITS) -> list[int]:
    """Return the numbers of all rows that are visible, in order."""
    return [row["n"] for row in reader.all(f"SELECT n FROM {table.name} ORDER BY n")]


def carry(village: Store, centre: Store, lane: Lane = Lane.TICKETS) -> int:
    """Append to the centre's inbox what the village has logged, without any wire."""
    with village.read() as reader:
        entries = log.entries(reader, village.stream, lane, 0, 1 << 20)
    return centre.write(inbox.append, village.stream, lane, entries).have
