"""A service of the tests, gates that open and shut, at a centre and its villages on real files."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from appliance.commands import queries, service, tables, worker
from appliance.commands.model import Command, Outcome, Seen, Story
from appliance.commands.service import Handler, Wish
from appliance.errors import VuzolError
from appliance.people import tables as people_tables
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Owner, Table, integer, reference, text
from appliance.store.transaction import Transaction
from appliance.web import idempotency
from tests.people.carried import grant, send_down, send_up

GATES: Final = Table("trial_gate", owner=Owner.UP, lane=Lane.TICKETS, columns=(text("name"),))
STEPS: Final = Table(
    "trial_step",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(reference("gate", "trial_gate", home=True), integer("step"), text("state")),
    unique=(("gate", "step"),),
)
TABLES: Final = (*people_tables.TABLES, *tables.TABLES, *idempotency.TABLES, GATES, STEPS)
ASKER: Final = "s01-0000000001-1"
HOUR: Final = 3600


class GateStuck(VuzolError):
    """The service refuses."""

    code: ClassVar[str] = "gate_stuck"


def put_up(tx: Transaction) -> RowId:
    """Make a gate, which is shut."""
    return tx.insert(GATES, {"name": "брама"})


def turn(tx: Transaction, gate: RowId, state: str) -> None:
    """Move the gate one step on."""
    seen = look(tx, gate)
    assert seen is not None
    tx.insert(STEPS, {"gate": gate, "step": seen.step + 1, "state": state})


def look(reader: Reader, gate: RowId) -> Seen | None:
    """Tell how the gate stands."""
    if reader.one("SELECT 1 FROM trial_gate WHERE id = :gate", gate=gate) is None:
        return None
    row = reader.one(
        "SELECT step, state FROM trial_step WHERE gate = :gate ORDER BY step DESC", gate=gate
    )
    return Seen(row["step"], row["state"]) if row else Seen(0, "shut")


def _open(tx: Transaction, command: Command) -> None:
    turn(tx, command.object, "open")


def _jam(tx: Transaction, command: Command) -> None:
    turn(tx, command.object, "half open")
    raise GateStuck("the gate is stuck", next_step="oil it")


def _break(tx: Transaction, command: Command) -> None:
    turn(tx, command.object, "in pieces")
    raise LookupError(str(command.arguments))


HANDLERS: Final[Mapping[tuple[str, str], Handler]] = {
    ("gates", "open"): Handler(look, _open),
    ("gates", "jam"): Handler(look, _jam),
    ("gates", "break"): Handler(look, _break),
}


@dataclass
class Place:
    """One node: its file, which may be shut and opened again, and its own clock."""

    path: Path
    node: int
    clock: FixedClock = field(default_factory=FixedClock)
    handlers: Mapping[tuple[str, str], Handler] = field(default_factory=lambda: HANDLERS)

    def start(self) -> None:
        """Open the file, as a start of the process does."""
        self.store = Store.open(
            self.path, TABLES, node=self.node, clock=self.clock, centre=self.node == 1
        )

    def restart(self) -> None:
        """Stop and start."""
        self.store.close()
        self.start()

    def decide(self) -> list[Outcome]:
        """Let the worker look once."""
        return worker.decide_all(self.store, self.handlers)

    def story(self, command: RowId) -> Story:
        """Return a command as this node knows it."""
        with self.store.read() as reader:
            return queries.story(reader, command)

    def stands(self, gate: RowId) -> str:
        """Return how the gate stands, as far as is known here."""
        with self.store.read() as reader:
            seen = look(reader, gate)
        return seen.state if seen else "unknown"

    def steps(self, gate: RowId) -> int:
        """Count what has happened to the gate."""
        with self.store.read() as reader:
            return int(
                reader.value("SELECT count(*) FROM trial_step WHERE gate = :gate", gate=gate)
            )

    def audited(self) -> list[tuple[str, str]]:
        """Return who did what about commands, in order."""
        with self.store.read() as reader:
            return [
                (row["actor"], row["action"])
                for row in reader.all(
                    "SELECT actor, action FROM people_audit WHERE action LIKE 'commands.%'"
                    " ORDER BY at, id"
                )
            ]


@dataclass
class Hromada:
    """A centre and two villages; what they have for one another is carried when a test says so."""

    centre: Place
    village: Place
    other: Place

    def ask(self, gate: RowId, verb: str = "open", **more: Any) -> RowId:
        """Ask for something at the centre, as it sees the gate."""
        with self.centre.store.read() as reader:
            seen = look(reader, gate)
        given: dict[str, Any] = {
            "home": gate.node,
            "service": "gates",
            "verb": verb,
            "object": gate,
            "seen": seen or Seen(0, "shut"),
            "expires_seconds": HOUR,
            **more,
        }
        return self.centre.store.write(service.ask, Wish(**given), by=ASKER)

    def withdraw(self, command: RowId) -> None:
        """Take it back."""
        self.centre.store.write(service.withdraw, command, by=ASKER)

    def gate(self) -> RowId:
        """Put a gate up in the village; the centre comes to know it."""
        gate = self.village.store.write(put_up)
        self.up()
        return gate

    def down(self) -> None:
        """Carry what the centre has to the villages."""
        for place in (self.village, self.other):
            send_down(self.centre.store, place.store)

    def up(self) -> None:
        """Carry what the villages have to the centre, and let it settle what was answered."""
        for place in (self.village, self.other):
            send_up(place.store, self.centre.store)
        worker.settle_all(self.centre.store)

    def outcome(self, command: RowId) -> Outcome | None:
        """Return what the centre knows of the answer."""
        answer = self.centre.story(command).answer
        return answer.outcome if answer else None


@contextmanager
def hromada(folder: Path) -> Iterator[Hromada]:
    """Open a centre and two villages."""
    with ExitStack() as undo:
        made = [Place(folder / f"node{node}.db", node) for node in (1, 2, 3)]
        for place in made:
            place.start()
            undo.callback(lambda place=place: place.store.close())
        for place in made[1:]:
            grant(place.store)
        yield Hromada(*made)
