"""The ledger: up or down since when, through restarts, and bytes by the day."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from sync.ledger import Counted, Ledger, LinkFacts
from tests.sync_link.rows import open_store

DAY_MS = 24 * 3600 * 1000
Open = Callable[[], Store]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def opened(tmp_path: Path, clock: FixedClock) -> Open:
    return lambda: open_store(tmp_path / "node.db", 2, clock)


def contact(ledger: Ledger, store: Store, address: str = "http://127.0.0.11:8083") -> LinkFacts:
    facts = ledger.contact(address)
    store.write(ledger.keep, facts)
    ledger.believe(facts)
    return facts


def test_link_that_never_was_is_down_since_nobody_knows_when(opened: Open) -> None:
    store = opened()
    assert Ledger(store, 1).facts == LinkFacts(up=False, since=None, contact_at=None)
    store.close()


def test_down_counts_from_the_last_reply_and_not_from_the_failed_attempt(
    opened: Open, clock: FixedClock
) -> None:
    store = opened()
    ledger = Ledger(store, 1)
    up = contact(ledger, store)
    clock.advance(300)
    ledger.fail("silent")
    assert ledger.facts == LinkFacts(
        up=False,
        since=up.contact_at,
        contact_at=up.contact_at,
        address=up.address,
        trouble="silent",
    )
    clock.advance(300)
    ledger.fail("refused")
    assert ledger.facts.since == up.contact_at
    assert ledger.facts.trouble == "refused"
    clock.advance(1)
    again = contact(ledger, store)
    assert (again.up, again.since, again.trouble) == (True, clock.wall(), "")
    clock.advance(60)
    assert contact(ledger, store).since == again.since
    store.close()


@pytest.mark.parametrize("failed_before", [True, False])
def test_restart_without_a_link_remembers_the_last_contact(
    opened: Open, clock: FixedClock, *, failed_before: bool
) -> None:
    store = opened()
    ledger = Ledger(store, 1)
    at = contact(ledger, store).contact_at
    clock.advance(60)
    if failed_before:
        ledger.fail("cut")
    store.close()
    clock.advance(3600)
    store = opened()
    facts = Ledger(store, 1).facts
    assert (facts.up, facts.since, facts.contact_at) == (False, at, at)
    store.close()


def test_only_a_change_is_written(opened: Open) -> None:
    store = opened()
    ledger = Ledger(store, 1)
    ledger.fail("silent")
    before = store.commits
    for _ in range(20):
        ledger.fail("silent")
    assert store.commits == before
    store.close()


def test_closed_store_does_not_end_who_tells_the_ledger(opened: Open) -> None:
    store = opened()
    ledger = Ledger(store, 1)
    store.close()
    ledger.fail("silent")
    assert ledger.facts.trouble == "silent"


def test_a_stick_makes_the_last_word_of_the_centre_younger_and_never_older_or_future(
    opened: Open, clock: FixedClock
) -> None:
    store = opened()
    ledger = Ledger(store, 1)
    now = clock.wall()
    contact(ledger, store)
    ledger.fail("refused")
    clock.advance(3600)
    for asked_at, known in ((now - 5, now), (now + 60_000, now + 60_000), (now, now + 60_000)):
        ledger.carried(asked_at)
        assert ledger.facts.contact_at == known
    ledger.carried(now + DAY_MS)  # of a clock that has gone back since
    assert ledger.facts.contact_at == clock.wall()
    assert (ledger.facts.up, ledger.facts.since) == (False, now)
    store.close()
    store = opened()
    assert Ledger(store, 1).facts.contact_at == clock.wall()
    store.close()


def test_bytes_are_counted_by_the_day_and_through_restarts(opened: Open, clock: FixedClock) -> None:
    clock.set(20_000 * DAY_MS + 1000)
    store = opened()
    counted = [0, 0, 0]
    ledger = Ledger(store, 1, lambda: Counted(*counted))
    counted[:] = [500, 300, 1000]
    contact(ledger, store)
    store.close()
    store = opened()
    fresh = Ledger(store, 1, lambda: Counted(70, 30, 200))
    for _ in range(2):
        today = fresh.today
        assert (today.sent, today.received, today.carried) == (570, 330, 1200)
    clock.advance(DAY_MS / 1000)
    assert (fresh.today.sent, fresh.today.received) == (0, 0)
    store.close()


def test_the_day_of_the_bytes_ends_at_midnight_of_the_office(
    opened: Open, clock: FixedClock
) -> None:
    midnight = 20_000 * DAY_MS - 3 * 3600 * 1000  # of Kyiv, in summer
    clock.set(midnight - 1000)
    store = opened()
    ledger = Ledger(store, 1, lambda: Counted(1, 2, 3), zone=ZoneInfo("Europe/Kyiv"))
    assert ledger.today.carried == 3
    clock.set(midnight + 1000)
    assert ledger.today.carried == 0
    store.close()


@pytest.mark.parametrize("wall", [0, -DAY_MS, 1 << 62])
def test_bytes_are_counted_whatever_the_clock_shows(
    opened: Open, clock: FixedClock, wall: int
) -> None:
    store = opened()
    ledger = Ledger(store, 1, lambda: Counted(1, 2, 3))
    clock.set(wall)
    assert ledger.today.carried in {0, 3}
    store.close()
