"""Making a copy, and trying a restore of it: the two works of the keeper, each from end to end.

A trial goes the way of a real restore: the bytes are read back from the medium into a file beside
the database, and all of that file is looked at. Only when it is whole does anything move.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.store import checking, copying
from appliance.store.checking import CopyDamaged
from appliance.store.database import Store
from sync.backup import model, proved, shelf
from sync.backup.model import Copy, Medium
from sync.backup.shelf import MediumFull, NotTheBytes, Shelf

LOG: Final = logging.getLogger(__name__)
TRIAL: Final = "backup-trial.db"

Breathe = Callable[[], None]


class Maker:
    """Makes and tries copies of one node's file on its shelf."""

    def __init__(self, config: Config, store: Store, on: Shelf, breathe: Breathe) -> None:
        """`breathe` is called all the time; what it raises ends the work."""
        self.shelf = on
        self._config = config
        self._store = store
        self._breathe = breathe
        self._most = config.backup.most_megabytes << 20

    def copy(self) -> Copy:
        """Make a copy that counts; the oldest go for it. Raise what the medium refuses."""
        self.shelf.make()
        self.shelf.tidy()
        self._make_room()
        number = self.shelf.next_number()
        draft = self.shelf.draft(number)
        taken_at = self._store.clock.wall()
        held = copying.copy(self._store, draft, self._breathe)
        copy = Copy(
            number=number,
            node=self._store.node,
            taken_at=taken_at,
            size=draft.stat().st_size,
            sha256=shelf.digest(draft),
            held=held,
        )
        self.shelf.keep(copy)
        self.drop_old()
        return copy

    def drop_old(self) -> None:
        """Keep the copies within their bounds."""
        clock = self._store.clock
        now = clock.wall() if clock.quality().good else None
        for one in model.to_drop(self.shelf.copies(), most_bytes=self._most, now=now):
            self.shelf.drop(one)

    def _make_room(self) -> None:
        """Drop the oldest copies until one more fits; raise `MediumFull` if it never would."""
        needed = _size(self._store.path)
        spare = model.to_drop(self.shelf.copies(), most_bytes=0)
        if self.shelf.room() + sum(one.size for one in spare) < needed:
            raise MediumFull(self.shelf.medium, needed)  # and none is given up for nothing
        for one in spare:
            if self.shelf.room() >= needed:
                return
            self.shelf.drop(one)

    def trial(self, copy: Copy, medium: Medium) -> None:
        """Restore a copy aside and look at all of it; move `safe` if it is whole.

        Raise `CopyDamaged` or `NotTheBytes` if it is not; then its card says so.
        """
        try:
            self._restored_whole(copy)
        except (CopyDamaged, NotTheBytes) as error:
            self.shelf.put_card(copy.spoiled(error.reason))
            self._store.write(proved.failed, copy.number, error.cause)
            raise
        self.shelf.put_card(copy.verified(self._store.clock.wall()))
        self._store.write(
            proved.succeeded, copy.number, copy.held, elsewhere=medium is Medium.WORKS
        )

    def give_up(self, error: VuzolError) -> None:
        """Note that a trial could not even be made."""
        self._store.write(proved.failed, 0, error.cause)

    def _restored_whole(self, copy: Copy) -> None:
        """Bring the copy here as a restore does, and check it; a small disk checks it in place."""
        source, target = self.shelf.database(copy), self._config.node.data / TRIAL
        target.unlink(missing_ok=True)
        try:
            try:
                shelf.brought(copy, source, target, self._progress)
            except FileNotFoundError:
                raise CopyDamaged(source, "it is gone") from None
            checking.check(
                target,
                self._store.tables,
                node=self._store.node,
                expected=copy.held,
                breathe=self._breathe,
            )
        finally:
            target.unlink(missing_ok=True)

    def room_for_trial(self) -> bool:
        """Tell whether the node's own disk has room for a restore, and as much again."""
        return shutil.disk_usage(self._config.node.data).free >= 2 * _size(self._store.path)

    def _progress(self, _done: int, _of: int) -> None:
        self._breathe()


def _size(database: Path) -> int:
    """Return the bytes of a file with what stands in its log beside it."""
    wal = database.with_name(f"{database.name}-wal")
    return sum(path.stat().st_size for path in (database, wal) if path.exists())
