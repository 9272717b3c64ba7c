"""The mirror of the newest copy, which Litestream replicates: to the server, or on the medium.

    mirror/node.db           has the rows of the newest copy; only what changed was written
    mirror/litestream.json   settings of the child
    mirror/s03-...           the replica of this life of the mirror, where no server is named

Litestream never opens the database that people work with, nor a copy. A mirror of another schema,
or a replica that outgrows its bound, is begun anew in another life: what is left of the old one
at a server stays there until its owner removes it.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.store import checking, mirroring
from appliance.store.database import Store
from appliance.store.ids import node_name
from sync.backup import litestream
from sync.backup.litestream import Litestream
from sync.backup.model import Copy
from sync.backup.shelf import Shelf

LOG: Final = logging.getLogger(__name__)
TRIAL: Final = "replica-trial.db"
EVERY: Final = "60s"
SETTINGS: Final = "litestream.json"


class Mirror:
    """The mirror of one node's copies and the child that replicates it."""

    def __init__(
        self, config: Config, store: Store, on: Shelf, breathe: Callable[[], None]
    ) -> None:
        self._config = config
        self._store = store
        self._shelf = on
        self._breathe = breathe
        self._program = litestream.program()
        self._child: Litestream | None = None
        self._copy: Copy | None = None  # of which the mirror has the rows
        self.every = EVERY
        self.verified_at: int | None = None
        self.trouble = ""

    @property
    def folder(self) -> Path:
        """Return where all of it is."""
        return self._shelf.folder / "mirror"

    @property
    def database(self) -> Path:
        """Return the mirror itself."""
        return self.folder / "node.db"

    def bring(self, copy: Copy) -> None:
        """Give the mirror the rows of a copy, and have it replicated; a trouble is told."""
        if self._program is None:
            return
        try:
            self._bring(self._program, copy)
            self.trouble = ""
        except (VuzolError, OSError) as error:
            LOG.warning("the mirror is not brought up to its copy: %s", error)
            self.trouble = str(error)

    def _bring(self, found: Path, copy: Copy) -> None:
        self._copy = None
        source, bound = self._shelf.database(copy), self._config.backup.most_megabytes << 20
        grown = _size(self.folder) > max(bound // 2, 8 * copy.size)
        if grown or not self.database.exists() or not mirroring.follow(self.database, source):
            self._anew(source)
        self._copy = copy
        if self._child is None:
            self._child = Litestream(found, self.folder / SETTINGS)
            self._child.start()

    def _anew(self, source: Path) -> None:
        """Begin another life of the mirror."""
        self.stop()
        life = self._next_life()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        litestream.put_settings(
            self.folder / SETTINGS,
            self._config.backup,
            mirror=self.database,
            replica=life,
            every=self.every,
        )
        draft = self.folder / "node.db.new"
        draft.touch(mode=0o600)
        shutil.copyfile(source, draft)
        draft.replace(self.database)
        mirroring.follow(self.database, source)

    def _next_life(self) -> str:
        """Return a name that no life of this mirror has had at the server."""
        at = self._store.clock.wall()
        return f"{node_name(self._store.node)}-{at:013d}-{self._store.epoch:012x}"

    def trial(self) -> None:
        """Restore the replica aside and look at all of it; a trouble is told."""
        if self._program is None or self._copy is None:
            return
        target = self._config.node.data / TRIAL
        target.unlink(missing_ok=True)
        try:
            litestream.restore(
                self._program, self.folder / SETTINGS, self.database, target, self._breathe
            )
            checking.check(
                target,
                self._store.tables,
                node=self._store.node,
                expected=self._copy.held,
                breathe=self._breathe,
            )
            self.verified_at, self.trouble = self._store.clock.wall(), ""
        except (VuzolError, OSError) as error:
            LOG.warning("the replica is not proved: %s", error)
            self.trouble = str(error)
        finally:
            for ending in ("", "-wal", "-shm"):
                target.with_name(f"{target.name}{ending}").unlink(missing_ok=True)

    def stop(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def facts(self) -> dict[str, Any]:
        """Return what /healthz tells of it."""
        child = self._child
        return {
            "installed": self._program is not None,
            "running": child is not None and child.pid is not None,
            "restarts": child.restarts if child else 0,
            "said_last": child.trouble if child else "",
            "verified_at": self.verified_at,
            "trouble": self.trouble,
            "target": "sftp" if self._config.backup.sftp else "medium",
        }


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder; files come and go meanwhile."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return size
