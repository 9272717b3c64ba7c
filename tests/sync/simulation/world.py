"""One simulated hromada: machines, link, faults and what must hold, all from one seed."""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from appliance.errors import VuzolError
from appliance.store import log
from appliance.store.database import Store
from appliance.store.entries import Entry
from appliance.store.ids import RowId, StreamId
from appliance.store.tables import Lane
from sync import intake, pace, receiver, step_size
from sync.agent import Agent
from sync.intake import Exchanged
from sync.lanes import Draft
from sync.receiver import Refused, Response, Welcome
from tests.sync.simulation import faults, invariants, rooms
from tests.sync.simulation.centre import Centre
from tests.sync.simulation.clock import Agenda, VirtualClock
from tests.sync.simulation.network import Network
from tests.sync.simulation.village import Village

QUIET = 600.0
"""Virtual seconds without faults, after which all must have come out right."""


SMALL = (
    (step_size, "FEWEST", 7),
    (step_size, "MOST", 7),
    (intake, "PAGE_BYTES", 300),
    (pace, "FLOOR", 200),
    (pace, "MOST", 1500),
)
"""A small world, so that a few rows make several batches, parts and pages."""


class Violation(AssertionError):
    """Something that may never happen has happened."""


@dataclass(frozen=True)
class Rates:
    """How likely each trouble is; drawn anew for each run."""

    lost: float
    cut: float
    doubled: float
    swapped: float
    fall_at_write: float
    death_at_settle: float

    @classmethod
    def drawn(cls, chance: Random) -> "Rates":
        return cls(
            lost=chance.choice([0.0, 0.1, 0.3]),
            cut=chance.choice([0.0, 0.05]),
            doubled=chance.choice([0.0, 0.1]),
            swapped=chance.choice([0.0, 0.1]),
            fall_at_write=chance.choice([0.0, 0.01, 0.03]),
            death_at_settle=chance.choice([0.0, 0.01]),
        )


class World:
    """Everything of one run."""

    agent_kind = Agent
    centre_kind = receiver.Centre

    def __init__(self, seed: int, folder: Path, nodes: int = 2) -> None:
        self.seed, self.folder = seed, folder
        self.chance = Random(seed)
        self.agenda = Agenda()
        self.troubled = True
        self.rates = Rates.drawn(self.chance)
        self.nodes = tuple(range(2, 2 + nodes))
        self.network = Network(self)
        self.told: list[str] = []
        self.owed: dict[str, set[RowId]] = {}
        self.logged: dict[tuple[StreamId, Lane, int], Entry] = {}
        self.have: dict[tuple[str, StreamId, Lane], tuple[int, int]] = {}
        self.copies = 0
        self.copied: set[int] = set()  # nodes whose card was copied: their rows have two authors
        self.machines: list[Village] = []
        self.centre = Centre(self, folder / "centre")
        for node in self.nodes:
            home = folder / f"s{node:02}"
            self.machines.append(Village(self, home.name, node, home))

    # What machines ask of the world

    def opened(self, path: Path, node: int, clock: VirtualClock, *, centre: bool) -> Store:
        entropy = self.entropy(centre=centre)
        return Store.open(
            path,
            rooms.TABLES,
            node=node,
            clock=clock,
            entropy=entropy,
            centre=centre,
            inline=True,
            patience=0.0,
        )

    def entropy(self, *, centre: bool) -> Callable[[int], bytes]:
        del centre
        return self.chance.randbytes

    def exchange(self, *asked: Any) -> Exchanged:
        return intake.exchange(*asked)

    def backlog(self, reader: Any) -> Any:
        return log.backlog(reader)

    def tell(self, who: str, what: str) -> None:
        self.told.append(f"{self.agenda.now:.6f} {who}: {what}")

    def owe(self, village: Village, rows: list[RowId]) -> None:
        """Note rows whose write was acknowledged: they must come to the centre."""
        self.owed.setdefault(village.name, set()).update(rows)
        self.tell(village.name, f"writes {' '.join(map(str, rows))}")

    def note_log(self, store: Store) -> None:
        """Remember all that a store has logged: nothing else may ever be at the centre."""
        with store.read() as reader:
            for stream, lane, entry in invariants.logged(reader):
                self.logged[stream, lane, entry.lane_seq] = entry

    def drafted(self, village: Village, draft: Draft) -> None:
        digest = hashlib.sha256(draft.body).hexdigest()[:12]
        self.tell(village.name, f"drafts {draft.lane.label} {draft.after}-{draft.last} {digest}")

    def refused(self, action: Refused) -> None:
        self.tell("centre", f"refuses {action.code} to {action.node}")

    def answered(self, welcome: Welcome, done: Exchanged) -> None:
        """Check that what an answer promises is on the disk."""
        digest = hashlib.sha256(done.response.body).hexdigest()[:12]
        self.tell("centre", f"answers {welcome.head.path} {done.code or done.taken} {digest}")
        invariants.promise_is_kept(self, welcome, done)

    def watch(self, village: Village) -> None:
        """Check what may not be seen even for a moment."""
        invariants.nothing_is_torn(village)
        invariants.cursors_never_fall(self, village)

    def must_be_in_vain(self, response: Response | None) -> None:
        """Check that an attack got nothing but a refusal."""
        if response is not None and response.status == 200:
            raise Violation("a request of somebody else was answered")

    def forget_cursors(self, village: Village) -> None:
        """Let a node's cursors be what its restored file says."""
        self.have = {place: at for place, at in self.have.items() if place[0] != village.name}

    def fall(self, machine: Village | Centre) -> None:
        """Let a machine die at once, and boot after a while."""
        machine.die()
        self.agenda.after(self.chance.uniform(1.0, 60.0), machine.boot)

    # The run

    def run(self) -> str:
        """Live through trouble and quiet; return the trace's digest. Raises `AssertionError`."""
        with ExitStack() as small:
            for place, name, size in SMALL:
                small.enter_context(patch.object(place, name, size))
            return self._run()

    def _run(self) -> str:
        self.centre.boot()
        for village in self.machines:
            village.boot()
        for _ in range(3):
            self.centre.edit()
        faults.plan(self)
        self.agenda.run(faults.TROUBLE)
        self._calm()
        self.agenda.run(faults.TROUBLE + QUIET)
        try:
            invariants.all_is_well(self)
        finally:
            self.close()
        trace = [*self.told, *invariants.fingerprints(self)]
        return hashlib.sha256("\n".join(trace).encode()).hexdigest()

    @property
    def all_machines(self) -> tuple[Centre | Village, ...]:
        return (self.centre, *self.machines)

    def close(self) -> None:
        for machine in self.all_machines:
            if machine.store is not None:
                machine.store.close()

    def _calm(self) -> None:
        """End all trouble: links, clocks and machines are well from here on."""
        self.troubled = False
        self.tell("world", "calms down")
        for machine in self.all_machines:
            self.agenda.after(70.0, machine.boot)
        for village in self.machines:
            self.agenda.after(100.0, village.heal)
        with suppress(VuzolError):
            self.centre.project()
