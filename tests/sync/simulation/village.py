"""A simulated node: a real store, the real agent, and a shell whose every step can be the last."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from appliance.errors import VuzolError
from appliance.store.database import Store
from sync import lanes
from sync.agent import due
from sync.events import (
    Abort,
    Action,
    Broke,
    Collect,
    Collected,
    Drop,
    Event,
    LinkUp,
    Report,
    Send,
    Settle,
    Settled,
    Ticked,
    Woken,
)
from sync.lanes import Answer, Settlement
from sync.pace import Pace
from sync.sides import State, first
from tests.sync.simulation import rooms
from tests.sync.simulation.clock import VirtualClock

if TYPE_CHECKING:
    from tests.sync.simulation.world import World

POLL = 60.0


class Village:
    """One node's machine. `boot` and `die` may come at any point."""

    def __init__(self, world: "World", name: str, node: int, folder: Path) -> None:
        self.world, self.name, self.node, self.folder = world, name, node, folder
        self.clock = VirtualClock(world.agenda)
        self.key = SigningKey(bytes([node]) * 32)
        self.life = 0
        self.store: Store | None = None
        self.state: State | None = None
        self.link_up = True
        self.settles_to_death = 0
        self.reports: dict[str, int] = {}

    @property
    def path(self) -> Path:
        return self.folder / "node.db"

    def boot(self) -> None:
        """Start: a new epoch, an agent that remembers nothing."""
        if self.store is not None:
            return
        self.life += 1
        self.store = self.world.opened(self.path, self.node, self.clock, centre=False)
        self.chance = Random(self.world.chance.random())
        self.agent = self.world.agent_kind(
            hromada="tykhovody",
            stream=self.store.stream,
            centre=1,
            key=self.key,
            centre_key=self.world.centre.key.verify_key,
            poll_seconds=POLL,
        )
        self.state = slowly(first(self.world.agenda.now))
        self.store.subscribe("log", partial(self._later, 0.0, Woken()))
        self.world.tell(self.name, f"boots as {self.store.stream}")
        self._plan_tick()

    def die(self) -> None:
        """End at once, as by kill -9: nothing in memory is left, nothing in flight arrives."""
        if self.store is not None:
            self.world.note_log(self.store)
            self.store.close()
            self.store = self.state = None
            self.life += 1
            self.world.tell(self.name, "dies")

    def copied_to(self, folder: Path) -> None:
        """Copy the files as they lie, between two transactions."""
        folder.mkdir(parents=True)
        for path in sorted(self.folder.iterdir()):
            if not path.name.endswith((".owner", "-shm")):
                shutil.copy(path, folder / path.name)

    def write(self) -> None:
        """Let the office do something; what is acknowledged is owed from then on."""
        if self.store is None:
            return
        kind, draw = self.world.chance.random(), self.world.chance.getrandbits(32)
        rows = self.store.write(rooms.something, kind, draw)
        self.world.owe(self, rows)

    def happen(self, event: Event) -> None:
        """Give the agent an event and do what it asks for."""
        if self.state is None:
            return
        now = self.world.agenda.now
        self.state, actions = self.agent.step(self.state, event, now, self.chance)
        for action in actions:
            self._do(action)
        self._plan_tick()

    def unsent(self) -> int:
        assert self.store is not None
        with self.store.read() as reader:
            return sum(one.count for one in self.world.backlog(reader).values())

    def _do(self, action: Action) -> None:
        match action:
            case Collect():
                self._soon(partial(self._collect, action))
            case Send():
                self.world.network.carry(self, action)
            case Settle():
                self._soon(partial(self._settle, action))
            case Report():
                self.reports[action.kind] = self.reports.get(action.kind, 0) + 1
                self.world.tell(self.name, f"{action.wire.name} {action.kind} {action.detail}")
            case Abort() | Drop():
                self.world.tell(self.name, f"{type(action).__name__} {action.wire.name}")

    def _collect(self, action: Collect) -> None:
        assert self.store is not None
        with self.store.read() as reader:
            found = lanes.collect(reader, action.plan, version="0.1.0", clock=self.clock)
        draft = lanes.pack(found)
        self.world.drafted(self, draft)
        self.happen(Collected(action.wire, action.attempt, draft))

    def _settle(self, action: Settle) -> None:
        assert self.store is not None
        dies = self.world.chance.random() if self.world.troubled else 1.0
        if dies < self.world.rates.death_at_settle:
            self.world.fall(self)  # before the commit
            return
        try:
            settlement = self._settled(action.answer)
        except VuzolError as error:
            self.happen(Broke(action.wire, action.attempt, error.code))
            return
        self.world.watch(self)
        if dies < 2 * self.world.rates.death_at_settle:
            self.world.fall(self)  # after it
            return
        self.happen(Settled(action.wire, action.attempt, settlement))

    def _settled(self, answer: Answer) -> Settlement:
        assert self.store is not None
        return self.store.write(lanes.settle, answer)

    def heal(self) -> None:
        """Have a link and a clock again."""
        self.link_up = True
        self._later(0.0, LinkUp())

    def later(self, seconds: float, event: Event) -> None:
        """Bring an event to this life of the node, or to nobody."""
        self._later(seconds, event)

    def _soon(self, do: Callable[[], None]) -> None:
        self.world.agenda.after(self.world.chance.uniform(0.001, 0.02), self._alive(do))

    def _later(self, seconds: float, event: Event) -> None:
        self.world.agenda.after(seconds, self._alive(partial(self.happen, event)))

    def _alive(self, do: Callable[[], None]) -> Callable[[], None]:
        life = self.life

        def then() -> None:
            if self.life == life and self.store is not None:
                do()

        return then

    def _plan_tick(self) -> None:
        if self.state is None:
            return
        at = due(self.state)
        life = self.life

        def tick() -> None:
            if self.life == life and self.state is not None and due(self.state) == at:
                self.happen(Ticked())

        if at != float("inf"):
            self.world.agenda.after(at - self.world.agenda.now, tick)


def slowly(state: State) -> State:
    """Return the state with so little room that a few rows make a batch."""
    little = Pace(room=300.0, ratio=0.3)
    return replace(
        state, urgent=replace(state.urgent, pace=little), bulk=replace(state.bulk, pace=little)
    )


def integrity(path: Path) -> str:
    """Return what SQLite itself says of a file."""
    with sqlite3.connect(path) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
