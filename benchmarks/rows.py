"""The rows of a village office, written by the product's own verbs: tickets, events, audit.

`python -m benchmarks.rows --seed 1 --tickets 6000 FILE` writes a file as an office of node 2 would
have it after that many visitors: arrivals in working hours over as many days as it takes, seven
rows a visitor, some who don't come when they are called and some who leave. The same seed gives the
same visitors; only what must be random in the product is not (ids of epochs, tokens).
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from appliance.queue import service
from appliance.queue.model import Event, Purpose, ServiceState
from appliance.queue.service import Office, Operator, Wish
from appliance.queue.tables import SERVICES
from appliance.rooms import TABLES
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction

NODE: Final = 2
MORNING: Final = 1_794_895_200_000
"""Tuesday, 17 November 2026, 8:00 in Kyiv, in milliseconds."""

DAY_MS: Final = 24 * 3600 * 1000
A_DAY: Final = 60
"""Visitors of a day."""

OFFICE: Final = Office(NODE, ZoneInfo("Europe/Kyiv"), time(4))
LETTERS: Final = "АВДКМП"


@dataclass(frozen=True, slots=True)
class Opening:
    """A village's file as it is opened to be filled: no disk is waited for."""

    store: Store
    clock: FixedClock


def opened(path: Path, *, now: int = MORNING, seed: int = 1) -> Opening:
    """Open a village's file. Syncs are off: filling is no measurement.

    Of what the centre writes there is only a catalogue, so DOWN rows may be written here.
    """
    clock = FixedClock(now)
    store = Store.open(path, TABLES, node=NODE, clock=clock, inline=True, entropy=_chance(seed))
    store._opened.connection.execute("PRAGMA synchronous = OFF")
    return Opening(store, clock)


def fill(opening: Opening, *, seed: int, tickets: int) -> None:
    """Let the visitors come, be called and be served."""
    chance = Random(seed)
    store, clock = opening.store, opening.clock
    services = store.write(_catalogue)
    people = [RowId(1, 77, n) for n in (11, 12, 13)]
    token = _chance(seed + 1)
    start = clock.wall()
    for day in range(-(-tickets // A_DAY)):
        clock.set(start + day * DAY_MS)
        who = Operator(str(chance.choice(people)), "Оксана Мельничук", 1)
        store.write(service.open_counter, OFFICE, who, take_over=True)
        for _ in range(min(A_DAY, tickets - day * A_DAY)):
            clock.advance(chance.expovariate(1 / 240))
            wish = Wish(
                chance.choices(services, weights=range(len(services), 0, -1))[0],
                chance.choice(tuple(Purpose)),
                chance.choices(("uk", "en"), weights=(30, 1))[0],
            )
            store.write(service.take_ticket, OFFICE, wish, device="loopback", token_hash=token(16))
            _serve(store, clock, chance, who)


def _serve(store: Store, clock: FixedClock, chance: Random, who: Operator) -> None:
    clock.advance(chance.expovariate(1 / 90))
    store.write(service.call_next, OFFICE, who)
    clock.advance(chance.expovariate(1 / 20))
    if chance.random() < 0.08:
        store.write(service.advance, OFFICE, who, Event.NO_SHOW)
        return
    store.write(service.advance, OFFICE, who, Event.START)
    clock.advance(chance.lognormvariate(4.2, 0.8))
    store.write(service.advance, OFFICE, who, Event.FINISH)


def _catalogue(tx: Transaction) -> list[RowId]:
    return [
        tx.insert(
            SERVICES,
            {
                "prefix": letter,
                "name_uk": f"Послуга {letter}",
                "icon": "doc",
                "purposes": ",".join(Purpose),
                "state": ServiceState.OPEN,
                "ordering": order,
            },
            scope="hromada",
        )
        for order, letter in enumerate(LETTERS)
    ]


def _chance(seed: int) -> "_Entropy":
    return _Entropy(Random(seed))


class _Entropy:
    """Random bytes that a seed gives again."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def __call__(self, count: int) -> bytes:
        return self._chance.randbytes(count)


def counted(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each table of the log and how many rows it has there."""
    store = Store.open(path, TABLES, node=NODE, clock=FixedClock(MORNING))
    try:
        with store.read() as reader:
            for row in reader.all("SELECT tbl, count(*) AS n FROM _log GROUP BY tbl ORDER BY tbl"):
                yield row["tbl"], row["n"]
    finally:
        store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tickets", type=int, default=6000)
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    filling = opened(asked.file, seed=asked.seed)
    fill(filling, seed=asked.seed, tickets=asked.tickets)
    filling.store.close()
    for table, rows in counted(asked.file):
        print(f"{rows:8} {table}")
    os._exit(0)
