"""The folder on the second medium where copies stand, each with its card.

    000042.new    a copy that is being written; if it is found later, it was cut off
    000042.db     the copy, synced
    000042.json   its card, written last: without it the copy does not count
    000042.tail   what was logged after the copy

Every file is written under another name, synced, renamed, and its folder is synced: after a power
cut there is the old state or the new one. The folder is for its owner alone.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.store.ids import node_name
from sync.backup.model import Copy, Medium

LOG: Final = logging.getLogger(__name__)
FOLDER: Final = "vuzol-backup"
MARGIN: Final = 4 << 20
"""Bytes that a copy leaves free on the medium: marks and tails must find room."""

CHUNK: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


class NoMedium(VuzolError):
    """There is no second medium that could be used."""

    code: ClassVar[str] = "no_second_medium"
    status_hint: ClassVar[int] = 503

    def __init__(self, cause: str) -> None:
        super().__init__(cause, next_step="plug the second medium in and mount it there")


class MediumFull(VuzolError):
    """The medium has no room for one more copy, even without the old ones."""

    code: ClassVar[str] = "second_medium_full"
    status_hint: ClassVar[int] = 507

    def __init__(self, folder: Path, needed: int) -> None:
        super().__init__(
            f"{folder} has no room for a copy of {needed} bytes",
            next_step="remove other files from the second medium, or take a larger one",
        )


class NotTheBytes(VuzolError):
    """A copy is not what was written: the medium has lost or changed some of it."""

    code: ClassVar[str] = "copy_changed"
    status_hint: ClassVar[int] = 500

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the copy {path} is not what was written",
            next_step="use another copy, and put a new medium in place of this one",
        )
        self.path = path
        self.reason = "it is not what was written"


class Shelf:
    """The copies of one node on one medium."""

    def __init__(self, medium: Path, name: str) -> None:
        """Nothing is touched yet."""
        self.medium = medium
        self.folder = medium / FOLDER / name

    def make(self) -> None:
        """Make the folder; raise `NoMedium` if the medium is not there."""
        if not self.medium.is_dir():
            raise NoMedium(f"{self.medium} is not there")
        try:
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise NoMedium(f"{self.medium} cannot be written ({error.strerror})") from error

    def copies(self) -> list[Copy]:
        """Return the copies that count, the oldest first; a card that cannot be read is none."""
        return sorted(self._cards(), key=lambda one: one.number)

    def _cards(self) -> Iterator[Copy]:
        for card in self.folder.glob("*.json"):
            try:
                yield Copy.read(card.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                LOG.warning("%s is no card of a copy: %s", card, error)

    def database(self, copy: Copy) -> Path:
        """Return where the copy itself is."""
        return self.folder / f"{copy.name}.db"

    def tail(self, copy: Copy) -> Path:
        """Return where stands what was logged after it."""
        return self.folder / f"{copy.name}.tail"

    def next_number(self) -> int:
        """Return a number that no file here has."""
        taken = [int(path.stem) for path in self.folder.glob("*.*") if path.stem.isdecimal()]
        return max(taken, default=0) + 1

    def draft(self, number: int) -> Path:
        """Return where to write a new copy."""
        return self.folder / f"{number:06d}.new"

    def keep(self, copy: Copy) -> None:
        """Let a draft that is written and synced count as a copy."""
        self.draft(copy.number).replace(self.database(copy))
        self.put_card(copy)

    def put_card(self, copy: Copy) -> None:
        """Write the card of a copy, in the place of the one that it has."""
        written(self.folder / f"{copy.name}.json", copy.card().encode())

    def drop(self, copy: Copy) -> None:
        """Forget a copy: first its card, so that it counts no more."""
        for ending in ("json", "tail", "db"):
            (self.folder / f"{copy.name}.{ending}").unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what was cut off: drafts, and files without a card."""
        cards = {card.stem for card in self.folder.glob("*.json")}
        for path in list(self.folder.iterdir()):
            cut = path.suffix == ".new" or (path.suffix == ".db" and path.stem not in cards)
            if cut and path.is_file():
                path.unlink(missing_ok=True)

    def room(self) -> int:
        """Return the bytes that a copy may take now."""
        usage = os.statvfs(self.medium)
        return max(0, usage.f_bavail * usage.f_frsize - MARGIN)


def of(config: Config) -> Shelf | None:
    """Return the shelf that the settings name; None if there is no second medium."""
    medium, node = config.node.second_medium, config.node.number
    return Shelf(Path(medium), f"{config.hromada.id}-{node_name(node)}") if medium else None


def named(config: Config) -> Shelf:
    """Return the shelf that the settings name; raise `NoMedium` if they name none."""
    found = of(config)
    if found is None:
        raise NoMedium("node.second_medium is empty: there is nowhere to restore from")
    return found


def standing(shelf: Shelf | None, data: Path) -> Medium:
    """Return how the medium stands, apart from its room."""
    if shelf is None:
        return Medium.NONE
    try:
        there, here = shelf.medium.stat(), data.stat()
    except OSError:
        return Medium.MISSING
    if not os.access(shelf.medium, os.W_OK | os.X_OK) or not shelf.medium.is_dir():
        return Medium.MISSING
    return Medium.SAME_DISK if there.st_dev == here.st_dev else Medium.WORKS


def written(path: Path, content: bytes) -> None:
    """Put a whole file in place, durably, or leave what was there."""
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def brought(copy: Copy, source: Path, target: Path, progress: Progress) -> None:
    """Bring a copy's bytes from the medium to a new file, durably; raise `NotTheBytes`.

    They are read from the medium itself, not from what memory still holds of it.
    """
    mark, done = hashlib.sha256(), 0
    with (
        source.open("rb") as file,
        open(target, "xb", opener=_private) as into,
    ):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := file.read(CHUNK):
            mark.update(chunk)
            into.write(chunk)
            done += len(chunk)
            progress(done, copy.size)
        into.flush()
        os.fsync(into.fileno())
    if mark.hexdigest() != copy.sha256:
        raise NotTheBytes(source)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
