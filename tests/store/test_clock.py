"""Time with its quality, and the number that only grows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store import clock as clocks
from appliance.store.clock import (
    AHEAD_MS,
    COUNTER_BITS,
    HOLDS_SECONDS,
    ClockQuality,
    FixedClock,
    HybridClock,
    SystemClock,
)

qualities = st.sampled_from(ClockQuality)
walls = st.integers(0, 1 << 42)


@given(
    st.lists(
        st.tuples(st.just("next"), walls, qualities)
        | st.tuples(st.integers(0, 1 << 60), walls, qualities),
        max_size=30,
    )
)
def test_the_hybrid_time_only_grows_whatever_the_clock_does(
    steps: list[tuple[Any, int, ClockQuality]],
) -> None:
    hybrid, before = HybridClock(0), 0
    for what, wall, quality in steps:
        if what == "next":
            given_now = hybrid.next(wall, quality)
            assert given_now > before
            before = given_now
        else:
            hybrid.follow(what, wall, quality)
        assert hybrid.last >= before
        before = hybrid.last


def test_a_good_clock_is_taken_in_and_a_bad_one_is_not() -> None:
    hybrid = HybridClock(5)
    assert hybrid.next(1_790_000_000_000, ClockQuality.UNKNOWN) == 6
    assert hybrid.next(1_790_000_000_000, ClockQuality.HOLDING) == 1_790_000_000_000 << COUNTER_BITS


def test_a_clock_that_jumps_a_year_back_does_not_take_the_number_along() -> None:
    hybrid, year = HybridClock(0), 365 * 86_400_000
    first = hybrid.next(1_790_000_000_000, ClockQuality.SYNCHRONISED)
    assert hybrid.next(1_790_000_000_000 - year, ClockQuality.SYNCHRONISED) == first + 1


def test_a_remote_number_far_ahead_of_a_good_clock_is_not_followed() -> None:
    wall = 1_790_000_000_000
    far, near = (wall + AHEAD_MS + 1) << COUNTER_BITS, (wall + AHEAD_MS) << COUNTER_BITS
    hybrid = HybridClock(0)
    assert not hybrid.follow(far, wall, ClockQuality.SYNCHRONISED)
    assert hybrid.last == 0
    assert hybrid.follow(near, wall, ClockQuality.SYNCHRONISED)
    assert hybrid.last == near
    assert hybrid.follow(far, wall, ClockQuality.UNKNOWN), "nothing to judge it by"


def test_a_number_that_leaves_no_room_to_grow_is_never_followed() -> None:
    """A centre without a clock followed it, and the next number fitted no row."""
    hybrid, greatest = HybridClock(0), (1 << 63) - 1
    assert not hybrid.follow(greatest, 0, ClockQuality.UNKNOWN)
    assert hybrid.next(0, ClockQuality.UNKNOWN) == 1


def test_the_system_clock_holds_for_a_day_after_it_was_last_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers, now = iter([True, False, False]), iter([0.0, HOLDS_SECONDS, HOLDS_SECONDS + 1.0])
    monkeypatch.setattr(clocks, "kernel_is_synchronised", lambda: next(answers))
    monkeypatch.setattr(clocks.time, "monotonic", lambda: next(now))
    system = SystemClock()
    assert [system.quality() for _ in range(3)] == [
        ClockQuality.SYNCHRONISED,
        ClockQuality.HOLDING,
        ClockQuality.UNKNOWN,
    ]


def test_the_kernel_is_asked_and_answers() -> None:
    assert clocks.kernel_is_synchronised() in {True, False}
    assert SystemClock(trusted=True).quality() is ClockQuality.SYNCHRONISED
    assert SystemClock().wall() > 1_700_000_000_000


def test_a_fixed_clock_does_what_it_is_told() -> None:
    clock = FixedClock(1000)
    clock.advance(2.5)
    assert (clock.wall(), clock.monotonic()) == (3500, 1002.5)
    clock.set(7, quality=ClockQuality.UNKNOWN)
    assert (clock.wall(), clock.monotonic(), clock.quality()) == (7, 1002.5, ClockQuality.UNKNOWN)
