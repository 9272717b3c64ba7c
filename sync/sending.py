"""The agent's moves: gather, send, give way, wait. Each changes the state that a step builds up."""

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol

from nacl.signing import SigningKey, VerifyKey

from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync.budget import Budget
from sync.events import Abort, Action, Collect, Kind, Report, Send
from sync.lanes import LANES, Draft, Plan, Wire
from sync.pace import FLOOR, LONGEST_PAUSE, URGENT_PAUSE, next_pause
from sync.sides import Held, Phase, Side, State
from sync.signing import Head, Nonce, body_hash

if TYPE_CHECKING:
    from random import Random

COLLECT_SECONDS: Final = 120.0
"""How long the store may take to gather or to settle before it is asked anew."""

GRACE: Final = 15.0
"""What a request is given beyond its time-out before its connection counts as wedged."""

LOOK_SECONDS: Final = 600.0
"""How often a side that is out of bytes looks whether a new day has come."""

WORTH_WAITING: Final = 2.0
"""A bulk request that ends within this is not aborted for urgent rows."""


class Who(Protocol):
    """What the moves have to know of the agent."""

    @property
    def hromada(self) -> str: ...  # noqa: D102
    @property
    def stream(self) -> StreamId: ...  # noqa: D102
    @property
    def centre(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> SigningKey: ...  # noqa: D102
    @property
    def centre_key(self) -> VerifyKey: ...  # noqa: D102
    @property
    def poll_seconds(self) -> float: ...  # noqa: D102
    @property
    def budget(self) -> Budget: ...  # noqa: D102


class Sending:
    """The state and the actions of one step while it is made."""

    def __init__(
        self, agent: Who, state: State, now: float, chance: "Random", used: int = 0
    ) -> None:
        self.agent = agent
        self.state = state
        self.now = now
        self.chance = chance
        self.used = used
        self.actions: list[Action] = []

    def do(self, *actions: Action) -> None:
        """Ask the shell for something."""
        self.actions += actions

    def change(self, wire: Wire, **values: Any) -> Side:  # noqa: ANN401 - fields of Side
        """Give a side other values."""
        side = replace(self.state.side(wire), **values)
        if wire is Wire.URGENT:
            self.state = replace(self.state, urgent=side)
        else:
            self.state = replace(self.state, bulk=side)
        return side

    def collect(self, wire: Wire) -> None:
        """Ask the store what there is to send."""
        before = self.state.side(wire)
        lanes = self.state.turns.order() if wire is Wire.BULK else LANES[wire]
        lanes = self.agent.budget.open_lanes(lanes, self.used)
        if not lanes:  # the day's bytes are used up, but for what is more urgent
            look_at = self.now + LOOK_SECONDS
            self.change(wire, phase=Phase.RESTING, until=look_at, again=False)
            return
        side = self.change(
            wire,
            phase=Phase.COLLECTING,
            attempt=before.attempt + 1,
            until=self.now + COLLECT_SECONDS,
            again=False,
        )
        held = {(one.epoch, one.lane) for one in self.state.held if one.until > self.now}
        most = min(side.pace.most_bytes, max(FLOOR, self.agent.budget.room(self.used)))
        plan = Plan(
            wire=wire,
            lanes=lanes,
            centre_epoch=self.state.centre_epoch,
            most_bytes=int(most),
            skip=frozenset(held),
            spent=not self.agent.budget.is_open(Lane.TICKETS, self.used),
        )
        self.do(Collect(wire, side.attempt, plan))

    def send(self, wire: Wire, draft: Draft) -> None:
        """Sign the draft and send it."""
        agent, side = self.agent, self.state.side(wire)
        head = Head(
            hromada=agent.hromada,
            stream=draft.stream,
            lane=draft.lane,
            after=draft.after,
            last=draft.last,
            recipient=agent.centre,
            centre_epoch=self.state.centre_epoch,
            nonce=Nonce(agent.stream.epoch, int(wire), side.attempt),
            body_hash=body_hash(draft.body),
        )
        timeout = side.pace.timeout(len(draft.body))
        until = self.now + timeout + GRACE
        self.change(wire, phase=Phase.ASKING, head=head, sent_at=self.now, until=until)
        if wire is Wire.BULK and draft.rows:
            turns = self.state.turns.sent(draft.lane, len(draft.body), room=side.pace.room)
            self.state = replace(self.state, turns=turns)
        authorization = head.header(agent.key)
        self.do(Send(wire, side.attempt, head.path, authorization, draft.body, timeout))

    def urgent_is_asking(self) -> bool:
        """Tell whether urgent rows are on their way now."""
        return self.state.urgent.phase is Phase.ASKING and self.state.urgent.holding

    def clear_the_way(self) -> None:
        """Abort a bulk request that urgent rows would have to wait for; it resumes by number."""
        bulk = self.state.bulk
        if bulk.phase is not Phase.ASKING or bulk.draft is None:
            return
        left = bulk.pace.seconds(len(bulk.draft.body)) - (self.now - bulk.sent_at)
        if left > WORTH_WAITING:
            self.do(Abort(Wire.BULK))
            smaller = replace(bulk.pace, room=max(FLOOR, bulk.pace.room / 2))
            self.change(Wire.BULK, attempt=bulk.attempt + 1, pace=smaller)
            self.give_way()

    def give_way(self) -> None:
        """Let bulk rest until the urgent side has an answer, or has none."""
        until = self.state.urgent.until + 1.0
        self.change(Wire.BULK, phase=Phase.RESTING, again=True, until=until)

    def rest(self, wire: Wire) -> None:
        """Wait for news: urgent until the next poll, bulk until it is woken."""
        side = self.change(wire, phase=Phase.RESTING)
        if side.again:
            self.collect(wire)
            return
        held = [one.until for one in self.state.held if one.until > self.now]
        poll = self.state.poll_at if wire is Wire.URGENT else inf
        self.change(wire, until=max(self.now, min([poll, *held])))
        if wire is Wire.URGENT:
            self.resume_bulk()

    def resume_bulk(self) -> None:
        """Let bulk go on after it gave way."""
        bulk = self.state.bulk
        if self.may_go(bulk) and bulk.again and not bulk.pause:
            self.collect(Wire.BULK)

    def may_go(self, side: Side) -> bool:
        """Tell whether the side rests, and the centre has not asked it to wait."""
        return side.phase is Phase.RESTING and self.now >= side.slot_at

    def fail(self, wire: Wire, reason: str) -> None:
        """Wait for a while that grows by chance, then try again; trying never ends."""
        side = self.state.side(wire)
        urgent = wire is Wire.URGENT and side.holding
        longest = URGENT_PAUSE if urgent else LONGEST_PAUSE
        pause = next_pause(side.pause, self.chance, longest=longest)
        in_vain = side.phase is Phase.ASKING and side.draft is not None and side.draft.rows > 0
        self.change(
            wire,
            phase=Phase.RESTING,
            pause=pause,
            until=self.now if side.called else self.now + pause,
            wanted=side.wanted or side.called,
            called=False,
            pace=side.pace.failed() if in_vain else side.pace,
        )
        self.do(Report(wire, Kind.FAILED, reason))
        if wire is Wire.URGENT:
            self.resume_bulk()

    def hold(self, epoch: int, lane: Lane) -> None:
        """Set a lane of a stream aside for a while."""
        place = (epoch, lane)
        before = [one.pause for one in self.state.held if (one.epoch, one.lane) == place]
        pause = next_pause(before[0] if before else 0.0, self.chance, longest=LONGEST_PAUSE)
        self.let_go(*place)
        held = (*self.state.held, Held(*place, until=self.now + pause, pause=pause))
        self.state = replace(self.state, held=held)

    def let_go(self, epoch: int, lane: Lane) -> None:
        """Take a lane of a stream up again."""
        left = tuple(one for one in self.state.held if (one.epoch, one.lane) != (epoch, lane))
        self.state = replace(self.state, held=left)
