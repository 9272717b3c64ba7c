"""Making sure that nobody reads off the card what was erased from the tables.

SQLite overwrites what it deletes (`secure_delete`), but two things are left. The WAL still holds
the pages as they were. And when a page is split, copies of rows that moved to its neighbour stay in
the room between its cells: of 9,000 rows erased in a trial, about ten could still be found so.
Emptying the WAL is quick. Against the copies only writing the whole file anew helps.

A small file is written anew at once, which keeps the writer for about a second. A larger one waits
for the next start of its owner: until then a page may hold a trace, and `_head` says so.
"""

import logging
import sqlite3
from typing import Final

from appliance.store import pragmas
from appliance.store.erasures import LEFT_BEHIND

LOG: Final = logging.getLogger(__name__)
SMALL: Final = 16 << 20
"""Bytes of a file that is written anew while people are served."""

LARGEST: Final = 256 << 20
"""Bytes of a file that is written anew before its owner serves; it goes through the memory once."""

FORGET: Final = "DELETE FROM _head WHERE name = ?"


class Scrubber:
    """Cleans the file after erasures; it is used by the thread that writes, between groups."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.owes = False

    def scrub(self, *, largest: int = SMALL) -> None:
        """Do what can be done now; what cannot is owed until a later group, or the next start."""
        connection = self._connection
        try:
            connection.execute(pragmas.USUAL).fetchall()
            if traces_left(connection) and size_of(connection) <= largest:
                connection.execute("VACUUM")
                connection.execute(FORGET, (LEFT_BEHIND,))
            self.owes = not pragmas.empty_wal(connection)
        except sqlite3.Error as error:  # a full disk, say; the erasure itself is committed
            LOG.warning("what was erased may still stand in free room of the file: %s", error)


def traces_left(connection: sqlite3.Connection) -> bool:
    """Tell whether something was erased since the file was last written anew."""
    found = connection.execute("SELECT 1 FROM _head WHERE name = ?", (LEFT_BEHIND,)).fetchone()
    return found is not None


def size_of(connection: sqlite3.Connection) -> int:
    """Return how many bytes the database has."""
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    return pages * pragmas.PAGE
