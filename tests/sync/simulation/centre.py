"""The simulated centre: a real store behind the real door, which can fall at any commit."""

import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nacl.signing import SigningKey

from appliance.store import grants, projection
from appliance.store.database import Store
from sync import receiver
from sync.receiver import Knock, Left, Refused, Response, Welcome
from tests.sync.simulation import rooms
from tests.sync.simulation.clock import VirtualClock

if TYPE_CHECKING:
    from tests.sync.simulation.world import World

NUMBER = 1
Reply = Callable[[Response | None], None]
PAIRS = 3


class Fell(BaseException):
    """The power went at this very point."""


class Fragile:
    """The centre's store as its own code sees it; it can fall before a write or right after it."""

    def __init__(self, centre: "Centre") -> None:
        self._centre = centre

    def write(self, verb: Callable[..., Any], *args: Any) -> Any:
        centre = self._centre
        assert centre.store is not None
        falls = centre.world.chance.random() if centre.world.troubled else 1.0
        if falls < centre.world.rates.fall_at_write:
            raise Fell
        result = centre.store.write(verb, *args)
        if falls < 2 * centre.world.rates.fall_at_write:
            raise Fell
        return result

    def read(self) -> Any:
        assert self._centre.store is not None
        return self._centre.store.read()


class Centre:
    """The centre's machine."""

    def __init__(self, world: "World", folder: Path) -> None:
        self.world, self.folder = world, folder
        self.clock = VirtualClock(world.agenda)
        self.key = SigningKey(bytes([NUMBER]) * 32)
        self.life = 0
        self.store: Store | None = None
        self.version = 0
        self.granted: dict[int, tuple[str, ...]] = {}
        self.restored = 0
        self.arrived: set[str] = set()  # what has been at the door, whenever

    @property
    def path(self) -> Path:
        return self.folder / "node.db"

    def boot(self) -> None:
        """Start: a new epoch, no nonce remembered."""
        if self.store is not None:
            return
        self.life += 1
        world = self.world
        self.store = world.opened(self.path, NUMBER, self.clock, centre=True)
        members = {village.node: village.key.verify_key for village in world.machines}
        self.door = world.centre_kind("tykhovody", NUMBER, self.key, self.store.epoch, members)
        self.state = receiver.State()
        world.tell("centre", f"boots as {self.store.stream}")
        if not self.granted:
            for node in sorted(members):
                self.grant(node, (rooms.EVERYWHERE, rooms.office(node)))
        else:
            for node, scopes in self.granted.items():  # what the town council decided still holds
                self.store.write(grants.give, node, scopes)

    def die(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None
            self.life += 1
            self.world.tell("centre", "dies")

    def copied_to(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for path in sorted(self.folder.iterdir()):
            if not path.name.endswith((".owner", "-shm")):
                shutil.copy(path, folder / path.name)

    def restore(self, copy: Path) -> None:
        """Put the files of an older copy in place of the present ones."""
        assert self.store is None
        shutil.rmtree(self.folder)
        shutil.copytree(copy, self.folder)
        self.restored += 1
        self.world.tell("centre", "is restored")

    def grant(self, node: int, scopes: tuple[str, ...]) -> None:
        if self.store is not None:
            self.granted[node] = scopes
            self.store.write(grants.give, node, scopes)

    def edit(self) -> None:
        """Change rows that go down, two that belong together in one transaction."""
        if self.store is None:
            return
        self.version += 1
        chance = self.world.chance
        scope = chance.choice([rooms.EVERYWHERE, *(rooms.office(n) for n in self.world.nodes)])
        what = chance.random()
        pair = chance.randrange(PAIRS)
        if what < 0.6:
            self.store.write(rooms.pair_of_notices, pair, self.version, scope)
        elif what < 0.7:
            self.store.write(rooms.withdraw, pair, scope)
        else:
            self.store.write(rooms.staff, f"особа {pair}", self.version, scope)

    def receive(self, knock: Knock, body: bytes, reply: Reply) -> None:
        """Judge a request that has arrived, work on it for a while, then answer."""
        if self.store is None:
            reply(None)
            return
        self.arrived.add(knock.authorization)
        self.state, action = self.door.step(self.state, knock, self.world.agenda.now)
        if isinstance(action, Refused):
            self.world.refused(action)
            reply(action.response)
        elif isinstance(action, Welcome):
            self._after(partial(self._work, action, body, reply))

    def _work(self, welcome: Welcome, body: bytes, reply: Reply) -> None:
        assert self.store is not None
        try:
            done = self.world.exchange(self.door, Fragile(self), welcome, body)
        except Fell:
            self.world.fall(self)
            reply(None)
            return
        self.state, _ = self.door.step(self.state, Left(welcome), self.world.agenda.now)
        self.world.answered(welcome, done)
        reply(done.response)
        self._after(self.project)

    def project(self) -> None:
        """Carry a part of the inbox into the typed tables."""
        if self.store is not None:
            self.store.write(projection.step, 20)

    def _after(self, do: Callable[[], None]) -> None:
        life = self.life

        def then() -> None:
            if self.life == life and self.store is not None:
                do()

        self.world.agenda.after(self.world.chance.uniform(0.001, 0.3), then)

    def durable(self, stream: Any, lane: int) -> int:
        """Return how far a lane is on the disk, as a stranger who opens the file sees it."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            found = connection.execute(
                "SELECT max(lane_seq) FROM _inbox WHERE node = ? AND epoch = ? AND lane = ?",
                (*stream, int(lane)),
            ).fetchone()
        return int(found[0] or 0)
