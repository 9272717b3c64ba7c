"""The tables of the e-queue, who writes each of them, and how they travel.

Tickets, events and days are append-only and go UP; what has become of a ticket is a projection of
its events, folded by the same code at the office and at the centre.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from appliance.queue import model
from appliance.queue.model import (
    CounterState,
    Event,
    Move,
    Purpose,
    ServiceState,
    Standing,
    State,
    Target,
)
from appliance.queue.service_day import is_date
from appliance.store.ids import RowId
from appliance.store.tables import (
    Lane,
    Owner,
    Row,
    Table,
    blob,
    home,
    integer,
    moment,
    one_of,
    reference,
    row_id,
    text,
)
from appliance.store.transaction import Transaction

Record = Row | sqlite3.Row
"""A row as it was written, or as it was read."""


def _waits(tx: Transaction, tickets: Sequence[Row]) -> None:
    """Give tickets that have just arrived their places."""
    fresh = _columns(Standing())
    tx.add_all(
        CURRENT,
        [
            {"ticket": one["id"], "office": one["office"], "day": one["day"], **fresh}
            for one in tickets
        ],
    )
    for one in tickets:
        tell(tx, one["office"], waiting=+1)


def _moves(tx: Transaction, events: Sequence[Row]) -> None:
    """Fold events into the standings of their tickets, each of which is written once."""
    rows = _current(tx, {event["ticket"] for event in events})
    standings: dict[bytes, Standing] = {}
    for event in events:
        ticket = event["ticket"]
        row = rows.get(ticket)
        if row is None:  # the ticket itself waits or is quarantined; its events queue behind it
            continue
        known, move = standings.get(ticket) or standing_of(row), move_of(event)
        if move.step > known.step:
            standings[ticket] = model.folded(known, move)
            _tell_move(tx, row, ticket, known, move)
    moved = [{"ticket": ticket, **_columns(one)} for ticket, one in standings.items()]
    tx.update_all(CURRENT, "ticket", moved)


def _current(tx: Transaction, tickets: Collection[bytes]) -> dict[bytes, Record]:
    """Return the rows of `queue_current` of those tickets that have one."""
    return {row["ticket"]: row for row in tx.among(CURRENT.name, "ticket", tickets)}


def _tell_move(tx: Transaction, row: Record, ticket: bytes, known: Standing, move: Move) -> None:
    waited, waits = known.state is State.WAITING, move.after is State.WAITING
    news = tell(tx, row["office"], waiting=waits - waited)
    if news and move.after is State.CALLED:
        told = {"ticket": ticket, "counter": move.counter, "at": move.at}
        tx.add(CALLS, {**told, "call": news, "office": row["office"]})


def tell(tx: Transaction, office: int, *, waiting: int = 0) -> int:
    """Wake who watches the queue of this office; return the number of the news.

    `waiting` is how many more wait now: the sum is kept, so that no page counts people one by one.
    Nobody watches another office from here, so of it there is no news: 0.
    """
    if office != tx.node:
        return 0
    changed = tx.shift(NEWS, {"office": office}, {"news": 1, "waiting": waiting})
    if not changed:
        tx.add(NEWS, {"office": office, "news": 1, "waiting": waiting})
    tx.announce("queue")
    return int(changed[0]["news"]) if changed else 1


def standing_of(row: Record) -> Standing:
    """Read what has become of a ticket from a row of `queue_current`."""
    return Standing(
        state=State(row["state"]),
        step=row["step"],
        counter=row["counter"],
        calls=row["calls"],
        called_at=row["called_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        moved=_target(row["moved_service"], row["moved_purpose"]),
    )


def move_of(row: Record) -> Move:
    """Read a row of `queue_event`."""
    return Move(
        step=row["step"],
        event=Event(row["event"]),
        before=State(row["before"]),
        after=State(row["after"]),
        counter=row["counter"],
        at=row["at"],
        target=_target(row["service"], row["purpose"]),
    )


def columns_of(move: Move) -> dict[str, object]:
    """Return a move as the columns of `queue_event` hold it."""
    return {
        "step": move.step,
        "event": move.event,
        "before": move.before,
        "after": move.after,
        "counter": move.counter,
        "at": move.at,
        "service": move.target.service if move.target else None,
        "purpose": move.target.purpose if move.target else None,
    }


def _target(service: bytes | None, purpose: str | None) -> Target | None:
    return Target(RowId.of(service), Purpose(purpose)) if service and purpose else None


def _columns(standing: Standing) -> dict[str, str | int | bytes | None]:
    return {
        "state": standing.state,
        "step": standing.step,
        "counter": standing.counter,
        "calls": standing.calls,
        "called_at": standing.called_at,
        "started_at": standing.started_at,
        "ended_at": standing.ended_at,
        "moved_service": standing.moved.service.blob if standing.moved else None,
        "moved_purpose": standing.moved.purpose if standing.moved else None,
    }


SERVICES: Final = Table(
    "queue_service",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    columns=(
        text("prefix"),  # letter of its numbers; services of one office may share it
        text("name_uk"),
        text("name_en", null=True),
        text("official_name", null=True),  # as the register of administrative services has it
        text("hint_uk", null=True),
        text("hint_en", null=True),
        text("icon"),
        text("purposes"),  # values of Purpose, a comma between them
        text("prepare", null=True),  # what to bring, one thing a line
        one_of("state", ServiceState),
        integer("nominal_minutes", null=True),
        integer("ordering"),
    ),
)

CATEGORIES: Final = Table(
    "queue_category",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    columns=(
        text("name_uk"),
        text("name_en", null=True),
        text("ground"),  # the law that gives the right
        integer("ordering"),
    ),
)

DAYS: Final = Table(
    "queue_day",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(
        home("office"),
        integer("day"),
        text("label", reads=is_date),  # ISO 8601
        integer("correction"),  # 0 opened the day; a greater one puts the label right
        integer("provisional"),  # 1: the label came from a clock that nobody vouched for
        moment("at"),
    ),
    unique=(("office", "day", "correction"),),
    indexes=(("office", "day", "correction"),),  # the centre asks for days of others as well
)

TICKETS: Final = Table(
    "queue_ticket",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(
        home("office"),
        integer("day"),
        text("prefix"),
        integer("n"),
        row_id("service"),  # no reference: a centre restored to before the service keeps the ticket
        one_of("purpose", Purpose),
        text("language"),
        row_id("priority", null=True),  # a queue_category, claimed; staff have not confirmed it
        blob("token_hash"),
        text("device"),
        moment("taken_at"),
    ),
    unique=(("office", "day", "n", "prefix"),),  # what is born together stands together
    project=_waits,
)

EVENTS: Final = Table(
    "queue_event",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(
        reference("ticket", "queue_ticket", home=True),
        integer("step"),  # 1, 2, 3 ... of its ticket: two consoles cannot take the same step
        one_of("event", Event),
        one_of("before", State),
        one_of("after", State),
        integer("counter", null=True),
        text("actor", null=True),  # who of the staff, as the audit names them; null: the visitor
        moment("at"),
        row_id("service", null=True, since=2),  # what a move was to
        one_of("purpose", Purpose, null=True, since=2),
    ),
    unique=(("ticket", "step"),),
    project=_moves,
)

COUNTERS: Final = Table(
    "queue_counter",
    owner=Owner.UP,
    lane=Lane.STATE,
    columns=(
        home("office"),
        integer("n"),
        one_of("state", CounterState),
        text("person", null=True),  # as the audit names them
        text("person_name", null=True),
        moment("since"),
    ),
    unique=(("office", "n"),),
)

CURRENT: Final = Table(
    "queue_current",
    owner=Owner.LOCAL,
    key=("place",),
    columns=(
        integer("place"),  # order of arrival in this file; the database counts
        blob("ticket"),
        integer("office"),
        integer("day"),
        one_of("state", State),
        integer("step"),
        integer("counter", null=True),
        integer("calls"),
        integer("called_at", null=True),
        integer("started_at", null=True),
        integer("ended_at", null=True),
        blob("moved_service", null=True, since=2),
        one_of("moved_purpose", Purpose, null=True, since=2),
    ),
    unique=(("ticket",),),
    indexes=(("office", "state", "place"),),  # each one more costs a page of the card a ticket
)

CALLS: Final = Table(
    "queue_call",
    owner=Owner.LOCAL,
    key=("call",),
    columns=(
        integer("call"),  # number of the news; a display asks for what came after one
        blob("ticket"),
        integer("office"),
        integer("counter"),
        integer("at"),
    ),
    indexes=(("office", "call"),),
)

NEWS: Final = Table(
    "queue_news",
    owner=Owner.LOCAL,
    key=("office",),
    columns=(
        integer("office"),
        integer("news"),  # grows with each change that a page shows; the id of a live event
        integer("waiting", check="waiting >= 0"),
    ),
)

TABLES: Final = (SERVICES, CATEGORIES, DAYS, TICKETS, EVENTS, COUNTERS, CURRENT, CALLS, NEWS)
