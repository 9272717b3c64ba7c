"""What a transaction adds to the log: entries, their numbers, and the chain of each lane.

The heads live in memory, because the writer is alone and every start of it opens a new epoch, whose
lanes begin at nothing. A job works on a copy of them, which counts only if the job does: so neither
a job undone by its savepoint nor a group that was lost leaves a hole.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store.entries import GENESIS, Op, chained, commitment
from appliance.store.ids import StreamId
from appliance.store.statements import Statements

LARGEST: Final = 256 * 1024
"""Bytes of bodies that one transaction may log: a batch holds whole transactions."""

SALT: Final = 16
INSERT: Final = (
    "INSERT INTO _log (seq, tx, epoch, lane, lane_seq, tbl, op, key, schema, hlc, body, salt,"
    " commitment, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class TransactionTooLarge(VuzolError):
    """One verb wrote more than one batch may carry."""

    code: ClassVar[str] = "transaction_too_large"
    status_hint: ClassVar[int] = 413

    def __init__(self, size: int) -> None:
        super().__init__(
            f"one change would log {size} bytes, and {LARGEST} are allowed",
            next_step="make it in several parts",
        )


@dataclass(slots=True)
class Heads:
    """Where the log of this epoch ends."""

    seq: int  # the last number given, to an entry or to a row of the centre
    lanes: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # lane_seq, chain

    def copy(self) -> "Heads":
        """Return heads that can go on alone."""
        return Heads(self.seq, dict(self.lanes))


class Journal:
    """The entries of one job, in memory until the job has done all its work."""

    def __init__(
        self, stream: StreamId, heads: Heads, hlc: int, entropy: Callable[[int], bytes]
    ) -> None:
        self._stream = stream
        self._heads = heads
        self._hlc = hlc
        self._entropy = entropy
        self._tx = 0
        self._size = 0
        self.rows: list[tuple[object, ...]] = []

    def next_seq(self) -> int:
        """Give a number that no row and no entry of this file has had."""
        self._heads.seq += 1
        return self._heads.seq

    def log(self, statements: Statements, op: Op, seq: int, key: bytes, body: bytes | None) -> None:
        """Write down one change of one row."""
        self._size += len(body or b"")
        if self._size > LARGEST:
            raise TransactionTooLarge(self._size)
        table, schema = statements.table, statements.schema
        lane = int(table.lane or 0)
        lane_seq, previous = self._heads.lanes.get(lane, (0, GENESIS))
        lane_seq += 1
        salted = table.personal and body is not None and op is not Op.ERASE
        salt = self._entropy(SALT) if salted else None
        bound = commitment(salt, body)
        chain = chained(
            previous,
            (*self._stream, lane, lane_seq, table.name, int(op), key, self._hlc, schema, bound),
        )
        self._heads.lanes[lane] = (lane_seq, chain)
        self._tx = self._tx or seq
        kept = None if table.append_only and op is Op.INSERT else body
        self.rows.append(
            (seq, self._tx, self._stream.epoch, lane, lane_seq, table.name, int(op), key, schema,
             self._hlc, kept, salt, bound, chain)
        )  # fmt: skip

    def forget(self, table: str, keys: frozenset[bytes]) -> None:
        """Take body and salt out of what the job itself has written of these rows."""
        self.rows = [
            (*row[:10], None, None, *row[12:]) if row[5] == table and row[7] in keys else row
            for row in self.rows
        ]

    def write(self, connection: sqlite3.Connection) -> None:
        """Put the entries into the log, in the job's own savepoint."""
        if self.rows:
            connection.executemany(INSERT, self.rows)
