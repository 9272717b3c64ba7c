"""The verbs of the queue against a real store."""

import threading

import pytest

from appliance.people import audit
from appliance.queue import queries, service
from appliance.queue.catalogue import ServiceUnknown
from appliance.queue.model import CounterState, Event, Purpose, State, WrongMoment
from appliance.queue.service import (
    AnotherWasFaster,
    CategoryUnknown,
    CounterBusy,
    CounterIdle,
    CounterNotOpen,
    CounterTaken,
    NobodyWaiting,
    Operator,
    PurposeUnknown,
    ServiceClosed,
    Wish,
)
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from tests.queue.office import (
    HERE,
    NUMBER,
    OKSANA,
    PETRO,
    Office,
)

LOST = RowId(9, 9, 9)


def log_length(office: Office) -> int:
    return office.count("_log")


def take(office: Office, wish: Wish) -> None:
    office.store.write(service.take_ticket, HERE, wish, device="kiosk-1", token_hash=b"h")


def test_numbers_run_without_gaps_and_each_letter_has_its_own(office: Office) -> None:
    labels = [
        office.take().label,
        office.take(office.land, purpose=Purpose.CONSULTATION).label,
        office.take().label,
    ]
    assert labels == ["А-001", "П-001", "А-002"]


def test_a_person_is_served_from_call_to_finish(office: Office) -> None:
    taken = office.take()
    office.open(OKSANA)
    assert office.call().standing.counter == OKSANA.counter
    for event in (Event.RECALL, Event.START, Event.FINISH):
        office.advance(event)
    done = office.ticket(taken.id)
    assert (done.state, done.standing.calls, done.standing.step) == (State.COMPLETED, 2, 4)
    assert office.count("queue_event") == 4


def test_who_waited_longest_is_called_first_across_services(office: Office) -> None:
    office.open(OKSANA, PETRO)
    first, second = office.take(office.land, purpose=Purpose.CONSULTATION), office.take()
    assert [office.call().id, office.call(PETRO).id] == [first.id, second.id]


def test_a_claimed_right_is_kept_and_does_not_change_the_order(office: Office) -> None:
    office.open(OKSANA)
    first = office.take()
    wish = Wish(office.extract, Purpose.SUBMIT, "uk", office.priority)
    take(office, wish)
    assert office.call().id == first.id
    with office.store.read() as reader:
        assert [one.priority for one in queries.waiting(reader, NUMBER)] == [office.priority]


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (lambda _: Wish(LOST, Purpose.SUBMIT, "uk"), ServiceUnknown),
        (lambda o: Wish(o.closed, Purpose.SUBMIT, "uk"), ServiceClosed),
        (lambda o: Wish(o.land, Purpose.COLLECT, "uk"), PurposeUnknown),
        (lambda o: Wish(o.extract, Purpose.SUBMIT, "uk", LOST), CategoryUnknown),
    ],
)
def test_what_cannot_be_served_gives_no_ticket_and_no_number(
    office: Office, wish: object, refusal: type[Exception]
) -> None:
    before = log_length(office)
    with pytest.raises(refusal):
        take(office, wish(office))  # type: ignore[operator]
    assert log_length(office) == before
    assert office.take().label == "А-001"


def test_a_verb_that_fails_leaves_no_gap_in_the_numbers(office: Office) -> None:
    def take_and_fail(tx: Transaction) -> None:
        wish = Wish(office.extract, Purpose.SUBMIT, "uk")
        service.take_ticket(tx, HERE, wish, device="kiosk-1", token_hash=b"h")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        office.store.write(take_and_fail)
    assert office.take().label == "А-001"


def test_a_call_to_an_empty_queue_is_refused_and_changes_nothing(office: Office) -> None:
    office.open(OKSANA)
    before = log_length(office)
    with pytest.raises(NobodyWaiting):
        office.call()
    assert log_length(office) == before


def test_an_illegal_move_is_refused_and_changes_nothing(office: Office) -> None:
    office.take()
    office.open(OKSANA)
    office.call()
    before = log_length(office)
    with pytest.raises(WrongMoment) as refused:
        office.advance(Event.FINISH)
    assert refused.value.state == "CALLED"
    assert log_length(office) == before


def test_a_counter_takes_one_person_at_a_time(office: Office) -> None:
    office.take()
    office.take()
    office.open(OKSANA)
    office.call()
    with pytest.raises(CounterBusy) as refused:
        office.call()
    assert (refused.value.ticket, refused.value.state) == ("А-001", "CALLED")


def test_a_counter_without_a_person_is_told_so(office: Office) -> None:
    office.open(OKSANA)
    with pytest.raises(CounterIdle):
        office.advance(Event.START)


def test_one_press_finishes_and_calls_the_next(office: Office) -> None:
    first, second = office.take(), office.take()
    office.open(OKSANA)
    office.call()
    office.advance(Event.START)
    finished, called = office.store.write(service.finish_and_call_next, HERE, OKSANA, seen=first.id)
    assert (finished.id, finished.state) == (first.id, State.COMPLETED)
    assert called is not None
    assert (called.id, called.state) == (second.id, State.CALLED)


def test_one_press_with_nobody_waiting_only_finishes(office: Office) -> None:
    office.take()
    office.open(OKSANA)
    office.call()
    office.advance(Event.START)
    _, called = office.store.write(service.finish_and_call_next, HERE, OKSANA)
    assert called is None


def test_a_page_that_shows_yesterdays_news_moves_nobody(office: Office) -> None:
    first = office.take()
    office.take()
    office.open(OKSANA)
    office.call()
    office.advance(Event.NO_SHOW)
    office.call()
    before = log_length(office)
    with pytest.raises(AnotherWasFaster) as refused:
        office.advance(Event.NO_SHOW, seen=first.id)  # the second press of an impatient finger
    assert refused.value.ticket == "А-002"
    assert log_length(office) == before


def test_a_visitor_gives_the_ticket_back_once(office: Office) -> None:
    taken = office.take()
    assert office.store.write(service.cancel_by_visitor, taken.id).state is State.CANCELLED
    with pytest.raises(WrongMoment):
        office.store.write(service.cancel_by_visitor, taken.id)


# --- counters -------------------------------------------------------------------------------------


def test_a_counter_works_only_when_it_is_open_and_for_who_opened_it(office: Office) -> None:
    office.take()
    with pytest.raises(CounterNotOpen):
        office.call()
    office.open(OKSANA)
    stranger = Operator(PETRO.actor, PETRO.name, OKSANA.counter)
    with pytest.raises(CounterTaken) as refused:
        office.call(stranger)
    assert refused.value.name == OKSANA.name


def test_a_counter_is_taken_over_only_on_purpose(office: Office) -> None:
    office.open(OKSANA)
    stranger = Operator(PETRO.actor, PETRO.name, OKSANA.counter)
    with pytest.raises(CounterTaken):
        office.store.write(service.open_counter, HERE, stranger)
    office.store.write(service.open_counter, HERE, stranger, take_over=True)
    office.take()
    assert office.call(stranger).label == "А-001"
    with pytest.raises(CounterTaken):
        office.advance(Event.START, OKSANA)


def test_opening_an_open_counter_again_changes_nothing(office: Office) -> None:
    office.open(OKSANA)
    before = log_length(office)
    office.open(OKSANA)
    assert log_length(office) == before


def test_a_counter_closes_only_when_nobody_is_there(office: Office) -> None:
    office.take()
    office.open(OKSANA)
    office.call()
    with pytest.raises(CounterBusy):
        office.store.write(service.close_counter, HERE, OKSANA)
    office.advance(Event.NO_SHOW)
    office.store.write(service.close_counter, HERE, OKSANA)
    with office.store.read() as reader:
        (closed,) = queries.counters(reader, NUMBER)
    assert (closed.state, closed.person_name) == (CounterState.CLOSED, "")


def test_every_verb_of_staff_is_in_the_audit_trail(office: Office) -> None:
    office.take()
    office.open(OKSANA)
    office.call()
    for event in (Event.RECALL, Event.START, Event.FINISH):
        office.advance(event)
    office.store.write(service.close_counter, HERE, OKSANA)
    with office.store.read() as reader:
        rows = reader.all("SELECT action FROM people_audit WHERE actor = :a", a=OKSANA.actor)
        assert audit.verify(reader).whole
    assert sorted(row["action"] for row in rows) == sorted(
        f"queue.{verb}"
        for verb in ("open_counter", "call", "recall", "start", "finish", "close_counter")
    )


def test_two_consoles_that_call_at_once_never_get_the_same_ticket(office: Office) -> None:
    operators = [Operator(f"s01-0000000001-{n}", f"Працівник {n}", n) for n in range(1, 5)]
    office.open(*operators)
    taken = [office.take().id for _ in range(60)]
    called: list[RowId] = []

    def work(who: Operator) -> None:
        while True:
            try:
                called.append(office.call(who).id)
            except NobodyWaiting:
                return
            office.advance(Event.NO_SHOW, who)

    threads = [threading.Thread(target=work, args=(who,)) for who in operators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(called) == len(set(called))
    assert set(called) == set(taken)


def test_kiosks_that_take_at_once_never_get_the_same_number(office: Office) -> None:
    labels: list[str] = []
    threads = [
        threading.Thread(target=lambda: labels.extend(office.take().label for _ in range(25)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(labels) == [f"А-{n:03}" for n in range(1, 101)]
