"""Bundles on a stick: the page «Флешка», and what `vuzol sync export` and `import` ask.

The files are written and read by the node itself, which owns the data and the keys. A page names
a stick that is plugged in, never a path; `/sync/bundles` takes any path and is for this machine
alone. A program polls it until its job is over; the page comes anew while one is in hand.
"""

from pathlib import Path
from typing import ClassVar, Final

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

from appliance.config import Role
from appliance.errors import VuzolError
from appliance.people import audit, audit_views
from appliance.people.access import require_staff, requires, staff
from appliance.people.model import Permission
from appliance.web import api, error_pages, navigation
from appliance.web.context import current
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry
from appliance.web.safety import require_this_machine
from sync import stick, stick_wording
from sync.courier import COURIER, Courier, Job, Phase

MOST_PATHS: Final = 5000
REFRESH_SECONDS: Final = 1
PATH: Final = "absolute paths without control characters"


class NoCentreKey(VuzolError):
    """A node was told to write or read bundles and does not know its centre's key."""

    code: ClassVar[str] = "no_centre_key"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "this node knows no centre, so nothing can be sealed to it",
            next_step="put link.centre_key into node.toml",
        )


office = Blueprint("sync_bundles", __name__, template_folder="templates")
error_pages.explain(office, stick_wording.SAYINGS)
audit_views.name_actions(office, stick_wording.ACTIONS)


def _shown() -> bool:
    person = staff()
    return person is not None and person.may(Permission.CARRY_STICKS)


navigation.declare(office, Entry(lazy("Флешка"), "sync_bundles.sticks", order=91, shown=_shown))


def courier() -> Courier:
    """Return who writes and reads sticks here; raise `NoCentreKey` where nobody can."""
    found: Courier | None = current().extras.get(COURIER)
    if found is None:
        raise NoCentreKey
    return found


@office.get("/sticks")
@requires(Permission.CARRY_STICKS)
def sticks() -> Response:
    """Show the sticks that are plugged in, and how the job in hand, or the last one, stands."""
    job = courier().job
    page = render_template(
        "sync/sticks.html",
        centre=_is_centre(),
        found=stick.mounted(current().config.link.sticks),
        job=job,
        failure=job and job.failed and stick_wording.failure(job.failed.code),
        refused=[
            f"{one.file}: {stick_wording.refusal(one.code)}" for one in (job.refused if job else ())
        ],
    )
    response = make_response(page)
    if job is not None and job.phase is Phase.WORKING:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


@office.post("/sticks/export")
@requires(Permission.CARRY_STICKS)
def write_stick() -> Response:
    """Begin to write what is to go out to a stick."""
    chosen, hands = _chosen(), courier()
    hands.demand_free()
    _note("sync.export", chosen)
    hands.export(chosen.path)
    return _again()


@office.post("/sticks/import")
@requires(Permission.CARRY_STICKS)
def read_stick() -> Response:
    """Begin to read the bundles of a stick."""
    chosen, hands = _chosen(), courier()
    hands.demand_free()
    _note("sync.import", chosen)
    hands.take_in([chosen.path])
    return _again()


@office.get("/sync/bundles")
def bundles() -> Response:
    """Tell a command on this machine how the job in hand, or the last one, stands."""
    require_this_machine()
    return _told(courier().job)


@office.post("/sync/bundles/export")
def export() -> Response:
    """Write what is to go out into a folder, for a command on this machine."""
    require_this_machine()
    (folder,) = _paths("folder", [api.body().get("folder")])
    return _told(courier().export(folder))


@office.post("/sync/bundles/import")
def take_in() -> Response:
    """Read bundles, for a command on this machine."""
    require_this_machine()
    return _told(courier().take_in(_paths("files", api.body().get("files"))))


def _is_centre() -> bool:
    return current().config.node.role is Role.CENTRE


def _chosen() -> stick.Mounted:
    """Return the stick that the form names; raise `StickGone` if it is not plugged in."""
    name = request.form.get("stick", "")
    for one in stick.mounted(current().config.link.sticks):
        if one.name == name:
            return one
    raise stick.StickGone("nothing is mounted there")


def _note(action: str, chosen: stick.Mounted) -> None:
    current().store.write(
        audit.record, actor=require_staff(), action=action, subject=f"stick:{chosen.name}"
    )


def _again() -> Response:
    return make_response(redirect(url_for("sync_bundles.sticks"), 303))


def _told(job: Job | None) -> Response:
    return jsonify(job and job.told())


def _paths(field: str, given: object) -> list[Path]:
    if (
        not isinstance(given, list)
        or not 0 < len(given) <= MOST_PATHS
        or not all(map(_good, given))
    ):
        raise api.BadInput({field: PATH})
    return [Path(one) for one in given]


def _good(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and path.isprintable()
