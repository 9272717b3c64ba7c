"""How long a log keeps its entries, and what goes first when the disk runs low.

Purging takes what is safe: acknowledged, covered by the centre's last verified backup, and older
than its table keeps it by a good clock. On any other clock nothing expires. Thinning is for a disk
that runs low: it takes, lane after lane, what the centre has on its disk, whatever its age. Alarms,
tickets, cases and audit lines are never thinned, and what was not sent yet is never taken at all.

The chain value at the cut stays, so verification goes on from there. Rows of the typed tables stay;
only in lanes of measurements and media they go with their entries, for there the row is the bulk.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from appliance.store import log
from appliance.store.clock import COUNTER_BITS, EARLIEST, ClockQuality
from appliance.store.entries import Op
from appliance.store.ids import StreamId
from appliance.store.pragmas import PAGE
from appliance.store.reader import Reader
from appliance.store.tables import KEPT_DAYS, Lane
from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _log_cut (
      epoch INTEGER NOT NULL, lane INTEGER NOT NULL, lane_seq INTEGER NOT NULL,
      chain BLOB NOT NULL, PRIMARY KEY (epoch, lane)
    ) STRICT, WITHOUT ROWID""",
)
DAY_MS: Final = 24 * 3600 * 1000
AT_ONCE: Final = 1000
"""Entries that one transaction takes away: well under 50 ms."""

THINNED: Final = (Lane.BACKUP, Lane.MEDIA, Lane.SIGHTINGS, Lane.READINGS, Lane.STATE)
"""The lanes that give way on a full disk, in this order. No other lane ever does."""

BULKY: Final = frozenset(THINNED) - {Lane.STATE}
"""Lanes whose rows go with their entries."""

LOW_SHARE: Final = 10
ALWAYS_ENOUGH: Final = 512 << 20
"""The disk is low with less than a tenth of it free; so many bytes are enough on any disk."""

NEXT: Final = """SELECT lane_seq, tbl, op, key, hlc FROM _log
  WHERE epoch = :epoch AND lane = :lane AND lane_seq <= :upto ORDER BY lane_seq LIMIT :most"""
CUT: Final = "INSERT OR REPLACE INTO _log_cut (epoch, lane, lane_seq, chain) VALUES (?, ?, ?, ?)"
DROP: Final = "DELETE FROM _log WHERE epoch = ? AND lane = ? AND lane_seq <= ?"
REMEMBER: Final = """INSERT INTO _head (name, value) VALUES ('hlc', ?)
  ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"""

Safe = Callable[[Reader, StreamId, Lane], int]
"""Tells up to which entry of a lane the centre's last verified backup covers it."""


class Dated(NamedTuple):
    """What the rules look at of an entry, in the order of its lane."""

    lane_seq: int
    at: int  # ms; of its hybrid time, which never runs backwards in a stream
    keep_days: int


def signed(reader: Reader, stream: StreamId, lane: Lane) -> int:
    """Return what the centre itself has signed as safe: nothing, as long as it says nothing."""
    return log.cursor(reader, stream, lane).safe


# Rules


def purgeable(found: Iterable[Dated], *, now: int, quality: ClockQuality) -> int:
    """Return the last of these safe entries that may go; 0 if none may.

    An entry from before the clock was set is older than the next one that has a time.
    """
    last = 0
    for entry in found if quality.good else ():
        if entry.at < EARLIEST:
            continue
        if now - entry.at <= max(KEPT_DAYS, entry.keep_days) * DAY_MS:
            break
        last = entry.lane_seq
    return last


def is_low(free: int, total: int) -> bool:
    """Tell whether the disk runs low."""
    return free < min(total // LOW_SHARE, ALWAYS_ENOUGH)


def to_thin(gives: Mapping[Lane, int], *, free: int, total: int) -> Lane | None:
    """Return the lane that gives way now; None if the disk has room, or nothing is left to take.

    `gives` is how many entries of each lane the centre has and this file still holds.
    """
    if not is_low(free, total):
        return None
    return next((lane for lane in THINNED if gives.get(lane, 0) > 0), None)


# Verbs


def purge(tx: Transaction, *, safe: Safe = signed, most: int = AT_ONCE) -> int:
    """Take away what is safe and past its time; return how many entries, 0 when all is done."""
    if not tx.clock_quality.good:
        return 0
    taken = 0
    for stream in _holding(tx):
        for lane in Lane:
            have = log.cursor(tx, stream, lane).have
            upto = min(have, safe(tx, stream, lane))
            found = _oldest(tx, stream, lane, upto, most - taken)
            dated = (_dated(tx, row) for row in found)
            last = purgeable(dated, now=tx.now, quality=tx.clock_quality)
            taken += _cut(tx, stream, lane, [row for row in found if row["lane_seq"] <= last])
            if taken >= most:
                return taken
    return taken


def spare_bytes(reader: Reader) -> int:
    """Return the room inside the file, which stays as long when something is taken away."""
    return int(reader.value("PRAGMA freelist_count")) * PAGE


def thinnable(reader: Reader) -> dict[Lane, int]:
    """Return how many entries each lane could give that may be thinned at all."""
    given = dict.fromkeys(THINNED, 0)
    for stream in _holding(reader):
        for lane in THINNED:
            have = log.cursor(reader, stream, lane).have
            upto = min(have, log.last(reader, stream, lane))
            given[lane] += max(0, upto - log.cut(reader, stream, lane).lane_seq)
    return given


def thin(tx: Transaction, lane: Lane, *, most: int = AT_ONCE) -> int:
    """Take away the oldest entries of a lane that the centre has; return how many.

    Raise `ValueError` for a lane that is never thinned.
    """
    if lane not in THINNED:
        raise ValueError(f"{lane.label} is never thinned")
    taken = 0
    for stream in _holding(tx):
        have = log.cursor(tx, stream, lane).have
        found = _oldest(tx, stream, lane, have, most - taken)
        if lane in BULKY:
            _drop_rows(tx, found)
        taken += _cut(tx, stream, lane, found)
        if taken >= most:
            break
    return taken


def _holding(reader: Reader) -> list[StreamId]:
    """Return the streams of which the log holds anything, oldest first."""
    rows = reader.all(
        """SELECT epoch FROM _stream s
        WHERE EXISTS (SELECT 1 FROM _log WHERE epoch = s.epoch) ORDER BY ordinal"""
    )
    return [StreamId(reader.node, row["epoch"]) for row in rows]


def _oldest(
    tx: Transaction, stream: StreamId, lane: Lane, upto: int, most: int
) -> list[sqlite3.Row]:
    if upto <= 0:
        return []
    return tx.all(NEXT, epoch=stream.epoch, lane=int(lane), upto=upto, most=most)


def _dated(tx: Transaction, row: sqlite3.Row) -> Dated:
    table = tx.tables.get(row["tbl"])
    keep_days = KEPT_DAYS if table is None else table.keep_days
    return Dated(row["lane_seq"], row["hlc"] >> COUNTER_BITS, keep_days)


def _cut(tx: Transaction, stream: StreamId, lane: Lane, gone: Sequence[sqlite3.Row]) -> int:
    """Take entries away from the beginning of a lane, and keep the chain value where they end."""
    if gone:
        last = gone[-1]["lane_seq"]
        chain = log.chain_at(tx, stream, lane, last)
        tx.run(CUT, (stream.epoch, int(lane), last, chain))
        tx.run(REMEMBER, (gone[-1]["hlc"],))  # the hybrid clock goes on from what it once said
        tx.run(DROP, (stream.epoch, int(lane), last))
    return len(gone)


def _drop_rows(tx: Transaction, found: Sequence[sqlite3.Row]) -> None:
    """Take away the rows that were born by these entries."""
    born: dict[str, list[bytes]] = {}
    for row in found:
        if row["op"] == Op.INSERT and row["tbl"] in tx.tables:
            born.setdefault(row["tbl"], []).append(row["key"])
    for name, keys in born.items():
        tx.run_many(f"DELETE FROM {name} WHERE id = ? AND own = 1", [(key,) for key in keys])
        tx.announce(tx.tables[name].room)
