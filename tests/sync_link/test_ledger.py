"""The ledger: up or down since when, through restarts, and bytes by the day."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from sync.ledger import DAY_MS, Ledger, LinkFacts
from tests.sync_link.rows import open_store

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
    counted = [0, 0]
    ledger = Ledger(store, 1, lambda: (counted[0], counted[1]))
    counted[:] = [500, 300]
    contact(ledger, store)
    store.close()
    store = opened()
    fresh = Ledger(store, 1, lambda: (70, 30))
    assert (fresh.today.sent, fresh.today.received) == (570, 330)
    assert (fresh.today.sent, fresh.today.received) == (570, 330)
    clock.advance(DAY_MS / 1000)
    assert (fresh.today.sent, fresh.today.received) == (0, 0)
    store.close()
