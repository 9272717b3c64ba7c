"""The kiosk: what, why, ticket. Server-rendered forms; it works without any script.

At most three touches: language, service, purpose. A form carries a key that the server made for it,
so that a double tap, or the same form sent again, is the same ticket.
"""

import io
import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.people.access import require_device
from appliance.queue import catalogue, here, queries
from appliance.queue.catalogue import Category, Service
from appliance.queue.model import Purpose, Ticket
from appliance.queue.service import PurposeUnknown, ServiceClosed, Wish
from appliance.queue.taking import take_once, taking
from appliance.queue.wording import PURPOSES, WHY_HINTS, standing_words
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web import kiosk
from appliance.web.context import current
from appliance.web.i18n import language
from appliance.web.idempotency import Asked

room: Final = Blueprint("queue_kiosk", "appliance.queue", template_folder="templates")

AT_ONCE: Final = 6  # what fits the first screen without scrolling
KEY_BYTES: Final = 12
PURPOSE_ICONS: Final = {
    Purpose.CONSULTATION: "speech",
    Purpose.SUBMIT: "document",
    Purpose.COLLECT: "done",
}


@room.before_request
def _only_from_a_device() -> None:
    require_device()


@room.get("/")
def start() -> str:
    """Ask what the visitor needs, and say how many wait before they choose."""
    rest = request.args.get("service") == "more"
    at = here.office().number
    with current().store.read() as reader:
        offered = catalogue.services(reader, at)
        priority = _claimed(reader)
        shown, more = _screenful(offered, rest=rest)
        values = {
            **_now(reader, at),
            "offered": shown,
            "more": more,
            "rest": rest,
            "priority": priority.name(language()) if priority else "",
            "priority_id": priority.id if priority else None,
            "has_categories": bool(catalogue.categories(reader)) and not priority,
            "busy": queries.called(reader, at),
        }
    fresh = language() == "uk" and not (rest or priority or _has_wishes())
    page = "queue/kiosk_start_live.html" if _is_live() else "queue/kiosk_start.html"
    return render_template(page, fresh=fresh, **values)


@room.get("/priority")
def priority() -> str:
    """Ask why the visitor may be received out of turn."""
    with current().store.read() as reader:
        return render_template("queue/kiosk_priority.html", categories=catalogue.categories(reader))


@room.get("/purpose")
def purpose() -> str | AnyResponse:
    """Ask why the visitor came."""
    if request.args.get("service") == "more":
        return redirect(url_for(".start", service="more", priority=request.args.get("priority")))
    with current().store.read() as reader:
        service = _service(reader, request.args.get("service", ""))
        claimed = _claimed(reader)
    return render_template(
        "queue/kiosk_purpose.html",
        service=service,
        priority=claimed.name(language()) if claimed else "",
        priority_id=claimed.id if claimed else None,
        purposes=[
            (one, PURPOSE_ICONS[one], PURPOSES[one], WHY_HINTS[one]) for one in service.purposes
        ],
        unsure=_unsure(service),
        key=secrets.token_urlsafe(KEY_BYTES),
    )


@room.post("/tickets")
def take_ticket() -> AnyResponse:
    """Give a ticket and show it; another touch on the same page shows the same one."""
    device = require_device()
    form = request.form
    with current().store.read() as reader:
        service = _service(reader, form.get("service", ""))
    wish = Wish(service.id, _purpose(service), language(), _priority_id())
    asked = Asked.of(device.id, form.get("key", ""), "kiosk", str(service.id).encode())
    told = current().store.write(take_once, asked, taking(wish, device=device.id)).told
    token = str(told["status_url"]).rpartition("?k=")[2]
    return redirect(url_for(".ticket", ticket_id=told["id"], k=token), 303)


@room.get("/tickets/<ticket_id>")
def ticket(ticket_id: str) -> str:
    """Show a ticket to who has just taken it."""
    token = request.args.get("k", "")
    at = here.office().number
    with current().store.read() as reader:
        found = _own_ticket(reader, ticket_id, token)
        service = catalogue.service_names(reader).get(found.service)
        grounds = {one.id: one for one in catalogue.categories(reader)}
        claimed = grounds.get(found.priority) if found.priority else None
        by_staff = queries.cancelled_by_staff(reader, found)
        values = {**_now(reader, at), "ahead": queries.people_ahead(reader, found)}
    page = "queue/kiosk_ticket_card.html" if _is_live() else "queue/kiosk_ticket.html"
    return render_template(
        page,
        ticket=found,
        token=token,
        service=service,
        purpose=PURPOSES[found.purpose],
        priority=claimed.name(language()) if claimed else "",
        standing=standing_words(found.state, by_staff=by_staff),
        fresh_fields=parse_qsl(kiosk.FRESH),
        **values,
    )


@room.get("/tickets/<ticket_id>/qr.svg")
def qr(ticket_id: str) -> Response:
    """Draw the address of the ticket's page, for a phone's camera."""
    import segno  # noqa: PLC0415 - only kiosks draw

    token = request.args.get("k", "")
    with current().store.read() as reader:
        found = _own_ticket(reader, ticket_id, token)
    drawn = io.BytesIO()
    code = segno.make(f"{here.pages()}{found.id}?k={token}", error="m", micro=False)
    code.save(drawn, kind="svg", border=2, dark="#000", light="#fff", xmldecl=False, omitsize=True)
    return Response(drawn.getvalue(), content_type="image/svg+xml")


def _now(reader: Reader, at: int) -> dict[str, Any]:
    """Return how busy the office is."""
    counters = queries.is_open(queries.counters(reader, at))
    return {
        "waiting": queries.count_waiting(reader, at),
        "open_counters": [str(one.n) for one in counters],
    }


def _screenful(offered: Sequence[Service], *, rest: bool) -> tuple[Sequence[Service], int]:
    """Return what to show, and how many stand behind «Інше»."""
    if rest:
        return offered[AT_ONCE - 1 :], 0
    if len(offered) <= AT_ONCE:
        return offered, 0
    return offered[: AT_ONCE - 1], len(offered) - AT_ONCE + 1


def _service(reader: Reader, told: str) -> Service:
    """Return the service that was touched; raise if it is not there or not open any more."""
    service = catalogue.service(reader, RowId.parse(told), office=here.office().number)
    if not service.is_open:
        raise ServiceClosed(service.name(language()))
    return service


def _purpose(service: Service) -> Purpose:
    told = request.form.get("purpose", "")
    if told not in set(Purpose):
        raise PurposeUnknown(service.purposes)
    return Purpose(told)


def _unsure(service: Service) -> Purpose:
    """Return what «Не знаю, що обрати» means: advice, where the service gives it."""
    advice = Purpose.CONSULTATION
    return advice if advice in service.purposes else service.purposes[0]


def _claimed(reader: Reader) -> Category | None:
    wanted = _priority_id()
    return next((one for one in catalogue.categories(reader) if one.id == wanted), None)


def _priority_id() -> RowId | None:
    told = request.values.get("priority", "")
    return RowId.parse(told) if told else None


def _own_ticket(reader: Reader, ticket_id: str, token: str) -> Ticket:
    asked = RowId.parse(ticket_id)
    if not here.token_opens(reader, asked, token):
        raise queries.TicketUnknown
    return queries.ticket(reader, asked)


def _has_wishes() -> bool:
    wished = kiosk.wishes()
    return wished.large or wished.low


def _is_live() -> bool:
    """Tell whether the page's own script asks for what has changed."""
    return request.headers.get("X-Fragment") == "1"
