"""The tables of the simulated hromada, one of each kind, and the verbs that fill them."""

from collections.abc import Sequence
from random import Random
from typing import Final

from appliance.store.ids import RowId
from appliance.store.tables import Lane, Owner, Row, Table, blob, integer, reference, text
from appliance.store.transaction import Transaction
from sync.tables import COMPARISON

OFFICE: Final = "office"
EVERYWHERE: Final = "hromada"


def _counted(tx: Transaction, born: Sequence[Row]) -> None:
    for step in born:
        row = tx.one("SELECT steps, total FROM sim_tally WHERE visit = :visit", visit=step["visit"])
        steps, total = (row["steps"], row["total"]) if row else (0, 0)
        told = {"visit": step["visit"], "steps": steps + 1, "total": total * 7 + step["n"]}
        tx.put(TALLY, told)


VISIT: Final = Table(
    "sim_visit",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(integer("n"), text("words", null=True)),
)
STEP: Final = Table(
    "sim_step",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    personal=True,
    columns=(reference("visit", "sim_visit"), integer("n"), integer("at")),
    project=_counted,
)
DESK: Final = Table(
    "sim_desk",
    owner=Owner.UP,
    lane=Lane.STATE,
    columns=(text("title"), integer("busy"), text("note", null=True)),
)
NOTICE: Final = Table(
    "sim_notice",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    columns=(integer("pair"), integer("version"), text("words")),
)
STAFF: Final = Table(
    "sim_staff", owner=Owner.DOWN, lane=Lane.TICKETS, columns=(text("name"), integer("version"))
)
TALLY: Final = Table(
    "sim_tally",
    owner=Owner.LOCAL,
    key=("visit",),
    columns=(blob("visit"), integer("steps"), integer("total")),
)
TABLES: Final = (VISIT, STEP, DESK, NOTICE, STAFF, TALLY, COMPARISON)
UP: Final = (VISIT, STEP, DESK)
DOWN: Final = (NOTICE, STAFF)


def office(node: int) -> str:
    return f"{OFFICE}:{node}"


def visit(tx: Transaction, n: int, steps: int, words: str | None) -> list[RowId]:
    """Take a visit and its first steps, in one transaction."""
    born = tx.insert(VISIT, {"n": n, "words": words})
    told = ({"visit": born, "n": n + place, "at": tx.now} for place in range(steps))
    return [born, *(tx.insert(STEP, row) for row in told)]


def step(tx: Transaction, n: int) -> list[RowId]:
    """Add a step to the newest visit of any start of this file."""
    last = tx.value("SELECT id FROM sim_visit WHERE own = 1 ORDER BY substr(id, 9) DESC LIMIT 1")
    return [] if last is None else [tx.insert(STEP, {"visit": last, "n": n, "at": tx.now})]


def desk(tx: Transaction, title: str, n: int) -> list[RowId]:
    """Open a desk, change it, or close it for good."""
    if n % 7 == 0 and tx.delete(DESK, {"title": title}):
        return []
    told = {"busy": n, "note": None if n % 3 else f"зайнято {n}"}
    if tx.update_where(DESK, {"title": title}, told):
        return []
    return [tx.insert(DESK, {"title": title, **told})]


def pair_of_notices(tx: Transaction, pair: int, version: int, scope: str) -> None:
    """Change both halves of a pair at the centre: nobody may ever see them apart."""
    told = {"version": version, "words": f"оголошення {pair} " + "слово " * (version % 5)}
    if not tx.update_where(NOTICE, {"pair": pair, "scope": scope}, told):
        for _ in range(2):
            tx.insert(NOTICE, {"pair": pair, **told}, scope=scope)


def withdraw(tx: Transaction, pair: int, scope: str) -> None:
    tx.delete(NOTICE, {"pair": pair, "scope": scope})


def staff(tx: Transaction, name: str, version: int, scope: str) -> None:
    if not tx.update_where(STAFF, {"name": name, "scope": scope}, {"version": version}):
        tx.insert(STAFF, {"name": name, "version": version}, scope=scope)


def something(tx: Transaction, kind: float, chance: int) -> list[RowId]:
    """Do one of the things that a village does, as the two numbers choose."""
    draw = Random(chance)
    if kind < 0.5:
        words = draw.choice([None, "довідка", "Ї" * draw.randrange(1, 60)])
        return visit(tx, draw.randrange(1000), draw.randrange(4), words)
    if kind < 0.8:
        return step(tx, draw.randrange(1000))
    return desk(tx, f"вікно {draw.randrange(3)}", draw.randrange(50))
