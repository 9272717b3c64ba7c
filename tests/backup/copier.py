"""A node in a process of its own that writes and copies without end, to be killed.

Each line on stdout is the number of a copy that counts. `--mistake` plants one that the tests have
to notice.
"""

import argparse
import os
import threading
from itertools import count
from pathlib import Path

from appliance.store import copying
from appliance.store.clock import SystemClock
from tests.backup.shelves import Node, settings
from tests.faults.clerk import take


class Careless:
    """What `copying` knows of the system, but for its syncs."""

    def __getattr__(self, name: str) -> object:
        return _nothing if name in {"fsync", "fdatasync"} else getattr(os, name)


def _nothing(_descriptor: int) -> None:
    """Sync nothing."""


def main() -> None:
    """Write from one thread, copy in another."""
    told = argparse.ArgumentParser()
    told.add_argument("data", type=Path)
    told.add_argument("medium", type=Path)
    told.add_argument("--mistake", choices=["unsynced"])
    asked = told.parse_args()
    if asked.mistake:
        copying.os = Careless()  # type: ignore[attr-defined]
    node = Node(settings(asked.data, asked.medium), clock=SystemClock(trusted=True))

    def writes() -> None:
        for turn in count():
            node.store.write(take, 1, turn)

    threading.Thread(target=writes, daemon=True).start()
    while True:
        os.write(1, f"{node.copy().number}\n".encode())


if __name__ == "__main__":
    main()
