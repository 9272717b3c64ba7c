"""Commands for tickets, for programs: ask, take back, and see what the office has answered."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint

from appliance.commands import queries as asked_before
from appliance.commands import service as commands
from appliance.people.access import require_staff, requires
from appliance.people.errors import AtTheCentreOnly
from appliance.people.model import Permission
from appliance.queue import afar, afar_answers, catalogue, queries, service
from appliance.queue.afar import Asker
from appliance.queue.afar_asking import ACCEPTED, ask_once, at_the_centre
from appliance.queue.model import Target, WrongMoment
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from appliance.web import api
from appliance.web.context import current
from appliance.web.idempotency import Asked, KeyMissing, KeyReused

office: Final = Blueprint("queue_afar_api", "appliance.queue")

TICKET: Final = "/api/queue/tickets/<ticket_id>"
ASKING: Final[dict[str, Any]] = {
    "gives": afar_answers.CommandTold,
    "status": ACCEPTED,
    "headers": {"Idempotency-Key": "random, new for each new request, the same when repeating it"},
    "staff": True,
}
REFUSED: Final = (
    KeyMissing,
    KeyReused,
    AtTheCentreOnly,
    queries.TicketUnknown,
    WrongMoment,
    afar.TicketMovedOn,
    commands.AlreadyAsked,
)
Body = dict[str, Any]


@api.post(office, f"{TICKET}/cancel", takes=afar_answers.CancelAsked, refuses=REFUSED, **ASKING)
@requires(Permission.ASK_OFFICES)
def cancel(ticket_id: str, body: Body) -> Mapping[str, Any]:
    """Ask the ticket's office to cancel it, if it still stands at that step; at the centre."""
    wanted, who = RowId.parse(ticket_id), _asker(body)
    return _asked(lambda tx: afar.ask_to_cancel(tx, wanted, who))


@api.post(
    office,
    f"{TICKET}/move",
    takes=afar_answers.MoveAsked,
    refuses=(
        *REFUSED,
        catalogue.ServiceUnknown,
        service.ServiceClosed,
        service.PurposeUnknown,
        afar.NothingToMove,
    ),
    **ASKING,
)
@requires(Permission.ASK_OFFICES)
def move(ticket_id: str, body: Body) -> Mapping[str, Any]:
    """Ask the ticket's office to let it wait for another service, in its place; at the centre."""
    wanted, who = RowId.parse(ticket_id), _asker(body)
    target = Target(body["service"], body["purpose"])
    return _asked(lambda tx: afar.ask_to_move(tx, wanted, target, who))


@api.post(
    office,
    "/api/queue/commands/<command_id>/withdraw",
    gives=afar_answers.CommandTold,
    refuses=(AtTheCentreOnly, asked_before.CommandUnknown, commands.AlreadyDecided),
    staff=True,
)
@requires(Permission.ASK_OFFICES)
def withdraw(command_id: str) -> Mapping[str, Any]:
    """Take back what was asked; its office will say which was first."""
    _demand_the_centre()
    command = RowId.parse(command_id)
    current().store.write(commands.withdraw, command, by=require_staff().actor)
    return _told(command)


@api.get(
    office,
    f"{TICKET}/commands",
    gives=afar_answers.CommandsTold,
    refuses=(queries.TicketUnknown,),
    staff=True,
)
@requires(Permission.SEE_QUEUE)
def asked_of(ticket_id: str) -> Mapping[str, Any]:
    """Tell what was asked about a ticket, the newest first."""
    wanted = RowId.parse(ticket_id)
    with current().store.read() as reader:
        found = queries.ticket(reader, wanted)
        stories = asked_before.stories(reader, [found.id]).get(found.id, [])
    return {"commands": [afar_answers.command_told(one) for one in stories]}


def _asker(body: Body) -> Asker:
    return Asker(require_staff().actor, body["step"], afar_answers.hours(body))


def _asked(ask: Callable[[Transaction], RowId]) -> Mapping[str, Any]:
    _demand_the_centre()
    asked = Asked.of_request(device=f"staff:{require_staff().actor}")
    return _told(current().store.write(ask_once, asked, ask))


def _told(command: RowId) -> Mapping[str, Any]:
    with current().store.read() as reader:
        return afar_answers.command_told(asked_before.story(reader, command))


def _demand_the_centre() -> None:
    if not at_the_centre():
        raise AtTheCentreOnly
