"""A village in a namespace: `python -m tests.lab.village FOLDER URL AUTHORITY ROWS`.

It logs so many bulk rows, calls its centre, and raises one alarm for each line on its stdin. For
each it prints the number of the alarm when it is logged.
"""

import hashlib
import sys
from pathlib import Path

from appliance.store.clock import SystemClock
from appliance.store.transaction import Transaction
from sync.client import Way
from tests.sync_link.pair import Village
from tests.sync_link.rows import READINGS, alarm

EACH = 1000


def noise(tx: Transaction, first: int) -> None:
    """Write rows that no packing makes smaller: some 18 bytes each on the wire."""
    for value in range(first, first + EACH):
        word = hashlib.blake2b(str(value).encode(), digest_size=16).hexdigest()
        tx.insert(READINGS, {"value": value, "word": word})


def run(folder: Path, url: str, authority: Path, rows: int) -> None:
    """Run until stdin ends."""
    clock = SystemClock(trusted=True)
    way = Way(address=url, authority=authority)
    village = Village(folder, url, clock=clock, way=way, start=False)
    for first in range(0, rows, EACH):
        village.store.write(noise, first)
    village.link.start()
    _tell("ready")
    for n, _ in enumerate(sys.stdin):
        village.store.write(alarm, n)
        _tell(str(n))
    village.stop()


def _tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
