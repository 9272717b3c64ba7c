"""How often a node asks what is safe."""

from hypothesis import given
from hypothesis import strategies as st

from sync.safety import AGAIN_SECONDS, EVERY_SECONDS, FIRST_SECONDS, Asking

moves = st.lists(st.tuples(st.floats(0, 8000), st.booleans()), max_size=60)


@given(moves)
def test_it_is_asked_seldom_and_until_it_is_answered(steps: list[tuple[float, bool]]) -> None:
    now, asking = 0.0, Asking.begun(0.0)
    asked, answered = list[float](), list[float]()
    for pause, replies in steps:
        now += pause
        if not asking.due(now):
            continue
        assert now >= FIRST_SECONDS
        assert not asked or now >= asked[-1] + AGAIN_SECONDS
        assert not answered or now >= answered[-1] + EVERY_SECONDS
        asked.append(now)
        asking = asking.asked(now)
        if replies:
            answered.append(now)
            asking = asking.answered(now)
        assert not asking.due(now)


def test_answer_that_nobody_asked_for_puts_the_question_off_no_longer() -> None:
    asking = Asking.begun(0.0).answered(300.0)
    assert asking.due(FIRST_SECONDS)
