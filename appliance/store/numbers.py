"""Numbers for people: what was shown is remembered outside the database too.

A number is taken in its transaction, so a series has no gaps while one database lives, whatever
kills the process. After the commit and before anybody hears the number, it is written and synced to
a small file beside the database or, better, on a second medium. At start the larger wins: if the
file knows more, the database was restored, and its series go on `GAP` after the file's mark. That
is owed to people as news: it stands in `_restored`, written with the repair, until a verb tells it.

The file is written ahead with zeros, so that a mark needs no new block and fits on a full disk. A
line is `crc32 number series`; a line cut by a power failure fails its sum and is skipped, and the
number it held is in the database, which committed first.

No series is ever forgotten, however old. A service day is a count that goes on from the database's
last one, so a database from a copy of a year ago counts that year's days again, and only these
marks know which of their numbers people have in their hands. It costs little: six letters on every
day of ten years are 22,000 series, 0.7 MB here and 0.7 MB in the database (70 KB a year each). They
take 0.2 s of a start, 4 MB of memory, and 30 ms once in 1,900 numbers, when the room is used up.
"""

import logging
import os
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _restored (
      series TEXT PRIMARY KEY, database INTEGER NOT NULL, mark INTEGER NOT NULL,
      continues_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

GAP: Final = 100
"""Numbers that a series skips after a restore, beyond the last that the file remembers."""

ROOM: Final = 64 * 1024
"""Bytes written ahead of the marks."""

logger = logging.getLogger(__name__)


class NumberNotKept(VuzolError):
    """A number was committed, and its mark outside the database was not."""

    code: ClassVar[str] = "number_not_kept"
    status_hint: ClassVar[int] = 503

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"{path} could not be written ({cause}), so the number is not shown yet",
            next_step="repeat the request: it keeps its number",
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class Restored:
    """A series whose database came back from a copy."""

    series: str
    database: int  # the last number that the restored database knew
    mark: int  # the last number that anybody was shown
    continues_at: int


class HighWater:
    """The file of marks: the greatest number of each series that was shown.

    It is kept in the first folder that can be written; the others are where it goes when that one
    is pulled out, fills up or breaks.
    """

    def __init__(self, folders: Sequence[Path], name: str) -> None:
        """Read what the files remember; a missing file remembers nothing."""
        self._paths = tuple(folder / name for folder in folders)
        self.marks: dict[str, int] = {}
        for path in self._paths:
            _take_in(self.marks, path)
        self.path = self._paths[0]
        self._descriptor = -1
        self._end = self._size = 0

    @property
    def displaced(self) -> bool:
        """Tell whether the marks are not where they were wanted."""
        return self.path != self._paths[0]

    @property
    def owes(self) -> bool:
        """Tell whether there are marks that no folder took, the last time that it was tried."""
        return self._descriptor < 0

    def open(self, marks: Mapping[str, int]) -> None:
        """Begin a new file with these marks; raise `NumberNotKept` if no folder takes it."""
        self.marks = dict(marks)
        self._anywhere(self._paths)

    def keep(self, marks: Mapping[str, int]) -> None:
        """Write marks and sync them; raise `NumberNotKept` if no folder takes them."""
        self.marks.update(marks)
        text = b"".join(_line(series, number) for series, number in marks.items())
        if self.owes or self._end + len(text) > self._size:
            self._anywhere(self._paths)
            return
        try:
            os.pwrite(self._descriptor, text, self._end)
            os.fdatasync(self._descriptor)
        except OSError as error:
            logger.warning("%s: %s; the marks move on", self.path, error.strerror)
            self._anywhere([path for path in self._paths if path != self.path])
        else:
            self._end += len(text)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._end = self._size = 0

    def _anywhere(self, paths: Sequence[Path]) -> None:
        failed: OSError | None = None
        for path in paths:
            try:
                self._begin(path)
            except OSError as error:
                logger.warning("%s: %s", path, error.strerror)
                failed = error
            else:
                return
        self.close()
        raise NumberNotKept(self.path, str(failed or "there is no other folder"))

    def _begin(self, path: Path) -> None:
        """Write all marks to a new file, and let it take the old one's place when it is safe."""
        text = b"".join(_line(series, number) for series, number in sorted(self.marks.items()))
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("wb") as file:
            file.write(text + bytes(ROOM))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.close()
        self._descriptor, self.path = descriptor, path
        self._end, self._size = len(text), len(text) + ROOM


def reconcile(connection: sqlite3.Connection, marks: Mapping[str, int]) -> list[Restored]:
    """Move on each series that the marks know further than the database, in its transaction.

    Return all that nobody has told yet: also what an earlier start found, and died.
    """
    known = series_of(connection)
    for series, mark in sorted(marks.items()):
        database = known.get(series, 0)
        if mark > database:
            _move_on(connection, Restored(series, database, mark, mark + GAP + 1))
    owed = connection.execute("SELECT * FROM _restored ORDER BY series")
    return [Restored(*row) for row in owed]


def forget_restored(tx: Transaction) -> None:
    """Owe nobody the news of a restored series any more; for the verb that tells it."""
    tx.run("DELETE FROM _restored")


def _move_on(connection: sqlite3.Connection, one: Restored) -> None:
    connection.execute(
        "INSERT INTO _number (series, last) VALUES (?, ?)"
        " ON CONFLICT (series) DO UPDATE SET last = excluded.last",
        (one.series, one.continues_at - 1),
    )
    connection.execute(
        "INSERT OR REPLACE INTO _restored (series, database, mark, continues_at)"
        " VALUES (?, ?, ?, ?)",
        (one.series, one.database, one.mark, one.continues_at),
    )


def series_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the last number of each series in the database."""
    return {row["series"]: row["last"] for row in connection.execute("SELECT * FROM _number")}


def _line(series: str, number: int) -> bytes:
    told = f"{number} {series}".encode()
    return b"%08x %s\n" % (zlib.crc32(told), told)


def _take_in(marks: dict[str, int], path: Path) -> None:
    """Add what a file remembers; the larger wins."""
    try:
        lines = path.read_bytes().rstrip(b"\0").split(b"\n")
    except OSError:  # not there yet, or a medium that is not plugged in
        return
    for line in lines:
        told = line[9:]
        if line[:9] == b"%08x " % zlib.crc32(told):
            number, _, series = told.decode().partition(" ")
            marks[series] = max(int(number), marks.get(series, 0))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
