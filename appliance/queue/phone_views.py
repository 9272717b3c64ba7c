"""A ticket on its owner's phone: how many are ahead, as of when, and a way to give it back.

The address carries a random token; the id alone opens nothing. It needs no script and no Internet.
"""

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.queue import catalogue, here, queries, service
from appliance.queue.model import MOVES, Event, State, Ticket
from appliance.queue.queries import TicketUnknown
from appliance.queue.wording import PURPOSES, past_day, standing_words
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web.context import current

room: Final = Blueprint("queue_phone", "appliance.queue", template_folder="templates")

REFRESH_SECONDS: Final = 30


@room.get("/")
def hall() -> str:
    """Show what the hall display shows, to who opens the appliance without a ticket.

    Calls of a past day's tickets are marked as such: their numbers are given out again today.
    """
    at = here.office().number
    with current().store.read() as reader:
        labels = queries.day_labels(reader, at)
        values = {
            "calls": queries.last_calls(reader, at),
            "day": here.day_now(reader),
            "dates": {number: label for (_, number), label in labels.items()},
            "waiting": queries.count_waiting(reader, at),
            "open_counters": [str(one.n) for one in queries.is_open(queries.counters(reader, at))],
        }
    live = request.headers.get("X-Fragment") == "1"
    return render_template(
        "queue/phone_hall_card.html" if live else "queue/phone_hall.html",
        refresh_seconds=REFRESH_SECONDS,
        past_day=past_day,
        **values,
    )


@room.get("/t/<ticket_id>")
def ticket(ticket_id: str) -> str:
    """Show how the ticket stands."""
    at = here.office().number
    with current().store.read() as reader:
        found = _own(reader, ticket_id)
        day = here.day_now(reader)
        by_staff = queries.cancelled_by_staff(reader, found)
        values = {
            "standing": standing_words(found.state, by_staff=by_staff),
            "service": catalogue.service_names(reader).get(found.service),
            "ahead": queries.people_ahead(reader, found),
            "open_counters": [str(one.n) for one in queries.is_open(queries.counters(reader, at))],
            "old": past_day(queries.day_labels(reader, at)[at, found.day], day.label)
            if day and found.day < day.number
            else "",
        }
    live = request.headers.get("X-Fragment") == "1"
    return render_template(
        "queue/phone_card.html" if live else "queue/phone_ticket.html",
        ticket=found,
        token=request.args.get("k", ""),
        purpose=PURPOSES[found.purpose],
        may_cancel=Event.CANCEL in MOVES[found.state],
        lives=bool(MOVES[found.state]),
        refresh_seconds=REFRESH_SECONDS,
        **values,
    )


@room.get("/t/<ticket_id>/cancel")
def ask_to_cancel(ticket_id: str) -> str | Response:
    """Ask once more before the ticket is given back."""
    with current().store.read() as reader:
        found = _own(reader, ticket_id)
    if Event.CANCEL not in MOVES[found.state]:
        return redirect(_page(found))
    return render_template("queue/phone_cancel.html", ticket=found, token=request.args.get("k", ""))


@room.post("/t/<ticket_id>/cancel")
def cancel(ticket_id: str) -> Response:
    """Give the ticket back; a second press finds it given back already."""
    with current().store.read() as reader:
        found = _own(reader, ticket_id)
    if found.state is not State.CANCELLED:
        current().store.write(service.cancel_by_visitor, found.id)
    return redirect(_page(found), 303)


def _own(reader: Reader, ticket_id: str) -> Ticket:
    """Return the ticket that the address opens; raise `TicketUnknown` for a wrong token."""
    asked = RowId.parse(ticket_id)
    if not here.token_opens(reader, asked, request.values.get("k", "")):
        raise TicketUnknown
    found = queries.ticket(reader, asked)
    if found.office != here.office().number:  # the centre has a copy; the village alone decides
        raise TicketUnknown
    return found


def _page(found: Ticket) -> str:
    return url_for(".ticket", ticket_id=found.id, k=request.values.get("k", ""))
