"""A link that is paid for by the byte: the day's bytes are kept, tickets outlast readings."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import queries
from sync.budget import SHARES, Budget
from tests.sync_link.pair import HubServer, Village, until
from tests.sync_link.rows import READINGS, visit

DAILY = 300_000
ROWS = 14_000
DAY_SECONDS = 24 * 3600


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[HubServer]:
    opened = HubServer(tmp_path)
    yield opened
    opened.stop()


def noise(tx: Transaction, first: int, chance: random.Random) -> None:
    """Write rows that no packing makes smaller: about 40 bytes each on the wire."""
    for value in range(first, first + 500):
        tx.insert(READINGS, {"value": value, "word": chance.randbytes(30).hex()})


def waiting(village: Village) -> dict[Lane, int]:
    with village.store.read() as reader:
        return {lane: one.count for lane, one in queries.backlog(reader).items()}


def test_readings_stop_within_the_days_bytes_and_go_on_the_next_day(
    tmp_path: Path, centre: HubServer
) -> None:
    clock, chance = FixedClock(), random.Random(1)
    village = Village(tmp_path, centre.url, clock=clock, start=False, budget=Budget(DAILY))
    for first in range(0, ROWS, 500):
        village.store.write(noise, first, chance)
    village.link.start()
    ledger = village.link.ledger

    def spent() -> bool:
        return not ledger.budget.is_open(Lane.READINGS, ledger.today.carried)

    until(spent, told="the readings never came to their share of the day")
    village.store.write(visit, 0)
    until(lambda: [*waiting(village)] == [Lane.READINGS], told="tickets must outlast readings")
    left = waiting(village)[Lane.READINGS]
    assert 0 < left < ROWS
    for n in range(1, 20):
        village.store.write(visit, n)
    until(lambda: centre.seen() == list(range(20)))
    until(lambda: waiting(village) == {Lane.READINGS: left})
    assert ledger.today.carried <= DAILY * SHARES[Lane.TICKETS]
    for _ in range(3):  # the days that it takes
        clock.advance(DAY_SECONDS)
        before = waiting(village).get(Lane.READINGS, 0)
        village.link.call()
        until(lambda now=before: spent() or not now or waiting(village).get(Lane.READINGS, 0) == 0)
        assert ledger.today.carried <= DAILY
    until(lambda: not waiting(village))
    village.stop()


def test_alarms_alone_go_when_the_day_is_used_up(tmp_path: Path, centre: HubServer) -> None:
    village = Village(tmp_path, centre.url, budget=Budget(1))
    until(lambda: village.link.ledger.facts.up)  # asking for news goes on
    village.store.write(visit, 1)
    village.link.call()
    until(lambda: village.link.traffic["urgent"].requests >= 2)
    assert waiting(village) == {Lane.TICKETS: 2}  # a visit and its step
    assert centre.seen() == []
    village.stop()
