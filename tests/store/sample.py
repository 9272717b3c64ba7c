"""A small village to test the store on: one table of each kind, and the verbs that fill them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.tables import (
    Lane,
    Owner,
    Row,
    Table,
    integer,
    one_of,
    reference,
    text,
)
from appliance.store.transaction import Transaction


class State(StrEnum):
    """Where a ticket stands."""

    WAITING = "waiting"
    CALLED = "called"


def _stand(tx: Transaction, tickets: Sequence[Row]) -> None:
    tx.add_all(STANDING, [{"ticket": one["id"], "state": State.WAITING} for one in tickets])


TICKET: Final = Table(
    "ticket",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(text("series"), integer("number", check="number > 0"), text("note", null=True)),
    unique=(("series", "number"),),
    project=_stand,
)
EVENT: Final = Table(
    "event",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(reference("ticket", "ticket"), one_of("state", State)),
    indexes=(("ticket",),),
)
PERSON: Final = Table(
    "person",
    owner=Owner.UP,
    lane=Lane.STATE,
    personal=True,
    columns=(text("name"), integer("age", null=True)),
    unique=(("name",),),
)
SERVICE: Final = Table(
    "service",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    columns=(text("name"), integer("is_open", check="is_open IN (0, 1)")),
    unique=(("name",),),
)
STANDING: Final = Table(
    "standing",
    owner=Owner.LOCAL,
    key=("ticket",),
    columns=(reference("ticket", "ticket"), one_of("state", State)),
)
NOTE: Final = Table(
    "note",
    owner=Owner.LOCAL,
    key=("place",),
    columns=(integer("place"), text("words", null=True)),
)
TABLES: Final = (TICKET, EVENT, PERSON, SERVICE, STANDING, NOTE)


def village(path: Path, tables: Iterable[Table] = TABLES, **wanted: Any) -> Store:
    wanted = {"node": 3, "clock": FixedClock(), "patience": 0.2, "busy_seconds": 0.3} | wanted
    return Store.open(path, tables, **wanted)


def take(tx: Transaction, series: str = "А", note: str | None = None) -> RowId:
    number = tx.next_number(series)
    ticket = tx.insert(TICKET, {"series": series, "number": number, "note": note})
    tx.insert(EVENT, {"ticket": ticket, "state": State.WAITING})
    tx.announce("queue")
    return ticket


def rows(store: Store, sql: str, **values: Any) -> list[dict[str, Any]]:
    with store.read() as reader:
        return [dict(row) for row in reader.all(sql, **values)]


def value(store: Store, sql: str, **values: Any) -> Any:
    with store.read() as reader:
        return reader.value(sql, **values)
