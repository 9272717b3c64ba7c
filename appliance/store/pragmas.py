"""The pragmas of every connection to a database file, and why each has its value.

No other module sets one.
"""

import sqlite3
from pathlib import Path
from typing import Final

BUSY_SECONDS: Final = 5.0
"""How long a statement waits for another process's lock before the caller hears `StoreBusy`."""

PAGE: Final = 4096

WRITER: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL loses the last commits when power fails
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = FAST",  # overwrites what is gone, where that costs no page more
    "PRAGMA cache_size = -4096",  # KiB; the index pages that a busy day touches
    "PRAGMA wal_autocheckpoint = 1000",  # pages; the writer is the only one that checkpoints
    "PRAGMA journal_size_limit = 16777216",  # a long reader must not leave a WAL that fills a card
    "PRAGMA temp_store = MEMORY",  # a card wears out
    "PRAGMA trusted_schema = OFF",
)
READER: Final = (
    "PRAGMA query_only = ON",
    "PRAGMA cache_size = -512",  # KiB for each of a few pooled connections
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)

COPIER: Final = (
    "PRAGMA journal_mode = OFF",  # a copy that was cut off is thrown away
    "PRAGMA synchronous = OFF",  # who copies syncs the file, in small parts
    "PRAGMA cache_size = -1024",  # KiB; what is more is written out at once
)

MIRROR: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # a mirror that loses power is made anew
    "PRAGMA wal_autocheckpoint = 0",  # who replicates it is the one that checkpoints
    "PRAGMA foreign_keys = OFF",
    "PRAGMA cache_size = -4096",
    "PRAGMA trusted_schema = OFF",
)


def open_writer(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the one connection that writes; only the owner of the file may call it."""
    return _opened(f"file:{_quoted(path)}?mode=rwc", WRITER, busy_seconds)


def open_reader(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection that can't write."""
    return _opened(f"file:{_quoted(path)}?mode=ro", READER, busy_seconds)


THOROUGH: Final = "PRAGMA secure_delete = ON"
"""For the transaction of an erasure: whole pages that become free are overwritten too. To make room
on a full disk in that way would take as much room again in the WAL."""

USUAL: Final = "PRAGMA secure_delete = FAST"


def empty_wal(connection: sqlite3.Connection) -> bool:
    """Carry the WAL into the file and cut it to nothing; False if a reader still needs it.

    It does not wait for the reader: people at the counters would wait with it.
    """
    patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0").fetchall()
    try:
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}").fetchall()


def open_copy(path: Path) -> sqlite3.Connection:
    """Open a copy that nobody writes; nothing is made beside it, not even on a full medium."""
    checks = (*READER, "PRAGMA cell_size_check = ON")
    return _opened(copy_uri(path), checks, BUSY_SECONDS)


def copy_uri(path: Path) -> str:
    """Return how to name a copy that nobody writes, to attach it."""
    return f"file:{_quoted(path)}?mode=ro&immutable=1"


def open_mirror(path: Path) -> sqlite3.Connection:
    """Open a mirror that is there."""
    return _opened(f"file:{_quoted(path)}?mode=rw", MIRROR, BUSY_SECONDS)


def open_empty(path: Path) -> sqlite3.Connection:
    """Open a new file that takes a copy in."""
    return _opened(f"file:{_quoted(path)}?mode=rw", COPIER, BUSY_SECONDS)


def _opened(uri: str, pragmas: tuple[str, ...], busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    try:
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
