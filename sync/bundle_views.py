"""Bundles on a stick: what `vuzol sync export` and `vuzol sync import` ask of the running node.

These addresses are for this machine alone. A program polls `GET /sync/bundles` until its job is
over; the files are written and read by the node itself, which owns the data and the keys.
"""

from pathlib import Path
from typing import ClassVar, Final

from flask import Blueprint, Response, jsonify

from appliance.errors import VuzolError
from appliance.web import api
from appliance.web.context import current
from appliance.web.safety import require_this_machine
from sync.courier import COURIER, Courier, Job

MOST_PATHS: Final = 5000
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


def courier() -> Courier:
    """Return who writes and reads sticks here; raise `NoCentreKey` where nobody can."""
    found: Courier | None = current().extras.get(COURIER)
    if found is None:
        raise NoCentreKey
    return found


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
