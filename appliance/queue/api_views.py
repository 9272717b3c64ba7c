"""The queue for programs: the stable JSON paths. Parse, call, tell."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, request

from appliance.people.access import device, require_device, require_staff, requires, staff
from appliance.people.model import Permission
from appliance.queue import answers, catalogue, here, queries, search, service
from appliance.queue.model import Event, Ticket
from appliance.queue.queries import TicketUnknown
from appliance.queue.service import Wish
from appliance.queue.taking import take_once, taking
from appliance.store.ids import RowId
from appliance.web import api
from appliance.web.context import current, surface
from appliance.web.idempotency import Asked, KeyMissing, KeyReused
from appliance.web.surfaces import Surface

kiosk: Final = Blueprint("queue_api_kiosk", "appliance.queue")
office: Final = Blueprint("queue_api_office", "appliance.queue")
guest: Final = Blueprint("queue_api_guest", "appliance.queue")

SERVICES: Final = "/api/queue/services"
TICKETS: Final = "/api/queue/tickets"
TICKET: Final = "/api/queue/tickets/<ticket_id>"
COUNTER: Final = f"/api/queue/counters/<int(min=1,max={answers.LARGEST_COUNTER}):n>"
KEY: Final = {"Idempotency-Key": "random, new for each new request, the same when repeating it"}
REFUSED: Final = (
    service.CounterNotOpen,
    service.CounterTaken,
    service.CounterBusy,
    service.CounterIdle,
    service.AnotherWasFaster,
    service.NobodyWaiting,
)


@api.get(kiosk, SERVICES, gives=answers.ServicesTold)
@api.get(office, SERVICES, gives=answers.ServicesTold)
@api.get(guest, SERVICES, gives=answers.ServicesTold)
def services() -> Mapping[str, Any]:
    """Tell what this office offers, and who may ask to be received out of turn."""
    if surface() is Surface.KIOSK:
        require_device()
    with current().store.read() as reader:
        offered = catalogue.services(reader, here.office().number)
        grounds = catalogue.categories(reader)
    return {
        "services": [answers.service_told(one) for one in offered],
        "categories": [answers.category_told(one) for one in grounds],
    }


TAKING: Final[dict[str, Any]] = {
    "takes": answers.TicketAsked,
    "gives": answers.TicketTold,
    "status": 201,
    "headers": KEY,
    "refuses": (
        KeyMissing,
        KeyReused,
        catalogue.ServiceUnknown,
        service.ServiceClosed,
        service.PurposeUnknown,
        service.CategoryUnknown,
    ),
}


@api.post(kiosk, TICKETS, **TAKING)
def take_ticket(body: dict[str, Any]) -> Response:
    """Give a ticket; the same key gets the same ticket, however often it comes again."""
    return _taken(body, require_device().id)


@api.post(office, TICKETS, staff=True, **TAKING)
@requires(Permission.SERVE_QUEUE)
def hand_out_ticket(body: dict[str, Any]) -> Response:
    """Give a ticket to a visitor who cannot use the kiosk."""
    who = require_staff().actor
    return _taken(body, f"staff:{who}", by=who)


def _taken(body: dict[str, Any], device_id: str, *, by: str = "") -> Response:
    wish = Wish(body["service"], body["purpose"], "uk", body.get("priority"))
    asked = Asked.of_request(device=device_id)
    told = taking(wish, device=device_id, by=by)
    return current().store.write(take_once, asked, told).response()


@api.get(kiosk, TICKET, gives=answers.TicketTold, refuses=(TicketUnknown,))
@api.get(office, TICKET, gives=answers.TicketTold, refuses=(TicketUnknown,))
@api.get(guest, TICKET, gives=answers.TicketTold, refuses=(TicketUnknown,))
def show_ticket(ticket_id: str) -> Mapping[str, Any]:
    """Tell how a ticket stands: to the kiosk, to staff, and to who holds its token (`?k=`).

    Of another office's ticket the centre has a copy that may be old: staff alone are told of it.
    """
    asked = RowId.parse(ticket_id)
    with current().store.read() as reader:
        known = _is_known() or here.token_opens(reader, asked, request.args.get("k", ""))
        if not known:
            raise TicketUnknown
        found = queries.ticket(reader, asked)
        if found.office != here.office().number and not _sees_copies():
            raise TicketUnknown
        ahead = queries.people_ahead(reader, found)
    return answers.ticket_told(found, people_ahead=ahead)


def _is_known() -> bool:
    return device() is not None if surface() is Surface.KIOSK else _sees_copies()


def _sees_copies() -> bool:
    if surface() is not Surface.OFFICE:
        return False
    person = staff()
    return person is not None and person.may(Permission.SEE_QUEUE)


@api.get(
    office,
    TICKETS,
    asks=answers.TicketsAsked,
    gives=answers.TicketsTold,
    refuses=(search.BadSearch,),
    staff=True,
)
@requires(Permission.SEE_QUEUE)
def tickets(query: dict[str, Any]) -> Mapping[str, Any]:
    """Tell tickets, the oldest first; at the centre those of every node."""
    after, most = query.pop("after", 0), query.pop("limit", answers.MOST)
    wanted = search.wanted(**query)
    with current().store.read() as reader:
        found = search.oldest_first(reader, wanted, after=after, at_most=most)
        names, dates = catalogue.service_names(reader), queries.day_labels(reader)
    told = [
        answers.ticket_seen(
            one, date=dates.get((one.office, one.day)), service=names.get(one.service)
        )
        for one in found
    ]
    return {"tickets": told, "next": found[-1].place if len(found) == most else None}


# --- counters ------------------------------------------------------------------------------------


COUNTING: Final[dict[str, Any]] = {"gives": answers.CounterTold, "refuses": REFUSED, "staff": True}


@api.post(office, f"{COUNTER}/open", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def open_counter(n: int) -> Mapping[str, Any]:
    """Open the counter for the person who asks; `take_over` from another who left it open."""
    asked = _asked()
    current().store.write(
        service.open_counter,
        here.office(),
        here.operator(n),
        take_over=asked.get("take_over", False),
    )
    return _counter(n)


@api.post(office, f"{COUNTER}/close", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def close_counter(n: int) -> Mapping[str, Any]:
    """Close the counter; refused while a person is there."""
    _asked()
    current().store.write(service.close_counter, here.office(), here.operator(n))
    return _counter(n)


@api.post(office, f"{COUNTER}/call-next", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def call_next(n: int) -> Mapping[str, Any]:
    """Call who has waited longest."""
    seen = _asked().get("ticket")
    current().store.write(service.call_next, here.office(), here.operator(n), seen=seen)
    return _counter(n)


@api.post(office, f"{COUNTER}/finish-and-call-next", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def finish_and_call_next(n: int) -> Mapping[str, Any]:
    """Finish with the person at the counter and call the next one, if anybody waits."""
    seen = _asked().get("ticket")
    current().store.write(service.finish_and_call_next, here.office(), here.operator(n), seen=seen)
    return _counter(n)


@api.post(office, f"{COUNTER}/recall", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def recall(n: int) -> Mapping[str, Any]:
    """Call the same person again."""
    return _advanced(n, Event.RECALL)


@api.post(office, f"{COUNTER}/start", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def start(n: int) -> Mapping[str, Any]:
    """Begin to serve the person who has come."""
    return _advanced(n, Event.START)


@api.post(office, f"{COUNTER}/finish", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def finish(n: int) -> Mapping[str, Any]:
    """Finish with the person at the counter."""
    return _advanced(n, Event.FINISH)


@api.post(office, f"{COUNTER}/no-show", **COUNTING)
@requires(Permission.SERVE_QUEUE)
def no_show(n: int) -> Mapping[str, Any]:
    """Go on: the person who was called has not come."""
    return _advanced(n, Event.NO_SHOW)


def _advanced(n: int, event: Event) -> Mapping[str, Any]:
    seen = _asked().get("ticket")
    moved = current().store.write(
        service.advance, here.office(), here.operator(n), event, seen=seen
    )
    return _counter(n, moved)


def _asked() -> dict[str, Any]:
    """Return what a console says beside the verb; most say nothing."""
    given = api.body() if request.get_data(cache=True) else {}
    return api.checked(answers.CounterAsked, given)


def _counter(n: int, moved: Ticket | None = None) -> Mapping[str, Any]:
    """Tell how the counter stands; `moved` is a ticket that may have left it just now."""
    at = here.office().number
    with current().store.read() as reader:
        counter = queries.counter(reader, at, n)
        present = moved or queries.at_counter(reader, at, n)
        names, dates = catalogue.service_names(reader), queries.day_labels(reader, at)
        waiting = queries.count_waiting(reader, at)
    return {
        "counter": n,
        "state": counter.state if counter else "CLOSED",
        "person": counter.person_name if counter else None,
        "waiting": waiting,
        "ticket": answers.ticket_seen(
            present,
            date=dates.get((present.office, present.day)),
            service=names.get(present.service),
        )
        if present
        else None,
    }
