"""The rules of a command: whatever comes in whichever order, nothing is done that must not be."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from appliance.commands.model import (
    FINAL,
    NEXT,
    Answer,
    Command,
    Outcome,
    Reason,
    Seen,
    Standing,
    Story,
    folded,
    judged,
)
from appliance.store.ids import RowId

HERE: Final = RowId(2, 7, 7)
moments = st.integers(0, 100)
steps = st.builds(Seen, st.integers(0, 3), st.sampled_from(["WAITING", "CALLED"]))
commands = st.builds(
    lambda seen, expires, withdrawn: Command(
        id=RowId(1, 1, 1),
        home=2,
        service="queue",
        verb="cancel",
        object=HERE,
        seen=seen,
        asked_by="s01-0000000001-1",
        asked_at=0,
        expires_at=expires,
        withdrawn_at=withdrawn,
    ),
    steps,
    st.none() | moments,
    st.none() | moments,
)
answers = st.builds(
    lambda step, outcome: Answer(step, outcome, None, None, 0, sure=True),
    st.integers(1, 3),
    st.sampled_from(Outcome),
)
judging = {
    "command": commands,
    "present": st.none() | steps,
    "known": st.booleans(),
    "now": moments,
    "good_clock": st.booleans(),
}


@given(**judging)  # type: ignore[arg-type]
def test_only_what_still_stands_as_it_was_seen_is_done(
    *, command: Command, present: Seen | None, known: bool, now: int, good_clock: bool
) -> None:
    verdict = judged(command, present, known=known, now=now, good_clock=good_clock)
    if verdict.outcome is Outcome.DONE:
        assert known
        assert command.withdrawn_at is None
        assert present is not None
        assert present.step == command.seen.step
        assert command.expires_at is None or (good_clock and now < command.expires_at)


@given(**judging)  # type: ignore[arg-type]
def test_nothing_expires_on_a_bad_clock_and_nothing_waits_on_a_good_one(
    *, command: Command, present: Seen | None, known: bool, now: int, good_clock: bool
) -> None:
    verdict = judged(command, present, known=known, now=now, good_clock=good_clock)
    if verdict.outcome is Outcome.EXPIRED:
        assert good_clock
        assert command.expires_at is not None
        assert now >= command.expires_at
    if verdict.outcome is Outcome.WAITING:
        assert not good_clock
        assert verdict.reason == Reason.CLOCK


@given(**judging)  # type: ignore[arg-type]
def test_a_command_without_an_expiry_never_waits_for_a_clock(
    *, command: Command, present: Seen | None, known: bool, now: int, good_clock: bool
) -> None:
    verdict = judged(command, present, known=known, now=now, good_clock=good_clock)
    if command.expires_at is None:
        assert verdict.outcome not in {Outcome.WAITING, Outcome.EXPIRED}


@given(**judging)  # type: ignore[arg-type]
def test_a_refusal_says_why(
    *, command: Command, present: Seen | None, known: bool, now: int, good_clock: bool
) -> None:
    verdict = judged(command, present, known=known, now=now, good_clock=good_clock)
    assert (verdict.reason is not None) == (verdict.outcome in {Outcome.REFUSED, Outcome.WAITING})


@given(st.lists(answers, min_size=1))
def test_the_first_final_answer_stands_whatever_comes_after_it(told: list[Answer]) -> None:
    known: Answer | None = None
    for one in told:
        known = folded(known, one)
    final = next((one for one in told if one.final), None)
    assert known == (final or told[0])
    assert NEXT.keys() == {None, *Outcome}


@given(command=commands, answer=st.none() | answers, now=moments, good_clock=st.booleans())
def test_what_is_said_of_a_command_is_never_more_than_is_known(
    *, command: Command, answer: Answer | None, now: int, good_clock: bool
) -> None:
    story = Story(command, answer)
    said = story.standing(now=now, good_clock=good_clock)
    confirmed = {
        Standing.DONE,
        Standing.DONE_ALL_THE_SAME,
        Standing.REFUSED,
        Standing.EXPIRED,
        Standing.WITHDRAWN,
    }
    assert (said in confirmed) == (answer is not None and answer.outcome in FINAL)
    assert said is not Standing.OVERDUE or good_clock
    assert not (story.open and story.over)
    if said is Standing.DONE:
        assert command.withdrawn_at is None
