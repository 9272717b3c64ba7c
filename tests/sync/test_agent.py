"""The agent, step by step: who may move it, when it waits, what gives way to what."""

from dataclasses import replace
from random import Random

import pytest
from nacl.signing import SigningKey

from appliance.store.entries import GENESIS
from appliance.store.ids import StreamId
from appliance.store.revisions import Grants
from appliance.store.tables import Lane
from sync.agent import Agent, due
from sync.budget import UNLIMITED, Budget
from sync.events import (
    Abort,
    Action,
    Answered,
    Broke,
    Collect,
    Collected,
    Drop,
    Event,
    Kind,
    LinkUp,
    Report,
    Send,
    Settle,
    Settled,
    Ticked,
    Woken,
)
from sync.lanes import LANES, Ack, Draft, Settlement, Wire
from sync.messages import Code, Reply, Standing
from sync.pace import FLOOR, URGENT_PAUSE, Pace
from sync.receiver import STATUS
from sync.sending import LOOK_SECONDS
from sync.sides import Phase, first
from sync.signing import seal_reply

NODE = SigningKey(b"\x03" * 32)
CENTRE = SigningKey(b"\x01" * 32)
STRANGER = SigningKey(b"\x66" * 32)
STREAM = StreamId(3, 77)
EPOCH = 4242
CHAIN = b"c" * 16


def draft(rows: int = 3, *, lane: Lane = Lane.TICKETS, after: int = 0, **more: object) -> Draft:
    told = {"body": b"x" * 400, "weight": 1000 * rows, "waits": rows > 0, **more}
    return Draft(STREAM, lane, after, after + rows, **told)  # type: ignore[arg-type]


NOTHING = draft(0)


class Bench:
    """An agent whose shell is the test."""

    def __init__(self, *, knows: bool = True, budget: Budget = UNLIMITED) -> None:
        self.now = 100.0
        self.agent = Agent(
            hromada="tykhovody",
            stream=STREAM,
            centre=1,
            key=NODE,
            centre_key=CENTRE.verify_key,
            poll_seconds=300.0,
            budget=budget,
        )
        self.used = 0
        self.state = replace(first(self.now), centre_epoch=EPOCH if knows else 0)
        self.chance = Random(1)

    def step(self, event: Event) -> list[Action]:
        self.state, actions = self.agent.step(
            self.state, event, self.now, self.chance, used=self.used
        )
        return list(actions)

    def tick(self) -> list[Action]:
        self.now = max(self.now, due(self.state))
        return self.step(Ticked())

    def collected(self, what: Draft, wire: Wire = Wire.URGENT) -> list[Action]:
        return self.step(Collected(wire, self.state.side(wire).attempt, what))

    def broke(self, wire: Wire = Wire.URGENT, reason: str = "cut") -> list[Action]:
        return self.step(Broke(wire, self.state.side(wire).attempt, reason))

    def answered(
        self, reply: Reply, wire: Wire = Wire.URGENT, *, key: SigningKey = CENTRE
    ) -> list[Action]:
        side = self.state.side(wire)
        assert side.head is not None
        status = STATUS[Code(reply.code)] if reply.code else 200
        body = seal_reply(key, side.head, status, reply.payload())
        return self.step(Answered(wire, side.attempt, status, body))

    def settled(self, what: Settlement | None = None, wire: Wire = Wire.URGENT) -> list[Action]:
        return self.step(Settled(wire, self.state.side(wire).attempt, what or Settlement()))

    def sends(self, what: Draft, wire: Wire = Wire.URGENT) -> Send:
        """Let the side collect and send this draft."""
        if self.state.side(wire).phase is Phase.RESTING:
            self.now = max(self.now, min(self.state.side(wire).until, self.now + 1.0))
            self.step(Woken())
            if self.state.side(wire).phase is Phase.RESTING:
                self.now += 1.0
                self.step(Ticked())
        return one(Send, self.collected(what, wire))

    def rests(self) -> None:
        """Let both sides find that there is nothing to send."""
        self.tick()
        self.collected(NOTHING)
        self.answered(took(0))
        self.collected(NOTHING, Wire.BULK)


def one(kind: type, actions: list[Action]) -> object:
    found = [action for action in actions if isinstance(action, kind)]
    assert len(found) == 1, actions
    return found[0]


def kinds(actions: list[Action]) -> list[Kind]:
    return [action.kind for action in actions if isinstance(action, Report)]


def took(have: int, **more: object) -> Reply:
    return Reply(EPOCH, have=have or None, chain=CHAIN if have else b"", **more)  # type: ignore[arg-type]


def test_it_asks_at_once_after_a_start_and_again_at_each_poll() -> None:
    bench = Bench()
    bench.rests()
    begun = bench.now
    assert due(bench.state) - begun == pytest.approx(300, abs=31)
    bench.tick()
    assert one(Send, bench.collected(NOTHING))


def test_rows_are_sent_as_soon_as_they_are_logged_and_sent_on_until_none_is_left() -> None:
    bench = Bench()
    bench.rests()
    assert one(Collect, bench.step(Woken())).wire is Wire.URGENT
    sent = one(Send, bench.collected(draft(3)))
    assert sent.path == f"/sync/v1/tykhovody/{STREAM}/tickets/0-3"
    settle = one(Settle, bench.answered(took(3)))
    assert settle.answer.acks == (Ack(STREAM, Lane.TICKETS, 3, 0, CHAIN),)
    actions = bench.settled()
    assert kinds(actions) == [Kind.CONTACT]
    assert one(Collect, actions)


def test_nothing_new_costs_no_request() -> None:
    bench = Bench()
    bench.rests()
    bench.step(Woken())
    assert bench.collected(NOTHING) == []


def test_what_is_logged_meanwhile_is_collected_afterwards() -> None:
    bench = Bench()
    bench.rests()
    bench.step(Woken())
    bench.step(Woken())
    assert one(Collect, bench.collected(NOTHING))


def test_every_request_has_a_nonce_of_its_own() -> None:
    bench = Bench()
    bench.rests()
    seen = set()
    for _ in range(5):
        bench.sends(draft(2))
        head = bench.state.urgent.head
        assert head is not None
        seen.add(head.nonce)
        bench.broke()
        bench.step(LinkUp())
    assert len(seen) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda body: body[:40],
        lambda body: bytes(64) + body[64:],
        lambda body: body[:-1] + bytes([body[-1] ^ 1]),
        lambda _: b"<html>sign in to the wi-fi</html>",
    ],
)
def test_a_spoiled_reply_moves_nothing(spoil: object) -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    side = bench.state.urgent
    assert side.head is not None
    body = spoil(seal_reply(CENTRE, side.head, 200, took(3).payload()))  # type: ignore[operator]
    actions = bench.step(Answered(Wire.URGENT, side.attempt, 200, body))
    assert Kind.UNSIGNED in kinds(actions)
    assert one(Drop, actions)
    assert not [action for action in actions if isinstance(action, Settle)]


def test_a_strangers_reply_and_one_for_another_request_move_nothing() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    old = bench.state.urgent.head
    assert Kind.UNSIGNED in kinds(bench.answered(took(3), key=STRANGER))
    bench.sends(draft())
    assert old is not None
    late = seal_reply(CENTRE, old, 200, took(3).payload())
    actions = bench.step(Answered(Wire.URGENT, bench.state.urgent.attempt, 200, late))
    assert Kind.UNSIGNED in kinds(actions)


def test_a_signed_status_cannot_be_swapped() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    side = bench.state.urgent
    assert side.head is not None
    body = seal_reply(CENTRE, side.head, 429, took(3).payload())
    assert Kind.UNSIGNED in kinds(bench.step(Answered(Wire.URGENT, side.attempt, 200, body)))


def test_an_answer_to_an_attempt_that_is_over_is_passed_over() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    side = bench.state.urgent
    bench.broke()
    before = bench.state
    assert side.head is not None
    body = seal_reply(CENTRE, side.head, 200, took(3).payload())
    for event in (
        Answered(Wire.URGENT, side.attempt, 200, body),
        Settled(Wire.URGENT, side.attempt, Settlement()),
        Collected(Wire.URGENT, side.attempt, draft()),
        Broke(Wire.URGENT, side.attempt, "late"),
    ):
        assert bench.step(event) == []
        assert bench.state == before


def test_a_reply_that_says_less_than_it_took_settles_nothing() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft(3, after=5))
    actions = bench.answered(took(5))
    assert kinds(actions) == [Kind.FAILED]


def test_trying_never_ends_and_waits_no_longer_than_it_may() -> None:
    bench = Bench()
    bench.rests()
    pauses = []
    for _ in range(200):
        bench.tick()
        bench.collected(NOTHING)
        if bench.state.urgent.phase is Phase.ASKING:
            bench.broke()
            pauses.append(bench.state.urgent.pause)
    assert len(pauses) > 50
    assert all(2.0 <= pause <= 900.0 for pause in pauses)
    assert max(pauses) > 300.0
    assert len(set(pauses)) > 20, "nodes that lost one link must not come back together"


def test_while_urgent_rows_wait_the_pause_is_ten_seconds_at_most() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    for _ in range(50):
        bench.broke()
        assert bench.state.urgent.pause <= URGENT_PAUSE
        bench.tick()
        bench.collected(draft())


def test_a_new_urgent_row_shortens_a_long_wait() -> None:
    bench = Bench()
    bench.rests()
    bench.state = replace(
        bench.state, urgent=replace(bench.state.urgent, pause=400.0, until=bench.now + 800.0)
    )
    bench.step(Woken())
    assert due(bench.state) <= bench.now + URGENT_PAUSE


def test_a_link_that_comes_up_ends_the_wait_and_drops_what_hangs() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    bench.now += 30.0
    actions = bench.step(LinkUp())
    assert one(Drop, actions).wire is Wire.URGENT
    assert {action.wire for action in actions if isinstance(action, Collect)} == set(Wire)
    bench.collected(draft())
    bench.broke()
    assert [type(action) for action in bench.step(LinkUp())][:1] == [Collect]


@pytest.mark.parametrize("ends", ["an answer", "a failure"])
def test_a_call_while_a_request_is_under_way_is_not_lost(ends: str) -> None:
    """«Зв’язатися зараз» did nothing when the link was asking: the next poll was minutes away."""
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    bench.step(LinkUp())
    bench.collected(NOTHING, Wire.BULK)
    bench.now += 1.0
    if ends == "an answer":
        bench.answered(took(3))
        actions = bench.settled()
    else:
        bench.broke()
        assert due(bench.state) <= bench.now
        actions = bench.step(Ticked())
    assert one(Collect, actions).plan.wire is Wire.URGENT
    assert one(Send, bench.collected(NOTHING)), "there may be rows of the centre to fetch"
    bench.answered(took(0))
    assert not [one for one in bench.step(Ticked()) if isinstance(one, Send)], "once is enough"


def test_a_wedged_request_is_dropped_by_the_clock_alone() -> None:
    bench = Bench()
    bench.rests()
    sent = bench.sends(draft())
    assert bench.state.urgent.until - bench.now <= sent.timeout + 20.0
    bench.now = bench.state.urgent.until
    actions = bench.step(Ticked())
    assert one(Drop, actions).wire is Wire.URGENT
    assert Kind.WEDGED in kinds(actions)


def test_a_bulk_request_in_the_way_is_aborted_and_resumes_after() -> None:
    bench = Bench()
    bench.rests()
    slow = replace(bench.state.bulk, pace=Pace(speed=250.0))
    bench.state = replace(bench.state, bulk=slow)
    bench.step(Woken())
    bench.collected(NOTHING)
    bench.now += 1.0
    bench.step(Ticked())
    big = draft(50, lane=Lane.STATE, body=b"x" * 2500)
    one(Send, bench.collected(big, Wire.BULK))
    bench.step(Woken())
    actions = bench.collected(draft())
    assert one(Abort, actions).wire is Wire.BULK
    assert actions.index(one(Abort, actions)) < actions.index(one(Send, actions))
    assert bench.state.bulk.phase is Phase.RESTING
    bench.answered(took(3))
    bench.settled()
    assert one(Collect, bench.collected(NOTHING)).wire is Wire.BULK


def test_bulk_that_is_nearly_done_is_let_through() -> None:
    bench = Bench()
    bench.rests()
    bench.step(Woken())
    bench.collected(NOTHING)
    bench.now += 1.0
    bench.step(Ticked())
    one(Send, bench.collected(draft(2, lane=Lane.STATE), Wire.BULK))
    bench.step(Woken())
    assert not [a for a in bench.collected(draft()) if isinstance(a, Abort)]


def test_bulk_does_not_begin_while_urgent_rows_are_on_their_way() -> None:
    bench = Bench()
    bench.rests()
    bench.step(Woken())
    bench.collected(draft())
    bench.now += 1.0
    bench.step(Ticked())
    assert bench.collected(draft(9, lane=Lane.STATE), Wire.BULK) == []
    assert bench.state.bulk.phase is Phase.RESTING


def test_bulk_lanes_take_turns_by_what_they_send() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft(lane=Lane.STATE), Wire.BULK)
    firsts = []
    for _ in range(12):
        bench.now += 10.0
        bench.answered(took(3), Wire.BULK)
        lane = one(Collect, bench.settled(wire=Wire.BULK)).plan.lanes[0]
        full = b"x" * int(bench.state.bulk.pace.room)
        bench.collected(draft(lane=lane, body=full), Wire.BULK)
        firsts.append(lane)
    assert set(firsts) == set(LANES[Wire.BULK])


def test_a_side_out_of_bytes_asks_nothing_and_looks_again_for_a_new_day() -> None:
    bench = Bench(budget=Budget(1000))
    bench.rests()
    bench.used = 999
    bench.step(Woken())
    bench.now += 1.0
    bench.step(Ticked())
    bulk = bench.state.bulk
    assert (bulk.phase, bulk.until) == (Phase.RESTING, bench.now + LOOK_SECONDS)
    bench.used = 0
    bench.now = bulk.until
    bench.step(Ticked())
    assert bench.state.bulk.phase is Phase.COLLECTING


def test_when_the_days_bytes_are_used_up_alarms_alone_are_gathered() -> None:
    bench = Bench(budget=Budget(1_000_000))
    bench.rests()
    bench.used = 999_000
    plan = one(Collect, bench.step(Woken())).plan
    assert (plan.lanes, plan.spent) == ((Lane.ALARMS,), True)
    assert one(Send, bench.collected(draft(lane=Lane.ALARMS)))


def test_a_request_is_no_larger_than_what_is_left_of_the_day() -> None:
    bench = Bench(budget=Budget(1_000_000))
    bench.rests()
    bench.used = 960_000
    plan = one(Collect, bench.step(Woken())).plan
    assert plan.lanes == LANES[Wire.URGENT]
    assert plan.most_bytes == 10_000


def test_an_unknown_epoch_of_the_centre_is_learnt_from_a_signed_refusal_alone() -> None:
    bench = Bench(knows=False)
    bench.tick()
    bench.collected(NOTHING)
    actions = bench.answered(Reply(EPOCH, code=Code.NEW_CENTRE))
    assert bench.state.centre_epoch == EPOCH
    assert kinds(actions) == [Kind.NEW_CENTRE]
    asked = [action for action in actions if isinstance(action, Collect)]
    assert {action.plan.centre_epoch for action in asked} <= {EPOCH}


def test_a_centre_that_starts_anew_again_and_again_is_met_slowly_and_never_missed() -> None:
    """After three such refusals in a row the node kept its old epoch, and was stuck with it."""
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    waits = 0
    for epoch in range(1, 10):
        bench.answered(Reply(epoch, code=Code.NEW_CENTRE))
        assert bench.state.centre_epoch == epoch
        if bench.state.urgent.phase is Phase.RESTING:
            waits += 1
            bench.tick()
        bench.collected(draft())
    assert waits >= 6


def test_standings_become_acks_of_the_streams_that_were_asked_about() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft(0, asks=True, waits=True))
    told = Standing(55, Lane.TICKETS, 0, 0, GENESIS)
    settle = one(Settle, bench.answered(took(0, standings=(told,))))
    assert settle.answer.acks == (Ack(StreamId(3, 55), Lane.TICKETS, 0, 0, GENESIS),)


def test_a_busy_centre_is_asked_again_at_its_slot_and_not_before() -> None:
    bench = Bench()
    bench.rests()
    bench.step(Woken())
    bench.collected(NOTHING)
    bench.now += 1.0
    bench.step(Ticked())
    bench.collected(draft(9, lane=Lane.STATE), Wire.BULK)
    bench.answered(Reply(EPOCH, code=Code.BUSY, slot_ms=20_000), Wire.BULK)
    begun = bench.now
    for _ in range(5):
        bench.step(Woken())
        bench.step(LinkUp())
        if bench.state.urgent.phase is Phase.COLLECTING:
            bench.collected(NOTHING)
        if bench.state.urgent.phase is Phase.ASKING:
            bench.answered(took(0))
        assert bench.state.bulk.phase is Phase.RESTING
    assert 20.0 <= bench.state.bulk.until - begun <= 22.0


def test_a_refused_lane_is_held_and_others_go_on() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    actions = bench.answered(Reply(EPOCH, code=Code.FORKED))
    assert kinds(actions) == [Kind.REFUSED]
    plan = one(Collect, actions).plan
    assert plan.skip == {(STREAM.epoch, Lane.TICKETS)}
    bench.collected(NOTHING)
    assert due(bench.state) < bench.now + 900
    bench.now += 1000.0
    plans = [action.plan for action in bench.step(Ticked()) if isinstance(action, Collect)]
    assert not plans[0].skip


def test_a_fork_and_a_restore_that_the_store_finds_are_told() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    bench.answered(took(3))
    ack = Ack(STREAM, Lane.TICKETS, 3, 0, CHAIN)
    actions = bench.settled(Settlement(ahead=(ack,), forked=(ack,)))
    assert kinds(actions) == [Kind.FORKED, Kind.RESTORED, Kind.CONTACT]
    assert one(Collect, actions).plan.skip == {(STREAM.epoch, Lane.TICKETS)}


def test_pages_and_grants_are_settled_and_what_waits_is_fetched() -> None:
    bench = Bench()
    bench.rests()
    bench.now += 400.0
    bench.step(Ticked())
    bench.collected(NOTHING)
    reply = took(0, pages=(b"page",), grants=Grants(2, ("hromada",)), waiting=(Lane.STATE,))
    settle = one(Settle, bench.answered(reply))
    assert (settle.answer.pages, settle.answer.grants) == ((b"page",), Grants(2, ("hromada",)))
    bench.settled()
    one(Send, bench.collected(NOTHING))
    bench.answered(took(0))
    bench.step(Ticked())
    assert one(Send, bench.collected(NOTHING, Wire.BULK))


def test_an_empty_answer_needs_no_commit() -> None:
    bench = Bench()
    bench.tick()
    bench.collected(NOTHING)
    actions = bench.answered(took(0))
    assert not [action for action in actions if isinstance(action, Settle)]
    assert kinds(actions) == [Kind.CONTACT]


def test_a_store_that_cannot_settle_is_tried_again() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    bench.answered(took(3))
    bench.broke(reason="disk_full")
    assert bench.state.urgent.phase is Phase.RESTING
    assert one(Collect, bench.tick())


def test_a_lost_batch_halves_the_next_one_down_to_the_floor() -> None:
    bench = Bench()
    bench.rests()
    rooms = []
    for _ in range(12):
        bench.sends(draft(100, body=b"x" * 9000))
        bench.broke()
        rooms.append(bench.state.urgent.pace.room)
        bench.now = bench.state.urgent.until
    assert rooms[0] > rooms[-1]
    assert rooms[-1] == rooms[-2] == FLOOR


def test_rows_that_cannot_be_read_are_told_and_not_asked_for_without_a_pause() -> None:
    """An unreadable page comes again with each reply: once that went on for ever."""
    bench = Bench()
    bench.tick()
    bench.collected(NOTHING)
    bench.answered(took(0, pages=(b"?",), waiting=(Lane.STATE, Lane.TICKETS)))
    actions = bench.settled(Settlement(unread=("a page is malformed",)))
    assert Kind.UNREAD in kinds(actions)
    assert not [action for action in actions if isinstance(action, Collect)
                and action.wire is Wire.URGENT]  # fmt: skip
    assert bench.state.urgent.until > bench.now + 60


def test_a_village_is_told_when_the_centre_cannot_apply_its_entries() -> None:
    bench = Bench()
    bench.rests()
    bench.sends(draft())
    told = [a for a in bench.answered(took(3, quarantined=2)) if isinstance(a, Report)]
    assert [(one.kind, one.detail) for one in told] == [(Kind.HELD, "2")]
