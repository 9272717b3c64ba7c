"""What is read of the queue: the display, the facts of the day, who is ahead."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import VuzolError
from appliance.queue import queries, service
from appliance.queue.model import Event, State
from appliance.store.clock import FixedClock
from tests.queue.office import (
    HERE,
    NUMBER,
    OKSANA,
    Office,
    furnished,
    moment,
)


def test_the_display_has_the_last_calls_and_a_ticket_called_again_stands_once(
    office: Office,
) -> None:
    office.open(OKSANA)
    for _ in range(8):
        office.take()
        office.call()
        office.advance(Event.RECALL)
        office.advance(Event.NO_SHOW)
    with office.store.read() as reader:
        shown = queries.last_calls(reader, NUMBER)
        missed = queries.calls_after(reader, NUMBER, shown[1].call)
    assert [one.label for one in shown] == [f"А-00{n}" for n in range(8, 2, -1)]
    assert [one.label for one in missed] == ["А-008", "А-008"]


def test_the_facts_of_the_day_count_what_happened(office: Office, clock: FixedClock) -> None:
    office.open(OKSANA)
    for _ in range(4):
        office.take()
    clock.advance(600)
    office.call()
    office.advance(Event.START)
    office.advance(Event.FINISH)
    office.call()
    office.advance(Event.NO_SHOW)
    with office.store.read() as reader:
        facts = queries.today(reader, NUMBER, 1)
    assert (facts.taken, facts.waiting, facts.completed, facts.no_show) == (4, 2, 1, 1)
    assert facts.median_wait == 600_000


def test_people_ahead_are_those_who_came_before_and_still_wait(office: Office) -> None:
    first, second, third = office.take(), office.take(), office.take()
    office.store.write(service.cancel_by_visitor, second.id)
    with office.store.read() as reader:
        assert queries.people_ahead(reader, third) == 1
        assert queries.people_ahead(reader, first) == 0
        assert queries.people_ahead(reader, office_ticket := queries.ticket(reader, second.id)) == 0
    assert office_ticket.state is State.CANCELLED


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["take", "call", "cancel", "night", *Event]), max_size=25))
def test_the_number_of_those_who_wait_is_kept_right(happening: list[str]) -> None:
    clock = FixedClock(moment(2026, 11, 17, 9, 0))
    with TemporaryDirectory() as folder, furnished(Path(folder) / "node.db", clock) as office:
        office.open(OKSANA)
        for step in happening:
            with suppress(VuzolError):
                if step == "take":
                    office.take()
                elif step == "call":
                    office.call()
                elif step == "cancel":
                    with office.store.read() as reader:
                        last = queries.waiting(reader, NUMBER)[-1:]
                    for one in last:
                        office.store.write(service.cancel_by_visitor, one.id)
                elif step == "night":
                    clock.advance(24 * 3600)
                    office.store.write(service.close_past_days, HERE, OKSANA)
                else:
                    office.advance(Event(step))
        with office.store.read() as reader:
            waiting = queries.waiting(reader, NUMBER)
            assert queries.count_waiting(reader, NUMBER) == len(waiting)
            ahead = [queries.people_ahead(reader, one) for one in waiting]
        assert ahead == list(range(len(waiting)))
