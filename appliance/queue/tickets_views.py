"""The tickets of the office; at the centre, of every office of the hromada.

How old each village's part is stands above the list: what a village has not sent yet is not here.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from appliance.commands import queries as commands
from appliance.config import Role
from appliance.people.access import requires, staff
from appliance.people.model import Permission
from appliance.queue import answers, catalogue, here, queries, search
from appliance.queue.afar_wording import Said, saying
from appliance.queue.catalogue import Service
from appliance.queue.last_known import PANEL
from appliance.queue.model import State, Ticket
from appliance.queue.search import BadSearch, Wanted
from appliance.queue.wording import PURPOSES, STATES, dated
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web import panels
from appliance.web.context import current
from appliance.web.i18n import gettext as _
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry, declare

room: Final = Blueprint("queue_tickets", "appliance.queue", template_folder="templates")

PAGE: Final = 50
MOST_EXPORTED: Final = 100_000
PLACE: Final = re.compile(r"[0-9]{1,15}")
ASKED: Final = ("node", "day", "state", "number")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""

LAST_CONTACTS: Final = "last_contacts"
"""The extra of the context that tells when each node was last heard: (node) -> ms or None."""


def may_see() -> bool:
    """Tell whether the person in front of the page may see tickets."""
    person = staff()
    return person is not None and person.may(Permission.SEE_QUEUE)


panels.declare(room, PANEL)
declare(room, Entry(lazy("Талони"), "queue_tickets.tickets", order=20, shown=may_see))


@dataclass(frozen=True, slots=True)
class OfficeNow:
    """One office as this node knows it."""

    number: int
    title: str
    own: bool
    waiting: int
    open_counters: int
    heard_at: int | None  # ms; None: never, or nobody knows


@room.get("/queue/tickets")
@requires(Permission.SEE_QUEUE)
def tickets() -> str:
    """Show tickets, the newest first, with a search."""
    titles = office_titles()
    asked, errors = _asked()
    before = _place(request.args.get("before", ""))
    with current().store.read() as reader:
        found = (
            [] if asked is None else search.newest_first(reader, asked, before=before, at_most=PAGE)
        )
        names = catalogue.service_names(reader)
        values: dict[str, Any] = {
            "found": found,
            "count": 0 if asked is None else search.count(reader, asked),
            "names": names,
            "told": _told(reader, found, names),
            "grounds": {one.id: one for one in catalogue.categories(reader)},
            "dates": queries.day_labels(reader),
            "doubles": _doubles(reader, found),
            "offices": _offices(reader, titles),
        }
    query: dict[str, Any] = {name: value for name in ASKED if (value := request.args.get(name, ""))}
    live = request.headers.get("X-Fragment") == "1"
    return render_template(
        "queue/tickets_live.html" if live else "queue/tickets.html",
        titles=titles,
        centre=current().config.node.role is Role.CENTRE,
        query=query,
        errors=errors,
        states=[(state, STATES[state]) for state in State],
        state_names=STATES,
        purposes=PURPOSES,
        dated=dated,
        here=url_for(".tickets", **query, before=before),
        newest=url_for(".tickets", **query) if before else None,
        older=url_for(".tickets", **query, before=found[-1].place) if len(found) == PAGE else None,
        **values,
    )


@room.get("/queue/tickets.csv")
@requires(Permission.SEE_QUEUE)
def export() -> Response:
    """Give the same tickets as a table for a spreadsheet."""
    asked = search.wanted(**_query())
    titles = office_titles()
    written = io.StringIO()
    table = csv.writer(written, delimiter=";")
    table.writerow(str(head) for head in _heads())
    with current().store.read() as reader:
        names, dates = catalogue.service_names(reader), queries.day_labels(reader)
        for count, ticket in enumerate(search.every(reader, asked)):
            if count == MOST_EXPORTED:
                break
            service = names.get(ticket.service)
            seen = answers.ticket_seen(
                ticket, date=dates.get((ticket.office, ticket.day)), service=service
            )
            table.writerow(_cells(seen, titles))
    return Response(
        "\ufeff" + written.getvalue(),  # with it, a spreadsheet reads Ukrainian letters
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="tickets.csv"'},
    )


def heard_at(number: int) -> int | None:
    """Return when an office was last heard of, in ms; None if never, or if nobody knows."""
    if number == here.office().number:
        return current().clock.wall()
    last: Callable[[int], int | None] = current().extras.get(LAST_CONTACTS, lambda _node: None)
    return last(number)


def office_titles() -> dict[int, str]:
    """Return the offices whose tickets may be here, this one first."""
    config = current().config
    others = {member.number: member.title for member in config.centre.nodes}
    return {config.node.number: config.node.title, **others}


def _place(told: str) -> int | None:
    """Return where the page before ended; anything that is no place is the beginning."""
    return int(told) if PLACE.fullmatch(told) else None


def _query() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in ASKED}


def _asked() -> tuple[Wanted | None, dict[str, str]]:
    """Return what is searched for; or nothing, and which field is not understood."""
    try:
        return search.wanted(**_query()), {}
    except BadSearch as error:
        return None, {error.field: _("Напишіть так: %(example)s", example=error.expected)}


def _offices(reader: Reader, titles: Mapping[int, str]) -> list[OfficeNow]:
    own = here.office().number
    return [
        OfficeNow(
            number,
            title,
            number == own,
            queries.count_waiting(reader, number),
            len(queries.is_open(queries.counters(reader, number))),
            heard_at(number),
        )
        for number, title in titles.items()
    ]


def _told(reader: Reader, found: list[Ticket], names: Mapping[RowId, Service]) -> dict[RowId, Said]:
    """Return what is to be said of the last thing that was asked about each ticket."""
    stories = commands.stories(reader, [one.id for one in found])
    return {ticket: saying(asked[0], names) for ticket, asked in stories.items()}


def _doubles(reader: Reader, found: list[Ticket]) -> set[tuple[int, int, str]]:
    """Return the numbers on the page that more than one ticket has: both are shown, and marked."""
    return {
        (one.office, one.day, one.label)
        for one in found
        if search.count(reader, Wanted(office=one.office, day=one.day, prefix=one.prefix, n=one.n))
        > 1
    }


def _heads() -> Iterator[str]:
    yield from (_("Номер"), _("Офіс"), _("Дата"), _("Послуга"), _("Мета"), _("Стан"), _("Вікно"))
    yield from (_("Взято"), _("Викликано"), _("Почато"), _("Завершено"), _("Ідентифікатор"))


def _cells(seen: Mapping[str, Any], titles: Mapping[int, str]) -> list[str]:
    told = [
        seen["number"],
        titles.get(seen["node"], f"s{seen['node']:02}"),
        seen["date"],
        seen["service_name"],
        seen["purpose"],
        seen["state"],
        seen["counter"],
        *(seen[name] for name in ("taken_at", "called_at", "started_at", "ended_at", "id")),
    ]
    return [_harmless("" if cell is None else str(cell)) for cell in told]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
