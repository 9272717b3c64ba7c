"""Who is let in: urgent lanes first, a slot for everybody, nobody twice."""

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import admission
from sync.admission import (
    BULK_PLACES,
    LATE,
    URGENT_PLACES,
    URGENT_PLACES_OF_A_NODE,
    Admitted,
    State,
    TurnedAway,
    admit,
    crowded,
    left,
)


def bulk(state: State, node: int, now: float = 0.0) -> tuple[State, Admitted | TurnedAway]:
    return admit(state, node, urgent=False, now=now)


def urgent(state: State, node: int, now: float = 0.0) -> tuple[State, Admitted | TurnedAway]:
    return admit(state, node, urgent=True, now=now)


def full() -> tuple[State, list[Admitted]]:
    """Return a centre whose bulk places are taken by nodes 1, 2, 3 ..."""
    state, tickets = State(), []
    for node in range(1, BULK_PLACES + 1):
        state, answer = bulk(state, node)
        assert isinstance(answer, Admitted)
        tickets.append(answer)
    return state, tickets


def test_bulk_takes_its_places_and_no_more() -> None:
    state, _ = full()
    state, answer = bulk(state, 99)
    assert isinstance(answer, TurnedAway)
    assert answer.seconds >= 1
    assert crowded(state)


def test_a_full_house_of_bulk_lets_urgent_requests_in() -> None:
    state, _ = full()
    for node in range(1, 6):
        state, answer = urgent(state, node)
        assert isinstance(answer, Admitted)


def test_a_node_has_one_bulk_place_and_two_urgent_ones() -> None:
    state, _ = bulk(State(), 3)
    state, again = bulk(state, 3)
    assert isinstance(again, TurnedAway)
    for _ in range(URGENT_PLACES_OF_A_NODE):
        state, answer = urgent(state, 3)
        assert isinstance(answer, Admitted)
    _, answer = urgent(state, 3)
    assert isinstance(answer, TurnedAway)


def test_urgent_places_end_too() -> None:
    state = State()
    for node in range(1, URGENT_PLACES + 1):
        state, answer = urgent(state, node)
        assert isinstance(answer, Admitted)
    _, answer = urgent(state, 99)
    assert isinstance(answer, TurnedAway)
    assert answer.seconds > 0


def test_a_place_is_free_again_when_its_request_is_over() -> None:
    state, tickets = full()
    state = left(state, tickets[0], now=2.0)
    _, answer = bulk(state, 99, now=2.0)
    assert isinstance(answer, Admitted)


def test_a_newcomer_does_not_take_a_place_that_is_kept() -> None:
    state, tickets = full()
    state, turned = bulk(state, 50)
    assert isinstance(turned, TurnedAway)
    state = left(state, tickets[0], now=0.5)
    state, newcomer = bulk(state, 60, now=0.5)
    assert isinstance(newcomer, TurnedAway)
    _, awaited = bulk(state, 50, now=turned.seconds)
    assert isinstance(awaited, Admitted)


def test_who_comes_early_keeps_the_slot_that_it_has() -> None:
    state, _ = full()
    state, once = bulk(state, 50)
    state, twice = bulk(state, 50, now=0.25)
    assert isinstance(once, TurnedAway)
    assert isinstance(twice, TurnedAway)
    assert once.seconds == pytest.approx(twice.seconds + 0.25)


def test_slots_follow_one_another() -> None:
    state, _ = full()
    slots = []
    for node in range(50, 80):
        state, answer = bulk(state, node)
        assert isinstance(answer, TurnedAway)
        slots.append(answer.seconds)
    assert slots == sorted(set(slots))
    step = slots[1] - slots[0]
    assert step == pytest.approx(2.0 / BULK_PLACES)


def test_a_slot_is_lost_to_who_comes_much_too_late() -> None:
    state, tickets = full()
    state, turned = bulk(state, 50)
    assert isinstance(turned, TurnedAway)
    state = left(state, tickets[0], now=1.0)
    late = turned.seconds + LATE + 0.1
    state, answer = bulk(state, 60, now=late)
    assert isinstance(answer, Admitted)
    assert not crowded(state)


def test_slots_stretch_with_how_long_requests_take() -> None:
    slow, quick = full(), full()
    states = []
    for (state, tickets), seconds in ((slow, 60.0), (quick, 0.1)):
        for ticket in tickets:
            state = left(state, ticket, now=seconds)  # noqa: PLW2901 - one after another
        states.append(state)
    assert states[0].seconds > 10
    assert states[1].seconds < 2


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.sampled_from(["bulk", "urgent", "leave"]), st.floats(0, 9))
    )
)
def test_the_places_are_never_overfilled_nor_lost(
    events: list[tuple[int, str, float]],
) -> None:
    state, inside, now = State(), deque[Admitted](), 0.0
    for node, kind, seconds in events:
        now += seconds
        if kind == "leave":
            if inside:
                state = left(state, inside.popleft(), now=now)
            continue
        state, answer = admit(state, node, urgent=kind == "urgent", now=now)
        if isinstance(answer, Admitted):
            inside.append(answer)
        else:
            assert answer.seconds > 0
        assert sum(state.bulk.values()) == sum(not one.urgent for one in inside) <= BULK_PLACES
        assert sum(state.urgent.values()) == sum(one.urgent for one in inside) <= URGENT_PLACES
        assert all(count == 1 for count in state.bulk.values())
    for ticket in inside:
        state = left(state, ticket, now=now)
    assert not state.bulk
    assert not state.urgent


@pytest.mark.parametrize("seed", range(4))
def test_thirty_nodes_that_come_back_at_once_are_all_served(seed: int) -> None:
    """Each comes at its slot, brings one request of two seconds, and asks for no more."""
    chance = Random(seed)
    state, now = State(), 0.0
    comes = {node: chance.uniform(0, 0.2) for node in range(30)}
    inside: list[tuple[float, Admitted]] = []
    knocks, served = 0, dict[int, float]()
    while comes or inside:
        now = min([*comes.values(), *(until for until, _ in inside)])
        for until, ticket in [one for one in inside if one[0] <= now]:
            state = left(state, ticket, now=now)
            inside.remove((until, ticket))
        for node in [node for node, at in comes.items() if at <= now]:
            knocks += 1
            state, answer = bulk(state, node, now=now)
            if isinstance(answer, Admitted):
                inside.append((now + chance.uniform(1.5, 2.5), answer))
                served[node] = now
                del comes[node]
            else:
                comes[node] = now + answer.seconds * chance.uniform(1.0, 1.1)
        assert len(inside) <= admission.BULK_PLACES
    assert len(served) == 30
    assert max(served.values()) < 45
    assert knocks < 30 * 8
