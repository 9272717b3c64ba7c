"""The files of a carrier: a stick, a card, a folder. Nothing here knows what a bundle means.

Promise: a file has its own name only when all of it was on the medium; `verify` reads back what the
medium holds, not what memory remembers. A stick that is full, locked or pulled out is one sentence,
and leaves nothing but files that end in `.tmp`, which the next write clears away.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from appliance.errors import VuzolError
from sync import bundles

CHUNK: Final = 256 << 10
MOST_FILES: Final = 5000
"""Files of ours that one folder is looked through for."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LOCKED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
READABLE: Final = 0o644
"""What is sealed may be read by anybody: on some media the other end's user has another number."""


class StickFull(VuzolError):
    """The medium has no room for the bundle."""

    code: ClassVar[str] = "stick_full"
    status_hint: ClassVar[int] = 507

    def __init__(self) -> None:
        super().__init__(
            "the stick is full, so the bundle is not on it",
            next_step="make room or take another one, and write again; nothing is lost here",
        )


class StickLocked(VuzolError):
    """The medium may not be written or read."""

    code: ClassVar[str] = "stick_locked"
    status_hint: ClassVar[int] = 409

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the stick may only be read, or not even that ({why})",
            next_step="move its write lock or take another one; nothing is lost here",
        )


class StickGone(VuzolError):
    """The medium does not answer any more, or was never there."""

    code: ClassVar[str] = "stick_gone"
    status_hint: ClassVar[int] = 409

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the stick is not there or was pulled out ({why})",
            next_step="plug it in and start again from the beginning; nothing is lost here",
        )


class StickLies(VuzolError):
    """The medium gave back other bytes than were written."""

    code: ClassVar[str] = "stick_lies"
    status_hint: ClassVar[int] = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the stick gave {name} back with other bytes than were written",
            next_step="it is broken: take another one and write again; nothing is lost here",
        )


@dataclass(frozen=True, slots=True)
class Mounted:
    """A stick that is plugged in."""

    name: str
    path: Path
    free: int  # bytes
    files: int  # bundles on it


class Folder:
    """One folder of a carrier, held open: if the stick goes, nothing lands on the disk below it."""

    def __init__(self, path: Path) -> None:
        """Open it; raise `StickGone` or `StickLocked`."""
        self.path = path
        with _told():
            self._at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # a stick that is gone has nothing to close
            os.close(self._at)

    def names(self) -> list[str]:
        """Return the names of bundles, whole or half written, in order."""
        with _told():
            here = os.listdir(self._at)  # noqa: PTH208 - of the folder that is held open
        return sorted(name for name in here if bundles.is_name(name))

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, all of it or nothing; it is on the medium when this returns."""
        half = name.removesuffix(bundles.SUFFIX) + bundles.HALF
        with _told():
            try:
                self._fill(half, data)
                os.rename(half, name, src_dir_fd=self._at, dst_dir_fd=self._at)
            except OSError:
                with suppress(OSError):
                    os.unlink(half, dir_fd=self._at)
                raise
            os.fsync(self._at)

    def verify(self, name: str, digest: bytes) -> None:
        """Read a file back from the medium; raise `StickLies` if it is not what was written."""
        if hashlib.sha256(self.read(name)).digest() != digest:
            raise StickLies(name)

    def read(self, name: str) -> bytes:
        """Return a file's bytes; raise `BadBundle` for what cannot be a file of ours."""
        with _told():
            return contents(name, at=self._at)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        with _told(), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._at)

    def sync(self) -> None:
        """Put what was removed and renamed on the medium."""
        with _told():
            os.fsync(self._at)

    def _fill(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, READABLE, dir_fd=self._at)
        try:
            with suppress(OSError):  # FAT knows no such thing
                os.fchmod(file, READABLE)
            left = memoryview(data)
            while left:
                left = left[os.write(file, left[:CHUNK]) :]
            os.fsync(file)
        finally:
            os.close(file)


def contents(name: "str | Path", *, at: int | None = None) -> bytes:
    """Return the bytes of a regular file as the medium holds them; memory is asked to forget it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=at)
    try:
        told = os.fstat(file)
        if not stat.S_ISREG(told.st_mode) or told.st_size > bundles.LARGEST_FILE:
            raise bundles.BadBundle("it is no plain file, or too large")
        with suppress(OSError):  # a file system that cannot forget has nothing to be asked
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        return b"".join(_chunks(file))
    finally:
        os.close(file)


def found(paths: Iterable[Path]) -> list[Path]:
    """Return the bundles that are named, and those in the folders that are named."""
    with _told():
        here = [one for path in paths for one in _each(path)]
    return here[:MOST_FILES]


def mounted(folder: str) -> list[Mounted]:
    """Return the sticks that are mounted right under a folder; a bare folder there is none."""
    here = []
    for path in sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else ():
        with suppress(OSError):
            if path.name.isprintable() and path.is_mount():
                told = os.statvfs(path)
                free = told.f_bavail * told.f_frsize
                here.append(Mounted(path.name, path, free, len(list(_each(path)))))
    return here


def read(path: Path) -> bytes:
    """Return the bytes of a file; raise `BadBundle` for what cannot be one of ours."""
    with _told():
        return contents(path)


def _each(path: Path) -> Iterator[Path]:
    if not stat.S_ISDIR(path.stat().st_mode):
        yield path
        return
    for found in sorted(path.iterdir()):
        if bundles.is_name(found.name) and found.name.lower().endswith(bundles.SUFFIX):
            yield found


def _chunks(file: int) -> Iterator[bytes]:
    left = bundles.LARGEST_FILE
    while left > 0 and (read := os.read(file, min(CHUNK, left))):
        yield read
        left -= len(read)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the medium refuses into one sentence."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in FULL:
            raise StickFull from error
        if error.errno in LOCKED:
            raise StickLocked(why) from error
        raise StickGone(why) from error
