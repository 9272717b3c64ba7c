"""Bringing a file to the schema that the code declares; the record stands in the same transaction.

The store's own tables change by numbered steps. Tables of the rooms follow their declaration:
what is missing is made, a column that came later is added. Nothing is ever taken away, so the
code of the release before runs on a file that the newer one has opened.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store import schema
from appliance.store.registry import Registry
from appliance.store.tables import Table

BASE: Final = """
CREATE TABLE _log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  tx INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL, lane_seq INTEGER NOT NULL,
  tbl TEXT NOT NULL, op INTEGER NOT NULL, key BLOB NOT NULL, schema INTEGER NOT NULL,
  hlc INTEGER NOT NULL, body BLOB, salt BLOB, commitment BLOB NOT NULL, chain BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX _log_by_lane ON _log (epoch, lane, lane_seq);
CREATE TABLE _stream (
  ordinal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL UNIQUE, parent INTEGER,
  parent_last_seq INTEGER NOT NULL, opened_at INTEGER NOT NULL,
  closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
) STRICT;
CREATE TABLE _cursor (
  epoch INTEGER NOT NULL, lane INTEGER NOT NULL, have INTEGER NOT NULL, safe INTEGER NOT NULL,
  centre_epoch INTEGER NOT NULL, PRIMARY KEY (epoch, lane)
) STRICT, WITHOUT ROWID;
CREATE TABLE _number (series TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE _head (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE _beat (place INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
"""
RECORD: Final = """
CREATE TABLE IF NOT EXISTS _migration (
  ordinal INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, applied_at INTEGER NOT NULL
) STRICT
"""

Step = tuple[str, str | Callable[[sqlite3.Connection], None]]
STEPS: Final[tuple[Step, ...]] = (("0001 base", BASE),)
"""The store's own steps, in order. A released one never changes."""


class SchemaConflict(VuzolError):
    """A table in the file can't become what the code declares."""

    code: ClassVar[str] = "schema_conflict"
    status_hint: ClassVar[int] = 500

    def __init__(self, table: str, cause: str) -> None:
        super().__init__(
            f"table {table} in the file {cause}",
            next_step="install the release that wrote the file, or a newer one",
        )
        self.table = table


def migrate(
    connection: sqlite3.Connection,
    tables: Registry,
    *,
    at: int,
    steps: Sequence[Step] = STEPS,
) -> list[str]:
    """Bring the file up to date; return the names of what was done now."""
    connection.execute(RECORD)
    done = {row["name"] for row in connection.execute("SELECT name FROM _migration")}
    fresh = [
        *((name, step) for name, step in steps if name not in done),
        *(change for table in tables for change in _changes(connection, table)),
    ]
    for name, step in fresh:
        _apply(connection, name, step, at)
    return [name for name, _ in fresh]


def _apply(
    connection: sqlite3.Connection,
    name: str,
    step: str | Callable[[sqlite3.Connection], None],
    at: int,
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if isinstance(step, str):
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        else:
            step(connection)
        connection.execute("INSERT INTO _migration (name, applied_at) VALUES (?, ?)", (name, at))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _changes(connection: sqlite3.Connection, table: Table) -> Iterator[Step]:
    """Give what the file lacks of one declared table."""
    schema.checked(table)
    there = {
        row["name"]: row["type"] for row in connection.execute(f"PRAGMA table_info({table.name})")
    }
    if not there:
        yield f"{table.name}: made", schema.create_table(table)
    else:
        yield from _columns(table, there)
    indexes = {row["name"] for row in connection.execute(f"PRAGMA index_list({table.name})")}
    for name, statement in schema.create_indexes(table):
        if name not in indexes:
            yield f"{table.name}: index {name}", statement


def _columns(table: Table, there: dict[str, str]) -> Iterator[Step]:
    for column in table.columns:
        kind = there.get(column.name)
        if kind is None and not column.null:
            raise SchemaConflict(table.name, f"lacks {column.name}, which must have a value")
        if kind is None:
            line = schema.column_line(table, column)
            yield f"{table.name}: {column.name}", f"ALTER TABLE {table.name} ADD COLUMN {line}"
        elif kind != column.kind:
            raise SchemaConflict(table.name, f"has {column.name} {kind}, not {column.kind}")
