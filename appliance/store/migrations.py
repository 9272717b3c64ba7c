"""Bringing a file to the schema that the code declares; the record stands in the same transaction.

All that a start finds missing is done at once or not at all. The store's own tables change by
numbered steps. Tables of the rooms follow their declaration:
what is missing is made, a column that came later is added. Nothing is ever taken away, so the
code of the release before runs on a file that the newer one has opened.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store import erasures, grants, inbox, numbers, quarantine, retention, schema, staging
from appliance.store.registry import Registry
from appliance.store.tables import Table

BASE: Final = (
    """CREATE TABLE _log (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      tx INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL, lane_seq INTEGER NOT NULL,
      tbl TEXT NOT NULL, op INTEGER NOT NULL, key BLOB NOT NULL, schema INTEGER NOT NULL,
      hlc INTEGER NOT NULL, body BLOB, salt BLOB, commitment BLOB NOT NULL, chain BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX _log_by_lane ON _log (epoch, lane, lane_seq)",
    """CREATE TABLE _stream (
      ordinal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL UNIQUE, parent INTEGER,
      parent_last_seq INTEGER NOT NULL, opened_at INTEGER NOT NULL,
      closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1))
    ) STRICT""",
    """CREATE TABLE _cursor (
      epoch INTEGER NOT NULL, lane INTEGER NOT NULL, have INTEGER NOT NULL, safe INTEGER NOT NULL,
      centre_epoch INTEGER NOT NULL, PRIMARY KEY (epoch, lane)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE _number (
      series TEXT PRIMARY KEY, last INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE _head (
      name TEXT PRIMARY KEY, value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE _beat (place INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT",
)
RECORD: Final = """
CREATE TABLE IF NOT EXISTS _migration (
  ordinal INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT
"""

Change = Sequence[str] | Callable[[sqlite3.Connection], None]
"""Statements, or a function that executes some."""

Step = tuple[str, Change]
STEPS: Final[tuple[Step, ...]] = (
    ("0001 base", BASE),
    ("0002 landing", (*inbox.DDL, *quarantine.DDL, *staging.DDL, *grants.DDL)),
    ("0003 restored", numbers.DDL),
    ("0004 erasure", erasures.DDL),
    ("0005 retention", retention.DDL),
)
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
    connection: sqlite3.Connection, tables: Registry, *, at: int, steps: Sequence[Step] = STEPS
) -> list[str]:
    """Bring the file up to date in one transaction; return the names of what was done."""
    fresh: list[str] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(RECORD)
        done = {row["name"] for row in connection.execute("SELECT name FROM _migration")}
        for name, step in _missing(connection, tables, steps, done):
            _apply(connection, name, step, at)
            fresh.append(name)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return fresh


def _missing(
    connection: sqlite3.Connection, tables: Registry, steps: Sequence[Step], done: set[str]
) -> Iterator[Step]:
    """Give what the file lacks, one by one: each is looked for when those before are done."""
    for name, step in steps:
        if name not in done:
            yield name, step
    for table in tables:
        yield from _table(connection, schema.checked(table), tables, done)


def _apply(connection: sqlite3.Connection, name: str, step: Change, at: int) -> None:
    if callable(step):
        step(connection)
    else:
        for statement in step:
            connection.execute(statement)
    connection.execute("INSERT INTO _migration (name, applied_at) VALUES (?, ?)", (name, at))


def _table(
    connection: sqlite3.Connection, table: Table, tables: Registry, done: set[str]
) -> Iterator[Step]:
    wanted = schema.create_table(table, tables)
    mark = f"{table.name}: as {hashlib.blake2b(wanted.encode(), digest_size=8).hexdigest()}"
    there = _columns_of(connection, table)
    if not there:
        yield mark, [wanted]
    else:
        _same_key(connection, table)
        yield from _columns(table, there)
        if mark not in done:
            yield from _rules(connection, table, tables, mark)
    indexes = {row["name"] for row in connection.execute(f"PRAGMA index_list({table.name})")}
    for name, statement in schema.create_indexes(table):
        if name not in indexes:
            yield f"{table.name}: index {name}", [statement]


def _columns(table: Table, there: Mapping[str, str]) -> Iterator[Step]:
    for column in table.columns:
        kind = there.get(column.name)
        if kind is None and not column.null:
            raise SchemaConflict(table.name, f"lacks {column.name}, which must have a value")
        if kind is None:
            line = schema.column_line(table, column)
            yield (
                f"{table.name}: column {column.name}",
                [f"ALTER TABLE {table.name} ADD COLUMN {line}"],
            )
        elif kind != column.kind:
            raise SchemaConflict(table.name, f"has {column.name} {kind}, not {column.kind}")


def _rules(
    connection: sqlite3.Connection, table: Table, tables: Registry, mark: str
) -> Iterator[Step]:
    """Give the file the rules that the code declares now, such as a new value of an enumeration.

    Rules stand in the text of the schema alone, so the text is all that changes, in the way that
    SQLite's page on ALTER TABLE gives for it. A file that has had these rules before keeps the
    newer ones it has now, and so does one with columns that this release does not know.
    """
    there = _columns_of(connection, table)
    if not set(there) <= {*schema.RESERVED, *(column.name for column in table.columns)}:
        return
    text = schema.create_table(table, tables, order=tuple(there))

    def change(connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute("PRAGMA writable_schema = ON")
        try:
            connection.execute(
                "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?",
                (text, table.name),
            )
            connection.execute(f"PRAGMA schema_version = {version + 1}")
        finally:
            connection.execute("PRAGMA writable_schema = OFF")

    yield mark, change


def _columns_of(connection: sqlite3.Connection, table: Table) -> dict[str, str]:
    """Return the stored columns with their kinds, in the file's order."""
    rows = connection.execute(f"PRAGMA table_info({table.name})")
    return {row["name"]: row["type"] for row in rows}


def _same_key(connection: sqlite3.Connection, table: Table) -> None:
    rows = connection.execute(f"PRAGMA table_info({table.name})")
    key = {row["name"]: row["pk"] for row in rows if row["pk"]}
    wanted = table.key or ("id",)
    if tuple(sorted(key, key=key.__getitem__)) != wanted:
        raise SchemaConflict(table.name, f"has the key {tuple(key)}, not {wanted}")
