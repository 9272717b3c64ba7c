"""Received entries that cannot be applied yet, each with its reason, counted and shown.

The entry itself stays in the inbox; here stands only why it is held. While one entry of a key is
held, later ones of that key queue behind it, so a row never skips a change. A held entry is never
dropped: it waits for its parent, or for a version of the program that understands it.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Self

from appliance.errors import VuzolError
from appliance.store.entries import Entry
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _held (
      place INTEGER PRIMARY KEY AUTOINCREMENT,
      node INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL,
      lane_seq INTEGER NOT NULL, tbl TEXT NOT NULL, key BLOB NOT NULL,
      reason TEXT NOT NULL, told TEXT NOT NULL, parent BLOB, at INTEGER NOT NULL,
      UNIQUE (node, epoch, lane, lane_seq)
    ) STRICT""",
    "CREATE INDEX _held_key ON _held (key)",
    "CREATE INDEX _held_parent ON _held (parent) WHERE parent IS NOT NULL",
    "CREATE INDEX _held_ready ON _held (place) WHERE reason = 'ready'",
)
TOLD_LIMIT: Final = 500
HOLD: Final = """INSERT INTO _held
    (node, epoch, lane, lane_seq, tbl, key, reason, told, parent, at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (node, epoch, lane, lane_seq) DO UPDATE
  SET reason = excluded.reason, told = excluded.told, parent = excluded.parent"""


class Reason(StrEnum):
    """Why an entry is held."""

    WAITING = "waiting"  # for its parent row
    BEHIND = "behind"  # an earlier entry of its key
    READY = "ready"  # nothing stands in its way any more: the next step takes it
    ERASED = "erased"  # c alone came: its erasure is still on its way
    UNKNOWN_TABLE = "unknown_table"
    NEWER_SCHEMA = "newer_schema"
    NEWER_VALUE = "newer_value"  # an enumeration has one that is not known here
    NOT_ITS_OWN = "not_its_own"  # the stream's node may not write that row
    UNREADABLE = "unreadable"
    FAILED = "failed"  # the row or its fold was refused


PATIENT: Final = frozenset({Reason.WAITING, Reason.BEHIND, Reason.READY, Reason.ERASED})
"""What only waits its turn; everything else is quarantine and needs a person or an upgrade."""


class NotItsOwn(VuzolError):
    """A fold has found a row that its node may not write."""

    code: ClassVar[str] = "not_its_own"
    status_hint: ClassVar[int] = 403

    def __init__(self, told: str) -> None:
        super().__init__(told, next_step="find out who holds the key of that node")


@dataclass(frozen=True, slots=True)
class Hold:
    """The decision to hold an entry."""

    reason: Reason
    told: str
    parent: bytes | None = None  # the row that it waits for

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return why a row is held that could not be written, or was refused by its fold."""
        if isinstance(error, NotItsOwn):
            return cls(Reason.NOT_ITS_OWN, error.cause)
        return cls(Reason.FAILED, f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry that is held, and why."""

    place: int
    stream: StreamId
    lane: Lane
    lane_seq: int
    table: str
    key: bytes
    reason: Reason
    told: str
    at: int


def held(reader: Reader, *, most: int = 1000) -> list[Quarantined]:
    """Return what is held, in the order in which it came."""
    rows = reader.all("SELECT * FROM _held ORDER BY place LIMIT :most", most=most)
    return [_read(row) for row in rows]


def ready(reader: Reader, *, most: int) -> list[Quarantined]:
    """Return the entries that nothing stands in the way of any more."""
    rows = reader.all(
        "SELECT * FROM _held WHERE reason = 'ready' ORDER BY place LIMIT :most", most=most
    )
    return [_read(row) for row in rows]


def counts(reader: Reader, *, node: int | None = None) -> dict[Reason, int]:
    """Return how many entries are held for each reason, of one node or of all."""
    rows = reader.all(
        """SELECT reason, count(*) AS n FROM _held
        WHERE :node IS NULL OR node = :node GROUP BY reason""",
        node=node,
    )
    return {Reason(row["reason"]): row["n"] for row in rows}


def stands_before(tx: Transaction, key: bytes, *, place: int | None) -> bool:
    """Tell whether an entry of the key is held that came before `place`; None: before any new."""
    found = tx.value(
        "SELECT 1 FROM _held WHERE key = :key AND (:place IS NULL OR place < :place) LIMIT 1",
        key=key,
        place=place,
    )
    return found is not None


def hold(tx: Transaction, stream: StreamId, lane: Lane, entry: Entry, why: Hold) -> None:
    """Hold an entry; one that is held already keeps its place and gets the new reason."""
    tx.run(
        HOLD,
        (
            stream.node, stream.epoch, int(lane), entry.lane_seq, entry.table, entry.key,
            str(why.reason), why.told[:TOLD_LIMIT], why.parent, tx.now,
        ),
    )  # fmt: skip


def let_go(tx: Transaction, place: int) -> None:
    """Forget a hold: its entry has been applied."""
    tx.run("DELETE FROM _held WHERE place = ?", (place,))


def release(tx: Transaction, key: bytes) -> None:
    """Let be tried again what waited for the row, or queued behind a change of it."""
    tx.run("UPDATE _held SET reason = 'ready', parent = NULL WHERE parent = ?", (key,))
    tx.run("UPDATE _held SET reason = 'ready' WHERE key = ? AND reason = 'behind'", (key,))


def _read(row: sqlite3.Row) -> Quarantined:
    return Quarantined(
        place=row["place"],
        stream=StreamId(row["node"], row["epoch"]),
        lane=Lane(row["lane"]),
        lane_seq=row["lane_seq"],
        table=row["tbl"],
        key=row["key"],
        reason=Reason(row["reason"]),
        told=row["told"],
        at=row["at"],
    )
