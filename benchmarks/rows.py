"""The rows of a village's working days, and what they cost on the wire.

`python -m benchmarks.rows --seed 1` lets visitors come, wait and be called for as long as it takes
to log 20,000 entries. Nothing is made up on the way: the verbs of the queue and the audit write the
rows, into a real store, by a clock that jumps from one act to the next. The same seed gives the
same days; ids, keys of tickets and salts are drawn from it, too.
"""

import argparse
import hashlib
import heapq
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as daytime
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from appliance.people import audit
from appliance.people import tables as people
from appliance.queue import catalogue, queries, service
from appliance.queue import tables as queue
from appliance.queue.catalogue import Described
from appliance.queue.model import Event, Purpose
from appliance.queue.service import Office, Operator, Wish
from appliance.store import down, log
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.entries import GENESIS, Entry
from appliance.store.ids import RowId
from appliance.store.revisions import NEVER, Grants
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import wire

CENTRE, VILLAGE = 1, 2
ZONE: Final = ZoneInfo("Europe/Kyiv")
FIRST_DAY: Final = datetime(2026, 3, 2, 8, 0, tzinfo=ZONE)
TABLES: Final = (*people.TABLES, *queue.TABLES)
SERVICES: Final = (
    ("А", "Довідка про склад сім'ї", 30),
    ("А", "Витяг з реєстру територіальної громади", 22),
    ("В", "Реєстрація місця проживання", 14),
    ("Г", "Субсидія на комунальні послуги", 12),
    ("Д", "Допомога при народженні дитини", 6),
    ("Е", "Витяг з Державного земельного кадастру", 9),
    ("К", "Засвідчення копії документа", 5),
    ("П", "Довідка для отримання пенсії", 2),
)
STEPS: Final = (Event.CALL, Event.START, Event.FINISH)


@dataclass(order=True)
class Act:
    """Something that will happen at a moment."""

    at: int
    order: int
    do: Callable[[], None] = field(compare=False)


class Village:
    """An office with two counters, and a clock that knows when something happens next."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = Random(seed)
        self.clock = FixedClock(round(FIRST_DAY.timestamp() * 1000) - 3_600_000)
        self.office = Office(VILLAGE, ZONE, daytime(4, 0))
        self._order = count()
        self._acts: list[Act] = []
        self.store = self._opened(folder / "village.db", VILLAGE, centre=False)
        self.staff = self._furnished(folder)
        with self.store.read() as reader:
            self.services = catalogue.services(reader, VILLAGE)
        weights = {name: weight for _, name, weight in SERVICES}
        self.weights = [weights[one.name_uk] for one in self.services]

    def _opened(self, path: Path, node: int, *, centre: bool) -> Store:
        draw = self.chance.randbytes
        return Store.open(
            path, TABLES, node=node, clock=self.clock, centre=centre, entropy=draw, inline=True
        )

    def _furnished(self, folder: Path) -> tuple[Operator, ...]:
        """Let the centre make catalogue and staff, and bring the rows down."""
        centre = self._opened(folder / "centre.db", CENTRE, centre=True)
        for place, (prefix, name, _) in enumerate(SERVICES):
            told = Described(
                prefix=prefix,
                name_uk=name,
                icon="document",
                purposes=tuple(Purpose),
                ordering=place,
            )
            centre.write(
                catalogue.add_service, told, scope=catalogue.EVERYWHERE, actor=audit.SYSTEM
            )
        with centre.read() as reader:
            page = down.changes(reader, catalogue.EVERYWHERE, Lane.STATE, NEVER, 1 << 20)
        self.store.write(down.obey, Grants(1, (catalogue.EVERYWHERE,)))
        self.store.write(down.apply, catalogue.EVERYWHERE, Lane.STATE, page)
        people_ids = [RowId(CENTRE, centre.epoch, 100 + 7 * n) for n in range(2)]
        centre.close()
        names = ("Мельничук Оксана", "Гнатюк Петро")
        return tuple(
            Operator(str(one), name, n)
            for n, (one, name) in enumerate(zip(people_ids, names, strict=True), 1)
        )

    def live(self, rows: int) -> None:
        """Let days pass until so many entries are logged."""
        day = FIRST_DAY
        while self._logged() < rows:
            if day.weekday() < 5:
                self._day(day)
            day += timedelta(days=1)

    def _logged(self) -> int:
        with self.store.read() as reader:
            return int(reader.value("SELECT count(*) FROM _log"))

    def _day(self, opens: datetime) -> None:
        start = round(opens.timestamp() * 1000)
        for who in self.staff:
            self._at(start + self.chance.randrange(900_000), partial(self._comes, who))
            self._at(start + 9 * 3_600_000, partial(self._leaves, who))
        moment = float(start)
        while moment < start + 8.5 * 3_600_000:
            moment += self.chance.expovariate(1 / 260_000)
            self._at(int(moment), self._visit)
        while self._acts:
            act = heapq.heappop(self._acts)
            self.clock.set(max(act.at, self.clock.wall() + 1))
            act.do()

    def _at(self, moment: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._acts, Act(moment, next(self._order), do))

    def _in(self, seconds: float, do: Callable[[], None]) -> None:
        self._at(self.clock.wall() + int(seconds * 1000), do)

    def _visit(self) -> None:
        wanted = self.chance.choices(self.services, self.weights)[0]
        purpose = self.chance.choices([*Purpose], [3, 5, 2])[0]
        wish = Wish(wanted.id, purpose, self.chance.choices(["uk", "en"], [97, 3])[0])
        token = hashlib.blake2b(self.chance.randbytes(16), digest_size=16).digest()
        ticket = self.store.write(
            service.take_ticket, self.office, wish, device="kiosk-1", token_hash=token
        )
        if self.chance.random() < 0.02:
            self._in(self.chance.uniform(60, 1200), partial(self._gives_back, ticket.id))

    def _gives_back(self, ticket: RowId) -> None:
        with self.store.read() as reader:
            waits = queries.ticket(reader, ticket).state == "WAITING"
        if waits:
            self.store.write(service.cancel_by_visitor, ticket)

    def _comes(self, who: Operator) -> None:
        self.store.write(signed_in, who)
        self.store.write(service.open_counter, self.office, who)
        self._in(20, partial(self._calls, who))

    def _leaves(self, who: Operator) -> None:
        with self.store.read() as reader:
            busy = queries.at_counter(reader, VILLAGE, who.counter)
        if busy:
            self._in(120, partial(self._leaves, who))
            return
        self.store.write(service.close_counter, self.office, who)

    def _calls(self, who: Operator) -> None:
        with self.store.read() as reader:
            counter = queries.counter(reader, VILLAGE, who.counter)
            someone = queries.first_waiting(reader, VILLAGE)
        if counter is None or counter.state != "OPEN":
            return
        if someone is None:
            self._in(self.chance.uniform(5, 120), partial(self._calls, who))
            return
        self.store.write(service.call_next, self.office, who)
        if self.chance.random() < 0.05:
            self._in(60, partial(self._advances, who, Event.RECALL, 0.0))
            self._in(120, partial(self._advances, who, Event.NO_SHOW, 5.0))
            return
        self._in(self.chance.uniform(8, 60), partial(self._advances, who, Event.START, 0.0))

    def _advances(self, who: Operator, event: Event, pause: float) -> None:
        self.store.write(service.advance, self.office, who, event)
        if event is Event.START:
            seconds = min(1800.0, self.chance.lognormvariate(5.6, 0.6))
            self._in(seconds, partial(self._advances, who, Event.FINISH, 5.0))
        elif pause:
            self._in(self.chance.uniform(2, 40), partial(self._calls, who))


def signed_in(tx: Transaction, who: Operator) -> None:
    """Write what a sign-in leaves in the audit trail."""
    audit.record(tx, actor=who.actor, action="people.sign_in", subject=who.actor)


def mix(folder: Path, *, seed: int, rows: int) -> Village:
    """Return a village that has logged at least so many entries."""
    village = Village(folder, seed)
    village.live(rows)
    return village


def lane(store: Store, which: Lane) -> list[Entry]:
    """Return all entries of one lane of the store's present stream."""
    with store.read() as reader:
        return log.entries(reader, store.stream, which, 0, 1 << 40)


def batches(store: Store, which: Lane, entries: Sequence[Entry], size: int) -> list[wire.Batch]:
    """Cut the entries of a lane into batches of about `size` entries each."""
    cut = []
    for start in range(0, len(entries), size):
        previous = entries[start - 1].chain if start else GENESIS
        part = tuple(entries[start : start + size])
        cut.append(wire.Batch(store.stream, which, start, previous, part))
    return cut


def main() -> None:
    """Make the rows and print what they are and what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=20_000)
    asked = parser.parse_args()
    fast = Path("/dev/shm")  # noqa: S108 - the disk is not what is measured
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as folder:
        village = mix(Path(folder), seed=asked.seed, rows=asked.rows)
        _tell(village.store)
        village.store.close()


def _tell(store: Store) -> None:
    for which in (Lane.TICKETS, Lane.STATE):
        entries = lane(store, which)
        print(f"\n{which.label}: {len(entries)} entries", dict(Counter(e.table for e in entries)))
        bodies = sum(len(entry.body or b"") for entry in entries)
        print(f"  bodies alone {bodies / len(entries):.1f} B a row")
        for size in (1, 10, 100, 1000, 5000, 10_000):
            print(f"  {_measured(batches(store, which, entries, size)[: max(1, 20_000 // size)])}")


def _measured(cut: list[wire.Batch]) -> str:
    rows = sum(len(batch.entries) for batch in cut)
    begun = time.process_time()
    written = [wire.encode(batch) for batch in cut]
    encoded = time.process_time()
    for data in written:
        wire.decode(data)
    decoded = time.process_time()
    told = {
        "batch": len(cut[0].entries),
        "B/row": round(sum(map(len, written)) / rows, 2),
        "encode us/row": round((encoded - begun) / rows * 1e6, 1),
        "decode and verify us/row": round((decoded - encoded) / rows * 1e6, 1),
    }
    return json.dumps(told)


if __name__ == "__main__":
    main()
