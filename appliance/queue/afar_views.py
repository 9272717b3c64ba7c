"""One ticket at the centre: how it stands as far as is known, and what its office is asked to do.

A press writes down that something was asked. That it is done is shown when the office has said so.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.commands import queries as asked_before
from appliance.commands import service as commands
from appliance.errors import VuzolError
from appliance.people import queries as people
from appliance.people.access import require_staff, requires
from appliance.people.errors import AtTheCentreOnly
from appliance.people.model import Permission
from appliance.queue import afar, catalogue, queries, service, tickets_views
from appliance.queue.afar import VALID_HOURS, Asker
from appliance.queue.afar_asking import ask_once, at_the_centre, may_ask
from appliance.queue.afar_wording import saying
from appliance.queue.catalogue import Service
from appliance.queue.model import Purpose, State, Target, Ticket, WrongMoment
from appliance.queue.tickets_views import heard_at, office_titles
from appliance.queue.wording import PURPOSES, SAYINGS, STATES, dated
from appliance.store.ids import BadId, RowId
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction
from appliance.web.context import current
from appliance.web.i18n import language
from appliance.web.idempotency import Asked

room: Final = tickets_views.room
"""A ticket's page belongs to the list of tickets: the header shows where one is."""

PAGE: Final = "/queue/tickets/<ticket_id>"
KEY_BYTES: Final = 12
CONFLICT: Final = 409
DIGITS: Final = 9
BETWEEN: Final = " "
"""What parts service and purpose in a choice of the form."""

TOLD_HERE: Final = (
    WrongMoment,
    afar.TicketMovedOn,
    afar.NothingToMove,
    commands.AlreadyAsked,
    commands.AlreadyDecided,
    service.ServiceClosed,
    service.PurposeUnknown,
    catalogue.ServiceUnknown,
)
"""Refusals that leave the person on the page, with the sentence above it."""


@room.get(PAGE)
@requires(Permission.SEE_QUEUE)
def ticket(ticket_id: str) -> str:
    """Show the ticket, what was asked about it, and at the centre what can be asked."""
    return _page(RowId.parse(ticket_id))


@room.post(f"{PAGE}/cancel")
@requires(Permission.ASK_OFFICES)
def cancel(ticket_id: str) -> Response:
    """Ask the ticket's office to cancel it."""
    wanted, who = RowId.parse(ticket_id), _asker()
    return _asked(wanted, f"cancel {who}", lambda tx: afar.ask_to_cancel(tx, wanted, who))


@room.post(f"{PAGE}/move")
@requires(Permission.ASK_OFFICES)
def move(ticket_id: str) -> Response:
    """Ask the ticket's office to let it wait for something else."""
    wanted, who, target = RowId.parse(ticket_id), _asker(), _target()
    said = f"move {who} {target}"
    return _asked(wanted, said, lambda tx: afar.ask_to_move(tx, wanted, target, who))


@room.post(f"{PAGE}/withdraw")
@requires(Permission.ASK_OFFICES)
def withdraw(ticket_id: str) -> Response:
    """Take back what was asked; the office says which was first."""
    _demand_the_centre()
    wanted, command = RowId.parse(ticket_id), RowId.parse(request.form.get("command", ""))
    try:
        current().store.write(commands.withdraw, command, by=require_staff().actor)
    except TOLD_HERE as refusal:
        return make_response(_page(wanted, _refusal(refusal)), CONFLICT)
    return redirect(url_for("queue_tickets.ticket", ticket_id=wanted), 303)


def _asked(wanted: RowId, said: str, ask: Callable[[Transaction], RowId]) -> Response:
    """Ask once for each page that was shown, however often its button is pressed."""
    _demand_the_centre()
    key, what = request.form.get("key", ""), f"queue {wanted}"
    asked = Asked.of(require_staff().actor, key, what, said.encode())
    try:
        current().store.write(ask_once, asked, ask)
    except TOLD_HERE as refusal:
        return make_response(_page(wanted, _refusal(refusal)), CONFLICT)
    return redirect(url_for("queue_tickets.ticket", ticket_id=wanted), 303)


def _demand_the_centre() -> None:
    if not at_the_centre():
        raise AtTheCentreOnly


def _asker() -> Asker:
    """Return who asks; what is no answer of ours counts as a step that nobody was at."""
    form = request.form
    hours = _number(form.get("hours", ""))
    usual = afar.USUAL_HOURS if hours not in VALID_HOURS else hours
    return Asker(require_staff().actor, _number(form.get("step", "")), usual)


def _number(told: str) -> int:
    small = told.isascii() and told.isdigit() and len(told) <= DIGITS
    return int(told) if small else -1


def _target() -> Target:
    """Return what the form chose; raise `ServiceUnknown` for what is none of its choices."""
    told, _, why = request.form.get("target", "").partition(BETWEEN)
    try:
        return Target(RowId.parse(told), Purpose(why))
    except (BadId, ValueError):
        raise catalogue.ServiceUnknown from None


def _refusal(refusal: VuzolError) -> str:
    told = SAYINGS[refusal.code]
    happened = str(told.happened)
    return f"{happened % vars(refusal) if '%(' in happened else happened}. {told.next_step}"


def _page(wanted: RowId, notice: str = "") -> str:
    with current().store.read() as reader:
        values = _seen(reader, queries.ticket(reader, wanted))
    live = request.headers.get("X-Fragment") == "1"
    return render_template(
        "queue/afar_live.html" if live else "queue/afar.html",
        notice=notice,
        titles=office_titles(),
        states=STATES,
        purposes=PURPOSES,
        dated=dated,
        key=secrets.token_urlsafe(KEY_BYTES),
        valid_hours=VALID_HOURS,
        usual_hours=afar.USUAL_HOURS,
        **values,
    )


def _seen(reader: Reader, found: Ticket) -> dict[str, Any]:
    """Return all that the page shows, as it stood at one moment."""
    names = catalogue.service_names(reader)
    stories = asked_before.stories(reader, [found.id]).get(found.id, [])
    open_now = asked_before.still_open(reader, found.id)
    waits = found.state is State.WAITING
    return {
        "ticket": found,
        "service": names.get(found.service),
        "heard_at": heard_at(found.office),
        "own": found.office == reader.node,
        "date": queries.day_labels(reader, found.office).get((found.office, found.day)),
        "told": [saying(one, names) for one in stories],
        "people": people.names(reader),
        "asks": may_ask() and waits and open_now is None,
        "may_ask": may_ask(),
        "targets": _targets(reader, found) if waits else [],
    }


def _targets(reader: Reader, found: Ticket) -> list[tuple[str, str]]:
    """Return where the ticket could be moved to, as a choice of the form."""
    offered = [one for one in catalogue.services(reader, found.office) if one.is_open]
    return [
        (f"{one.id}{BETWEEN}{purpose}", _choice(one, purpose))
        for one in offered
        for purpose in one.purposes
        if (one.id, purpose) != (found.service, found.purpose)
    ]


def _choice(one: Service, purpose: Purpose) -> str:
    return f"{one.name(language())}: {PURPOSES[purpose]}"
