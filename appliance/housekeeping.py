"""What the node does for its own disk, while nobody asks: it purges, and it makes room.

Each minute it measures the disk. When it runs low, the lanes give way in the declared order, a
thousand entries at a time, and each time leaves a line in the audit trail. Alarms, tickets, cases
and audit lines never give way. Once an hour it purges what is safe and past its time.
"""

import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.people import audit
from appliance.store import retention
from appliance.store.database import Store
from appliance.store.failures import StoreClosed
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction

LOG: Final = logging.getLogger(__name__)
ACTION: Final = "store.thinned"
LOOK_SECONDS: Final = 60.0
PURGE_SECONDS: Final = 3600.0
STOP_SECONDS: Final = 10.0
MOST_STEPS: Final = 50
"""Transactions of one round: what is still too much waits for the next minute."""


@dataclass(frozen=True, slots=True)
class Disk:
    """How much room there is, in bytes."""

    free: int
    total: int

    @classmethod
    def at(cls, folder: Path) -> "Disk":
        """Measure the disk that holds a folder."""
        usage = shutil.disk_usage(folder)
        return cls(usage.free, usage.total)


class Housekeeper:
    """One thread; what it has found and done is told on `/healthz` and on the office's pages."""

    def __init__(
        self,
        store: Store,
        *,
        safe: retention.Safe = retention.signed,
        measure: Callable[[Path], Disk] = Disk.at,
        give_way: GiveWay = alone,
    ) -> None:
        self._store = store
        self._safe = safe
        self._measure = measure
        self._give_way = give_way
        self._purge_at = 0.0
        self._thinned: Counter[Lane] = Counter()
        self._purged = 0
        self._nothing_left = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self.low = False

    def start(self) -> None:
        """Look after the disk from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def facts(self) -> dict[str, Any]:
        """Return what `/healthz` tells; what was taken is counted since the start."""
        return {
            "disk_low": self.low,
            "nothing_left_to_thin": self._nothing_left,
            "thinned": {lane.label: count for lane, count in sorted(self._thinned.items())},
            "purged": self._purged,
        }

    def look(self) -> None:
        """Do one round: make room if the disk runs low, and purge when its hour has come."""
        self.make_room()
        now = self._store.clock.monotonic()
        if now >= self._purge_at:
            self._purge_at = now + PURGE_SECONDS
            self.purge()

    def purge(self) -> None:
        """Take away what is safe and past its time."""
        for _ in range(MOST_STEPS):
            taken = self._store.write(retention.purge, safe=self._safe)
            self._purged += taken
            if not taken or self._stopping.is_set():
                return
            self._give_way()

    def make_room(self) -> None:
        """Let lanes give way until there is room, or nothing is left that may be taken."""
        for _ in range(MOST_STEPS):
            lane, disk = self._next()
            if lane is None or self._stopping.is_set():
                return
            taken = self._store.write(_thin, lane, disk)
            self._thinned[lane] += taken
            LOG.warning("the disk runs low: %d entries of %s were thinned", taken, lane.label)
            self._give_way()

    def _next(self) -> tuple[Lane | None, Disk]:
        """Return the lane that gives way now, and the room: that in the file counts too."""
        disk = self._measure(self._store.path.parent)
        with self._store.read() as reader:
            free = disk.free + retention.spare_bytes(reader)
            gives = retention.thinnable(reader)
        self.low = retention.is_low(free, disk.total)
        lane = retention.to_thin(gives, free=free, total=disk.total)
        self._nothing_left = self.low and lane is None
        return lane, Disk(free, disk.total)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except StoreClosed:
                return
            except (VuzolError, OSError) as error:
                LOG.warning("the disk was not looked after, it is tried again: %s", error)
            except Exception:
                LOG.exception("the disk was not looked after, it is tried again")
            self._stopping.wait(LOOK_SECONDS)


def _thin(tx: Transaction, lane: Lane, disk: Disk) -> int:
    """Thin a lane and say so in the trail, in one transaction."""
    taken = retention.thin(tx, lane)
    audit.record(
        tx,
        actor=audit.SYSTEM,
        action=ACTION,
        subject=lane.label,
        facts={"entries": taken, "free_bytes": disk.free, "total_bytes": disk.total},
    )
    return taken
