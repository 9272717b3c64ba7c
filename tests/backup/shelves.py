"""A node's file with tickets in it, a second medium on another disk, and who keeps copies there."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from appliance import config
from appliance.config import Config
from appliance.store.clock import Clock, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from sync.backup import tables as backup
from sync.backup.keeper import Keeper
from sync.backup.model import Copy
from tests.faults.clerk import take
from tests.store import two_ends

TABLES = (*two_ends.TABLES, *backup.TABLES)
VILLAGE = two_ends.VILLAGE
NOON = 1_794_917_100_000  # Tuesday, 17 November 2026, 14:05 in Kyiv
DAY = 24 * 3600 * 1000


@contextmanager
def other_disk(than: Path) -> Iterator[Path]:
    """Give a folder on another disk: in memory."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder inside it has a random name
    if not memory.is_dir() or memory.stat().st_dev == than.stat().st_dev:
        pytest.skip("needs /dev/shm as a second disk")
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def settings(data: Path, medium: Path | None, **backup: Any) -> Config:
    """Return the settings of a village with its data and its medium there."""
    told = {
        "node": {
            "number": VILLAGE,
            "title": "Старостат села Верболіз",
            "data": str(data),
            "second_medium": str(medium or ""),
        },
        "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
        "backup": backup,
    }
    return config.of(told, {}, folder=data)


class Node:
    """A file that is owned, and its keeper without the thread."""

    def __init__(
        self,
        told: Config,
        *,
        clock: Clock | None = None,
        node: int = VILLAGE,
        mirror: bool = False,
        **more: Any,
    ) -> None:
        self.config = told
        medium = told.node.second_medium
        self.store = Store.open(
            told.node.data / "node.db",
            TABLES,
            node=node,
            clock=clock or FixedClock(NOON),
            second_medium=Path(medium) if medium and Path(medium).is_dir() else None,
            patience=0,
            **more,
        )
        self.keeper = Keeper(told, self.store)
        if not mirror:  # its child takes a second to start and to end
            self.keeper.mirror = None
        self.given: list[RowId] = []
        self._dead = False

    def take(self, tickets: int) -> None:
        """Write so many tickets, and remember them."""
        self.given += [self.store.write(take, 1, turn)[1] for turn in range(tickets)]

    def copy(self) -> Copy:
        """Make a copy that has to succeed."""
        made = self.keeper.copy()
        assert made is not None, self.keeper.facts()
        return made

    def tickets(self) -> list[RowId]:
        """Return the ids of all tickets."""
        with self.store.read() as reader:
            return [RowId.of(row["id"]) for row in reader.all("SELECT id FROM hall_ticket")]

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """Return all rows of a table."""
        with self.store.read() as reader:
            return [tuple(row) for row in reader.all(f"SELECT * FROM {table} ORDER BY 1")]

    def close(self) -> None:
        if not self._dead:
            self.keeper.stop()
            self.store.close()

    def die(self) -> None:
        """End as a process that is killed: nothing is brought to its end."""
        if self.keeper._follower:
            self.keeper._follower.let_go()
        self.store.close()
        self._dead = True


@contextmanager
def opened(told: Config, **more: Any) -> Iterator[Node]:
    """Own the file for a while."""
    node = Node(told, **more)
    try:
        yield node
    finally:
        node.close()


def rot(path: Path, chance: random.Random, *, within: tuple[float, float] = (0.3, 0.9)) -> int:
    """Turn one bit over, somewhere in the middle; return where."""
    at = int(path.stat().st_size * chance.uniform(*within))
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        file.flush()
        os.fsync(file.fileno())
    return at
