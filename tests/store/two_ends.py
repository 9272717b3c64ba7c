"""A village and a centre for tests: real stores, and what a lane's message carries between them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from appliance.store import inbox, log, projection, streams
from appliance.store.clock import Clock, FixedClock
from appliance.store.database import Store
from appliance.store.entries import Entry
from appliance.store.ids import RowId, StreamId
from appliance.store.tables import Lane, Owner, Row, Table, blob, integer, reference, text
from appliance.store.transaction import Transaction

VILLAGE, OTHER, CENTRE = 3, 4, 1


def _counted(tx: Transaction, born: Sequence[Row]) -> None:
    """Fold visits into the tallies of their tickets; there is one note that cannot be folded."""
    for visit in born:
        if visit["note"] == "unfoldable":
            raise LookupError("no such purpose")
        row = tx.one("SELECT visits FROM hall_tally WHERE ticket = :id", id=visit["ticket"])
        visits = 0 if row is None else row["visits"]
        tx.put(TALLY, {"ticket": visit["ticket"], "visits": visits + 1, "last": visit["note"]})


SERVICE: Final = Table(
    "hall_service",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    columns=(text("name"), integer("ordering", check="ordering >= 0")),
    unique=(("name",),),
)
NOTICE: Final = Table(
    "hall_notice", owner=Owner.DOWN, lane=Lane.STATE, columns=(text("words"), integer("version"))
)
PERSON: Final = Table(
    "hall_person", owner=Owner.DOWN, lane=Lane.TICKETS, columns=(text("name"),), personal=True
)
TICKET: Final = Table(
    "hall_ticket",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(integer("number", check="number > 0"), text("holder", null=True)),
    unique=(("number",),),
)
VISIT: Final = Table(
    "hall_visit",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(reference("ticket", "hall_ticket"), text("note")),
    project=_counted,
)
WINDOW: Final = Table(
    "hall_window",
    owner=Owner.UP,
    lane=Lane.STATE,
    columns=(text("title"), reference("ticket", "hall_ticket", null=True), integer("busy")),
)
TALLY: Final = Table(
    "hall_tally",
    owner=Owner.LOCAL,
    key=("ticket",),
    columns=(blob("ticket"), integer("visits"), text("last")),
)
TABLES: Final = (SERVICE, NOTICE, PERSON, TICKET, VISIT, WINDOW, TALLY)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a folder in memory, for tests of what is written and not of the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder inside it has a random name
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def opened(
    path: Path, *, node: int, tables: Iterable[Table] = TABLES, clock: Clock | None = None
) -> Store:
    """Open a store without threads; node 1 is the centre."""
    clock = clock or FixedClock()
    return Store.open(path, tables, node=node, clock=clock, centre=node == CENTRE, inline=True)


def batches(village: Store, centre: Store) -> Iterable[tuple[StreamId, Lane, list[Entry]]]:
    """Give what the centre lacks, a batch for each lane of each stream, oldest stream first."""
    with village.read() as reader, centre.read() as there:
        for start in streams.starts(reader):
            for lane in Lane:
                have = inbox.cursor(there, start.stream, lane).have
                found = log.entries(reader, start.stream, lane, have, 1 << 20)
                if found:
                    yield start.stream, lane, found


def carry(village: Store, centre: Store) -> None:
    """Bring the centre's inbox up to the village's log."""
    for stream, lane, found in list(batches(village, centre)):
        centre.write(inbox.append, stream, lane, found)


def settle(centre: Store, *, limit: int = projection.STEP) -> int:
    """Project until a step finds nothing; return how many steps that took."""
    steps = 1
    while centre.write(projection.step, limit):
        steps += 1
    return steps


def rows(store: Store, table: Table) -> dict[RowId, dict[str, object]]:
    """Return the declared columns of every visible row, by id."""
    living = " WHERE deleted = 0" if table.owner is Owner.DOWN else ""
    with store.read() as reader:
        return {
            RowId.of(row["id"]): {column.name: row[column.name] for column in table.columns}
            for row in reader.all(f"SELECT * FROM {table.name}{living}")
        }
