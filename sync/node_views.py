"""The centre's pages about one node, and about what of its nodes cannot be applied yet."""

from typing import Final, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from appliance.people.access import require_staff, requires
from appliance.people.model import Permission
from appliance.store import projection
from appliance.web import panels
from appliance.web.context import current
from sync import queries, service, wording
from sync.fleet import Node, State
from sync.status import EXTRA, Status

MOST_SHOWN: Final = 200
"""Held entries on one page; how many there are in all is said."""

room = Blueprint("sync_nodes", __name__, template_folder="templates")


def _status() -> Status:
    told = cast(Status, current().extras[EXTRA])
    if not told.is_centre:
        raise NotFound
    return told


@room.get("/nodes/<int:number>")
@requires(Permission.SEE_NODES)
def node(number: int) -> str:
    """Show what the centre last knew of a node: a page to print before somebody drives there."""
    told = _status()
    found = _member(told, number)
    with told.store.read() as reader:
        return render_template(
            "sync/node.html",
            about=found,
            lanes=queries.lanes_here(reader, number),
            panels=panels.of_office(reader, number),
            made_at=told.store.clock.wall(),
            State=State,
            clock_words=wording.clock,
            outcome_words=wording.outcome,
            lane_words=wording.LANES,
        )


@room.get("/nodes/held")
@requires(Permission.SEE_NODES)
def held() -> str:
    """Show which received entries cannot be applied yet, and why."""
    told = _status()
    with told.store.read() as reader:
        entries = projection.quarantined(reader, most=MOST_SHOWN)
        waiting, quarantined = projection.counts(reader)
    part = "sync/held_live.html" if "X-Fragment" in request.headers else "sync/held.html"
    return render_template(
        part,
        entries=entries,
        count=waiting + quarantined,
        quarantined=quarantined,
        titles={one.number: one.title for one in told.config.centre.nodes},
        lane_words=wording.LANES,
        reason=wording.reason,
        advice=wording.advice,
    )


@room.post("/nodes/held/replay")
@requires(Permission.SEE_NODES)
def replay() -> Response:
    """Try to apply everything that is held again, and show the page."""
    _status().store.write(service.replay_held, actor=require_staff())
    return redirect(url_for("sync_nodes.held"), 303)


def _member(told: Status, number: int) -> Node:
    for one in told.nodes():
        if one.number == number:
            return one
    raise NotFound
