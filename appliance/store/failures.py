"""What the disk, SQLite or a closed store refuse, as errors that a person can act on."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from appliance.errors import VuzolError


class StoreClosed(VuzolError):
    """The store answers no more: the process is on its way out."""

    code: ClassVar[str] = "store_closed"
    status_hint: ClassVar[int] = 503

    def __init__(self) -> None:
        super().__init__("the store is closed", next_step="try again when the node is up")


class DiskFull(VuzolError):
    """There is no room for the change."""

    code: ClassVar[str] = "disk_full"
    status_hint: ClassVar[int] = 507

    def __init__(self) -> None:
        super().__init__(
            "the disk is full and nothing was written", next_step="free some space, then try again"
        )


class StoreBusy(VuzolError):
    """Another process holds the database's lock."""

    code: ClassVar[str] = "store_busy"
    status_hint: ClassVar[int] = 503
    retry_after: ClassVar[int] = 5  # seconds

    def __init__(self) -> None:
        super().__init__(
            "another process holds the database and nothing was written",
            next_step="try again; if it lasts, look for a program that opened the file",
        )


class DiskBroken(VuzolError):
    """The disk did not read or write what it was asked to."""

    code: ClassVar[str] = "disk_broken"
    status_hint: ClassVar[int] = 503

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the disk failed ({cause}) and nothing was written",
            next_step="look at the kernel's log, then replace the card",
        )


class FileDamaged(VuzolError):
    """The file is not the database that it should be."""

    code: ClassVar[str] = "file_damaged"
    status_hint: ClassVar[int] = 503

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the database file is damaged ({cause})", next_step="restore it from the last backup"
        )


class AlreadyThere(VuzolError):
    """A row with the same key or the same unique values is there already."""

    code: ClassVar[str] = "already_there"
    status_hint: ClassVar[int] = 409

    def __init__(self, cause: str) -> None:
        super().__init__(cause, next_step="read the row that is there")


class RuleBroken(VuzolError):
    """A row breaks a rule that its table declares."""

    code: ClassVar[str] = "rule_broken"
    status_hint: ClassVar[int] = 422

    def __init__(self, cause: str) -> None:
        super().__init__(cause, next_step="send values that the table allows")


TROUBLES: Final = (DiskFull, StoreBusy, DiskBroken, FileDamaged)
"""What is wrong with the disk or the file, whatever the verb was."""

SAME: Final = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    }
)


FAILURES: Final[Mapping[int, Callable[[sqlite3.Error], VuzolError]]] = {
    sqlite3.SQLITE_CONSTRAINT: lambda error: RuleBroken(str(error)),
    sqlite3.SQLITE_FULL: lambda _: DiskFull(),
    sqlite3.SQLITE_BUSY: lambda _: StoreBusy(),
    sqlite3.SQLITE_LOCKED: lambda _: StoreBusy(),
    sqlite3.SQLITE_IOERR: lambda error: DiskBroken(error.sqlite_errorname),
    sqlite3.SQLITE_CANTOPEN: lambda error: DiskBroken(error.sqlite_errorname),
    sqlite3.SQLITE_READONLY: lambda error: DiskBroken(error.sqlite_errorname),
    sqlite3.SQLITE_CORRUPT: lambda error: FileDamaged(error.sqlite_errorname),
    sqlite3.SQLITE_NOTADB: lambda error: FileDamaged(error.sqlite_errorname),
}


def translated(error: BaseException) -> BaseException:
    """Return the error to raise for what SQLite said; a mistake in our own SQL stays as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in SAME:
        return AlreadyThere(str(error))
    told = FAILURES.get(code & 0xFF)
    return told(error) if told else error
