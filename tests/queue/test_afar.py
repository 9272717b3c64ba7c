"""Cancelling and moving a village's ticket from the centre: the village decides, and says so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.commands.model import Outcome, Reason
from appliance.commands.service import AlreadyAsked
from appliance.errors import VuzolError
from appliance.queue import afar, catalogue, live, queries
from appliance.queue.afar import Asker
from appliance.queue.model import Event, Purpose, State, Target, WrongMoment
from appliance.queue.service import PurposeUnknown, ServiceClosed
from appliance.store.clock import ClockQuality
from appliance.store.ids import RowId
from appliance.store.tables import Lane
from tests.people.carried import send_down
from tests.queue.office import described, moment
from tests.queue.villages import NUMBER, Villages, villages

ADMIN = "s01-0000000001-1"
HOUR = 3600


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Villages]:
    with villages(tmp_path, moment(2026, 11, 17, 14, 5)) as found:
        yield found


def cancel(here: Villages, ticket: RowId, step: int = 0, hours: int = 4) -> RowId:
    return here.office.store.write(afar.ask_to_cancel, ticket, Asker(ADMIN, step, hours))


def move(here: Villages, ticket: RowId, target: Target, step: int = 0) -> RowId:
    return here.office.store.write(afar.ask_to_move, ticket, target, Asker(ADMIN, step))


def test_a_waiting_ticket_is_cancelled_where_it_was_taken(here: Villages) -> None:
    first, second = here.take(), here.take()
    cancel(here, first.id)
    assert here.office.ticket(first.id).state is State.WAITING
    assert here.down() == [Outcome.DONE]
    assert here.waiting() == [second.label]
    assert here.call().id == second.id
    here.up()
    assert here.office.ticket(first.id).state is State.CANCELLED
    with here.village.read() as reader:
        assert queries.cancelled_by_staff(reader, here.there(first.id))


def test_the_villages_own_pages_get_the_news_at_once(here: Villages) -> None:
    ticket = here.take()
    with here.village.read() as reader:
        before = live.replay(reader, None)[-1]
    cancel(here, ticket.id)
    woken: list[str] = []
    here.village.subscribe("queue", lambda: woken.append("queue"))
    here.down()
    with here.village.read() as reader:
        (news,) = live.replay(reader, before.id)
    assert news.told == {"waiting": 0}
    assert woken


def test_a_ticket_that_was_called_meanwhile_stays_at_its_counter(here: Villages) -> None:
    ticket = here.take()
    cancel(here, ticket.id)
    here.call()
    assert here.down() == [Outcome.REFUSED]
    assert here.there(ticket.id).state is State.CALLED
    here.up()
    answer = here.told(ticket.id)[0].answer
    assert answer is not None
    assert (answer.reason, answer.state) == (Reason.CHANGED, "CALLED")


def test_a_called_ticket_is_not_asked_for_and_not_cancelled_from_afar(here: Villages) -> None:
    ticket = here.take()
    here.call()
    here.up()
    with pytest.raises(WrongMoment):
        cancel(here, ticket.id, step=1)
    with pytest.raises(afar.TicketMovedOn):
        cancel(here, ticket.id, step=0)
    assert here.told(ticket.id) == []


def test_two_people_who_ask_at_once_do_not_both_ask(here: Villages) -> None:
    ticket = here.take()
    cancel(here, ticket.id)
    with pytest.raises(AlreadyAsked):
        move(here, ticket.id, Target(here.office.extract, Purpose.COLLECT))


def test_a_moved_ticket_keeps_its_place_and_its_number(here: Villages) -> None:
    first, second = here.take(), here.take()
    target = Target(here.office.land, Purpose.CONSULTATION)
    move(here, first.id, target)
    assert here.down() == [Outcome.DONE]
    moved = here.there(first.id)
    assert (moved.service, moved.purpose) == (target.service, target.purpose)
    assert (moved.label, moved.taken_at, moved.place) == (first.label, first.taken_at, first.place)
    assert here.waiting() == [first.label, second.label]
    with here.village.read() as reader:
        assert queries.count_waiting(reader, NUMBER) == 2
    called = here.call()
    assert (called.id, called.service) == (first.id, target.service)
    with here.village.read() as reader:
        assert queries.last_calls(reader, NUMBER)[0].service == target.service
    here.up()
    known = here.office.ticket(first.id)
    assert (known.service, known.purpose) == (target.service, target.purpose)
    assert known.standing == called.standing


def test_a_ticket_is_moved_twice_and_the_last_target_stands(here: Villages) -> None:
    ticket = here.take()
    move(here, ticket.id, Target(here.office.extract, Purpose.COLLECT))
    here.down()
    here.up()
    move(here, ticket.id, Target(here.office.land, Purpose.CONSULTATION), step=1)
    assert here.down() == [Outcome.DONE]
    assert here.there(ticket.id).service == here.office.land
    assert here.there(ticket.id).standing.step == 2


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (lambda here: Target(here.office.closed, Purpose.SUBMIT), ServiceClosed),
        (lambda here: Target(here.office.land, Purpose.SUBMIT), PurposeUnknown),
        (lambda here: Target(here.office.priority, Purpose.SUBMIT), catalogue.ServiceUnknown),
        (lambda here: Target(here.office.extract, Purpose.SUBMIT), afar.NothingToMove),
    ],
)
def test_what_the_office_does_not_offer_is_not_asked_for(
    here: Villages, target: Callable[[Villages], Target], error: type[VuzolError]
) -> None:
    ticket = here.take()
    with pytest.raises(error):
        move(here, ticket.id, target(here))
    assert here.told(ticket.id) == []


def test_a_service_that_was_closed_on_the_way_refuses_the_move_and_says_why(
    here: Villages,
) -> None:
    ticket = here.take()
    move(here, ticket.id, Target(here.office.land, Purpose.CONSULTATION))
    closed = described("П", "Земля", purposes=(Purpose.CONSULTATION,), state="CLOSED")
    here.office.store.write(catalogue.change_service, here.office.land, closed, actor="system")
    send_down(here.office.store, here.village, Lane.STATE)
    assert here.down() == [Outcome.REFUSED]
    here.up()
    answer = here.told(ticket.id)[0].answer
    assert answer is not None
    assert answer.reason == "service_closed"
    assert here.there(ticket.id).service == here.office.extract


def test_late_and_doubtful_clocks_are_told_apart(here: Villages) -> None:
    late, doubtful = here.take(), here.take()
    cancel(here, late.id, hours=1)
    here.clock.advance(2 * HOUR)
    assert here.down() == [Outcome.EXPIRED]
    cancel(here, doubtful.id, hours=1)
    here.clock.set(0, quality=ClockQuality.UNKNOWN)
    assert here.down() == [Outcome.WAITING]
    here.up()
    outcomes = [told.answer and told.answer.outcome for told in here.told(doubtful.id)]
    assert outcomes == [Outcome.WAITING]
    assert here.there(doubtful.id).state is State.WAITING


def test_the_village_goes_on_by_itself_after_a_move(here: Villages) -> None:
    ticket = here.take()
    move(here, ticket.id, Target(here.office.extract, Purpose.COLLECT))
    here.down()
    here.call()
    here.advance(Event.START)
    here.advance(Event.FINISH)
    here.up()
    assert here.office.ticket(ticket.id).state is State.COMPLETED
    assert here.office.ticket(ticket.id).purpose is Purpose.COLLECT
