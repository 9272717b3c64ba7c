"""Numbers for people: what was shown is remembered outside the database too.

A number is taken in its transaction, so a series has no gaps while one database lives, whatever
kills the process. After the commit and before anybody hears the number, it is written and synced to
a small file beside the database or, better, on a second medium. At start the larger wins: if the
file knows more, the database was restored, and its series go on `GAP` after the file's mark.

The file is written ahead with zeros, so that a mark needs no new block and fits on a full disk. A
line is `crc32 number series`; a line cut by a power failure fails its sum and is skipped, and the
number it held is in the database, which committed first.
"""

import os
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from appliance.errors import VuzolError

GAP: Final = 100
"""Numbers that a series skips after a restore, beyond the last that the file remembers."""

ROOM: Final = 64 * 1024
"""Bytes written ahead of the marks."""


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
    """The file of marks: the greatest number of each series that was shown."""

    def __init__(self, path: Path) -> None:
        """Read what the file remembers; a missing file remembers nothing."""
        self.path = path
        self.marks: dict[str, int] = _read(path)
        self._descriptor = -1
        self._end = 0

    def open(self, marks: Mapping[str, int]) -> None:
        """Start a new file with these marks, and keep it open for more."""
        self.marks = dict(marks)
        text = b"".join(_line(series, number) for series, number in sorted(marks.items()))
        fresh = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text + bytes(ROOM))
            os.fsync(descriptor)
            fresh.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor, self._end = descriptor, len(text)

    def keep(self, marks: Mapping[str, int]) -> None:
        """Write marks and sync them; raise `NumberNotKept` if that fails."""
        text = b"".join(_line(series, number) for series, number in marks.items())
        for series, number in marks.items():
            self.marks[series] = max(number, self.marks.get(series, 0))
        try:
            if self._end + len(text) > os.fstat(self._descriptor).st_size:
                self.open(self.marks)
                return
            os.pwrite(self._descriptor, text, self._end)
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise NumberNotKept(self.path, error.strerror or str(error)) from error
        self._end += len(text)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def reconcile(connection: sqlite3.Connection, marks: Mapping[str, int]) -> list[Restored]:
    """Move on each series that the marks know further than the database, in its transaction."""
    known = series_of(connection)
    restored = [
        Restored(series, known.get(series, 0), mark, mark + GAP + 1)
        for series, mark in sorted(marks.items())
        if mark > known.get(series, 0)
    ]
    for one in restored:
        connection.execute(
            "INSERT INTO _number (series, last) VALUES (?, ?)"
            " ON CONFLICT (series) DO UPDATE SET last = excluded.last",
            (one.series, one.continues_at - 1),
        )
    return restored


def series_of(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the last number of each series in the database."""
    return {row["series"]: row["last"] for row in connection.execute("SELECT * FROM _number")}


def _line(series: str, number: int) -> bytes:
    told = f"{number} {series}".encode()
    return b"%08x %s\n" % (zlib.crc32(told), told)


def _read(path: Path) -> dict[str, int]:
    marks: dict[str, int] = {}
    try:
        lines = path.read_bytes().rstrip(b"\0").split(b"\n")
    except FileNotFoundError:
        return marks
    for line in lines:
        told = line[9:]
        if line[:9] != b"%08x " % zlib.crc32(told):
            continue
        number, _, series = told.decode().partition(" ")
        marks[series] = max(int(number), marks.get(series, 0))
    return marks


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
