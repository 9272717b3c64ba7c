"""Two ends of a stick in one process: real files, real keys, real jobs; no link between them."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance.store import down, grants, projection
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from sync.bundles import PART_BYTES
from sync.centre_bundles import CentreBundles
from sync.courier import Courier, Job, Phase
from sync.hub import scopes
from sync.queries import unsent
from sync.receiver import Centre
from sync.village_bundles import BATCH_BYTES, Ends, VillageBundles
from tests.sync_link.pair import HROMADA, KEYS
from tests.sync_link.rows import NOTICES, numbers, open_store

CURSORS = """SELECT lane, have, centre_epoch FROM _cursor ORDER BY epoch, lane"""


class End:
    """One end: its file, and the courier that does what it is told."""

    def __init__(self, store: Store, courier: Courier, confirmed: Sequence[int] = ()) -> None:
        self.store = store
        self.confirmed = confirmed  # the moments as of which the centre's answer was whole
        self.courier = courier

    def export(self, folder: Path) -> Job:
        """Write what is to go out; return how that ended."""
        self.courier.export(folder)
        return self._over()

    def take_in(self, *paths: Path) -> Job:
        """Read files and folders; return how that ended."""
        self.courier.take_in(paths)
        return self._over()

    def _over(self) -> Job:
        job = self.courier.wait(30)
        assert job is not None
        assert job.phase is not Phase.WORKING
        return job

    def seen(self) -> list[int]:
        """Return the numbers of the visits that are visible here."""
        while self.store.write(projection.step, 1000):
            pass
        with self.store.read() as reader:
            return numbers(reader)

    def notices(self) -> list[int]:
        """Return the numbers of the centre's notices that are visible here."""
        with self.store.read() as reader:
            return numbers(reader, NOTICES)

    def left(self) -> int:
        """Return how many entries the centre does not have, as far as this node knows."""
        with self.store.read() as reader:
            return unsent(reader)

    def cursors(self) -> list[tuple[int, ...]]:
        """Return how far the centre has each lane, and which start of it said so."""
        with self.store.read() as reader:
            return [tuple(row) for row in reader.all(CURSORS)]

    def close(self) -> None:
        """End as a process would."""
        self.courier.stop()
        self.store.close()


def village(folder: Path, node: int = 2, *, name: str = "", small: bool = False) -> End:
    """Open a village that has never spoken with its centre; `small` files hold some rows each."""
    path = folder / f"village{name or node}.db"
    store = open_store(path, node, FixedClock(), centre=False)
    ends = Ends(hromada=HROMADA, node=node, key=KEYS[node], centre=1, centre_key=KEYS[1].verify_key)
    warned: list[str] = []
    confirmed: list[int] = []
    cargo = VillageBundles(
        ends,
        store,
        version="0.1.0",
        warn=lambda kind, _: warned.append(kind),
        confirmed=confirmed.append,
        batch_bytes=4000 if small else BATCH_BYTES,
    )
    courier = Courier(cargo, store.clock, part_bytes=300 if small else PART_BYTES)
    return End(store, courier, confirmed)


def centre(folder: Path, *, name: str = "centre", hromada: str = HROMADA) -> End:
    """Open a centre that knows nodes 2 to 9."""
    store = open_store(folder / f"{name}.db", 1, FixedClock())
    members = {node: key.verify_key for node, key in KEYS.items() if 1 < node < 10}
    for node in members:
        store.write(grants.give, node, scopes(node))
    known = Centre(hromada, 1, KEYS[1], store.epoch, members)
    return End(store, Courier(CentreBundles(known, store), store.clock))


@contextmanager
def both(folder: Path) -> Iterator[tuple[End, End]]:
    """Open a village and its centre."""
    ends = village(folder), centre(folder)
    try:
        yield ends
    finally:
        for end in ends:
            end.close()


def there_and_back(here: End, there: End, stick: Path) -> None:
    """Carry the stick once: from the village to the centre and back."""
    assert here.export(stick).safe_to_remove
    assert not there.take_in(stick).refused
    assert there.export(stick).safe_to_remove
    assert not here.take_in(stick).refused


def fingerprint(end: End) -> str:
    """Return a hash over every table of an end that anything replicated stands in."""
    told = hashlib.sha256()
    with end.store.read() as reader:
        names = [row["name"] for row in reader.all("SELECT name FROM sqlite_master ORDER BY name")]
        tables = [
            n for n in names if n.startswith(("trial_", "_cursor", "_inbox", "_down", "_log"))
        ]
        for name in tables:
            if (
                reader.value("SELECT type FROM sqlite_master WHERE name = :name", name=name)
                != "table"
            ):
                continue
            for row in reader.all(f"SELECT * FROM {name}"):
                told.update(repr(tuple(row)).encode())
    return told.hexdigest()


def held(end: End) -> tuple[str, ...]:
    """Return the scopes that a node holds."""
    with end.store.read() as reader:
        return down.granted(reader).scopes
