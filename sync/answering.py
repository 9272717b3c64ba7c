"""The agent's moves once a reply has come: believe it or not, settle it, go on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from appliance.store.ids import StreamId
from sync.events import Answered, Drop, Kind, Report, Settle
from sync.lanes import LANES, Ack, Answer, Draft, Settlement, Wire
from sync.messages import BadMessage, Code, Reply
from sync.pace import URGENT_PAUSE
from sync.sending import Sending
from sync.sides import Phase, Side
from sync.signing import Unsigned, open_reply

MOST_SHAKEN: Final = 2
"""Replies in a row that name another epoch of the centre before that counts as a failure."""

POLL_SPREAD: Final = 0.1
SLOT_SPREAD: Final = 0.1


class Answering(Sending):
    """What a step does with a reply."""

    def judge(self, side: Side, event: Answered) -> None:
        """Check who has signed the reply, then do what it says."""
        if side.head is None or side.draft is None:
            return
        try:
            payload = open_reply(self.agent.centre_key, side.head, event.status, event.body)
            reply = Reply.read(payload)
            _fits(reply, side.draft, self.state.centre_epoch)
        except Unsigned as error:
            self.do(Drop(side.wire), Report(side.wire, Kind.UNSIGNED, f"status {event.status}"))
            self.fail(side.wire, error.code)
        except BadMessage as error:
            self.fail(side.wire, error.code)
        else:
            self._follow(side, side.draft, reply)

    def _follow(self, side: Side, draft: Draft, reply: Reply) -> None:
        if not reply.code:
            self._settle(side, draft, reply)
        elif reply.code == Code.NEW_CENTRE:
            self._meet(side, reply.centre_epoch)
        elif reply.code == Code.BUSY:
            self._wait(side, reply.slot_ms / 1000)
        else:
            self._refused(side, draft, reply.code)

    def _settle(self, side: Side, draft: Draft, reply: Reply) -> None:
        seconds = self.now - side.sent_at
        pace = side.pace.after(
            weight=draft.weight, size=len(draft.body), seconds=seconds, most=reply.credit
        )
        self.change(side.wire, pace=pace, wanted=side.called, called=False)
        for wire in Wire:
            if reply.grants or set(reply.waiting) & set(LANES[wire]):
                self.change(wire, wanted=True)
        if reply.quarantined:
            self.do(Report(side.wire, Kind.HELD, str(reply.quarantined)))
        pause = reply.slot_ms / 1000
        side = self.change(side.wire, phase=Phase.SETTLING, pause=0.0, refused=0, slot=pause)
        answer = Answer(reply.centre_epoch, tuple(_acks(draft, reply)), reply.pages, reply.grants)
        if answer.acks or answer.pages or answer.grants:
            self.do(Settle(side.wire, side.attempt, answer))
        else:
            self.go_on(side.wire, Settlement())

    def go_on(self, wire: Wire, settlement: Settlement) -> None:
        """Take what was settled as progress, then collect the next, or rest."""
        side = self.state.side(wire)
        draft = side.draft
        if wire is Wire.URGENT:
            spread = self.chance.uniform(1 - POLL_SPREAD, 1 + POLL_SPREAD)
            self.state = replace(self.state, poll_at=self.now + self.agent.poll_seconds * spread)
            self._revive_bulk()
        if draft is not None and draft.rows:
            self.let_go(draft.stream.epoch, draft.lane)
        side = self._tell(side, settlement)
        self.do(Report(wire, Kind.CONTACT))
        if side.slot:
            self._wait(side, side.slot)
        elif draft is not None and (draft.rows or draft.asks or side.wanted):
            self.collect(wire)
        else:
            self.rest(wire)

    def _tell(self, side: Side, settlement: Settlement) -> Side:
        """Report what was found amiss, and let it hold up nothing else."""
        wire = side.wire
        for ack in settlement.forked:
            self.do(Report(wire, Kind.FORKED, _named(ack)))
            self.hold(ack.stream.epoch, ack.lane)
        for ack in settlement.ahead:
            self.do(Report(wire, Kind.RESTORED, _named(ack)))
        for why in settlement.unread:
            self.do(Report(wire, Kind.UNREAD, why))
        if settlement.unread and not settlement.shown:  # asked at once, they would come again so
            side = self.change(wire, wanted=False)
        return side

    def _revive_bulk(self) -> None:
        """Let bulk try soon: the centre answers, and may have rows for it."""
        bulk = self.state.bulk
        if self.may_go(bulk) and (bulk.pause or bulk.wanted) and not bulk.again:
            soon = self.chance.uniform(0.0, URGENT_PAUSE) if bulk.pause else 0.0
            self.change(Wire.BULK, until=min(bulk.until, self.now + soon))

    def _meet(self, side: Side, centre_epoch: int) -> None:
        """Note the centre's epoch; what older epochs of it signed is asked about anew."""
        told = side.head.centre_epoch if side.head else 0
        self.change(side.wire, refused=side.refused + 1)
        if centre_epoch == told:
            self.fail(side.wire, Code.NEW_CENTRE)
            return
        self.state = replace(self.state, centre_epoch=centre_epoch)
        self.do(Report(side.wire, Kind.NEW_CENTRE))
        if side.refused >= MOST_SHAKEN:  # it starts anew again and again: go slowly, with its last
            self.fail(side.wire, Code.NEW_CENTRE)
            return
        self.change(side.wire, pause=0.0)
        self.collect(side.wire)
        other = self.state.side(Wire.BULK if side.wire is Wire.URGENT else Wire.URGENT)
        if self.may_go(other):
            self.change(other.wire, pause=0.0)
            self.collect(other.wire)

    def _wait(self, side: Side, seconds: float) -> None:
        """Come back at the slot that the centre has reserved, and not before it."""
        if seconds <= 0:
            self.fail(side.wire, Code.BUSY)
            return
        slot_at = self.now + seconds * self.chance.uniform(1.0, 1.0 + SLOT_SPREAD)
        self.change(side.wire, phase=Phase.RESTING, slot=0.0, slot_at=slot_at, until=slot_at)
        self.do(Report(side.wire, Kind.BUSY, f"{seconds:.0f} s"))

    def _refused(self, side: Side, draft: Draft, code: str) -> None:
        self.do(Report(side.wire, Kind.REFUSED, f"{draft.stream} {draft.lane.label}: {code}"))
        if code in HOLDS and draft.rows:
            self.hold(draft.stream.epoch, draft.lane)
            self.change(side.wire, pause=0.0)
            self.collect(side.wire)
        else:
            self.fail(side.wire, code)


HOLDS: Final = frozenset({Code.GAP, Code.FORKED, Code.BAD_BATCH})
"""Refusals that lie in one lane of one stream; others can go on meanwhile."""


def _fits(reply: Reply, draft: Draft, centre_epoch: int) -> None:
    """Raise `BadMessage` if a reply that took something does not say what."""
    if reply.code:
        return
    if reply.centre_epoch != centre_epoch:
        raise BadMessage("another epoch of the centre")
    if draft.rows and not (reply.have or 0) > draft.after:
        raise BadMessage("rows were taken, and none of them is there")


def _acks(draft: Draft, reply: Reply) -> Iterator[Ack]:
    if draft.rows and reply.have is not None:
        yield Ack(draft.stream, draft.lane, reply.have, reply.safe, reply.chain)
    for told in reply.standings:
        stream = StreamId(draft.stream.node, told.epoch)
        yield Ack(stream, told.lane, told.have, told.safe, told.chain)


def _named(ack: Ack) -> str:
    return f"{ack.stream} {ack.lane.label} {ack.have}"
