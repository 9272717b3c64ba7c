"""Bringing a mirror up to a copy, row by row: what has not changed is not written.

A mirror is a database that another program replicates as it changes; it puts tables of its own
there, which are left alone. Writing the copy over it would take those away and make every page new.
Nobody serves people from a mirror. Its rows are those of the copy; its pages need not be.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from appliance.store import pragmas
from appliance.store.failures import translated

OURS: Final = """name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  AND name NOT LIKE '\\_litestream%' ESCAPE '\\'"""
SCHEMA: Final = "SELECT type, name, sql FROM {}.sqlite_schema WHERE {} ORDER BY type, name"
TABLES: Final = f"""SELECT name, wr FROM pragma_table_list
  WHERE schema = 'copy' AND type = 'table' AND {OURS}"""
COLUMNS: Final = "SELECT name, pk FROM pragma_table_xinfo(?, 'copy') WHERE hidden = 0 ORDER BY cid"
COUNTS: Final = "SELECT 1 FROM copy.sqlite_schema WHERE name = 'sqlite_sequence'"
SEQUENCE: Final = """UPDATE main.sqlite_sequence AS here
  SET seq = (SELECT seq FROM copy.sqlite_sequence AS there WHERE there.name = here.name)
  WHERE name IN (SELECT name FROM copy.sqlite_sequence)"""


def follow(mirror: Path, copy: Path) -> bool:
    """Give the mirror the rows of the copy, in one transaction; False if it is of another schema.

    A mirror that is of another schema is left as it was: it has to be made anew.
    """
    try:
        with closing(pragmas.open_mirror(mirror)) as into:
            into.execute("ATTACH ? AS copy", (pragmas.copy_uri(copy),))
            into.execute("BEGIN IMMEDIATE")
            if _schema(into, "main") != _schema(into, "copy"):
                into.execute("ROLLBACK")
                return False
            for statement in list(_statements(into)):
                into.execute(statement)
            into.execute("COMMIT")
    except sqlite3.Error as error:
        raise translated(error) from error
    return True


def _schema(connection: sqlite3.Connection, of: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in connection.execute(SCHEMA.format(of, OURS))]


def _statements(connection: sqlite3.Connection) -> Iterator[str]:
    """Give what makes each table as the copy has it: gone rows go, other rows come."""
    for table, without_rowid in connection.execute(TABLES).fetchall():
        columns = connection.execute(COLUMNS, (table,)).fetchall()
        names = [name for name, _ in columns]
        key = [name for name, pk in columns if pk] if without_rowid else ["rowid"]
        same = " AND ".join(f"there.{name} = here.{name}" for name in key)
        told = ", ".join(names if without_rowid else ["rowid", *(n for n in names if n != "rowid")])
        yield (
            f"DELETE FROM main.{table} AS here"
            f" WHERE NOT EXISTS (SELECT 1 FROM copy.{table} AS there WHERE {same})"
        )
        yield (
            f"INSERT OR REPLACE INTO main.{table} ({told})"
            f" SELECT {told} FROM copy.{table} EXCEPT SELECT {told} FROM main.{table}"
        )
    if connection.execute(COUNTS).fetchone():
        yield SEQUENCE
