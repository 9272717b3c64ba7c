"""What happens between owning a file and its first write.

The order matters: own, open, migrate, then one transaction that opens the new epoch and settles
the numbers, and only then the file of marks is begun anew.
"""

import errno
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from appliance.errors import VuzolError
from appliance.store import erasures, log, numbers, pragmas, schema, streams
from appliance.store.clock import Clock, HybridClock
from appliance.store.failures import DiskFull, translated
from appliance.store.ids import StreamId, node_name
from appliance.store.journal import Heads
from appliance.store.migrations import migrate
from appliance.store.numbers import HighWater, Restored
from appliance.store.owned import Owned
from appliance.store.ownership import Ownership
from appliance.store.reader import Reader
from appliance.store.registry import Registry
from appliance.store.statements import Statements
from appliance.store.tables import Table


class CannotOpen(VuzolError):
    """The folder or the file can't be used."""

    code: ClassVar[str] = "cannot_open"
    status_hint: ClassVar[int] = 503

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"{path} can't be opened ({cause})", next_step="give the node a folder it may write"
        )
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the owner asks for."""

    path: Path
    tables: Iterable[Table]
    node: int
    clock: Clock
    files: str
    second_medium: Path | None
    entropy: Callable[[int], bytes]
    centre: bool
    patience: float
    busy_seconds: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is owned, up to date and in a new epoch."""

    ownership: Ownership
    connection: sqlite3.Connection
    owned: Owned
    heads: Heads
    high_water: HighWater
    restored: tuple[Restored, ...]
    erased: HighWater  # the ids of what was erased, outside the database too
    owed: frozenset[str]  # of them, what this database does not know: it came back from a copy


def opened(wanted: Wanted) -> Opened:
    """Do all of it, or leave nothing open."""
    registry = Registry(map(schema.checked, wanted.tables), file=wanted.files)
    try:
        return _opened(wanted, registry)
    except sqlite3.Error as error:
        raise translated(error) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull from error
        raise CannotOpen(wanted.path, error.strerror or str(error)) from error


def _opened(wanted: Wanted, registry: Registry) -> Opened:
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        ownership = Ownership.take(wanted.path, patience=wanted.patience)
        undo.callback(ownership.release)
        connection = pragmas.open_writer(wanted.path, busy_seconds=wanted.busy_seconds)
        undo.callback(connection.close)
        migrate(connection, registry, at=wanted.clock.wall())
        result = _begun(wanted, registry, ownership, connection)
        undo.pop_all()
    return result


def _begun(
    wanted: Wanted, registry: Registry, ownership: Ownership, connection: sqlite3.Connection
) -> Opened:
    named = f"{node_name(wanted.node)}-{wanted.path.name}"
    folders = [one for one in (wanted.second_medium, wanted.path.parent) if one is not None]
    high_water, erased = (HighWater(folders, f"{named}.{end}") for end in ("numbers", "erased"))
    last_seq, last_hlc = _last(connection)
    connection.execute("BEGIN IMMEDIATE")
    _close_drained(connection, Reader(connection, node=wanted.node, tables=registry))
    epoch = streams.open_epoch(
        connection, last_seq=last_seq, at=wanted.clock.wall(), entropy=wanted.entropy
    )
    restored = numbers.reconcile(connection, high_water.marks)
    marks = numbers.series_of(connection)
    known = erasures.known(connection)
    owed = erased.marks.keys() - known
    connection.execute("COMMIT")
    high_water.open(marks)
    erased.open(dict.fromkeys(known | owed, 1))
    owned = Owned(
        stream=StreamId(wanted.node, epoch),
        tables=registry,
        statements={table.name: Statements(table) for table in registry},
        clock=wanted.clock,
        hybrid=HybridClock(last_hlc),
        entropy=wanted.entropy,
        centre=wanted.centre,
    )
    return Opened(
        ownership, connection, owned, Heads(last_seq), high_water, tuple(restored), erased,
        frozenset(owed),
    )  # fmt: skip


def _close_drained(connection: sqlite3.Connection, reader: Reader) -> None:
    """Mark the starts of which the centre has all, so that nobody looks at them again."""
    for start in streams.starts(reader, open_only=True):
        if log.drained(reader, start.stream):
            connection.execute(
                "UPDATE _stream SET closed = 1 WHERE epoch = ?", (start.stream.epoch,)
            )


def _last(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the greatest number and the greatest hybrid time that the file has given."""
    kept = {row["name"]: row["value"] for row in connection.execute("SELECT * FROM _head")}
    logged = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = '_log'").fetchone()
    newest = connection.execute("SELECT hlc FROM _log ORDER BY seq DESC LIMIT 1").fetchone()
    return (
        max(kept.get("seq", 0), logged["seq"] if logged else 0),
        max(kept.get("hlc", 0), newest["hlc"] if newest else 0),
    )
