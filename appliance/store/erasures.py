"""Forgetting rows of people for ever: what an erasure reaches in one file, and what it leaves.

It leaves ids and commitments, never values: so the chain still verifies at both ends. The id of an
erased row stays in `_erased` and in a small file outside the database. What comes late, from
another carrier, in another order or out of a copy that was put back, finds its id there and is not
taken.

What may be erased is a row of a `personal` table: its entries carry a salt, without which the
commitment that is left would tell the value to whoever guesses it. The salt also tells, without
knowing the table, which entries an erasure may reach: audit lines and tickets have none.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from appliance.errors import VuzolError
from appliance.store import pragmas, values
from appliance.store.entries import Entry, Op
from appliance.store.ids import RowId
from appliance.store.tables import Owner, Table

if TYPE_CHECKING:
    from appliance.store.reader import Reader
    from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _erased (
      tbl TEXT NOT NULL, id BLOB NOT NULL, PRIMARY KEY (id, tbl)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX _log_personal ON _log (key) WHERE salt IS NOT NULL",
    "CREATE INDEX _inbox_personal ON _inbox (key) WHERE salt IS NOT NULL",
)
LEFT_BEHIND: Final = "rewrite"
"""The name in `_head` under which stands that the file may hold traces of what was erased."""

BLANKS: Final[Mapping[str, str]] = {"INTEGER": "0", "TEXT": "''", "BLOB": "x''", "REAL": "0.0"}
BODIES: Final = """SELECT op, body FROM _log WHERE key = :key AND salt IS NOT NULL AND tbl = :tbl
  UNION ALL SELECT op, body FROM _inbox WHERE key = :key AND salt IS NOT NULL AND tbl = :tbl"""
REACHED: Final = (
    "INSERT OR IGNORE INTO _erased (tbl, id) VALUES (:tbl, :key)",
    "UPDATE _log SET body = NULL, salt = NULL WHERE key = :key AND salt IS NOT NULL AND tbl = :tbl",
    """UPDATE _inbox SET body = NULL, salt = NULL
    WHERE key = :key AND salt IS NOT NULL AND tbl = :tbl""",
    "DELETE FROM _held WHERE key = :key AND tbl = :tbl",
    "UPDATE _held SET reason = 'ready', parent = NULL WHERE parent = :key",
    "DELETE FROM _down_aside WHERE id = :key AND tbl = :tbl",
)
"""What each erased row is taken out of, beside its own table. Its children wait for it no more."""


class CannotErase(VuzolError):
    """Rows were to be erased that may not be erased, or not here."""

    code: ClassVar[str] = "cannot_erase"
    status_hint: ClassVar[int] = 409

    def __init__(self, table: str, cause: str, *, next_step: str) -> None:
        super().__init__(f"{table}: {cause}", next_step=next_step)
        self.table = table


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased just now, for tables that hold something made of it."""

    table: str
    ids: tuple[bytes, ...]
    texts: frozenset[str]  # the texts that the rows have held; they go when this object does


def refuse(table: Table, ids: Collection[bytes], *, node: int, centre: bool) -> None:
    """Raise `CannotErase` unless the rows of that table may be erased in this file."""
    if not table.replicated:
        raise CannotErase(table.name, "it is of this file alone", next_step="delete its rows")
    if not table.personal:
        raise CannotErase(
            table.name,
            "it keeps nothing of people, and what it keeps is evidence",
            next_step="put what must be erased some day into a table marked `personal`",
        )
    if table.owner is Owner.DOWN and not centre:
        raise CannotErase(table.name, "its rows are the centre's", next_step="erase them there")
    if any(int.from_bytes(one[:2], "big") != node for one in ids):
        raise CannotErase(
            table.name, "a row is of another node", next_step="erase it at its own node"
        )


def among(reader: "Reader", table: str, ids: Collection[bytes]) -> set[bytes]:
    """Return which of the ids have been erased."""
    rows = reader.among("_erased", "id", ids, told="id, tbl") if ids else ()
    return {row["id"] for row in rows if row["tbl"] == table}


def any_of(reader: "Reader", entries: Collection[Entry]) -> set[tuple[str, bytes]]:
    """Return which of the rows that the entries are about, each a table and an id, were erased."""
    if reader.value("SELECT 1 FROM _erased LIMIT 1") is None:
        return set()
    rows = reader.among("_erased", "id", {entry.key for entry in entries}, told="tbl, id")
    return {(row["tbl"], row["id"]) for row in rows}


def carry_out(tx: "Transaction", name: str, ids: Sequence[bytes]) -> None:
    """Take the values of the rows out of everything that this file holds.

    The table need not be known here. Rows of the centre, at the centre, become tombstones by its
    own transaction, which gives them a revision.
    """
    table = tx.tables.get(name)
    texts = frozenset(_texts(tx, name, table, ids))
    leaves_traces(tx)
    for statement in REACHED:
        tx.run_many(statement, [{"tbl": name, "key": key} for key in ids])
    if table is not None and table.replicated:
        _take_out(tx, table, ids)
        tx.announce(table.room)
    tx.erased.update({mark(name, key): 1 for key in ids})
    told = Erasure(name, tuple(ids), texts)
    for one in tx.tables:
        if one.forget is not None:
            one.forget(tx, told)


def leaves_traces(tx: "Transaction") -> None:
    """Say that pages of the file may still hold what is gone, until the file is rewritten."""
    tx.changed(pragmas.THOROUGH)
    tx.run("INSERT OR REPLACE INTO _head (name, value) VALUES (?, 1)", (LEFT_BEHIND,))
    tx.scrubs = True


def reapply(tx: "Transaction", owed: Collection[str]) -> int:
    """Erase what the file outside remembers and this database, put back from a copy, does not.

    Return how many rows. For rows of this node the entry is written anew: the one that the copy
    lacks may never have been sent.
    """
    by_table: dict[str, list[RowId]] = {}
    for told in sorted(owed):
        name, _, row = told.partition(" ")
        by_table.setdefault(name, []).append(RowId.parse(row))
    for name, rows in by_table.items():
        table = tx.tables.get(name)
        own = [row for row in rows if row.node == tx.node and _is_ours(tx, table)]
        others = [row.blob for row in rows if row not in own]
        if own and table is not None:
            tx.erase(table, own)
        if others:
            carry_out(tx, name, others)
    return sum(map(len, by_table.values()))


def known(connection: sqlite3.Connection) -> set[str]:
    """Return the marks of all that a database knows to be erased."""
    return {mark(row["tbl"], row["id"]) for row in connection.execute("SELECT * FROM _erased")}


def mark(table: str, key: bytes) -> str:
    """Return how the file outside the database names an erased row."""
    return f"{table} {RowId.of(key)}"


def _is_ours(tx: "Transaction", table: Table | None) -> bool:
    down = table is not None and table.owner is Owner.DOWN
    return table is not None and table.personal and (tx.is_centre or not down)


def _take_out(tx: "Transaction", table: Table, ids: Sequence[bytes]) -> None:
    """Take the values of rows out of their own table, as it declares."""
    if table.owner is Owner.DOWN and tx.is_centre:
        tx.delete(table, {"id": list(ids)})  # the tombstone tells the nodes
        return
    tx.run_many(_gone(table), [(key,) for key in ids])


def _gone(table: Table) -> str:
    if not table.blanks:
        return f"DELETE FROM {table.name} WHERE id = ?"
    columns = {column.name: column for column in table.columns}
    blank = {
        name: "NULL" if columns[name].null else BLANKS[columns[name].kind] for name in table.blanks
    }
    empty = ", ".join(f"{name} = {value}" for name, value in blank.items())
    return f"UPDATE {table.name} SET {empty} WHERE id = ?"


def _texts(
    tx: "Transaction", name: str, table: Table | None, ids: Sequence[bytes]
) -> Iterator[str]:
    """Give the texts that the rows hold now and have held, as far as their entries tell."""
    if table is None:
        return
    names = [column.name for column in table.columns]
    wanted = set(table.blanks or names)
    rows = tx.among(table.name, "id", ids) if table.replicated else ()
    told = [(one, row[one]) for row in rows for one in names]
    for key in ids:
        for op, body in tx.all(BODIES, key=key, tbl=name):
            told += [(names[at], value) for at, value in _said(op, body) if at < len(names)]
    for column, value in told:
        if column in wanted and isinstance(value, str) and value:
            yield value


def _said(op: int, body: bytes | None) -> list[tuple[int, object]]:
    """Return what an entry says, by column index; nothing if it cannot be read."""
    try:
        if op == Op.INSERT and body is not None:
            return [*enumerate(values.decode_row(body))]
        if op == Op.UPDATE and body is not None:
            return [*values.decode_changes(body).items()]
    except values.WrongBody:
        pass
    return []
