"""The node's end of replication: a pure machine. It decides, the shell does.

`step` takes one event and returns the next state and what to do. Time and chance are passed in, so
a run can be played again from its seed. The laws:

- only an answer with the centre's signature moves anything, and only in answer to the request that
  is under way;
- trying never ends; while urgent lanes hold rows the pause is ten seconds at most;
- urgent lanes have their own connection, and a bulk request in their way is aborted; the other
  lanes take turns (`turns`);
- what a day's bytes are used up for waits for the next day, alarms excepted (`budget`);
- a lane of a stream that the centre will not take is set aside for a while, and others go on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nacl.signing import SigningKey, VerifyKey

from appliance.store.ids import StreamId
from sync.answering import Answering
from sync.budget import UNLIMITED, Budget
from sync.events import (
    Action,
    Answered,
    Broke,
    Collected,
    Drop,
    Event,
    Kind,
    LinkUp,
    Report,
    Settled,
    Ticked,
    Woken,
)
from sync.lanes import Wire
from sync.pace import URGENT_PAUSE
from sync.sides import Phase, Side, State

if TYPE_CHECKING:
    from random import Random

PATIENCE: Final = 10.0
"""Seconds after which a request under way is given up when the link has come up anew."""

GATHERING: Final = 1.0
"""Seconds that the bulk side waits for more when something was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who a node is to its centre, and how often it asks for news."""

    hromada: str
    stream: StreamId  # the present start of this node
    centre: int
    key: SigningKey
    centre_key: VerifyKey
    poll_seconds: float = 300.0
    budget: Budget = UNLIMITED

    def step(
        self, state: State, event: Event, now: float, chance: "Random", *, used: int = 0
    ) -> tuple[State, tuple[Action, ...]]:
        """Return the state after the event, and what to do, in order.

        `used` is how many bytes of the day's budget have gone over the link.
        """
        turn = Turn(self, state, now, chance, used)
        MOVES[type(event)](turn, event)
        return turn.state, tuple(turn.actions)


def due(state: State) -> float:
    """Return when to bring `Ticked` if nothing else happens; infinity: never."""
    return min(state.urgent.until, state.bulk.until)


class Turn(Answering):
    """One step of the agent: each method is one kind of event."""

    def woken(self, _event: Woken) -> None:
        """Send what was logged: urgent rows at once, bulk after a moment."""
        for side in (self.state.urgent, self.state.bulk):
            if not self.may_go(side):
                self.change(side.wire, again=True)
            elif side.pause:
                self._wake_early(side)
            elif side.wire is Wire.URGENT:
                self.collect(side.wire)
            else:
                self.change(side.wire, until=min(side.until, self.now + GATHERING))

    def _wake_early(self, side: Side) -> None:
        """Shorten the wait after a failure, if urgent rows may have come since."""
        if side.wire is Wire.URGENT and side.until > self.now + URGENT_PAUSE:
            self.change(side.wire, until=self.now + self.chance.uniform(0.0, URGENT_PAUSE))

    def link_up(self, _event: LinkUp) -> None:
        """Stop waiting, also for an answer to what was sent on a link that is no more."""
        for side in (self.state.urgent, self.state.bulk):
            if side.phase is Phase.ASKING and self.now > side.sent_at + PATIENCE:
                self.do(Drop(side.wire))
                side = self.change(side.wire, phase=Phase.RESTING)  # noqa: PLW2901
            wanted = side.wanted or side.wire is Wire.URGENT
            if self.may_go(side):
                self.change(side.wire, pause=0.0, wanted=wanted)
                self.collect(side.wire)
            else:  # what is under way was asked before the call: its answer may be of before, too
                self.change(side.wire, again=True, called=wanted)

    def ticked(self, _event: Ticked) -> None:
        """Go on with what has rested long enough, and give up what is wedged."""
        for wire in Wire:
            side = self.state.side(wire)
            if side.until > self.now:
                continue
            if side.phase is Phase.RESTING:
                self.collect(wire)
            else:
                self.do(Drop(wire), Report(wire, Kind.WEDGED, side.phase))
                self.fail(wire, "silent")

    def collected(self, event: Collected) -> None:
        """Send the draft if that is worth a request, and if nothing more urgent is under way."""
        side = self.state.side(event.wire)
        if side.attempt != event.attempt or side.phase is not Phase.COLLECTING:
            return
        draft = event.draft
        self.change(event.wire, draft=draft)
        polls = event.wire is Wire.URGENT and self.now >= self.state.poll_at
        if not (draft.rows or draft.asks or side.wanted or polls):
            self.rest(event.wire)
        elif event.wire is Wire.BULK and self.urgent_is_asking():
            self.give_way()
        else:
            if event.wire is Wire.URGENT and draft.rows:
                self.clear_the_way()
            self.send(event.wire, draft)

    def answered(self, event: Answered) -> None:
        """Believe the answer if the centre has signed it for this very request."""
        side = self.state.side(event.wire)
        if side.attempt == event.attempt and side.phase is Phase.ASKING:
            self.judge(side, event)

    def broke(self, event: Broke) -> None:
        """Wait, then try again."""
        side = self.state.side(event.wire)
        if side.attempt == event.attempt and side.phase is not Phase.RESTING:
            self.fail(event.wire, event.reason)

    def settled(self, event: Settled) -> None:
        """Go on with the next batch, or rest."""
        side = self.state.side(event.wire)
        if side.attempt == event.attempt and side.phase is Phase.SETTLING:
            self.go_on(event.wire, event.settlement)


MOVES: Final[Mapping[type, Callable[[Turn, Any], None]]] = {
    Woken: Turn.woken,
    LinkUp: Turn.link_up,
    Ticked: Turn.ticked,
    Collected: Turn.collected,
    Answered: Turn.answered,
    Broke: Turn.broke,
    Settled: Turn.settled,
}
