"""Lanes that are not urgent share the link by weight, and none of them starves."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from appliance.store.tables import Lane
from sync.turns import RING, WEIGHTS, Turns

ROOM = 80_000.0


def served(turns: Turns, holding: list[Lane], sizes: list[int]) -> tuple[Turns, list[Lane]]:
    """Send one request of each size, always of the first lane in order that holds rows."""
    found = []
    for size in sizes:
        lane = next(lane for lane in turns.order() if lane in holding)
        turns = turns.sent(lane, size, room=ROOM)
        found.append(lane)
    return turns, found


def test_full_requests_come_in_rows_as_long_as_the_weight_says() -> None:
    _, found = served(Turns(), list(RING), [int(ROOM)] * 20)
    once = [lane for lane in RING for _ in range(WEIGHTS[lane])]
    assert found == once + once


@given(
    st.sets(st.sampled_from(RING), min_size=1),
    st.lists(st.integers(1, int(ROOM)), min_size=400, max_size=400),
)
def test_bytes_are_shared_by_weight_within_one_turn(holding: set[Lane], sizes: list[int]) -> None:
    _, found = served(Turns(), sorted(holding), sizes)
    sent: Counter[Lane] = Counter()
    for lane, size in zip(found, sizes, strict=True):
        sent[lane] += size
    rounds = [sent[lane] / WEIGHTS[lane] for lane in holding]
    assert max(rounds) - min(rounds) <= 2 * ROOM


@given(st.lists(st.integers(1, int(ROOM)), min_size=60, max_size=60))
def test_no_lane_waits_for_more_than_one_round_of_the_others(sizes: list[int]) -> None:
    _, found = served(Turns(), list(RING), sizes)
    carried: dict[Lane, float] = dict.fromkeys(RING, 0.0)
    for lane, size in zip(found, sizes, strict=True):
        carried[lane] = 0.0
        for other in RING:
            if other is not lane:
                carried[other] += size
        assert max(carried.values()) <= (sum(WEIGHTS.values()) + len(RING)) * ROOM


def test_a_lane_that_had_nothing_to_send_saves_nothing_up() -> None:
    turns, _ = served(Turns(), [Lane.READINGS], [int(ROOM)] * 50)
    _, found = served(turns, [Lane.STATE, Lane.READINGS], [int(ROOM)] * 12)
    assert found.count(Lane.STATE) == 2 * found.count(Lane.READINGS)


def test_a_request_that_overdraws_its_turn_has_less_of_the_next_one() -> None:
    turns = Turns().sent(Lane.STATE, int(7 * ROOM), room=ROOM)
    assert turns.present is not Lane.STATE
    for lane in RING[1:]:
        turns = turns.sent(lane, int(WEIGHTS[lane] * ROOM), room=ROOM)
    _, found = served(turns, list(RING), [int(ROOM)] * 2)
    assert found == [Lane.STATE, RING[1]]
