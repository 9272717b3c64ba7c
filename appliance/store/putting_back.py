"""Putting entries of the own log back into a file that comes from a copy, and their rows with them.

The file is in nobody's use yet. Each entry must continue the chain that is there, so nothing is put
back that this node has not written, and nothing is left out in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store import log
from appliance.store.entries import Chain, Entry, Op, commitment
from appliance.store.ids import StreamId
from appliance.store.journal import INSERT
from appliance.store.statements import Statements
from appliance.store.streams import Start
from appliance.store.tables import Lane, Table, Value
from appliance.store.transaction import Transaction
from appliance.store.values import decode_changes, decode_ids, decode_row

Logged = tuple[StreamId, Lane, Entry]

BEGUN: Final = """INSERT INTO _stream (epoch, parent, parent_last_seq, opened_at)
  VALUES (?, ?, ?, ?)"""
LAST: Final = """UPDATE _stream SET ordinal = (SELECT max(ordinal) + 1 FROM _stream)
  WHERE epoch = ?"""
FORGET: Final = "UPDATE _log SET body = NULL, salt = NULL WHERE key = ?"


class TailBroken(VuzolError):
    """What was kept of the log after a copy does not continue it."""

    code: ClassVar[str] = "tail_broken"

    def __init__(self, stream: StreamId, lane: Lane, entry: Entry, cause: str) -> None:
        super().__init__(
            f"{stream} {lane.label}: entry {entry.lane_seq} {cause}",
            next_step="the file stands as it was before that entry; what the centre has comes back",
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Whole transactions that follow each other, and starts that the copy may not know."""

    starts: tuple[Start, ...] = ()
    logged: tuple[Logged, ...] = ()


def put_back(tx: Transaction, part: Part) -> int:
    """Put back what is not there yet; return how many entries. Raise `TailBroken`."""
    for start in part.starts:
        _begin(tx, start)
    there, count = log.head(tx), 0
    for stream, lane, entry in part.logged:
        if entry.seq > there:
            _put_back(tx, stream, lane, entry)
            count += 1
        elif log.chain_of(tx, entry.seq) != entry.chain:
            raise TailBroken(stream, lane, entry, "is of another life of this file")
    return count


def _begin(tx: Transaction, start: Start) -> None:
    """Let the file know a start; the present one stays the newest."""
    known = tx.value("SELECT 1 FROM _stream WHERE epoch = :epoch", epoch=start.stream.epoch)
    if not known:
        row = (start.stream.epoch, start.parent, start.parent_last_seq, start.opened_at)
        tx.run(BEGUN, row)
        tx.run(LAST, (tx.epoch,))


def _put_back(tx: Transaction, stream: StreamId, lane: Lane, entry: Entry) -> None:
    table = tx.tables.get(entry.table)
    if table is None or entry.schema > table.schema:
        raise TailBroken(stream, lane, entry, "is of a newer release")
    try:
        chain = Chain(stream, lane, log.chain_at(tx, stream, lane, entry.lane_seq - 1))
    except log.NotInLog:
        raise TailBroken(stream, lane, entry, "leaves a gap") from None
    erased = entry.body is None and entry.op in {Op.INSERT, Op.UPDATE}
    if chain.after(entry) != entry.chain or not (
        erased or entry.commitment == commitment(entry.salt, entry.body)
    ):
        raise TailBroken(stream, lane, entry, "does not continue the chain")
    kept = None if table.append_only and entry.op is Op.INSERT else entry.body
    tx.run(INSERT, (
        entry.seq, entry.tx, stream.epoch, int(lane), entry.lane_seq, entry.table, int(entry.op),
        entry.key, entry.schema, entry.hlc, kept, entry.salt, entry.commitment, entry.chain,
    ))  # fmt: skip
    _change(tx, table, entry)


def _change(tx: Transaction, table: Table, entry: Entry) -> None:
    """Do to the row what the entry says was done to it."""
    if entry.op is Op.DELETE:
        tx.run(f"DELETE FROM {table.name} WHERE id = ? AND own = 1", (entry.key,))
    elif entry.body is None:
        return  # erased: c alone is left of it
    elif entry.op is Op.ERASE:
        for key in decode_ids(entry.body):
            tx.run(FORGET, (key,))
    elif entry.op is Op.UPDATE:
        columns = [column.name for column in table.columns]
        changes = {columns[at]: value for at, value in decode_changes(entry.body).items()}
        sets = ", ".join(f"{name} = ?" for name in changes)
        tx.run(
            f"UPDATE {table.name} SET {sets} WHERE id = ? AND own = 1",
            (*changes.values(), entry.key),
        )
    else:
        _insert(tx, table, entry.key, entry.schema, decode_row(entry.body))


def _insert(
    tx: Transaction, table: Table, key: bytes, schema: int, values: Sequence[Value]
) -> None:
    names = [column.name for column in table.columns if column.since <= schema]
    told = dict(zip(names, values, strict=True))
    statements = Statements(table)
    row = {name: told.get(name) for name in statements.all_names} | {"id": key, "own": 1}
    tx.run(statements.insert, tuple(row.values()))
    if table.project is not None:
        table.project(tx, [row])
