"""Commands between a centre and its villages, on real files: each is done once, or said why not."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.commands import queries, service, tables, worker
from appliance.commands.model import Outcome, Reason, Seen, Standing
from appliance.commands.service import AlreadyAsked, AlreadyDecided, Wish
from appliance.people import audit
from appliance.people.tables import of_office
from appliance.store import down, inbox, projection
from appliance.store.clock import ClockQuality
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason as Held
from appliance.store.revisions import NEVER
from appliance.store.tables import Lane
from appliance.store.transaction import NotOurs, Transaction
from tests.commands.gates import ASKER, HOUR, Hromada, Place, hromada, put_up, turn
from tests.store.forging import Forger

UNKNOWN = ClockQuality.UNKNOWN


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Hromada]:
    with hromada(tmp_path) as made:
        yield made


def test_what_is_asked_is_done_at_home_and_known_at_the_centre(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    assert here.outcome(command) is None
    here.down()
    assert here.village.decide() == [Outcome.DONE]
    assert here.village.stands(gate) == "open"
    assert here.centre.stands(gate) == "shut"  # it never changes what is not its own
    here.up()
    assert here.outcome(command) is Outcome.DONE
    assert here.centre.stands(gate) == "open"
    assert here.centre.audited()[0] == (ASKER, "commands.ask")
    assert (ASKER, "commands.answer") in here.centre.audited()
    assert here.village.audited() == [(ASKER, "commands.answer")]
    with here.centre.store.read() as reader:
        assert audit.verify(reader).whole


def test_a_cut_link_leaves_it_asked_and_not_confirmed(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    story = here.centre.story(command)
    now = here.centre.clock.wall()
    assert story.standing(now=now, good_clock=True) is Standing.ASKED
    assert story.standing(now=now + 2 * HOUR * 1000, good_clock=True) is Standing.OVERDUE
    here.down()
    here.village.decide()  # the answer is made, and does not get through
    assert here.centre.story(command) == story
    here.up()
    assert here.outcome(command) is Outcome.DONE


def test_a_command_that_comes_again_and_again_is_done_once(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    with here.centre.store.read() as reader:
        page = down.changes(reader, of_office(2), Lane.TICKETS, NEVER, 1 << 16)
    for _ in range(3):
        forget(here)
        here.village.store.write(down.apply, of_office(2), Lane.TICKETS, page)
        here.village.decide()
        here.village.restart()
    here.up()
    assert here.village.steps(gate) == 1
    assert here.centre.steps(gate) == 1
    assert here.outcome(command) is Outcome.DONE


def forget(here: Hromada) -> None:
    """Let the village lose how far it came, as a card does that was copied back in part."""

    def verb(tx: Transaction) -> None:
        tx.run("DELETE FROM _down_cursor")

    here.village.store.write(verb)


def test_a_crash_between_landing_and_doing_is_made_good_at_the_next_start(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.down()
    here.village.restart()
    started = worker.start_worker(here.village.store, here.village.handlers, centre=False)
    try:
        until_decided(here, command)
    finally:
        started.stop()
    assert here.village.stands(gate) == "open"
    assert here.village.decide() == []


def until_decided(here: Hromada, command: RowId) -> None:
    end = time.monotonic() + 10
    while not here.village.story(command).over:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_worker_does_what_lands_while_it_runs(here: Hromada) -> None:
    gate = here.gate()
    started = worker.start_worker(here.village.store, here.village.handlers, centre=False)
    try:
        command = here.ask(gate)
        here.down()
        until_decided(here, command)
    finally:
        started.stop()


def test_a_village_that_was_put_back_from_a_copy_does_not_do_it_again(
    here: Hromada, tmp_path: Path
) -> None:
    gate = here.gate()
    here.down()
    copy(here.village, tmp_path)
    command = here.ask(gate)
    here.down()
    here.village.decide()
    here.up()
    put_back(here.village, tmp_path)
    here.down()
    assert here.village.story(command).command.settled
    assert here.village.decide() == []
    assert here.village.steps(gate) == 0
    assert here.outcome(command) is Outcome.DONE


def test_a_centre_that_was_put_back_keeps_the_answer_to_what_it_does_not_know_any_more(
    here: Hromada, tmp_path: Path
) -> None:
    gate = here.gate()
    copy(here.centre, tmp_path)
    forgotten = here.ask(gate)
    here.down()
    here.village.decide()
    put_back(here.centre, tmp_path)
    here.up()
    assert here.centre.stands(gate) == "open"
    with here.centre.store.read() as reader:
        assert projection.quarantined(reader) == []
        with pytest.raises(queries.CommandUnknown):
            queries.story(reader, forgotten)
    again = here.ask(gate)
    here.down()
    here.village.decide()
    here.up()
    assert here.outcome(again) is Outcome.DONE


def copy(place: Place, folder: Path) -> None:
    """Take a copy of the node's file."""
    place.store.close()
    shutil.copy(place.path, folder / "copy.db")
    place.start()


def put_back(place: Place, folder: Path) -> None:
    """Let the node go on from its copy."""
    place.store.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{place.path}{suffix}").unlink(missing_ok=True)
    shutil.copy(folder / "copy.db", place.path)
    place.start()


def test_an_object_that_moved_on_is_left_alone_and_the_centre_is_told_where_it_stands(
    here: Hromada,
) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.village.store.write(turn, gate, "locked")
    here.down()
    assert here.village.decide() == [Outcome.REFUSED]
    here.up()
    answer = here.centre.story(command).answer
    assert answer is not None
    assert (answer.reason, answer.state) == (Reason.CHANGED, "locked")
    assert here.village.stands(gate) == "locked"


def test_two_who_ask_at_once_are_told_apart(here: Hromada) -> None:
    gate = here.gate()
    here.ask(gate)
    with pytest.raises(AlreadyAsked):
        here.ask(gate)


def test_of_two_commands_that_saw_one_step_the_home_does_the_first(here: Hromada) -> None:
    gate = here.gate()
    first = here.ask(gate)
    here.withdraw(first)
    second = here.ask(gate)
    third = here.gate()
    other = here.ask(third)
    here.down()
    assert here.village.decide() == [Outcome.WITHDRAWN, Outcome.DONE, Outcome.DONE]
    here.up()
    stories = [here.outcome(one) for one in (first, second, other)]
    assert stories == [Outcome.WITHDRAWN, Outcome.DONE, Outcome.DONE]


def test_a_late_command_expires_and_is_not_done(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.down()
    here.village.clock.advance(HOUR)
    assert here.village.decide() == [Outcome.EXPIRED]
    here.up()
    assert here.outcome(command) is Outcome.EXPIRED
    assert here.village.stands(gate) == "shut"


@pytest.mark.parametrize("behind", [True, False])
def test_a_home_with_a_bad_clock_waits_says_so_and_decides_when_it_is_good(
    here: Hromada, *, behind: bool
) -> None:
    gate = here.gate()
    command = here.ask(gate)
    asked_at = here.centre.clock.wall()
    here.village.clock.set(0 if behind else asked_at + 9 * HOUR * 1000, quality=UNKNOWN)
    here.down()
    assert here.village.decide() == [Outcome.WAITING]
    assert here.village.decide() == [Outcome.WAITING]  # and says it once
    here.up()
    answer = here.centre.story(command).answer
    assert answer is not None
    assert (answer.outcome, answer.reason, answer.sure) == (Outcome.WAITING, Reason.CLOCK, False)
    here.village.clock.set(asked_at + 1000, quality=ClockQuality.SYNCHRONISED)
    assert here.village.decide() == [Outcome.DONE]
    here.up()
    assert here.outcome(command) is Outcome.DONE


def test_who_asks_with_a_bad_clock_asks_without_an_end(here: Hromada) -> None:
    gate = here.gate()
    here.centre.clock.set(0, quality=UNKNOWN)
    command = here.ask(gate)
    assert here.centre.story(command).command.expires_at is None
    here.village.clock.advance(99 * HOUR)
    here.down()
    assert here.village.decide() == [Outcome.DONE]


def test_what_was_withdrawn_before_it_landed_is_not_done_and_the_home_says_so(
    here: Hromada,
) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.withdraw(command)
    here.withdraw(command)  # pressed twice
    story = here.centre.story(command)
    assert story.standing(now=0, good_clock=True) is Standing.WITHDRAWING
    here.down()
    assert here.village.decide() == [Outcome.WITHDRAWN]
    here.up()
    assert here.outcome(command) is Outcome.WITHDRAWN
    assert here.village.stands(gate) == "shut"
    asked = [action for _, action in here.centre.audited()]
    assert asked == ["commands.ask", "commands.withdraw", "commands.answer"]


def test_what_was_withdrawn_too_late_is_shown_as_done(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.down()
    here.village.decide()
    here.withdraw(command)
    here.down()
    assert here.village.decide() == []
    here.up()
    story = here.centre.story(command)
    assert story.standing(now=0, good_clock=True) is Standing.DONE_ALL_THE_SAME
    with pytest.raises(AlreadyDecided):
        here.withdraw(command)


def test_a_verb_that_this_version_does_not_know_is_refused_and_stops_nothing(
    here: Hromada,
) -> None:
    first, second = here.gate(), here.gate()
    strange, plain = here.ask(first, "paint"), here.ask(second)
    foreign = here.ask(RowId(2, 9, 9), service="lamps", verb="light")
    here.down()
    here.village.decide()
    here.up()
    told = [here.centre.story(one).answer for one in (strange, plain, foreign)]
    assert [one and one.reason for one in told] == [Reason.UNKNOWN, None, Reason.UNKNOWN]


def test_an_object_that_is_not_there_is_refused(here: Hromada) -> None:
    command = here.ask(RowId(2, 9, 9))
    here.down()
    here.village.decide()
    answer = here.village.story(command).answer
    assert answer is not None
    assert answer.reason == Reason.NO_SUCH_OBJECT


@pytest.mark.parametrize(("verb", "reason"), [("jam", "gate_stuck"), ("break", Reason.FAILED)])
def test_a_service_that_fails_half_way_leaves_no_trace_but_the_refusal(
    here: Hromada, verb: str, reason: str
) -> None:
    first, second = here.gate(), here.gate()
    broken, plain = here.ask(first, verb), here.ask(second)
    here.down()
    assert here.village.decide() == [Outcome.REFUSED, Outcome.DONE]
    assert here.village.steps(first) == 0
    here.up()
    answer = here.centre.story(broken).answer
    assert answer is not None
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, reason)
    assert here.outcome(plain) is Outcome.DONE


def test_another_village_neither_holds_the_command_nor_may_answer_it(here: Hromada) -> None:
    gate = here.gate()
    command = here.ask(gate)
    here.down()
    assert here.other.decide() == []
    with here.other.store.read() as reader, pytest.raises(queries.CommandUnknown):
        queries.story(reader, command)
    forged = Forger(StreamId(3, 77), Lane.TICKETS)
    forged.insert(tables.ANSWERS, [command.blob, 1, "done", None, None, 0, 1])
    before = Forger(StreamId(3, 78), Lane.TICKETS)
    unasked = RowId(command.node, command.epoch, command.seq + 50)
    before.insert(tables.ANSWERS, [unasked.blob, 1, "done", None, None, 0, 1])
    for one in (forged, before):
        here.centre.store.write(inbox.append, one.stream, one.lane, one.entries)
    while here.centre.store.write(projection.step):
        pass
    assert here.outcome(command) is None
    with here.centre.store.read() as reader:
        held = [(one.table, one.reason) for one in projection.quarantined(reader)]
    assert held == [("commands_answer", Held.NOT_ITS_OWN)]


def test_a_village_cannot_ask(here: Hromada) -> None:
    gate = here.village.store.write(put_up)
    wish = Wish(
        home=2,
        service="gates",
        verb="open",
        object=gate,
        seen=Seen(0, "shut"),
        expires_seconds=HOUR,
    )
    with pytest.raises(NotOurs):
        here.village.store.write(service.ask, wish, by=ASKER)


def test_the_centre_is_the_home_of_its_own_objects(here: Hromada) -> None:
    gate = here.centre.store.write(put_up)
    command = here.ask(gate)
    assert here.centre.decide() == [Outcome.DONE]
    worker.settle_all(here.centre.store)
    assert here.outcome(command) is Outcome.DONE
    assert here.centre.stands(gate) == "open"
