"""The way back from a copy, while the node is stopped. Nothing is overwritten.

    take the owner's lock    a running node keeps it, and then nothing is done
    bring a copy here        beside the database, and look at all of it
    put its tail back        what was logged after it, as far as that continues the chain
    node.db.swap             the whole new file, ready; from here on the restore is being finished
    aside-N/                 the old database with its log, moved there
    node.db                  the new file under its own name

A power cut before `node.db.swap` leaves the old database in its place; after it, the node refuses
to start until `vuzol backup restore` has finished the rest. The next start opens a new epoch, and
the series of numbers go on above the marks that lie outside the database.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.store import checking, putting_back
from appliance.store.checking import CopyDamaged
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.ownership import Ownership
from appliance.store.tables import Table
from sync.backup import shelf, tail
from sync.backup.model import Copy
from sync.backup.shelf import NotTheBytes, Shelf

DATABASE: Final = "node.db"
SWAP: Final = f"{DATABASE}.swap"
DRAFTS: Final = "restoring"
BESIDE: Final = ("-wal", "-shm", "")
"""What belongs to a database file; the file itself comes last, so a move that is cut goes on."""

Tell = Callable[[str], None]


class NoCopy(VuzolError):
    """There is no copy to restore."""

    code: ClassVar[str] = "no_copy"

    def __init__(self, folder: Path, cause: str) -> None:
        super().__init__(
            f"{folder} {cause}", next_step="look at `vuzol backup status` for what there is"
        )


class NoRoomToRestore(VuzolError):
    """The disk has no room for the restored file beside the old one."""

    code: ClassVar[str] = "no_room_to_restore"

    def __init__(self, data: Path, needed: int) -> None:
        super().__init__(
            f"{data} has no room for {needed} bytes beside the database that is there",
            next_step="move other files away from this disk; the old database stays untouched",
        )


class RestoreCut(VuzolError):
    """A restore was cut off while it put the new file in its place."""

    code: ClassVar[str] = "restore_cut"

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"a restore was cut off, and its file waits as {data / SWAP}",
            next_step="run `vuzol backup restore` once more: it finishes what was begun",
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done."""

    copy: Copy | None  # None: it only finished an earlier one
    aside: Path | None  # where the old database is now; None: there was none
    passed_over: tuple[str, ...] = ()  # newer copies that are damaged, and how
    entries: int = 0  # logged after the copy, and put back from its tail
    lacking: str = ""  # why not all of the tail was


def demand_finished(data: Path) -> None:
    """Raise `RestoreCut` if a restore waits to be finished: no start may overtake it."""
    if (data / SWAP).exists():
        raise RestoreCut(data)


def restore(
    config: Config,
    tables: Iterable[Table],
    *,
    number: int | None = None,
    file: Path | None = None,
    tell: Tell,
) -> Restored:
    """Put a copy in the place of the database: the newest whole one, or the one of that number.

    With `file` it is that database, as Litestream makes one out of an off-site replica.
    """
    data = config.node.data
    data.mkdir(parents=True, exist_ok=True)
    ownership = Ownership.take(data / DATABASE, patience=0)
    try:
        if (data / SWAP).exists():
            tell("an earlier restore is finished first")
            return Restored(None, swap(data))
        of_rooms = tuple(tables)
        if file is not None:
            return Restored(None, _placed(data, _from(config, of_rooms, file, tell)))
        ready, copy, passed_over = _ready(config, of_rooms, number, tell)
        tell("what was logged after it is put back")
        entries, lacking = put_back(config, of_rooms, ready, copy)
        return Restored(copy, _placed(data, ready), passed_over, entries, lacking)
    finally:
        ownership.release()


def _placed(data: Path, ready: Path) -> Path | None:
    """Put a file that is ready in the place of the database; return where the old one is."""
    ready.replace(data / SWAP)
    shelf.sync_folder(data)
    shutil.rmtree(data / DRAFTS, ignore_errors=True)
    return swap(data)


def _from(config: Config, tables: Sequence[Table], file: Path, tell: Tell) -> Path:
    """Bring a database that a person has made out of a replica; it has no card to go by."""
    if not file.is_file():
        raise NoCopy(file, "is not there")
    target = _draft(config.node.data, file.stat().st_size)
    tell(f"{file}: {file.stat().st_size} bytes")
    shelf.written(target, file.read_bytes())
    tell("it is being checked")
    checking.check(target, tables, node=config.node.number, expected=None, breathe=_nothing)
    return target


def _draft(data: Path, size: int) -> Path:
    """Return where to bring a copy of that size, in an empty folder; raise `NoRoomToRestore`."""
    shutil.rmtree(data / DRAFTS, ignore_errors=True)
    if shutil.disk_usage(data).free < size + shelf.MARGIN:
        raise NoRoomToRestore(data, size)
    (data / DRAFTS).mkdir(mode=0o700)
    return data / DRAFTS / DATABASE


def put_back(config: Config, tables: Sequence[Table], ready: Path, copy: Copy) -> tuple[int, str]:
    """Put back what the tails of this copy and of later ones hold; return how many entries.

    With it comes why not all of them, or nothing. What is put back continues the chain of the file.
    """
    on, count = shelf.named(config), 0
    store = Store.open(
        ready, tables, node=config.node.number, clock=SystemClock(), inline=True, patience=0
    )
    try:
        for one in on.copies():
            if one.number >= copy.number:
                for part, _ in tail.parts(on.tail(one), config.node.number):
                    count += store.write(putting_back.put_back, part)
    except VuzolError as error:
        return count, error.cause
    finally:
        store.close()
    return count, ""


def swap(data: Path) -> Path | None:
    """Move the old database aside and the new one in its place; return where the old one is.

    It can be cut off anywhere and called again.
    """
    there = [ending for ending in BESIDE if (data / f"{DATABASE}{ending}").exists()]
    aside = _aside(data) if there else None
    if aside is not None:
        aside.mkdir(mode=0o700, exist_ok=True)
        for ending in there:
            (data / f"{DATABASE}{ending}").replace(aside / f"{DATABASE}{ending}")
        shelf.sync_folder(aside)
    (data / SWAP).replace(data / DATABASE)
    shelf.sync_folder(data)
    return aside


def _aside(data: Path) -> Path:
    """Return the folder for the old database: the one that was begun, or a new one."""
    taken = [int(name) for path in data.glob("aside-*") if (name := path.name[6:]).isdecimal()]
    last = data / f"aside-{max(taken, default=0)}"
    begun = last.is_dir() and not (last / DATABASE).exists()
    return last if begun else data / f"aside-{max(taken, default=0) + 1}"


def _ready(
    config: Config, tables: Sequence[Table], number: int | None, tell: Tell
) -> tuple[Path, Copy, tuple[str, ...]]:
    """Bring a whole copy to the node's disk; return where it is and which ones were not whole."""
    found = shelf.named(config)
    passed_over: list[str] = []
    for copy in _wanted(found, number):
        tell(f"copy {copy.number}: {copy.size} bytes")
        try:
            return _brought(config, tables, found, copy, tell), copy, tuple(passed_over)
        except (CopyDamaged, NotTheBytes) as error:
            if number is not None:
                raise
            tell(f"copy {copy.number} is passed over: {error.reason}")
            passed_over.append(f"copy {copy.number}: {error.reason}")
    raise NoCopy(found.folder, f"holds no whole copy ({'; '.join(passed_over)})")


def _wanted(found: Shelf, number: int | None) -> list[Copy]:
    """Return the copies to try, in order."""
    if not found.folder.is_dir() or not os.access(found.folder, os.R_OK | os.X_OK):
        raise NoCopy(found.folder, "is not there, or this user may not read it")
    copies = found.copies()
    if number is not None:
        copies = [one for one in copies if one.number == number]
    if not copies:
        raise NoCopy(found.folder, f"holds no copy{'' if number is None else f' {number}'}")
    return sorted(copies, key=lambda one: -one.number)


def _brought(config: Config, tables: Sequence[Table], found: Shelf, copy: Copy, tell: Tell) -> Path:
    """Bring one copy to the node's disk, and look at all of it."""
    source, target = found.database(copy), _draft(config.node.data, copy.size)
    try:
        shelf.brought(copy, source, target, Steps(tell))
        tell("it is being checked")
        checking.check(
            target, tables, node=config.node.number, expected=copy.held, breathe=_nothing
        )
    except FileNotFoundError:
        raise CopyDamaged(source, "it is gone") from None
    return target


class Steps:
    """Tells every tenth of the way."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = 0

    def __call__(self, done: int, of: int) -> None:
        """Tell if another tenth is done."""
        tenths = done * 10 // max(1, of)
        if tenths > self._told:
            self._told = tenths
            self._tell(f"{tenths * 10} % is here")


def _nothing() -> None:
    """Give way to nobody: the node is stopped."""
