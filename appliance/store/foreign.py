"""One entry of another node's log, made into a change of a typed table.

First a decision without any write: may the entry be applied now, or must it be held, and why.
Then the change. A foreign row has no UNIQUE, CHECK or foreign key but its id, so that two tickets
with one number are both kept; what its own node promised of it is not judged again here. But it
speaks of its own node alone, and holds nothing that our pages cannot read: see `demands`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.store import erasures, values
from appliance.store.demands import Demands
from appliance.store.entries import Entry, Op
from appliance.store.ids import LENGTH, RowId, StreamId
from appliance.store.quarantine import Hold, Reason
from appliance.store.registry import Registry
from appliance.store.tables import Owner, Row, Table, Value
from appliance.store.transaction import Transaction

WRITERS: Final = frozenset({Owner.UP, Owner.HOME})
"""Whose tables a node may write from afar: never those of the centre, never local ones."""

STREAM_WIDTH: Final = 8
Content = Mapping[int, Value]
"""New values by column index, in order; empty for a removal."""


class ForeignTable:
    """What writing the rows of others into one table takes, worked out once."""

    def __init__(self, table: Table, registry: Registry) -> None:
        """Prepare the statements; references to tables of other files are not waited for."""
        self.table = table
        self.schema = table.schema
        self.room = table.room
        self.written_afar = table.owner in WRITERS
        self.demands = Demands(table)
        self.names = tuple(column.name for column in table.columns)
        self._heads = ("id", "own", *self.names)
        self.delete = f"DELETE FROM {table.name} WHERE id = ? AND own IS NULL"
        self.parents = tuple(
            (index, column.refers)
            for index, column in enumerate(table.columns)
            if column.refers in registry
        )
        self._by_schema: dict[int, tuple[tuple[int, ...], str]] = {}
        self._updates: dict[tuple[int, ...], str] = {}

    def known(self, schema: int) -> tuple[int, ...]:
        """Return the places, among our columns, of those that a body of that schema holds."""
        return self._prepared(schema)[0]

    def insert(self, schema: int) -> str:
        """Return the statement that writes a row of that schema; a row that is there stays."""
        return self._prepared(schema)[1]

    def update(self, changed: tuple[int, ...]) -> str:
        """Return the statement that gives these columns new values."""
        if changed not in self._updates:
            places = ", ".join(f"{self.names[index]} = ?" for index in changed)
            self._updates[changed] = (
                f"UPDATE {self.table.name} SET {places} WHERE id = ? AND own IS NULL"
            )
        return self._updates[changed]

    def row(self, key: bytes, content: Content) -> Row:
        """Return the row as its own node gave it to the fold, but for `own`."""
        if len(content) == len(self.names):  # all columns, in their order
            return dict(zip(self._heads, (key, None, *content.values()), strict=True))
        row = {"id": key, "own": None, **dict.fromkeys(self.names)}
        for index, value in content.items():
            row[self.names[index]] = value
        return row

    def _prepared(self, schema: int) -> tuple[tuple[int, ...], str]:
        if schema not in self._by_schema:
            columns = self.table.columns
            known = tuple(i for i, column in enumerate(columns) if column.since <= schema)
            names = ", ".join(["id", "own", *(columns[i].name for i in known)])
            places = ", ".join(["?", "NULL", *("?" for _ in known)])
            statement = (
                f"INSERT INTO {self.table.name} ({names}) VALUES ({places})"
                " ON CONFLICT (id) DO NOTHING"
            )
            self._by_schema[schema] = (known, statement)
        return self._by_schema[schema]


def content_of(table: ForeignTable, entry: Entry) -> Content | Hold:
    """Return the new values by our column index, or why the body cannot be read."""
    if entry.op is Op.DELETE:
        return {}
    if entry.schema > table.schema:
        return Hold(Reason.NEWER_SCHEMA, f"schema {entry.schema}; known: {table.schema}")
    if entry.body is None:
        reason = Reason.ERASED if table.table.personal else Reason.UNREADABLE
        return Hold(reason, "the body was erased before it came")
    try:
        content = _read(entry.op, entry.body, table.known(entry.schema))
    except values.WrongBody as error:
        return Hold(Reason.UNREADABLE, error.cause)
    return content or Hold(Reason.UNREADABLE, f"the body fits no {entry.op.name} of its schema")


def _read(op: Op, body: bytes, known: tuple[int, ...]) -> Content:
    """Return the values by our index; nothing if they are not for these columns."""
    if op is Op.INSERT:
        row = values.decode_row(body)
        return dict(zip(known, row, strict=True)) if len(row) == len(known) else {}
    if op is not Op.UPDATE:
        return {}
    changes = values.decode_changes(body)
    fits = all(0 <= index < len(known) for index in changes)
    return {known[index]: changes[index] for index in changes} if fits else {}


def not_its_own(stream: bytes, table: ForeignTable, entry: Entry) -> Hold | None:
    """Return a hold if the node may not make that change; `stream` is how its ids begin."""
    if not table.written_afar:
        return Hold(Reason.NOT_ITS_OWN, f"{table.table.name} is no table that a node writes")
    key = entry.key
    if entry.op is Op.INSERT and key != stream + entry.seq.to_bytes(6, "big"):
        return Hold(Reason.NOT_ITS_OWN, "the id is not of the entry that gave birth to the row")
    if key[:2] != stream[:2]:
        return Hold(Reason.NOT_ITS_OWN, f"the row is of {RowId.of(key)}")
    return None


@dataclass(frozen=True, slots=True)
class Gone:
    """The rows that an erasure names."""

    ids: tuple[bytes, ...]


def erased_by(stream: bytes, table: ForeignTable | None, entry: Entry) -> Gone | Hold:
    """Return the ids that an erasure names, or a hold if its node may not erase them.

    A table that is not known here may be erased: what of it carries no salt stays.
    """
    try:
        ids = tuple(values.decode_ids(entry.body or b""))
    except values.WrongBody as error:
        return Hold(Reason.UNREADABLE, error.cause)
    if any(len(one) != LENGTH for one in ids):
        return Hold(Reason.UNREADABLE, "it names what is no id")
    if table is not None and not (table.written_afar and table.table.personal):
        return Hold(Reason.NOT_ITS_OWN, f"rows of {entry.table} are not erased")
    if any(one[:2] != stream[:2] for one in ids):
        return Hold(Reason.NOT_ITS_OWN, "it names rows of another node")
    return Gone(ids)


def begins(stream: StreamId) -> bytes:
    """Return the bytes that the ids of a stream begin with: its node and its epoch."""
    return RowId(*stream, 0).blob[:STREAM_WIDTH]


class Births:
    """Rows on their way into one table, in the order of their birth."""

    def __init__(self, table: ForeignTable) -> None:
        """Begin with none."""
        self._table = table
        self._rows: dict[bytes, tuple[int, Content]] = {}

    def add(self, entry: Entry, content: Content) -> None:
        """Take a new row in."""
        self._rows[entry.key] = (entry.schema, content)

    def write(self, tx: Transaction) -> None:
        """Write them, then fold them; a row that is here already is not folded twice."""
        here = self._here(tx)
        new = {key: told for key, told in self._rows.items() if key not in here}
        for schema in {schema for schema, _ in new.values()}:
            rows = [(key, *told.values()) for key, (of, told) in new.items() if of == schema]
            tx.run_many(self._table.insert(schema), rows)
        project = self._table.table.project
        if new and project is not None:
            project(tx, [self._table.row(key, told) for key, (_, told) in new.items()])

    def _here(self, tx: Transaction) -> set[bytes]:
        """Return which of them are here: what was born in one go stands in one range."""
        found = tx.all(
            f"SELECT id FROM {self._table.table.name} WHERE id BETWEEN :first AND :last",
            first=min(self._rows),
            last=max(self._rows),
        )
        return {row[0] for row in found}


def alter(tx: Transaction, table: ForeignTable, entry: Entry, content: Content) -> bool:
    """Change or remove the row; return False if it is not here."""
    if not content:
        return tx.run(table.delete, (entry.key,)).rowcount == 1
    statement = table.update(tuple(content))
    return tx.run(statement, (*content.values(), entry.key)).rowcount == 1


def missing_parent(
    tx: Transaction, table: ForeignTable, content: Content, seen: set[bytes]
) -> Hold | None:
    """Return a hold if a row that the entry points to is not here; `seen` are known to be."""
    for index, parent in table.parents:
        wanted = content.get(index)
        if type(wanted) is not bytes or wanted in seen:
            continue
        if not present(tx, parent, [wanted]) and not erasures.among(tx, parent, [wanted]):
            return Hold(Reason.WAITING, f"for a row of {parent}", parent=wanted)
        seen.add(wanted)
    return None


def present(tx: Transaction, table: str, ids: Collection[bytes]) -> set[bytes]:
    """Return which of the ids have a row."""
    return {row[0] for row in tx.among(table, "id", ids, told="id")}
