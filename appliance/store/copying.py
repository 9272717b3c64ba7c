"""A consistent copy of the file while its owner works on: one moment of it, and what it holds.

The copy is made by the owner's process, from a connection that reads: it can neither write nor
checkpoint, and the writer goes on in the log beside the file. It is made in small steps, each of
them synced soon: a great sync at the end would hold up the writer's own, if both go to one disk.
Promise: what `copy` returns is of the very moment that the copy shows, and the copy is on its disk.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from appliance.store import inventory, pragmas
from appliance.store.database import Store
from appliance.store.failures import translated
from appliance.store.inventory import Inventory
from appliance.store.reader import Reader

STEP: Final = 256
"""Pages of one step: 1 MiB."""

SYNC_STEPS: Final = 8
"""Steps between two syncs."""

Breathe = Callable[[], None]
"""Called between two steps. It may wait a little for people; what it raises ends the copy."""


def copy(store: Store, target: Path, breathe: Breathe) -> Inventory:
    """Write the file as it is now to `target`, which must not be there; return what it holds.

    Raises what the disk refuses, and leaves no file behind then.
    """
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with closing(pragmas.open_reader(store.path)) as source:
            source.execute("BEGIN")
            held = inventory.taken(Reader(source, node=store.node, tables=store.tables))
            _copy(source, target, descriptor, breathe)
        os.fsync(descriptor)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise translated(error) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return held


def _copy(source: sqlite3.Connection, target: Path, descriptor: int, breathe: Breathe) -> None:
    steps = 0

    def after_step(_status: int, _left: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        if steps % SYNC_STEPS == 0:
            os.fdatasync(descriptor)
        breathe()

    with closing(pragmas.open_empty(target)) as into:
        source.backup(into, pages=STEP, progress=after_step)
