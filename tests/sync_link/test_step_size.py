"""A step is short enough for a visitor, and long enough for a disk."""

from hypothesis import given
from hypothesis import strategies as st

from sync.step_size import FEWEST, LONGEST_STEP, MOST, SHORTEST_STEP, next_size


@given(
    st.integers(FEWEST, MOST),
    st.integers(1, MOST),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_size_of_a_step_stays_in_its_bounds_and_grows_no_more_than_twofold(
    most: int, looked: int, taken: float, commit: float
) -> None:
    size = next_size(most, looked=looked, taken=taken, commit=commit)
    assert FEWEST <= size <= min(MOST, 2 * most)


def test_step_takes_about_as_long_as_two_commits() -> None:
    each = 0.00004
    for commit, wanted in ((0.0001, SHORTEST_STEP), (0.008, 0.016), (0.2, LONGEST_STEP)):
        size = FEWEST
        for _ in range(10):
            size = next_size(size, looked=size, taken=size * each, commit=commit)
        assert abs(size * each - min(wanted, MOST * each)) < 0.001
