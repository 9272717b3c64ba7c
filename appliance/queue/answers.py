"""What programs are told about the queue: the shapes of its JSON, stable from outside."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from marshmallow import Schema, fields

from appliance.queue.catalogue import Category, Service
from appliance.queue.model import Purpose, State, Ticket
from appliance.web import formats
from appliance.web.fields import Asked, Choice, Flag, Id, Text

LARGEST_COUNTER: Final = 99
MOST: Final = 10_000


class ServiceTold(Schema):
    """One service that an office offers."""

    id = Id(required=True)
    name = fields.String(required=True)
    name_en = fields.String()
    official_name = fields.String()
    hint = fields.String()
    prefix = fields.String()
    purposes = fields.List(fields.String())
    prepare = fields.List(fields.String())
    open = fields.Boolean()
    nominal_minutes = fields.Integer(allow_none=True)


class CategoryTold(Schema):
    """One ground to be received out of turn."""

    id = Id(required=True)
    name = fields.String(required=True)
    name_en = fields.String()
    ground = fields.String()


class ServicesTold(Schema):
    """What an office offers."""

    services = fields.List(fields.Nested(ServiceTold), required=True)
    categories = fields.List(fields.Nested(CategoryTold), required=True)


class TicketAsked(Schema):
    """What a visitor asks for."""

    service = Id(required=True)
    purpose = Choice(*Purpose, required=True)
    priority = Id(allow_none=True)


class TicketTold(Schema):
    """A ticket as its visitor may see it."""

    id = Id(required=True)
    number = fields.String(required=True)
    people_ahead = fields.Integer(required=True)
    wait_minutes = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        metadata={"description": "[low, high]; null when nobody can tell"},
    )
    state = fields.String(required=True)
    status_url = fields.String()
    counter = fields.Integer(allow_none=True)


class TicketSeen(Schema):
    """A ticket as staff see it."""

    id = Id(required=True)
    number = fields.String(required=True)
    node = fields.Integer(required=True)
    day = fields.Integer(required=True)
    date = fields.String(required=True, allow_none=True)
    service = Id(required=True)
    service_name = fields.String(allow_none=True)
    purpose = fields.String(required=True)
    priority = Id(allow_none=True)
    state = fields.String(required=True)
    step = fields.Integer(
        required=True, metadata={"description": "grows with each event; what a command compares"}
    )
    counter = fields.Integer(allow_none=True)
    calls = fields.Integer()
    taken_at = fields.String(required=True)
    called_at = fields.String(allow_none=True)
    started_at = fields.String(allow_none=True)
    ended_at = fields.String(allow_none=True)


class TicketsTold(Schema):
    """Tickets, the oldest first."""

    tickets = fields.List(fields.Nested(TicketSeen), required=True)
    next = fields.Integer(
        allow_none=True, metadata={"description": "ask again with after=this; null: all told"}
    )


class CounterTold(Schema):
    """A counter, and the ticket that it has called or serves."""

    counter = fields.Integer(required=True)
    state = fields.String(required=True)
    person = fields.String(allow_none=True)
    waiting = fields.Integer(required=True)
    ticket = fields.Nested(TicketSeen, allow_none=True, required=True)


class CounterAsked(Schema):
    """What a console may say beside the verb."""

    ticket = Id(allow_none=True)  # refuse unless this one is at the counter
    take_over = Flag()


class TicketsAsked(Schema):
    """Which tickets staff want to see."""

    node = Text(8, shortest=0)
    day = Text(10, shortest=0)
    state = Choice("", *State)
    number = Text(12, shortest=0)
    after = Asked()
    limit = Asked(1, MOST)


def service_told(one: Service) -> Mapping[str, Any]:
    """Return a service as programs are told."""
    return {
        "id": one.id,
        "name": one.name_uk,
        "name_en": one.name_en,
        "official_name": one.official_name,
        "hint": one.hint_uk,
        "prefix": one.prefix,
        "purposes": [str(purpose) for purpose in one.purposes],
        "prepare": list(one.prepare),
        "open": one.is_open,
        "nominal_minutes": one.nominal_minutes,
    }


def category_told(one: Category) -> Mapping[str, Any]:
    """Return a ground as programs are told."""
    return {"id": one.id, "name": one.name_uk, "name_en": one.name_en, "ground": one.ground}


def ticket_told(ticket: Ticket, *, people_ahead: int) -> dict[str, Any]:
    """Return a ticket as its visitor may see it; how long it will take nobody can tell yet."""
    return {
        "id": str(ticket.id),
        "number": ticket.label,
        "people_ahead": people_ahead,
        "wait_minutes": None,
        "state": str(ticket.state),
        "counter": ticket.standing.counter,
    }


def ticket_seen(ticket: Ticket, *, date: date | None, service: Service | None) -> dict[str, Any]:
    """Return a ticket as staff see it."""
    standing = ticket.standing
    return {
        "id": str(ticket.id),
        "number": ticket.label,
        "node": ticket.office,
        "day": ticket.day,
        "date": date.isoformat() if date else None,  # None: the day itself has not come yet
        "service": str(ticket.service),
        "service_name": service.name_uk if service else None,
        "purpose": str(ticket.purpose),
        "priority": str(ticket.priority) if ticket.priority else None,
        "state": str(standing.state),
        "step": standing.step,
        "counter": standing.counter,
        "calls": standing.calls,
        "taken_at": formats.machine(ticket.taken_at),
        "called_at": _when(standing.called_at),
        "started_at": _when(standing.started_at),
        "ended_at": _when(standing.ended_at),
    }


def _when(at: int | None) -> str | None:
    return None if at is None else formats.machine(at)
