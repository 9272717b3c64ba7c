"""The service day: it only grows, whatever the clock says."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.queue.service_day import LEAP, ClockTrust, ServiceDay, date_of, next_day

KYIV = ZoneInfo("Europe/Kyiv")
OPENS = time(4, 0)
GOOD = ClockTrust(good=True, synchronised=True)
HOLDING = ClockTrust(good=True, synchronised=False)
UNKNOWN = ClockTrust(good=False, synchronised=False)
MONDAY = date(2026, 11, 16)
DAY = timedelta(days=1)

dates = st.dates(date(1970, 1, 1), date(2100, 1, 1)) | st.dates(
    date(2026, 11, 1), date(2026, 12, 1)
)
trusts = st.sampled_from([GOOD, HOLDING, UNKNOWN])


def at(local: datetime) -> int:
    return round(local.timestamp() * 1000)


def kyiv(*when: int, fold: int = 0) -> int:
    return at(datetime(*when, fold=fold, tzinfo=KYIV))  # type: ignore[misc, arg-type]


@given(st.lists(st.tuples(dates, trusts), max_size=30))
def test_a_number_never_goes_back_and_grows_by_one(looks: list[tuple[date, ClockTrust]]) -> None:
    present: ServiceDay | None = None
    for today, trust in looks:
        before = present
        present = next_day(present, today, trust) or present
        assert present is not None
        if before is None:
            assert present.number == 1
        elif present != before:
            opened = present.number == before.number + 1 and present.correction == 0
            put_right = present.number == before.number
            assert opened or (put_right and present.correction == before.correction + 1)


@given(st.lists(st.tuples(dates, trusts), max_size=10), dates)
def test_a_synchronised_clock_puts_the_date_right_at_once(
    looks: list[tuple[date, ClockTrust]], today: date
) -> None:
    present: ServiceDay | None = None
    for told, trust in looks:
        present = next_day(present, told, trust) or present
    present = next_day(present, today, GOOD) or present
    assert present is not None
    assert present.label == today or timedelta(0) < present.label - today <= DAY
    assert not present.provisional
    settled = next_day(present, today, GOOD)
    assert settled is None


@pytest.mark.parametrize("years", [1, -1])
@pytest.mark.parametrize("trust", [UNKNOWN, HOLDING])
def test_a_clock_that_jumps_by_a_year_leaves_the_number_as_it_is(
    years: int, trust: ClockTrust
) -> None:
    present = ServiceDay(7, MONDAY)
    jumped = next_day(present, MONDAY + 365 * years * DAY, trust)
    assert jumped is None or jumped.number == 7
    back = next_day(jumped or present, MONDAY, GOOD)
    assert (back or jumped or present).label == MONDAY
    assert (back or jumped or present).number == 7


def test_an_office_without_a_good_clock_still_opens_its_next_day() -> None:
    assert next_day(ServiceDay(7, MONDAY), MONDAY + DAY, UNKNOWN) == ServiceDay(
        8, MONDAY + DAY, provisional=True
    )
    assert next_day(ServiceDay(7, MONDAY), MONDAY + LEAP + DAY, UNKNOWN) is None


def test_a_board_that_woke_up_in_1970_keeps_its_day_and_is_corrected_later() -> None:
    present = ServiceDay(7, MONDAY)
    assert next_day(present, date(1970, 1, 1), UNKNOWN) is None
    assert next_day(present, MONDAY + DAY, GOOD) == ServiceDay(8, MONDAY + DAY)


def test_a_first_day_on_a_bad_clock_gets_its_date_when_the_clock_is_good() -> None:
    first = next_day(None, date(1970, 1, 1), UNKNOWN)
    assert first == ServiceDay(1, date(1970, 1, 1), provisional=True)
    assert next_day(first, MONDAY, GOOD) == ServiceDay(1, MONDAY, correction=1)


def test_an_hour_set_back_at_dawn_does_not_relabel_the_day() -> None:
    assert next_day(ServiceDay(8, MONDAY + DAY), MONDAY, GOOD) is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (kyiv(2026, 11, 17, 3, 59, 59), MONDAY),
        (kyiv(2026, 11, 17, 4, 0), MONDAY + DAY),
        (kyiv(2026, 11, 17, 0, 0), MONDAY),  # midnight changes nothing
        (kyiv(2026, 3, 29, 2, 59, 59), date(2026, 3, 28)),  # 03:00 becomes 04:00
        (kyiv(2026, 3, 29, 2, 59, 59) + 1000, date(2026, 3, 29)),
        (kyiv(2026, 10, 25, 3, 59, 59), date(2026, 10, 24)),  # 04:00 becomes 03:00
        (kyiv(2026, 10, 25, 3, 59, 59, fold=1), date(2026, 10, 24)),
        (kyiv(2026, 10, 25, 4, 0), date(2026, 10, 25)),
    ],
)
def test_the_day_opens_at_four_by_the_clock_on_the_wall(moment: int, expected: date) -> None:
    assert date_of(moment, KYIV, OPENS) == expected


@given(st.integers(1_700_000_000, 1_950_000_000), st.times())
def test_days_last_23_to_25_hours_and_none_is_skipped(seconds: int, opens: time) -> None:
    moment = seconds * 1000
    today = date_of(moment, KYIV, opens)
    assert date_of(moment + 26 * 3600 * 1000, KYIV, opens) - today in (DAY, 2 * DAY)
    assert date_of(moment + 22 * 3600 * 1000, KYIV, opens) - today in (0 * DAY, DAY)


@given(st.integers(0, 8 * 366 * 24), st.times())
def test_a_good_clock_walking_on_never_steps_back_over_a_change_of_summer_time(
    hours: int, opens: time
) -> None:
    start = kyiv(2026, 1, 1) + hours * 3600 * 1000
    present: ServiceDay | None = None
    for quarter in range(48 * 4):
        today = date_of(start + quarter * 900_000, KYIV, opens)
        stepped = next_day(present, today, GOOD)
        assert stepped is None or stepped.correction == 0
        present = stepped or present
    assert present is not None
    assert present.number <= 4
