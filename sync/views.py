"""The pages of replication: «Вузли» at the centre, «Зв’язок» at a node; and what a command asks.

`GET /sync/status` and `POST /sync/now` are for this machine alone: `vuzol sync` uses them.
"""

from collections.abc import Callable
from typing import ClassVar, Final, cast

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound

from appliance.config import Role
from appliance.errors import VuzolError
from appliance.people import audit, audit_views
from appliance.people.access import require_staff, requires, staff
from appliance.people.model import Permission
from appliance.web import navigation
from appliance.web.context import current
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry
from appliance.web.safety import require_this_machine
from sync import comparison, fleet, queries, wording
from sync.status import EXTRA, Status

WAKE: Final = "sync.wake"
"""The name under which `Context.extras` holds what calls the centre at once."""


class NobodyToCall(VuzolError):
    """A node was told to call its centre, and has none: it is the centre, or was told of none."""

    code: ClassVar[str] = "nobody_to_call"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "this node calls nobody",
            next_step="ask a village; one that knows no centre needs link.centre_key in node.toml",
        )


office = Blueprint("sync_office", __name__, template_folder="templates")


def _shown(role: Role) -> bool:
    person = staff()
    return (
        current().config.node.role is role
        and person is not None
        and person.may(Permission.SEE_NODES)
    )


navigation.declare(
    office,
    Entry(lazy("Вузли"), "sync_office.nodes", order=90, shown=lambda: _shown(Role.CENTRE)),
    Entry(lazy("Зв’язок"), "sync_office.link", order=90, shown=lambda: _shown(Role.VILLAGE)),
)


audit_views.name_actions(office, wording.ACTIONS)


def status() -> Status:
    """Return what this process tells of its replication."""
    return cast(Status, current().extras[EXTRA])


@office.get("/nodes")
@requires(Permission.SEE_NODES)
def nodes() -> str:
    """Show how each node stands, as far as the centre has heard."""
    told = status()
    if not told.is_centre:
        raise NotFound
    found = told.nodes()
    return render_template(
        _page("nodes"),
        nodes=found,
        summary=fleet.summary(found, version=told.version),
        State=fleet.State,
        AMISS=fleet.AMISS,
        clock_words=wording.clock,
        outcome_words=wording.outcome,
    )


@office.get("/link")
@requires(Permission.SEE_NODES)
def link() -> str:
    """Show how this node's link stands, and what waits to be sent."""
    told = status()
    if told.ledger is None:
        raise NotFound
    with told.store.read() as reader:
        backlog = queries.backlog(reader)
        cursors = queries.cursors(reader)
        compared = comparison.last(reader)
    return render_template(
        _page("link"),
        facts=told.ledger.facts,
        today=told.ledger.today,
        budget=told.ledger.budget,
        trouble=wording.trouble(told.ledger.facts.trouble),
        warnings=[wording.warning(*told_of) for told_of in told.ledger.warnings.items()],
        backlog=backlog,
        unsent=sum(one.count for one in backlog.values()),
        oldest_at=min((one.oldest_at for one in backlog.values() if one.oldest_at), default=None),
        lane_words=wording.LANES,
        cursors=cursors,
        compared=compared,
        outcome_words=wording.outcome,
    )


@office.post("/link/now")
@requires(Permission.SEE_NODES)
def call_now() -> Response:
    """Call the centre without waiting for the next time, and show the page again."""
    wake = _waker()
    current().store.write(audit.record, actor=require_staff(), action="sync.call", subject="centre")
    wake()
    return cast(Response, redirect(url_for("sync_office.link"), 303))


@office.get("/sync/status")
def replication() -> Response:
    """Tell a command on this machine how replication stands."""
    require_this_machine()
    return jsonify(status().facts())


@office.post("/sync/now")
def now() -> Response:
    """Call the centre at once, for a command on this machine."""
    require_this_machine()
    _waker()()
    return jsonify(status().facts())


def _page(name: str) -> str:
    """Return the template: the page, or the part of it that a live page fetches anew."""
    return f"sync/{name}_live.html" if "X-Fragment" in request.headers else f"sync/{name}.html"


def _waker() -> Callable[[], None]:
    wake: Callable[[], None] | None = current().extras.get(WAKE)
    if wake is None:
        raise NobodyToCall
    return wake
