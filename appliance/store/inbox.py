"""What other nodes sent, kept as received: (stream, lane, lane_seq), append-only.

Appending here is the one thing that moves a stream's cursor, so an acknowledged entry is on the
disk whatever the typed tables make of it later. `have` and the chain value go together: an entry
whose link does not continue the chain is not stored, and neither is anything after it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from appliance.errors import VuzolError
from appliance.store import erasures
from appliance.store.entries import GENESIS, Chain, Entry, Op, Proved, commitment
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Value
from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _inbox (
      node INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL,
      lane_seq INTEGER NOT NULL, seq INTEGER NOT NULL, tx INTEGER NOT NULL,
      tbl TEXT NOT NULL, op INTEGER NOT NULL, key BLOB NOT NULL, schema INTEGER NOT NULL,
      hlc INTEGER NOT NULL, body BLOB, salt BLOB, commitment BLOB NOT NULL, chain BLOB NOT NULL,
      PRIMARY KEY (node, epoch, lane, lane_seq)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE _inbox_cursor (
      arrived INTEGER PRIMARY KEY AUTOINCREMENT,
      node INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL,
      have INTEGER NOT NULL, chain BLOB NOT NULL, projected INTEGER NOT NULL DEFAULT 0,
      runs_ahead INTEGER NOT NULL DEFAULT 0,
      UNIQUE (node, epoch, lane)
    ) STRICT""",
)

COLUMNS: Final = "lane_seq, seq, tx, tbl, op, key, schema, hlc, body, salt, commitment, chain"
KEEP: Final = f"INSERT INTO _inbox (node, epoch, lane, {COLUMNS}) VALUES ({', '.join('?' * 15)})"
MOVE: Final = """INSERT INTO _inbox_cursor (node, epoch, lane, have, chain, runs_ahead)
  VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (node, epoch, lane) DO UPDATE
  SET have = excluded.have, chain = excluded.chain, runs_ahead = excluded.runs_ahead"""
LANE: Final = "node = :node AND epoch = :epoch AND lane = :lane"
STANDS: Final = f"SELECT * FROM _inbox_cursor WHERE {LANE}"
ONE: Final = f"SELECT {COLUMNS} FROM _inbox WHERE {LANE} AND lane_seq = :lane_seq"
OVERHEAD: Final = 96
"""Bytes that an entry is reckoned to take beside its body."""

PART: Final = f"""SELECT {COLUMNS} FROM (
    SELECT *, sum({OVERHEAD} + ifnull(length(body), 0)) OVER (ORDER BY lane_seq) AS size
    FROM (SELECT * FROM _inbox WHERE {LANE} AND lane_seq > :after
          ORDER BY lane_seq LIMIT :max_bytes / {OVERHEAD} + 1))
  WHERE size <= :max_bytes OR lane_seq = :after + 1 ORDER BY lane_seq"""

OPS: Final = {int(op): op for op in Op}
WITH_BODY: Final = frozenset({Op.INSERT, Op.UPDATE})


class NotContiguous(VuzolError):
    """Entries were given to the inbox that do not follow what it has."""

    code: ClassVar[str] = "not_contiguous"
    status_hint: ClassVar[int] = 409

    def __init__(self, stream: StreamId, lane: Lane, *, have: int, given: int) -> None:
        super().__init__(
            f"{stream} {lane.label}: entry {given} does not follow {have}",
            next_step=f"send from {have + 1}",
        )
        self.have = have
        self.given = given


class ChainBroken(VuzolError):
    """An entry does not continue the chain of what was received before it."""

    code: ClassVar[str] = "chain_broken"
    status_hint: ClassVar[int] = 422

    def __init__(self, stream: StreamId, lane: Lane, *, lane_seq: int) -> None:
        super().__init__(
            f"{stream} {lane.label}: entry {lane_seq} does not continue the chain",
            next_step="compare the stream at both ends before more of it is taken",
        )
        self.lane_seq = lane_seq


class NotHere(VuzolError):
    """An entry was asked for that never came."""

    code: ClassVar[str] = "entry_not_here"
    status_hint: ClassVar[int] = 404

    def __init__(self, stream: StreamId, lane: Lane, *, lane_seq: int) -> None:
        super().__init__(
            f"{stream} {lane.label}: entry {lane_seq} never came", next_step="ask its own node"
        )
        self.lane_seq = lane_seq


class Cursor(NamedTuple):
    """How much of one lane of one stream is durable here, and the chain value there."""

    have: int
    chain: bytes


NOTHING: Final = Cursor(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Received:
    """One lane of one stream as the inbox holds it."""

    stream: StreamId
    lane: Lane
    have: int = 0
    projected: int = 0
    chain: bytes = GENESIS
    runs_ahead: bool = False  # its clock, in the last batch: too far to be followed


def cursor(reader: Reader, stream: StreamId, lane: Lane) -> Cursor:
    """Return where the lane stands; zero and the first chain value if nothing ever came."""
    row = reader.one(
        """SELECT have, chain FROM _inbox_cursor
        WHERE node = :node AND epoch = :epoch AND lane = :lane""",
        **place(stream, lane),
    )
    return NOTHING if row is None else Cursor(row["have"], row["chain"])


def streams(reader: Reader) -> list[Received]:
    """Return every lane of every stream, in the order in which they first came."""
    return [received(row) for row in reader.all("SELECT * FROM _inbox_cursor ORDER BY arrived")]


def received(row: sqlite3.Row) -> Received:
    """Read a row of `_inbox_cursor`."""
    return Received(
        stream=StreamId(row["node"], row["epoch"]),
        lane=Lane(row["lane"]),
        have=row["have"],
        projected=row["projected"],
        chain=row["chain"],
        runs_ahead=bool(row["runs_ahead"]),
    )


def append(tx: Transaction, stream: StreamId, lane: Lane, entries: Sequence[Entry]) -> Cursor:
    """Keep the entries that are not here yet and return the new cursor.

    What is here already is passed over, so a repeated batch changes nothing. Of a row that was
    erased here, c alone is kept. Raises
    `NotContiguous` or `ChainBroken` and leaves the inbox as it was. What is `Proved` is not worked
    out again: that its first entry continues what is here proves the rest.
    """
    before = cursor(tx, stream, lane)
    fresh = _fresh(entries, before.have)
    if not fresh:
        return before
    if isinstance(fresh, Proved):
        _check(stream, lane, before, fresh[:1])
    else:
        _check(stream, lane, before, fresh)
    last = fresh[-1]
    place = (*stream, int(lane))
    rows = [(*place, *entry[:4], int(entry.op), *entry[5:]) for entry in _without(tx, fresh)]
    tx.run_many(KEEP, rows)
    after = Cursor(last.lane_seq, last.chain)
    follows = tx.witness(max(entry.hlc for entry in fresh))
    tx.run(MOVE, (stream.node, stream.epoch, int(lane), *after, int(not follows)))
    return after


def entries(
    reader: Reader, stream: StreamId, lane: Lane, *, after: int, max_bytes: int
) -> list[Entry]:
    """Return what follows `after`, as received, up to about `max_bytes`: at least one if any."""
    rows = reader.all(PART, **place(stream, lane), after=after, max_bytes=max_bytes)
    return [entry_of(row) for row in rows]


def one(reader: Reader, stream: StreamId, lane: Lane, lane_seq: int) -> Entry:
    """Return one entry as received; raise `NotHere`."""
    row = reader.one(ONE, **place(stream, lane), lane_seq=lane_seq)
    if row is None:
        raise NotHere(stream, lane, lane_seq=lane_seq)
    return entry_of(row)


def entry_of(row: Iterable[Any]) -> Entry:
    """Read the columns that `COLUMNS` names."""
    lane_seq, seq, tx, table, op, *rest = row
    return Entry(lane_seq, seq, tx, table, OPS[op], *rest)


def place(stream: StreamId, lane: Lane) -> dict[str, Value]:
    """Return what names a lane of a stream in a statement."""
    return {"node": stream.node, "epoch": stream.epoch, "lane": int(lane)}


def _without(tx: Transaction, fresh: Sequence[Entry]) -> Iterable[Entry]:
    """Return the entries, those of erased rows without body and salt: they come late."""
    erased = erasures.any_of(tx, fresh)
    if not erased:
        return fresh
    return [_without_body(one) if (one.table, one.key) in erased else one for one in fresh]


def _without_body(entry: Entry) -> Entry:
    return entry._replace(body=None, salt=None)


def _fresh(entries: Sequence[Entry], have: int) -> Sequence[Entry]:
    if not isinstance(entries, Proved):
        return [entry for entry in entries if entry.lane_seq > have]
    known = have + 1 - entries[0].lane_seq if entries else 0  # their numbers have no gap
    return entries if known <= 0 else entries.part(known)


def _check(stream: StreamId, lane: Lane, before: Cursor, fresh: Iterable[Entry]) -> None:
    """Raise `NotContiguous` or `ChainBroken` unless the entries continue what is here."""
    have, chain = before.have, Chain(stream, lane, before.chain)
    for entry in fresh:
        if entry.lane_seq != have + 1:
            raise NotContiguous(stream, lane, have=have, given=entry.lane_seq)
        if entry.chain != chain.after(entry) or not _as_committed(entry):
            raise ChainBroken(stream, lane, lane_seq=entry.lane_seq)
        have = entry.lane_seq


def _as_committed(entry: Entry) -> bool:
    if entry.body is None and entry.op in WITH_BODY:
        return True  # erased before it was sent: c alone is left of it
    return entry.commitment == commitment(entry.salt, entry.body)
