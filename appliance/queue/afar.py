"""What the centre asks of an office's tickets: how it is asked there, and what the office does.

The office alone decides. A ticket that was called while the centre was asking is left alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from appliance.commands import service as commands
from appliance.commands.model import Command, Seen
from appliance.commands.service import Handler, Wish
from appliance.errors import VuzolError
from appliance.queue import catalogue, queries, service
from appliance.queue.model import Event, Purpose, State, Target, Ticket, WrongMoment
from appliance.queue.queries import TicketUnknown
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction

SERVICE: Final = "queue"
HOUR: Final = 3600
VALID_HOURS: Final = (1, 4, 24)
USUAL_HOURS: Final = 4


class TicketMovedOn(VuzolError):
    """A page asked for something with a ticket that is known to stand elsewhere by now."""

    code: ClassVar[str] = "ticket_moved_on"
    status_hint: ClassVar[int] = 409

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(
            f"ticket {ticket.label} is {ticket.state} by now, so nothing was asked",
            next_step="look at its page and ask again",
        )
        self.ticket = ticket.label
        self.state = str(ticket.state)


class NothingToMove(VuzolError):
    """A ticket was to be moved to where it is."""

    code: ClassVar[str] = "nothing_to_move"
    status_hint: ClassVar[int] = 422

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(
            f"ticket {ticket.label} waits for that already", next_step="choose another service"
        )
        self.ticket = ticket.label


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, at which step they saw the ticket, and for how long it is worth doing."""

    actor: str
    step: int
    hours: int = USUAL_HOURS


# --- at the centre -------------------------------------------------------------------------------


def ask_to_cancel(tx: Transaction, ticket_id: RowId, who: Asker) -> RowId:
    """Ask the ticket's office to cancel it while it waits."""
    found = _waiting(tx, ticket_id, who, Event.CANCEL)
    return _ask(tx, found, Event.CANCEL, who, {})


def ask_to_move(tx: Transaction, ticket_id: RowId, target: Target, who: Asker) -> RowId:
    """Ask the ticket's office to let it wait for another service; its place is kept."""
    found = _waiting(tx, ticket_id, who, Event.MOVE)
    _movable(tx, found, target)
    told = {"service": str(target.service), "purpose": str(target.purpose)}
    return _ask(tx, found, Event.MOVE, who, told)


def _waiting(tx: Transaction, ticket_id: RowId, who: Asker, event: Event) -> Ticket:
    found = queries.ticket(tx, ticket_id)
    if found.standing.step != who.step:
        raise TicketMovedOn(found)
    if found.state is not State.WAITING:
        raise WrongMoment(found.label, found.standing, event)
    return found


def _ask(
    tx: Transaction, ticket: Ticket, event: Event, who: Asker, told: Mapping[str, str]
) -> RowId:
    wish = Wish(
        home=ticket.office,
        service=SERVICE,
        verb=event,
        object=ticket.id,
        seen=Seen(ticket.standing.step, ticket.state),
        expires_seconds=who.hours * HOUR,
        arguments=told,
    )
    return commands.ask(tx, wish, by=who.actor)


# --- at the ticket's office ----------------------------------------------------------------------


def look(reader: Reader, ticket_id: RowId) -> Seen | None:
    """Tell how a ticket of this office stands."""
    try:
        found = queries.ticket(reader, ticket_id)
    except TicketUnknown:
        return None
    return Seen(found.standing.step, found.state) if found.office == reader.node else None


def _cancel(tx: Transaction, command: Command) -> None:
    found = _still_waiting(tx, command, Event.CANCEL)
    service.write_event(tx, found, Event.CANCEL, actor=command.asked_by)


def _move(tx: Transaction, command: Command) -> None:
    found = _still_waiting(tx, command, Event.MOVE)
    target = target_of(command)
    if target is None:
        raise catalogue.ServiceUnknown
    _movable(tx, found, target)
    service.write_event(tx, found, Event.MOVE, actor=command.asked_by, target=target)


def target_of(command: Command) -> Target | None:
    """Return what a ticket is to be moved to; None if this version cannot read it."""
    try:
        purpose = Purpose(command.arguments.get("purpose", ""))
        return Target(RowId.parse(command.arguments.get("service", "")), purpose)
    except (VuzolError, ValueError):
        return None


def _still_waiting(tx: Transaction, command: Command, event: Event) -> Ticket:
    """Return the ticket; a visitor may give a called one back, but from afar nobody may."""
    found = queries.ticket(tx, command.object)
    if found.state is not State.WAITING:
        raise WrongMoment(found.label, found.standing, event)
    return found


def _movable(reader: Reader, ticket: Ticket, target: Target) -> None:
    """Refuse a target that its office does not offer now, or where the ticket already is."""
    offered = catalogue.service(reader, target.service, office=ticket.office)
    if not offered.is_open:
        raise service.ServiceClosed(offered.name_uk)
    if target.purpose not in offered.purposes:
        raise service.PurposeUnknown(offered.purposes)
    if (ticket.service, ticket.purpose) == (target.service, target.purpose):
        raise NothingToMove(ticket)


HANDLERS: Final[Mapping[tuple[str, str], Handler]] = {
    (SERVICE, Event.CANCEL): Handler(look, _cancel),
    (SERVICE, Event.MOVE): Handler(look, _move),
}
"""What this service does when it is asked from afar."""
