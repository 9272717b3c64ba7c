"""The life of a ticket, for every series of events that a day could bring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.queue import model
from appliance.queue.model import MOVES, OVER, Event, Move, Standing, State, WrongMoment

events = st.lists(st.sampled_from(Event), max_size=12)


def lived(happening: list[Event]) -> tuple[Standing, list[Move]]:
    """Return how a ticket ends, and its moves; what is refused leaves no trace."""
    standing, moves = Standing(), list[Move]()
    for at, event in enumerate(happening, start=100):
        try:
            move = model.decided("А-001", standing, event, at=at, counter=1)
        except WrongMoment:
            continue
        standing = model.folded(standing, move)
        moves.append(move)
    return standing, moves


@given(events)
def test_a_ticket_moves_only_along_the_table(happening: list[Event]) -> None:
    standing = Standing()
    for event in happening:
        expected = MOVES[standing.state].get(event)
        if expected is None:
            with pytest.raises(WrongMoment):
                model.decided("А-001", standing, event, at=1)
        else:
            standing = model.folded(standing, model.decided("А-001", standing, event, at=1))
            assert standing.state is expected


@given(events)
def test_each_move_is_one_step_and_names_where_it_began(happening: list[Event]) -> None:
    _, moves = lived(happening)
    assert [move.step for move in moves] == list(range(1, len(moves) + 1))
    states = [State.WAITING, *(move.after for move in moves)]
    assert [move.before for move in moves] == states[: len(moves)]


@given(events, st.data())
def test_the_fold_ends_the_same_however_often_moves_come_again(
    happening: list[Event], data: st.DataObject
) -> None:
    standing, moves = lived(happening)
    again = Standing()
    for index, move in enumerate(moves):
        again = model.folded(again, move)
        for old in data.draw(st.lists(st.sampled_from(moves[: index + 1]), max_size=3)):
            again = model.folded(again, old)
    assert again == standing


@given(events)
def test_a_ticket_knows_when_it_was_called_served_and_over(happening: list[Event]) -> None:
    standing, moves = lived(happening)
    calls = [move for move in moves if move.after is State.CALLED]
    assert standing.calls == len(calls)
    assert standing.called_at == (calls[-1].at if calls else None)
    assert (standing.started_at is None) == (State.SERVING not in {move.after for move in moves})
    assert (standing.ended_at is None) == (standing.state not in OVER)


def test_every_state_has_its_row_and_can_be_reached() -> None:
    assert set(MOVES) == set(State)
    reached = {State.WAITING}.union(*(set(moves.values()) for moves in MOVES.values()))
    assert reached == set(State)


def test_a_refusal_says_what_the_ticket_is_and_what_is_allowed() -> None:
    called = Standing(state=State.CALLED, step=1)
    with pytest.raises(WrongMoment, match="allowed now: recall, start, no_show, cancel") as refused:
        model.decided("А-001", called, Event.FINISH, at=1)
    assert (refused.value.state, refused.value.status_hint) == ("CALLED", 409)
    assert refused.value.allowed == ["recall", "start", "no_show", "cancel"]


@given(st.integers(1, 998))
def test_numbers_of_three_digits_sort_as_people_take_them(n: int) -> None:
    assert model.label("А", n) < model.label("А", n + 1)


def test_after_999_comes_1000_and_not_000() -> None:
    assert [model.label("А", n) for n in (1, 42, 999, 1000)] == [
        "А-001",
        "А-042",
        "А-999",
        "А-1000",
    ]


def test_no_letter_of_a_number_looks_like_a_digit_or_like_another_letter() -> None:
    assert not set(model.PREFIXES) & set("ЗОІБЇЙ")
    assert not set(model.PREFIXES) & set("ABCEHIKMOPTXY")  # Latin ones are other letters
