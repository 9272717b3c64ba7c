"""Each night the chains of a node and its centre are compared; the overview tells the outcome."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store import checking
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import comparison, queries
from sync.comparison import A_NIGHT, HOUR_MS, NIGHT, SETTLED_SECONDS, TOO_LONG, Outcome
from sync.events import Kind
from sync.nightly import Nightly
from tests.sync_link.pair import HubServer, Village, until
from tests.sync_link.rows import readings, visit

DAY = 24 * HOUR_MS
hours, moments = st.integers(0, 23), st.integers(0, 1 << 42)


@given(moments, moments, hours, st.floats(0, 1e9))
def test_comparisons_are_neither_too_often_nor_ever_over(
    last: int, now: int, hour: int, awake: float
) -> None:
    due = comparison.is_due(last, now, hour=hour, awake=awake)
    if 0 <= now - last < A_NIGHT:
        assert not due
    if now - last >= TOO_LONG and awake >= SETTLED_SECONDS:
        assert due
    if now - last >= A_NIGHT and hour in NIGHT:
        assert due


@pytest.mark.parametrize(("last", "now"), [(None, 5 * DAY), (5 * DAY, 4 * DAY), (5 * DAY, 0)])
def test_first_start_and_a_clock_that_went_back_wait_until_the_node_has_settled(
    last: int | None, now: int
) -> None:
    assert not comparison.is_due(last, now, hour=3, awake=SETTLED_SECONDS - 1)
    assert comparison.is_due(last, now, hour=12, awake=SETTLED_SECONDS)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[HubServer]:
    opened = HubServer(tmp_path)
    yield opened
    opened.stop()


@pytest.fixture
def village(tmp_path: Path, centre: HubServer) -> Iterator[Village]:
    opened = Village(tmp_path, centre.url)
    for n in range(5):
        opened.store.write(visit, n)
    opened.store.write(readings, 0, 50)
    until(lambda: not_sent(opened) == 0)
    yield opened
    opened.stop()


def not_sent(village: Village) -> int:
    with village.store.read() as reader:
        return queries.unsent(reader)


def nightly(village: Village, broken: str = "") -> Nightly:
    link = village.link
    return Nightly(
        village.store,
        zone=UTC,
        call=link.call,
        linked=lambda: link.ledger.facts.up,
        forked=lambda: link.ledger.warnings.get(str(Kind.FORKED), ""),
        broken=lambda: broken,
    )


def last(village: Village) -> comparison.Compared | None:
    with village.store.read() as reader:
        return comparison.last(reader)


def came_out(village: Village, night: Nightly, outcome: Outcome) -> bool:
    night.look()
    found = last(village)
    return found is not None and found.outcome is outcome


def test_equal_chains_are_told_to_both_ends(centre: HubServer, village: Village) -> None:
    night = nightly(village)
    night.compare()
    until(lambda: came_out(village, night, Outcome.EQUAL))
    village.store.write(visit, 9)  # whatever comes next tells the centre
    until(lambda: centre.hub.heard[2].compared == "equal")
    assert centre.hub.heard[2].compared_at is not None


def test_chain_that_was_changed_at_the_centre_is_found_and_nothing_more_is_believed(
    centre: HubServer, village: Village
) -> None:
    def spoil(tx: Transaction) -> None:
        tx.run(
            "UPDATE _inbox_cursor SET chain = zeroblob(16) WHERE node = 2 AND lane = ?",
            (int(Lane.READINGS),),
        )

    centre.store.write(spoil)
    night = nightly(village)
    night.compare()
    until(lambda: came_out(village, night, Outcome.FORKED))
    found = last(village)
    assert found is not None
    assert "readings" in found.where


def test_without_a_link_the_question_stays_open(village: Village) -> None:
    village.switch.move(up=False)
    night = nightly(village)
    night.compare()
    for _ in range(3):
        night.look()
    found = last(village)
    assert found is not None
    assert found.outcome is Outcome.ASKED
    village.switch.move(up=True)
    until(lambda: came_out(village, night, Outcome.EQUAL))


def test_nothing_is_doubted_while_there_is_no_link_to_ask_over(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "is_due", lambda *_, **__: True)
    village.switch.move(up=False)
    until(lambda: not village.link.ledger.facts.up)
    night = nightly(village)
    night.look()
    assert last(village) is None
    village.switch.move(up=True)
    until(lambda: village.link.ledger.facts.up)
    until(lambda: came_out(village, night, Outcome.ASKED))


def test_own_log_that_is_damaged_is_told_and_the_centre_is_not_asked(village: Village) -> None:
    night = nightly(village, broken="s02 tickets 3")
    night.compare()
    found = last(village)
    assert found is not None
    assert (found.outcome, found.where) == (Outcome.BROKEN, "s02 tickets 3")


def test_bit_that_turned_in_the_file_is_found_by_looking_at_the_log_itself(
    village: Village,
) -> None:
    def spoil(tx: Transaction) -> None:
        tx.run("UPDATE trial_visit SET n = 77 WHERE n = 3")  # past the log, as a disk does it

    assert checking.first_broken(village.store.read, lambda: None) == ""
    village.store.write(spoil)
    told = checking.first_broken(village.store.read, lambda: None)
    assert told == f"log {village.store.stream} tickets: entry 7"  # two entries for each visit


def test_rows_go_on_while_chains_are_compared(centre: HubServer, village: Village) -> None:
    night = nightly(village)
    for n in range(10, 30):
        village.store.write(visit, n)
        night.compare()
    until(lambda: not_sent(village) == 0 and came_out(village, night, Outcome.EQUAL))
    assert centre.seen() == [*range(5), *range(10, 30)]
