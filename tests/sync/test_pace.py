"""How much goes at once and how long a failure rests."""

from dataclasses import replace
from itertools import accumulate, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync import pace
from sync.agent import Agent
from sync.events import Broke, Collected, Send, Ticked, Woken
from sync.lanes import Draft, Wire
from sync.pace import FLOOR, LONGEST_PAUSE, MOST, URGENT_PAUSE, Pace, next_pause
from sync.sides import State, first

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
KEY = SigningKey(b"\x03" * 32)
AGENT = Agent(
    hromada="tykhovody",
    stream=StreamId(3, 77),
    centre=1,
    key=KEY,
    centre_key=SigningKey(b"\x01" * 32).verify_key,
)


def travelled(
    link: float, *, round_trip: float = 0.3, ratio: float = 0.25, times: int = 40
) -> Pace:
    """Return the pace after requests that fill the room, over a link of so many bytes a second."""
    known = Pace()
    for _ in range(times):
        weight = known.most_bytes
        size = max(200, int(weight * ratio))
        known = known.after(weight=weight, size=size, seconds=round_trip + size / link)
    return known


@pytest.mark.parametrize("link", [1_000, 8_000, 50_000, 90_000])
@pytest.mark.parametrize("ratio", [0.05, 0.25, 0.9])
def test_a_request_comes_to_take_about_ten_seconds(link: float, ratio: float) -> None:
    known = travelled(link, ratio=ratio)
    size = min(known.room, known.most_bytes * ratio)
    limited = known.most_bytes >= pace.MOST_WEIGHT
    assert limited or 7 < size / link < 13
    assert size / link < 13


def test_a_fast_link_gets_no_more_than_the_centre_takes() -> None:
    assert travelled(50_000_000, ratio=1.0).room <= MOST
    known = Pace().after(weight=90_000, size=60_000, seconds=0.1, most=20_000)
    assert known.room == 20_000


def test_a_lost_request_halves_the_next_one_down_to_the_floor() -> None:
    known = Pace(room=MOST)
    rooms = [known.room]
    for _ in range(12):
        known = known.failed()
        rooms.append(known.room)
    assert rooms[1:4] == [MOST / 2, MOST / 4, MOST / 8]
    assert rooms[-1] == FLOOR == 4096


def test_a_link_that_got_faster_is_believed_at_once() -> None:
    slow = travelled(1_000)
    sizes = [slow.room]
    for _ in range(8):
        slow = slow.after(weight=slow.most_bytes, size=int(slow.room), seconds=slow.room / 100_000)
        sizes.append(slow.room)
    assert all(later <= 2 * before for before, later in pairwise(sizes))
    assert sizes[-1] > 900_000


def test_a_small_request_does_not_change_how_much_goes_next() -> None:
    known = Pace()
    assert known.after(weight=100, size=300, seconds=0.001).room == known.room
    slow = known.after(weight=100, size=300, seconds=60.0)
    assert (slow.room, slow.speed) == (known.room, known.speed)


@QUICK
@given(
    st.lists(
        st.tuples(
            st.booleans(), st.integers(0, 1 << 21), st.integers(1, 1 << 20), st.floats(0, 999)
        )
    )
)
def test_whatever_happens_the_figures_stay_in_bounds(events: list[tuple]) -> None:
    known = Pace()
    for well, weight, size, seconds in events:
        known = known.after(weight=weight, size=size, seconds=seconds) if well else known.failed()
        assert FLOOR <= known.room <= MOST
        assert FLOOR <= known.most_bytes <= pace.MOST_WEIGHT
        assert known.speed >= 1
        assert pace.SHORTEST_TIMEOUT <= known.timeout(MOST) <= pace.LONGEST_TIMEOUT


def test_a_slow_link_is_given_longer() -> None:
    assert Pace(speed=100.0).timeout(16_384) > Pace(speed=10_000.0).timeout(16_384)


# Waiting


@QUICK
@given(st.integers(), st.sampled_from([LONGEST_PAUSE, URGENT_PAUSE]))
def test_pauses_lie_between_two_seconds_and_the_longest(seed: int, longest: float) -> None:
    chance = Random(seed)
    pauses = list(accumulate([0.0] * 60, lambda b, _: next_pause(b, chance, longest=longest)))[1:]
    assert all(2.0 <= pause <= longest for pause in pauses)
    assert all(later <= max(2.0, 3 * b) for b, later in pairwise(pauses))


def test_pauses_grow_and_are_drawn_anew() -> None:
    def last(seed: int) -> float:
        chance, pause = Random(seed), 0.0
        for _ in range(30):
            pause = next_pause(pause, chance, longest=LONGEST_PAUSE)
        return pause

    found = [last(seed) for seed in range(200)]
    assert len({round(pause, 3) for pause in found if pause < LONGEST_PAUSE}) > 100
    assert sum(found) / len(found) > 120
    assert LONGEST_PAUSE == 15 * 60


def tried(state: State, seed: int, *, rows: int, wire: Wire, times: int) -> list[float]:
    """Return how long one side rests after each of so many failures in a row."""
    chance, now, rests = Random(seed), 0.0, []
    lane = Lane.TICKETS if wire is Wire.URGENT else Lane.STATE
    draft = Draft(AGENT.stream, lane, 0, rows, b"body", waits=rows > 0, asks=not rows)
    while len(rests) < times:
        state, actions = AGENT.step(state, Ticked(), now, chance)
        attempt = state.side(wire).attempt
        state, actions = AGENT.step(state, Collected(wire, attempt, draft), now, chance)
        assert any(isinstance(action, Send) for action in actions)
        state, _ = AGENT.step(state, Broke(wire, attempt, "unreachable"), now + 1, chance)
        until = state.side(wire).until
        rests.append(until - now - 1)
        now = until
    return rests


def alone(wire: Wire) -> State:
    """Return a state whose other side rests for ever."""
    state = first(0.0)
    never = {"until": float("inf"), "wanted": False}
    if wire is Wire.URGENT:
        return replace(state, bulk=replace(state.bulk, **never))
    return replace(state, urgent=replace(state.urgent, **never))


@pytest.mark.parametrize("seed", range(5))
def test_trying_never_ends_and_urgent_rows_wait_ten_seconds_at_most(seed: int) -> None:
    rests = tried(alone(Wire.URGENT), seed, rows=3, wire=Wire.URGENT, times=300)
    assert URGENT_PAUSE == 10.0
    assert all(1.999 <= rest <= 10.001 for rest in rests)


@pytest.mark.parametrize("seed", range(5))
def test_bulk_rows_wait_up_to_a_quarter_of_an_hour(seed: int) -> None:
    rests = tried(alone(Wire.BULK), seed, rows=3, wire=Wire.BULK, times=300)
    assert all(1.999 <= rest <= 900.001 for rest in rests)
    assert max(rests) > 300


def test_with_nothing_urgent_to_send_the_urgent_side_too_waits_longer() -> None:
    rests = tried(alone(Wire.URGENT), 1, rows=0, wire=Wire.URGENT, times=60)
    assert max(rests) > 300


def test_an_urgent_row_shortens_a_long_wait() -> None:
    chance = Random(4)
    state = alone(Wire.URGENT)
    state = replace(state, urgent=replace(state.urgent, until=800.0, pause=800.0))
    state, _ = AGENT.step(state, Woken(), 100.0, chance)
    assert 100.0 <= state.urgent.until <= 100.0 + URGENT_PAUSE
