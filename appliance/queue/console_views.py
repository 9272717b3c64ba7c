"""The operator's console: one big button, the order of calling, the facts of the day.

A press is a form; nothing is shown as done before the node has answered. Each form names the ticket
that the page showed, so the second press of an impatient finger moves nobody else.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from appliance.errors import VuzolError
from appliance.people.access import require_staff, requires, staff
from appliance.people.model import Permission
from appliance.queue import answers, catalogue, here, queries, service
from appliance.queue.model import CounterState, Event, Ticket, WrongMoment
from appliance.queue.queries import Counter
from appliance.queue.service import Operator
from appliance.queue.wording import PURPOSES, SAYINGS, past_day
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web import signed_in
from appliance.web.context import current
from appliance.web.i18n import gettext as _
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry, declare

room: Final = Blueprint("queue_console", "appliance.queue", template_folder="templates")

COUNTER: Final = f"/queue/counters/<int(min=1,max={answers.LARGEST_COUNTER}):n>"
FEWEST_OFFERED: Final = 2
SHOWN: Final = 100
CONFLICT: Final = 409
LABEL: Final = re.compile(r"[^\W\d_]-\d{3,9}")
"""What a notice may repeat from its address: a ticket's number and nothing else."""

TOLD_HERE: Final = (
    service.AnotherWasFaster,
    service.NobodyWaiting,
    service.CounterBusy,
    service.CounterIdle,
    WrongMoment,
)
"""Refusals that leave the operator where they are, with the sentence above the button."""


def may_serve() -> bool:
    """Tell whether the person in front of the page may work at a counter."""
    person = staff()
    return person is not None and person.may(Permission.SERVE_QUEUE)


declare(room, Entry(lazy("Черга"), "queue_console.choose", order=10, shown=may_serve))


@room.get("/queue")
@requires(Permission.SERVE_QUEUE)
def choose() -> str | Response:
    """Let the operator choose a counter; who has one open is led to it."""
    person = require_staff()
    with current().store.read() as reader:
        known = queries.counters(reader, here.office().number)
    mine = [one for one in queries.is_open(known) if one.person == person.actor]
    if mine and "choose" not in request.args:
        return redirect(url_for(".console", n=mine[0].n))
    return render_template("queue/counters.html", counters=_offered(known), actor=person.actor)


@room.post(f"{COUNTER}/open")
@requires(Permission.SERVE_QUEUE)
def open_counter(n: int) -> Response:
    """Open the counter, or take it over from who left it open."""
    take_over = request.form.get("take_over") == "yes"
    current().store.write(
        service.open_counter, here.office(), here.operator(n), take_over=take_over
    )
    return redirect(url_for(".console", n=n), 303)


@room.get(COUNTER)
@requires(Permission.SERVE_QUEUE)
def console(n: int) -> str | Response:
    """Show the counter: who is there, who is next, and why."""
    person = require_staff()
    with current().store.read() as reader:
        counter = queries.counter(reader, here.office().number, n)
        if counter is None or counter.person != person.actor:
            return redirect(url_for(".choose", choose="yes"))
        values = _seen(reader, counter)
    return _rendered(values, _notice())


@room.post(f"{COUNTER}/<verb>")
@requires(Permission.SERVE_QUEUE)
def act(n: int, verb: str) -> Response:
    """Do what the operator pressed; a conflict is told in one sentence, on the console itself."""
    if verb not in VERBS:
        raise NotFound
    told = request.form.get("seen", "")
    try:
        notice = VERBS[verb](here.operator(n), RowId.parse(told) if told else None)
    except TOLD_HERE as refusal:
        with current().store.read() as reader:
            counter = queries.counter(reader, here.office().number, n)
            values = _seen(reader, counter) if counter else None
        if values is None:
            raise
        return make_response(_rendered(values, _refusal(refusal)), CONFLICT)
    return redirect(url_for(".console", n=n, **notice), 303)


# --- what a press does ---------------------------------------------------------------------------

Notice = dict[str, Any]
Seen = RowId | None


def _call_next(who: Operator, seen: Seen) -> Notice:
    called = current().store.write(service.call_next, here.office(), who, seen=seen)
    return _instead(called)


def _finish_and_call_next(who: Operator, seen: Seen) -> Notice:
    _, called = current().store.write(service.finish_and_call_next, here.office(), who, seen=seen)
    return _instead(called)


def _advance(event: Event) -> Callable[[Operator, Seen], Notice]:
    def act(who: Operator, seen: Seen) -> Notice:
        current().store.write(service.advance, here.office(), who, event, seen=seen)
        return {}

    return act


def _close(who: Operator, _seen: Seen) -> Notice:
    current().store.write(service.close_counter, here.office(), who)
    return {}


def _close_past_days(who: Operator, _seen: Seen) -> Notice:
    closed = 0
    while part := current().store.write(service.close_past_days, here.office(), who):
        closed += part
    return {"closed": str(closed)}


VERBS: Final[Mapping[str, Callable[[Operator, Seen], Notice]]] = {
    "call-next": _call_next,
    "finish-and-call-next": _finish_and_call_next,
    "recall": _advance(Event.RECALL),
    "start": _advance(Event.START),
    "finish": _advance(Event.FINISH),
    "no-show": _advance(Event.NO_SHOW),
    "close": _close,
    "close-past-days": _close_past_days,
}


def _instead(called: Ticket | None) -> Notice:
    """Return the ticket that the button promised, if another console was faster."""
    promised = request.form.get("promised", "")
    return {"instead": promised} if called and promised not in {"", called.label} else {}


# --- what the page says --------------------------------------------------------------------------


def _notice() -> str:
    """Return the sentence about the last press, from its address; nothing but what we write."""
    closed, instead = request.args.get("closed", ""), request.args.get("instead", "")
    if closed.isascii() and closed.isdigit():
        return _("Закрито талонів минулих днів: %(count)s.", count=int(closed[:6]))
    if LABEL.fullmatch(instead):
        return _(
            "Талон %(label)s щойно викликали з іншого вікна або його віддали,"
            " тому викликано наступного за ним.",
            label=instead,
        )
    return ""


def _refusal(refusal: VuzolError) -> str:
    saying = SAYINGS[refusal.code]
    happened = str(saying.happened)
    return f"{happened % vars(refusal) if '%(' in happened else happened}. {saying.next_step}"


def _seen(reader: Reader, counter: Counter) -> dict[str, Any]:
    """Return all that the console shows, as it stood at one moment."""
    waiting = queries.waiting(reader, counter.office)
    present = here.day_now(reader)
    day = present.number if present else 0  # before the first ticket there is no day
    return {
        "counter": counter,
        "present": queries.at_counter(reader, counter.office, counter.n),
        "waiting": waiting,
        "past": sum(one.day < day for one in waiting),
        "day": present,
        "dates": queries.day_labels(reader, counter.office),
        "today": queries.today(reader, counter.office, day),
        "names": catalogue.service_names(reader),
        "grounds": {one.id: one for one in catalogue.categories(reader)},
        "shown": SHOWN,
    }


def _rendered(values: dict[str, Any], notice: str) -> str:
    person = signed_in.signed_in()
    if person is not None:
        note = _("Вікно %(n)s", n=values["counter"].n)
        signed_in.remember(dataclasses.replace(person, note=note))
    live = request.headers.get("X-Fragment") == "1"
    page = "queue/console_parts.html" if live else "queue/console.html"
    return render_template(page, notice=notice, purposes=PURPOSES, past_day=past_day, **values)


def _offered(known: list[Counter]) -> list[Counter]:
    """Return the counters that there are, and as many new ones as make two."""
    last = max((one.n for one in known), default=0)
    here_are = {one.n: one for one in known}
    most = min(max(last + 1, FEWEST_OFFERED), answers.LARGEST_COUNTER)
    at = here.office().number
    return [
        here_are.get(n) or Counter(at, n, CounterState.CLOSED, None, "", 0)
        for n in range(1, most + 1)
    ]
