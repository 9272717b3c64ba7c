"""The epochs of one file: each start of its owner opens a new stream.

So no copy of a file, however it was made, can issue an id again that the original has issued.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.store.ids import StreamId
from appliance.store.reader import Reader

EPOCH_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the owner."""

    stream: StreamId
    parent: int | None  # the epoch of the start before, as the file remembers it
    parent_last_seq: int
    opened_at: int
    closed: bool  # all of it is at the centre, and it is over


def open_epoch(
    connection: sqlite3.Connection, *, last_seq: int, at: int, entropy: Callable[[int], bytes]
) -> int:
    """Record a new random epoch inside the caller's transaction, and return it."""
    known = {row["epoch"] for row in connection.execute("SELECT epoch FROM _stream")}
    parent = connection.execute(
        "SELECT epoch FROM _stream ORDER BY ordinal DESC LIMIT 1"
    ).fetchone()
    epoch = 0
    while epoch == 0 or epoch in known:
        epoch = int.from_bytes(entropy(EPOCH_BYTES), "big")
    connection.execute(
        "INSERT INTO _stream (epoch, parent, parent_last_seq, opened_at) VALUES (?, ?, ?, ?)",
        (epoch, parent["epoch"] if parent else None, last_seq, at),
    )
    return epoch


def starts(reader: Reader, *, open_only: bool = False) -> list[Start]:
    """Return the starts of this file, oldest first."""
    which = "WHERE closed = 0" if open_only else ""
    return [
        Start(
            StreamId(reader.node, row["epoch"]),
            row["parent"],
            row["parent_last_seq"],
            row["opened_at"],
            bool(row["closed"]),
        )
        for row in reader.all(f"SELECT * FROM _stream {which} ORDER BY ordinal")
    ]
