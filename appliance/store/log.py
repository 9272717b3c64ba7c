"""The log as its reader on the way to the centre sees it: what is there, what is not yet safe.

`have` is how far the centre has a lane on its own disk, `safe` how far its last verified backup
does. Both are what it signed, never what we hope.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from appliance.errors import VuzolError
from appliance.store import streams
from appliance.store.clock import wall_of
from appliance.store.entries import GENESIS, Entry, Op
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Table
from appliance.store.transaction import Transaction
from appliance.store.values import encode_row

PAGE: Final = 500
"""Entries looked up at once."""

OVERHEAD: Final = 64
"""Bytes that an entry is reckoned to take beside its body."""


NEXT: Final = """SELECT lane_seq, seq, tx, tbl, op, key, schema, hlc, body, salt, commitment, chain
  FROM _log WHERE epoch = :epoch AND lane = :lane AND lane_seq > :after
  ORDER BY lane_seq LIMIT :page"""
AFTER: Final = """SELECT epoch, lane, lane_seq, seq, tx, tbl, op, key, schema, hlc, body, salt,
  commitment, chain FROM _log WHERE seq > :seq ORDER BY seq LIMIT :most"""
OPS: Final = {int(op): op for op in Op}


class NotInLog(VuzolError):
    """An entry was asked for that this file's log does not hold."""

    code: ClassVar[str] = "not_in_log"
    status_hint: ClassVar[int] = 404

    def __init__(self, stream: StreamId, lane: Lane, lane_seq: int) -> None:
        super().__init__(
            f"{stream} {lane.label} has no entry {lane_seq}", next_step="ask where the lane ends"
        )
        self.stream = stream


@dataclass(frozen=True, slots=True)
class Backlog:
    """What of a lane the centre does not have."""

    count: int
    oldest_at: int | None  # ms; None if there is nothing, or its clock was not set


class Cursor(NamedTuple):
    """How far the centre has a lane."""

    have: int
    safe: int


class Cut(NamedTuple):
    """The last entry that the log holds no longer, and the chain value after it."""

    lane_seq: int
    chain: bytes


UNCUT: Final = Cut(0, GENESIS)
UNKNOWN: Final = b""


@dataclass(frozen=True, slots=True)
class _Extent:
    lane: Lane
    last: int
    cursor: Cursor


def backlog(reader: Reader) -> dict[Lane, Backlog]:
    """Return for each lane how much of all own epochs the centre does not have."""
    found = {lane: Backlog(0, None) for lane in Lane}
    for start in streams.starts(reader, open_only=True):
        for extent in _extents(reader, start.stream):
            missing = extent.last - extent.cursor.have
            if missing <= 0:
                continue
            before, oldest_at = found[extent.lane].count, found[extent.lane].oldest_at
            if not before:  # epochs come oldest first
                oldest_at = _time_of(reader, start.stream, extent.lane, extent.cursor.have + 1)
            found[extent.lane] = Backlog(before + missing, oldest_at)
    return found


def pending_streams(reader: Reader, lane: Lane) -> list[StreamId]:
    """Return the own streams of which the centre lacks something in the lane, oldest first."""
    return [
        start.stream
        for start in streams.starts(reader, open_only=True)
        if last(reader, start.stream, lane) > cursor(reader, start.stream, lane).have
        and cursor(reader, start.stream, lane).have >= cut(reader, start.stream, lane).lane_seq
    ]


def last(reader: Reader, stream: StreamId, lane: Lane) -> int:
    """Return the number of the lane's last entry, 0 if there is none."""
    number: int | None = reader.value(
        "SELECT max(lane_seq) FROM _log WHERE epoch = :epoch AND lane = :lane",
        epoch=stream.epoch,
        lane=lane,
    )
    return number or cut(reader, stream, lane).lane_seq


def cut(reader: Reader, stream: StreamId, lane: Lane) -> Cut:
    """Return where the lane begins here: what came before was purged or thinned."""
    row = reader.one(
        "SELECT lane_seq, chain FROM _log_cut WHERE epoch = :epoch AND lane = :lane",
        epoch=stream.epoch,
        lane=lane,
    )
    return Cut(row["lane_seq"], row["chain"]) if row else UNCUT


def head(reader: Reader) -> int:
    """Return the last number that an entry of this file has been given."""
    return reader.value("SELECT max(seq) FROM _log") or 0


def chain_of(reader: Reader, seq: int) -> bytes | None:
    """Return the chain value of the entry of that number; None if it is not here."""
    value: bytes | None = reader.value("SELECT chain FROM _log WHERE seq = :seq", seq=seq)
    return value


def erased_since(reader: Reader, seq: int) -> bool:
    """Tell whether anything was erased after that number: what was read by then may be gone."""
    erase = "SELECT 1 FROM _log WHERE seq > :seq AND op = :op LIMIT 1"
    return reader.value(erase, seq=seq, op=int(Op.ERASE)) is not None


def cursor(reader: Reader, stream: StreamId, lane: Lane) -> Cursor:
    """Return how far the centre has the lane, as it last signed."""
    row = reader.one(
        "SELECT have, safe FROM _cursor WHERE epoch = :epoch AND lane = :lane",
        epoch=stream.epoch,
        lane=lane,
    )
    return Cursor(row["have"], row["safe"]) if row else Cursor(0, 0)


def unconfirmed(reader: Reader, centre_epoch: int) -> list[tuple[StreamId, Lane]]:
    """Return the lanes whose cursor another epoch of the centre signed, oldest stream first.

    The centre may have been restored since, so what they say is asked about before it is believed.
    """
    rows = reader.all(
        "SELECT s.epoch, c.lane FROM _cursor c JOIN _stream s ON s.epoch = c.epoch"
        " WHERE c.centre_epoch <> :centre_epoch ORDER BY s.ordinal, c.lane",
        centre_epoch=centre_epoch,
    )
    return [(StreamId(reader.node, row["epoch"]), Lane(row["lane"])) for row in rows]


ASKED_OF_CLOSED: Final = 40
"""Streams that are over, of which the newest are compared with the centre again and again."""


def doubt(tx: Transaction) -> int:
    """Believe no cursor any more until the centre has been asked again; return of how many lanes.

    Of the streams that are over and drained the newest are asked about: the number of starts of a
    board has no end.
    """
    return tx.run(
        """UPDATE _cursor SET centre_epoch = 0 WHERE epoch IN (
          SELECT epoch FROM _stream WHERE closed = 0 UNION ALL
          SELECT epoch FROM (SELECT epoch FROM _stream WHERE closed = 1
            ORDER BY ordinal DESC LIMIT ?))""",
        (ASKED_OF_CLOSED,),
    ).rowcount


def doubted(reader: Reader) -> int:
    """Return of how many lanes the centre has not said anew where they stand."""
    return int(reader.value("SELECT count(*) FROM _cursor WHERE centre_epoch = 0"))


def confirmed(reader: Reader) -> dict[tuple[StreamId, Lane], int]:
    """Return for each lane with a cursor the epoch of the centre that signed it, oldest first."""
    rows = reader.all(
        "SELECT s.epoch, c.lane, c.centre_epoch FROM _cursor c"
        " JOIN _stream s ON s.epoch = c.epoch ORDER BY s.ordinal, c.lane"
    )
    return {
        (StreamId(reader.node, row["epoch"]), Lane(row["lane"])): row["centre_epoch"]
        for row in rows
    }


def unsafe(reader: Reader) -> list[tuple[StreamId, Lane]]:
    """Return the lanes that the centre has further than it has told to be safe, oldest first."""
    rows = reader.all(
        "SELECT s.epoch, c.lane FROM _cursor c JOIN _stream s ON s.epoch = c.epoch"
        " WHERE c.safe < c.have ORDER BY s.ordinal, c.lane"
    )
    return [(StreamId(reader.node, row["epoch"]), Lane(row["lane"])) for row in rows]


def chain_at(reader: Reader, stream: StreamId, lane: Lane, lane_seq: int) -> bytes:
    """Return the chain value after an entry; before the first it is `GENESIS`.

    Before the cut nobody knows it any more: what is returned then is like no chain value.
    """
    begins = cut(reader, stream, lane)
    if lane_seq <= begins.lane_seq:
        return begins.chain if lane_seq == begins.lane_seq else UNKNOWN
    value: bytes | None = reader.value(
        "SELECT chain FROM _log WHERE epoch = :epoch AND lane = :lane AND lane_seq = :lane_seq",
        epoch=stream.epoch,
        lane=lane,
        lane_seq=lane_seq,
    )
    if value is None:
        raise NotInLog(stream, lane, lane_seq)
    return value


def entries(
    reader: Reader, stream: StreamId, lane: Lane, after: int, max_bytes: int
) -> list[Entry]:
    """Return entries that follow `after`, whole transactions only, of about `max_bytes`.

    One transaction at least comes whole, however large. All entries of one table have one schema,
    because a table's schema never changes within an epoch. Raise `NotInLog` for what was cut off.
    """
    if after < cut(reader, stream, lane).lane_seq:
        raise NotInLog(stream, lane, after + 1)
    found: list[Entry] = []
    size, whole = 0, 0  # bytes so far; how many entries end with their transaction
    while page := _page(reader, stream, lane, after + len(found)):
        for entry in page:
            if found and entry.tx != found[-1].tx:
                whole = len(found)
                if size >= max_bytes:
                    return found
            size += OVERHEAD + len(entry.body or b"")
            if size > max_bytes and whole:
                return found[:whole]
            found.append(entry)
    return found


def after(reader: Reader, seq: int, *, most: int = PAGE) -> list[tuple[StreamId, Lane, Entry]]:
    """Return what was logged after that number, over all lanes: whole transactions of one start."""
    rows = reader.all(AFTER, seq=seq, most=most)
    whole = [row for row in rows if row["epoch"] == rows[0]["epoch"]]
    if len(whole) == most:
        whole = [row for row in whole if row["tx"] != whole[-1]["tx"]]
        if not whole:  # one transaction is larger than that
            return after(reader, seq, most=most * 4)
    bodies = _bodies_elsewhere(reader, whole)
    return [
        (
            StreamId(reader.node, epoch),
            Lane(lane),
            Entry(at, own, tx, table, OPS[op], key, schema, hlc, bodies.get(key, body), *rest),
        )
        for epoch, lane, at, own, tx, table, op, key, schema, hlc, body, *rest in whole
    ]


def acknowledge(
    tx: Transaction, stream: StreamId, lane: Lane, *, have: int, safe: int, centre_epoch: int
) -> None:
    """Move the cursor to what the centre signed.

    Within one epoch of the centre `have` and `safe` never fall: a reply that says less is late. A
    new epoch of the centre may lower them, because it may have been restored.
    """
    if stream.node != tx.node or not _known(tx, stream):
        raise NotInLog(stream, lane, have)
    row = tx.one(
        "SELECT * FROM _cursor WHERE epoch = :epoch AND lane = :lane",
        epoch=stream.epoch,
        lane=lane,
    )
    if row is not None and row["centre_epoch"] == centre_epoch:
        have, safe = max(have, row["have"]), max(safe, row["safe"])
    tx.run(
        "INSERT OR REPLACE INTO _cursor (epoch, lane, have, safe, centre_epoch)"
        " VALUES (?, ?, ?, ?, ?)",
        (stream.epoch, int(lane), have, safe, centre_epoch),
    )
    over = stream.epoch != tx.epoch and drained(tx, stream)
    tx.run("UPDATE _stream SET closed = ? WHERE epoch = ?", (int(over), stream.epoch))
    tx.announce("link")


def ahead(reader: Reader) -> list[tuple[StreamId, Lane]]:
    """Return the lanes of which the centre has more than this file: it comes from an old copy."""
    rows = reader.all("SELECT epoch, lane, have FROM _cursor ORDER BY epoch, lane")
    lanes = [(StreamId(reader.node, row["epoch"]), Lane(row["lane"]), row["have"]) for row in rows]
    return [(stream, lane) for stream, lane, have in lanes if have > last(reader, stream, lane)]


def drained(reader: Reader, stream: StreamId) -> bool:
    """Tell whether the centre has all of a stream."""
    return all(extent.last <= extent.cursor.have for extent in _extents(reader, stream))


def _known(reader: Reader, stream: StreamId) -> bool:
    return bool(reader.value("SELECT 1 FROM _stream WHERE epoch = :epoch", epoch=stream.epoch))


def _extents(reader: Reader, stream: StreamId) -> list[_Extent]:
    return [
        _Extent(lane, end, cursor(reader, stream, lane))
        for lane in Lane
        if (end := last(reader, stream, lane))
    ]


def _time_of(reader: Reader, stream: StreamId, lane: Lane, lane_seq: int) -> int | None:
    hlc: int | None = reader.value(
        "SELECT hlc FROM _log WHERE epoch = :epoch AND lane = :lane AND lane_seq = :lane_seq",
        epoch=stream.epoch,
        lane=lane,
        lane_seq=lane_seq,
    )
    return wall_of(hlc or 0)


def _page(reader: Reader, stream: StreamId, lane: Lane, after: int) -> Sequence[Entry]:
    rows = reader.all(NEXT, epoch=stream.epoch, lane=lane, after=after, page=PAGE)
    bodies = _bodies_elsewhere(reader, rows)
    return [
        Entry(lane_seq, seq, tx, table, OPS[op], key, schema, hlc, bodies.get(key, body), *rest)
        for lane_seq, seq, tx, table, op, key, schema, hlc, body, *rest in rows
    ]


def _bodies_elsewhere(reader: Reader, rows: Sequence[sqlite3.Row]) -> dict[bytes, bytes]:
    """Return by id the bodies that stand in the rows of append-only tables alone.

    An entry of a personal table that has no salt was erased, whatever is left of its row.
    """
    wanted: dict[str, dict[bytes, int]] = {}
    for row in rows:
        table = reader.tables.get(row["tbl"]) if row["body"] is None else None
        erased = table is not None and table.personal and row["salt"] is None
        if table is not None and row["op"] == Op.INSERT and not erased:
            wanted.setdefault(row["tbl"], {})[row["key"]] = row["schema"]
    return {
        key: body
        for name, asked in wanted.items()
        for key, body in _bodies(reader, reader.tables[name], asked)
    }


def _bodies(
    reader: Reader, table: Table, asked: Mapping[bytes, int]
) -> Iterator[tuple[bytes, bytes]]:
    """Give the bodies of the asked ids, each written in its schema.

    What one page asks of a table was born in one go, so it stands together: one range finds it.
    """
    width = {
        schema: sum(column.since <= schema for column in table.columns)
        for schema in set(asked.values())
    }
    names = ", ".join(column.name for column in table.columns)
    born = reader.all(
        f"SELECT id, {names} FROM {table.name} WHERE id BETWEEN :first AND :last",
        first=min(asked),
        last=max(asked),
    )
    for key, *values in born:
        schema = asked.get(key)
        if schema is not None:
            yield key, encode_row(values[: width[schema]])
