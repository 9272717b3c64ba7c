"""What trials have proved: kept in the file, and told to nodes as `safe`.

Law: only `succeeded` moves `safe`, and it is called with what a restored copy was seen to hold.
"""

from dataclasses import dataclass
from typing import Final

from appliance.store.ids import StreamId
from appliance.store.inventory import Inventory
from appliance.store.reader import Reader
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync.backup.tables import BACKUP, SAFE

UPTO: Final = "SELECT upto FROM sync_safe WHERE node = :node AND epoch = :epoch AND lane = :lane"


@dataclass(frozen=True, slots=True)
class Trials:
    """What is remembered of the restores that were tried."""

    tried_at: int | None = None
    verified_at: int | None = None
    trouble: str = ""


def trials(reader: Reader) -> Trials:
    """Return what is remembered."""
    row = reader.one("SELECT * FROM sync_backup WHERE place = 1")
    return Trials() if row is None else Trials(row["tried_at"], row["verified_at"], row["trouble"])


def began_at(reader: Reader) -> int | None:
    """Return when the first start of this file was."""
    at: int | None = reader.value("SELECT opened_at FROM _stream ORDER BY ordinal LIMIT 1")
    return at


def safe(reader: Reader, stream: StreamId, lane: Lane, have: int) -> int:
    """Return how far a proved copy on another disk covers the lane; never more than `have`."""
    if SAFE.name not in reader.tables:  # a file of which nobody makes copies
        return 0
    upto = reader.value(UPTO, node=stream.node, epoch=stream.epoch, lane=int(lane))
    return min(upto or 0, have)


def succeeded(tx: Transaction, copy: int, held: Inventory, *, elsewhere: bool) -> None:
    """Note that a restore of the copy was whole; `elsewhere`: it survives the database's disk."""
    row = {"tried_at": tx.now, "verified_at": tx.now, "copy": copy, "trouble": ""}
    tx.put(BACKUP, {"place": 1, **row})
    if not elsewhere:
        return
    for (node, epoch, lane), (have, _) in held.inbox.items():
        before = tx.value(UPTO, node=node, epoch=epoch, lane=lane)
        if before is None or have > before:
            tx.put(SAFE, {"node": node, "epoch": epoch, "lane": lane, "upto": have})


def failed(tx: Transaction, copy: int, trouble: str) -> None:
    """Note that a restore was tried in vain: nothing else moves."""
    row = tx.one("SELECT verified_at FROM sync_backup WHERE place = 1")
    kept = None if row is None else row["verified_at"]
    tx.put(
        BACKUP,
        {"place": 1, "tried_at": tx.now, "verified_at": kept, "copy": copy, "trouble": trouble},
    )
