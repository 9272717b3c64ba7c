"""Days, midnight and bad clocks against a real store."""

from datetime import date
from pathlib import Path

import pytest

from appliance.queue import queries, service
from appliance.queue.model import Event, State
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.transaction import Transaction
from tests.queue.office import (
    HERE,
    NUMBER,
    OKSANA,
    TABLES,
    Office,
    moment,
)


def day_of(office: Office) -> tuple[int, date]:
    with office.store.read() as reader:
        day = queries.present_day(reader, NUMBER)
    assert day is not None
    return day.number, day.label


def test_numbers_begin_again_at_four_and_not_at_midnight(office: Office, clock: FixedClock) -> None:
    assert office.take().label == "А-001"
    clock.set(moment(2026, 11, 18, 1, 30))
    assert office.take().label == "А-002"
    clock.set(moment(2026, 11, 18, 4, 0))
    assert office.take().label == "А-001"
    assert day_of(office) == (2, date(2026, 11, 18))


def test_people_who_wait_at_midnight_are_still_called_before_those_of_the_new_day(
    office: Office, clock: FixedClock
) -> None:
    old = office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.take()
    office.open(OKSANA)
    called = office.call()
    assert (called.id, called.day) == (old.id, 1)


def test_tickets_of_past_days_are_closed_only_when_staff_say_so(
    office: Office, clock: FixedClock
) -> None:
    old = [office.take(), office.take()]
    clock.set(moment(2026, 11, 18, 9, 0))
    fresh = office.take()
    office.open(OKSANA)
    assert office.store.write(service.close_past_days, HERE, OKSANA) == 2
    assert {office.ticket(one.id).state for one in old} == {State.CLOSED_EOD}
    assert office.call().id == fresh.id


@pytest.mark.parametrize("year", [2025, 2027])
@pytest.mark.parametrize("quality", [ClockQuality.UNKNOWN, ClockQuality.SYNCHRONISED])
def test_a_clock_that_jumps_by_a_year_and_back_gives_no_number_twice(
    office: Office, clock: FixedClock, year: int, quality: ClockQuality
) -> None:
    taken = [office.take()]
    clock.set(moment(year, 11, 17, 9, 5), quality=quality)
    taken.append(office.take())
    jumped, _ = day_of(office)
    clock.set(moment(2026, 11, 17, 9, 10), quality=ClockQuality.SYNCHRONISED)
    taken.append(office.take())
    number, label = day_of(office)
    assert label == date(2026, 11, 17)
    assert number >= jumped
    assert len({(one.day, one.label) for one in taken}) == 3
    office.open(OKSANA)
    called = []
    for _ in taken:
        called.append(office.call().id)
        office.advance(Event.NO_SHOW)
    assert called == [one.id for one in taken]  # by arrival, whatever the clock said


def test_after_999_comes_1000(office: Office) -> None:
    def skip(tx: Transaction) -> None:
        for _ in range(998):
            tx.next_number(f"ticket/{NUMBER}/1/А")

    office.store.write(skip)
    assert [office.take().label, office.take().label] == ["А-999", "А-1000"]


def test_a_restart_goes_on_with_the_same_day_and_the_next_number(
    office: Office, clock: FixedClock, tmp_path: Path
) -> None:
    office.take()
    office.open(OKSANA)
    office.store.close()
    store = Store.open(tmp_path / "node.db", TABLES, node=NUMBER, clock=clock)
    try:
        again = Office(store, clock, office.extract, office.land, office.closed, office.priority)
        assert again.take().label == "А-002"
        assert [again.call().label, day_of(again)[0]] == ["А-001", 1]
    finally:
        store.close()
