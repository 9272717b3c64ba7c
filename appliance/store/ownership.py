"""One owner process for each database file, by an exclusive lock on FILE.owner.

The lock is taken before the file is opened and given back after its writer has stopped, so that
two writers never meet, not even for the seconds of a restart.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import ClassVar, Final, Self

from appliance.errors import VuzolError

PATIENCE: Final = 10.0
"""Seconds that a second owner waits for the first to leave: as long as a drain may take."""

PAUSE: Final = 0.05


class AlreadyOwned(VuzolError):
    """Another process owns the database file."""

    code: ClassVar[str] = "already_owned"
    status_hint: ClassVar[int] = 503

    def __init__(self, path: Path, owner: str, patience: float) -> None:
        super().__init__(
            f"{path} belongs to process {owner or 'unknown'}, which kept it for {patience:g} s",
            next_step="stop that process, then start this one again",
        )
        self.path = path
        self.owner = owner


class Ownership:
    """The right to open one file. It ends with `release`, or with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, *, patience: float = PATIENCE) -> Self:
        """Wait for the file to be free; raise `AlreadyOwned` when patience is over."""
        descriptor = os.open(f"{path}.owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait(descriptor, path, patience)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let the next owner in; call it only after the writer has stopped."""
        if self._descriptor >= 0:
            os.close(self._descriptor)  # which gives the lock back
            self._descriptor = -1


def _wait(descriptor: int, path: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while not _locked(descriptor):
        if time.monotonic() >= until:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise AlreadyOwned(path, owner, patience)
        time.sleep(PAUSE)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
