"""The audit trail on a page: filtered, paged, checked, printed, exported."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from appliance.people import audit, queries, trail
from appliance.people.access import requires
from appliance.people.model import Permission
from appliance.people.pages import audit_pages, offices
from appliance.people.trail import PAGE, Filter, Line
from appliance.people.wording import ACTIONS, FACTS, WORDS
from appliance.web.context import current
from appliance.web.formats import machine, zone
from appliance.web.i18n import Lazy
from appliance.web.i18n import gettext as _
from appliance.web.safety import clean_text

NAMED: Final = "vuzol.actions"
CALLED: Final = "vuzol.facts"
EXPORTED_AT_ONCE: Final = 20_000
LONGEST_WORD: Final = 80
LAST_PAGE: Final = 10_000
NODE_DIGITS: Final = 5
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of showing it."""


def name_actions(
    room: Blueprint, actions: Mapping[str, Lazy], facts: Mapping[str, Lazy] | None = None
) -> None:
    """Tell how a room's actions and facts read in the trail: `queue.call` is «Викликали»."""
    room.record(lambda state: state.app.extensions.setdefault(NAMED, {}).update(actions))
    room.record(lambda state: state.app.extensions.setdefault(CALLED, {}).update(facts or {}))


name_actions(audit_pages, ACTIONS, FACTS)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for."""

    day: str
    actor: str
    action: str
    office: str
    page: int

    @classmethod
    def of_request(cls) -> "Asked":
        """Read the query; what makes no sense is passed over."""
        page = request.args.get("page", "1")
        small = page.isascii() and page.isdigit() and len(page) < len(str(LAST_PAGE))
        return cls(
            _word("day"),
            _word("actor"),
            _word("action"),
            _word("office"),
            int(page) if small else 1,
        )

    def filter(self) -> Filter:
        """Return which lines are meant."""
        since, until = _bounds(self.day)
        known = self.office.isascii() and self.office.isdigit()
        number = int(self.office) if known else -1
        return Filter(
            since=since,
            until=until,
            actor=self.actor,
            action=self.action,
            node=number if number in offices(current().config) else None,
        )

    def url(self, page: int) -> str:
        """Return the address of another page of the same lines."""
        told: dict[str, Any] = {**self.query(), "page": page}
        return url_for("people_office.audit.audit_trail", **told)

    def query(self) -> dict[str, str]:
        """Return what filters, without the page."""
        told = {
            "day": self.day,
            "actor": self.actor,
            "action": self.action,
            "office": self.office,
        }
        return {name: value for name, value in told.items() if value}


@audit_pages.get("/audit")
@requires(Permission.READ_AUDIT)
def audit_trail() -> str:
    """Show one page of the trail; `?verify=1` walks the whole chain."""
    asked = Asked.of_request()
    skip = (asked.page - 1) * PAGE
    with current().store.read() as reader:
        total = trail.count(reader, asked.filter())
        lines = trail.lines(reader, asked.filter(), skip=skip)
        verdict = audit.verify(reader) if request.args.get("verify") else None
        names, actors, actions = (
            queries.names(reader),
            trail.actors(reader),
            trail.actions(reader),
        )
    people = sorted(((actor, _actor(actor, names)) for actor in actors), key=lambda one: one[1])
    return render_template(
        "people/audit.html",
        asked=asked,
        lines=lines,
        total=total,
        verdict=verdict,
        actors=[("", _("усі")), *people],
        actions=[("", _("усі")), *((action, _action(action)) for action in actions)],
        offices=[("", _("усі")), *offices(current().config).items()],
        titles=offices(current().config),
        named=lambda actor: _actor(actor, names),
        facts=_told_facts,
        done=_action,
        previous=asked.url(asked.page - 1) if asked.page > 1 else None,
        next=asked.url(asked.page + 1) if skip + PAGE < total else None,
        first=skip + 1 if lines else 0,
        last=skip + len(lines),
    )


@audit_pages.get("/audit.csv")
@requires(Permission.READ_AUDIT)
def audit_export() -> Response:
    """Export the filtered lines as a table that an office program opens."""
    with current().store.read() as reader:
        lines = trail.lines(reader, Asked.of_request().filter(), limit=EXPORTED_AT_ONCE)
        names = queries.names(reader)
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(["at", "office", "actor", "name", "action", "subject", "facts", "chain", "fits"])
    table.writerows([_harmless(cell) for cell in _row(line, names)] for line in lines)
    response = make_response("\ufeff" + written.getvalue())
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _row(line: Line, names: Mapping[str, str]) -> list[str]:
    return [
        machine(line.at),
        str(line.id.node),
        line.actor,
        _actor(line.actor, names),
        line.action,
        line.subject,
        "; ".join(f"{name}={value}" for name, value in line.facts.items()),
        (line.chain or b"").hex(),
        "1" if line.fits else "0",
    ]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _word(name: str) -> str:
    return clean_text(request.args.get(name, ""), LONGEST_WORD)


def _bounds(day: str) -> tuple[int, int]:
    """Return the first moment of a day and of the next, by the office's own clock."""
    try:
        first = date.fromisoformat(day)
        after = first + timedelta(days=1)
    except (ValueError, OverflowError):
        return Filter().since, Filter().until
    return _midnight(first), _midnight(after)


def _midnight(day: date) -> int:
    here = zone(current().config.node.timezone)
    return int(datetime.combine(day, time(), here).timestamp() * 1000)


def _actor(actor: str, names: Mapping[str, str]) -> str:
    kind, _colon, rest = actor.partition(":")
    if actor == audit.SYSTEM:
        return _("сам вузол")
    if kind == "code":
        return _("черговий за кодом")
    if kind == "office" and rest.isdecimal() and len(rest) <= NODE_DIGITS:
        return offices(current().config).get(int(rest), actor)
    if kind == "device":
        return _("пристрій %(id)s", id=rest)
    return names.get(actor, actor)


def _told_facts(line: Line) -> list[tuple[str, str]]:
    """Return the facts as people say them; a fact or a word that nobody named stays as it is."""
    called: Mapping[str, Lazy] = current_app.extensions.get(CALLED, {})
    return [(str(called.get(name, name)), _said(value)) for name, value in line.facts.items()]


def _said(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_said(one) for one in value)
    return " ".join(str(WORDS.get(word, word)) for word in str(value).split(" "))


def _action(action: str) -> str:
    named: Mapping[str, Lazy] = current_app.extensions.get(NAMED, {})
    return str(named.get(action, action))
