"""Where a node keeps pages from the centre until the last one has come.

Rows stand aside by their id, so a row that changed between two pages is there once, as it was
last. The visible tables change in one transaction. A row that this version of the program cannot
read stays aside after that, and is shown when a newer version can.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from appliance.store import erasures, values
from appliance.store.demands import Demands
from appliance.store.failures import RuleBroken
from appliance.store.reader import Reader
from appliance.store.revisions import NEVER, DownPage, DownRow, Outcome, PageKind, Rev
from appliance.store.tables import Lane, Owner, Table
from appliance.store.transaction import Transaction

DDL: Final = (
    "CREATE TABLE _down_scope (scope TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    """CREATE TABLE _down_cursor (
      scope TEXT NOT NULL, lane INTEGER NOT NULL,
      epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
      asks_epoch INTEGER NOT NULL, asks_seq INTEGER NOT NULL,
      as_of_epoch INTEGER NOT NULL, as_of_seq INTEGER NOT NULL,
      everything INTEGER NOT NULL,
      PRIMARY KEY (scope, lane)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE _down_aside (
      scope TEXT NOT NULL, lane INTEGER NOT NULL, shown INTEGER NOT NULL, id BLOB NOT NULL,
      tbl TEXT NOT NULL, rev_epoch INTEGER NOT NULL, rev_seq INTEGER NOT NULL,
      deleted INTEGER NOT NULL, schema INTEGER NOT NULL, body BLOB,
      PRIMARY KEY (scope, lane, shown, id)
    ) STRICT, WITHOUT ROWID""",
)
STAGED: Final = 0
UNREAD: Final = 1  # part of what is shown, but not readable yet
STAGE: Final = """INSERT OR REPLACE INTO _down_aside
  (scope, lane, shown, id, tbl, rev_epoch, rev_seq, deleted, schema, body)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
MOVE: Final = "INSERT OR REPLACE INTO _down_cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
DROP: Final = "DELETE FROM _down_aside WHERE scope = ? AND lane = ? AND shown = ?"
LIVING: Final = """SELECT id FROM _down_aside
  WHERE scope = ? AND lane = ? AND shown = 0 AND deleted = 0"""
UNREADABLE: Final = (values.WrongBody, RuleBroken, OverflowError)
"""What one row may be refused for without holding up the others."""


class Position(NamedTuple):
    """Where a node stands in one lane of one scope."""

    shows: Rev = NEVER
    asks: Rev = NEVER
    as_of: Rev = NEVER
    everything: bool = False  # what does not come before the last page is gone at the centre


@dataclass(frozen=True, slots=True)
class _Place:
    tx: Transaction
    scope: str
    lane: Lane
    tables: Mapping[str, Table]

    @property
    def key(self) -> tuple[str, int]:
        return self.scope, int(self.lane)


def position(reader: Reader, scope: str, lane: Lane) -> Position:
    """Return where the node stands."""
    row = reader.one(
        "SELECT * FROM _down_cursor WHERE scope = :scope AND lane = :lane",
        scope=scope,
        lane=int(lane),
    )
    if row is None:
        return Position()
    return Position(
        shows=Rev(row["epoch"], row["seq"]),
        asks=Rev(row["asks_epoch"], row["asks_seq"]),
        as_of=Rev(row["as_of_epoch"], row["as_of_seq"]),
        everything=bool(row["everything"]),
    )


def down_tables(reader: Reader, lane: Lane) -> tuple[Table, ...]:
    """Return the DOWN tables whose rows travel in the lane."""
    return tuple(table for table in reader.tables.owned(Owner.DOWN) if table.lane is lane)


def take(tx: Transaction, scope: str, lane: Lane, page: DownPage) -> Outcome:
    """Put a page aside, and show what stands there if it was the last."""
    before = position(tx, scope, lane)
    if page.after != before.asks or _is_late(page, before):
        return Outcome.PASSED_OVER
    place = _Place(tx, scope, lane, {t.name: t for t in down_tables(tx, lane)})
    if page.kind is not PageKind.CHANGES:
        tx.run(DROP, (*place.key, STAGED))
    everything = page.kind is PageKind.SNAPSHOT or (
        page.kind is PageKind.CHANGES and before.everything
    )
    for row in page.rows:
        _put_aside(place, row, STAGED)
    if not page.complete:
        _move(place, Position(before.shows, page.upto, page.as_of, everything))
        return Outcome.STAGED
    _show(place, everything=everything)
    _move(place, Position(page.upto, page.upto, page.as_of))
    return Outcome.VISIBLE


def forget(tx: Transaction, scope: str) -> None:
    """Delete every row of a scope, shown or aside, and how far it had come."""
    for table in tx.tables.owned(Owner.DOWN):
        gone = f"DELETE FROM {table.name} WHERE scope = ? AND own IS NULL"
        if tx.run(gone, (scope,)).rowcount and table.personal:
            erasures.leaves_traces(tx)
        tx.announce(table.room)
    for name in ("_down_aside", "_down_cursor", "_down_scope"):
        tx.run(f"DELETE FROM {name} WHERE scope = ?", (scope,))


def aside(reader: Reader, scope: str, lane: Lane) -> list[tuple[bytes, int, int]]:
    """Return id and revision of the rows that are part of what is shown, but not readable yet."""
    rows = reader.all(
        """SELECT id, rev_epoch, rev_seq FROM _down_aside
        WHERE scope = :scope AND lane = :lane AND shown = 1""",
        scope=scope,
        lane=int(lane),
    )
    return [tuple(row) for row in rows]


def replay(tx: Transaction) -> int:
    """Try again to show what this version of the program may be able to read."""
    rows = tx.all("SELECT * FROM _down_aside WHERE shown = 1")
    for row in rows:
        lane = Lane(row["lane"])
        place = _Place(tx, row["scope"], lane, {t.name: t for t in down_tables(tx, lane)})
        tx.run(f"{DROP} AND id = ?", (*place.key, UNREAD, row["id"]))
        _show_row(place, _row_of(row))
    return len(rows)


def _is_late(page: DownPage, before: Position) -> bool:
    return page.as_of.epoch == before.as_of.epoch and page.as_of.seq < before.as_of.seq


def _put_aside(place: _Place, row: DownRow, shown: int) -> None:
    place.tx.run(
        STAGE,
        (*place.key, shown, row.id, row.table, *row.rev, int(row.deleted), row.schema, row.body),
    )


def _move(place: _Place, to: Position) -> None:
    place.tx.run(MOVE, (*place.key, *to.shows, *to.asks, *to.as_of, int(to.everything)))


def _show(place: _Place, *, everything: bool) -> None:
    """Let the visible rows of the scope and lane become what stands aside."""
    tx, key = place.tx, place.key
    if everything:
        tx.run(DROP, (*key, UNREAD))
        for table in place.tables.values():
            gone = f"""DELETE FROM {table.name}
              WHERE scope = ? AND own IS NULL AND id NOT IN ({LIVING})"""
            if tx.run(gone, (place.scope, *key)).rowcount:
                tx.announce(table.room)
                if table.personal:
                    erasures.leaves_traces(tx)
    staged = tx.all(
        "SELECT * FROM _down_aside WHERE scope = :scope AND lane = :lane AND shown = 0",
        scope=place.scope,
        lane=key[1],
    )
    for row in staged:
        tx.run(f"{DROP} AND id = ?", (*key, UNREAD, row["id"]))
        _show_row(place, _row_of(row))
    tx.run(DROP, (*key, STAGED))


def _show_row(place: _Place, row: DownRow) -> None:
    """Show one row as far as it can be read; keep aside what a newer program will read.

    A row of people that the centre has no longer is forgotten as if it had been erased: a tombstone
    does not tell why it is one, and a copy of this file that is put back must not bring it back.
    """
    table = place.tables.get(row.table)
    if table is not None and table.personal:
        if row.deleted:
            erasures.carry_out(place.tx, table.name, [row.id])
        elif erasures.among(place.tx, table.name, [row.id]):
            return
    if table is not None:
        place.tx.announce(table.room)
        place.tx.run(f"DELETE FROM {table.name} WHERE id = ? AND own IS NULL", (row.id,))
    if row.deleted:
        return
    if table is None or not _shown(place, table, row) or row.schema > table.schema:
        _put_aside(place, row, UNREAD)


def _shown(place: _Place, table: Table, row: DownRow) -> bool:
    """Write the visible row; later columns that we do not know stand at the end of its body.

    A value that no page of this version could read is left aside with its row.
    """
    try:
        told = values.decode_row(row.body or b"")
        known = [column for column in table.columns if column.since <= row.schema]
        if len(told) < len(known) or Demands(table).unmet(
            row.id, dict(enumerate(told[: len(known)]))
        ):
            return False
        names = ["id", "scope", "rev_epoch", "rev_seq", *(column.name for column in known)]
        place.tx.run(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            (row.id, place.scope, *row.rev, *told[: len(known)]),
        )
    except UNREADABLE:
        return False
    return True


def _row_of(row: sqlite3.Row) -> DownRow:
    return DownRow(
        table=row["tbl"],
        id=row["id"],
        rev=Rev(row["rev_epoch"], row["rev_seq"]),
        deleted=bool(row["deleted"]),
        schema=row["schema"],
        body=row["body"],
    )
