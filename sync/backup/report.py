"""What `vuzol backup` tells a technician: read from the medium itself, for the node may be dead."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from appliance.config import Config
from appliance.errors import VuzolError
from sync.backup import model, shelf
from sync.backup.model import Copy, Medium
from sync.backup.restore import SWAP, RestoreCut, Restored
from sync.backup.shelf import Shelf

LATE_MS: Final = model.LATE_NIGHTS * model.DAY_MS
Facts = Callable[[], dict[str, Any]]


def status(config: Config, running: Facts) -> dict[str, object]:
    """Return how the copies stand; `running` asks the node, and raises if it does not run."""
    found = shelf.of(config)
    medium = shelf.standing(found, config.node.data)
    copies = found.copies() if found else []
    try:
        node: object = running().get("backup")
    except VuzolError as error:
        node = f"unknown: {error.cause}"
    return {
        "state": _state(config, found, medium, copies),
        "medium": str(medium),
        "folder": str(found.folder) if found else "",
        "copies": {one.name: _told(config, one) for one in reversed(copies)},
        "bytes": sum(one.size for one in copies),
        "loss_window_seconds": config.backup.tail_seconds if copies else None,
        "running_node": node,
    }


def restored(config: Config, done: Restored) -> dict[str, object]:
    """Return what a restore has done, and what comes next."""
    copy = done.copy
    return {
        "copy": copy and copy.number,
        "taken_at": copy and _when(config, copy.taken_at),
        "entries_after_it": done.entries,
        "lacking": done.lacking or "nothing",
        "passed_over": list(done.passed_over),
        "old_database": str(done.aside) if done.aside else "there was none",
        "next_step": "start the node; numbers go on above the last that anybody was shown",
    }


def _state(config: Config, found: Shelf | None, medium: Medium, copies: list[Copy]) -> str:
    if (config.node.data / SWAP).exists():
        return str(RestoreCut(config.node.data))
    if found is None:
        return "no copies are made, for there is no second medium; set node.second_medium"
    if medium is Medium.MISSING:
        return (
            f"no copies are made, for {found.medium} is not there or cannot be written;"
            " plug the second medium in and mount it there"
        )
    if found.folder.is_dir() and not os.access(found.folder, os.R_OK | os.X_OK):
        return f"this user may not read {found.folder}; run it as the user of the node"
    if medium is Medium.SAME_DISK:
        return (
            f"{found.medium} is on the disk of the database, and the copies die with it;"
            " mount the second medium there"
        )
    return _age(copies, int(time.time() * 1000), found.folder)


def _age(copies: list[Copy], now: int, folder: Path) -> str:
    proved = model.newest_verified(copies)
    if not copies:
        return f"{folder} holds no copy yet; a running node makes one soon after its start"
    if proved is None or proved.verified_at is None:
        return "there are copies, and no restore has been proved yet; it is tried every night"
    days = (now - proved.verified_at) // model.DAY_MS
    if now - proved.verified_at > LATE_MS:
        return f"no copy was proved for {days} days; see `trial_trouble` of the running node"
    bad = [one.name for one in copies if one.damaged]
    if bad:
        return f"well, but these copies are damaged: {', '.join(bad)}; look after the medium"
    return "well: the newest proved copy is of the last two days"


def _told(config: Config, copy: Copy) -> dict[str, object]:
    at = copy.verified_at
    return {
        "taken_at": _when(config, copy.taken_at),
        "bytes": copy.size,
        "proved_at": None if at is None else _when(config, at),
        **({"damaged": copy.damaged} if copy.damaged else {}),
    }


def _when(config: Config, at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, ZoneInfo(config.node.timezone))
    return moment.isoformat(timespec="seconds")
