"""The verbs of the queue against a real store."""

import threading
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import VuzolError
from appliance.people import audit
from appliance.queue import catalogue, queries, service
from appliance.queue.catalogue import BadPrefix, NoPurpose, ServiceUnknown
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
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from tests.queue.office import (
    HERE,
    NUMBER,
    OKSANA,
    PETRO,
    TABLES,
    Office,
    described,
    furnished,
    moment,
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


# --- counters ------------------------------------------------------------------------------------


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


# --- days ----------------------------------------------------------------------------------------


def day_of(office: Office) -> tuple[int, date]:
    with office.store.read() as reader:
        day = queries.present_day(reader, NUMBER)
    assert day is not None
    return day.number, day.label


def test_numbers_begin_again_at_four_and_not_at_midnight(office: Office, clock: FixedClock) -> None:
    assert office.take().label == "А-001"
    clock.set(moment(2026, 11, 18, 1, 30))
    assert office.take().label == "А-002"
    clock.set(moment(2026, 11, 18, 4, 0))
    assert office.take().label == "А-001"
    assert day_of(office) == (2, date(2026, 11, 18))


def test_people_who_wait_at_midnight_are_still_called_before_those_of_the_new_day(
    office: Office, clock: FixedClock
) -> None:
    old = office.take()
    clock.set(moment(2026, 11, 18, 9, 0))
    office.take()
    office.open(OKSANA)
    called = office.call()
    assert (called.id, called.day) == (old.id, 1)


def test_tickets_of_past_days_are_closed_only_when_staff_say_so(
    office: Office, clock: FixedClock
) -> None:
    old = [office.take(), office.take()]
    clock.set(moment(2026, 11, 18, 9, 0))
    fresh = office.take()
    office.open(OKSANA)
    assert office.store.write(service.close_past_days, HERE, OKSANA) == 2
    assert {office.ticket(one.id).state for one in old} == {State.CLOSED_EOD}
    assert office.call().id == fresh.id


@pytest.mark.parametrize("year", [2025, 2027])
@pytest.mark.parametrize("quality", [ClockQuality.UNKNOWN, ClockQuality.SYNCHRONISED])
def test_a_clock_that_jumps_by_a_year_and_back_gives_no_number_twice(
    office: Office, clock: FixedClock, year: int, quality: ClockQuality
) -> None:
    taken = [office.take()]
    clock.set(moment(year, 11, 17, 9, 5), quality=quality)
    taken.append(office.take())
    jumped, _ = day_of(office)
    clock.set(moment(2026, 11, 17, 9, 10), quality=ClockQuality.SYNCHRONISED)
    taken.append(office.take())
    number, label = day_of(office)
    assert label == date(2026, 11, 17)
    assert number >= jumped
    assert len({(one.day, one.label) for one in taken}) == 3
    office.open(OKSANA)
    called = []
    for _ in taken:
        called.append(office.call().id)
        office.advance(Event.NO_SHOW)
    assert called == [one.id for one in taken]  # by arrival, whatever the clock said


def test_after_999_comes_1000(office: Office) -> None:
    def skip(tx: Transaction) -> None:
        for _ in range(998):
            tx.next_number(f"ticket/{NUMBER}/1/А")

    office.store.write(skip)
    assert [office.take().label, office.take().label] == ["А-999", "А-1000"]


def test_a_restart_goes_on_with_the_same_day_and_the_next_number(
    office: Office, clock: FixedClock, tmp_path: Path
) -> None:
    office.take()
    office.open(OKSANA)
    office.store.close()
    store = Store.open(tmp_path / "node.db", TABLES, node=NUMBER, clock=clock)
    try:
        again = Office(store, clock, office.extract, office.land, office.closed, office.priority)
        assert again.take().label == "А-002"
        assert [again.call().label, day_of(again)[0]] == ["А-001", 1]
    finally:
        store.close()


# --- the display and the facts of the day --------------------------------------------------------


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


# --- the catalogue -------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["З", "О", "І", "Б", "A", "", "АВ", "1"])
def test_a_letter_that_is_misread_from_afar_cannot_stand_before_numbers(
    office: Office, prefix: str
) -> None:
    before = log_length(office)
    with pytest.raises(BadPrefix):
        office.store.write(
            catalogue.add_service, described(prefix, "Послуга"), scope="hromada", actor="system"
        )
    assert log_length(office) == before


def test_a_service_without_a_purpose_is_refused(office: Office) -> None:
    with pytest.raises(NoPurpose):
        office.store.write(
            catalogue.add_service,
            described("В", "Послуга", purposes=()),
            scope="hromada",
            actor="system",
        )


def test_an_office_offers_what_is_for_all_and_what_is_its_own(office: Office) -> None:
    for number in (NUMBER, 7):
        office.store.write(
            catalogue.add_service,
            described("В", f"Лише в офісі {number}"),
            scope=catalogue.scope_of(number),
            actor="system",
        )
    with office.store.read() as reader:
        names = [one.name_uk for one in catalogue.services(reader, NUMBER)]
        assert "Лише в офісі 1" in names
        assert "Лише в офісі 7" not in names


def test_a_retired_service_is_not_offered_and_old_tickets_still_name_it(office: Office) -> None:
    taken = office.take()
    retired = described("А", "Довідка або витяг", state="RETIRED")
    office.store.write(catalogue.change_service, office.extract, retired, actor="system")
    with office.store.read() as reader:
        assert office.extract not in {one.id for one in catalogue.services(reader, NUMBER)}
        assert catalogue.service_names(reader)[taken.service].name("en") == "Довідка або витяг (en)"
    with pytest.raises(ServiceClosed):
        office.take()


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
