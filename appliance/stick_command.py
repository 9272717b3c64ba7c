"""`vuzol sync export` and `vuzol sync import`: the running node does it, this tells how far it is.

Progress goes to stderr, the answer to stdout. The stick may be taken out when `safe_to_remove` is
true: what was written has then been read back from it.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from appliance import running_node
from appliance.config import Config
from appliance.errors import VuzolError

EACH: Final = 0.2
"""Seconds between two looks at the job."""

STEPS: Final = {"write": "rows are packed", "verify": "reading back", "read": "files are read"}


class StickFailed(VuzolError):
    """The running node began to write or read a stick, and could not finish."""

    code: ClassVar[str] = "stick_failed"

    def __init__(self, failed: dict[str, Any]) -> None:
        super().__init__(failed["cause"], next_step=failed["next_step"])


class BundlesRefused(VuzolError):
    """Some of the files that were read were refused; the others were taken."""

    code: ClassVar[str] = "bundles_refused"

    def __init__(self, refused: list[dict[str, str]], taken: int) -> None:
        told = "; ".join(f"{one['file']}: {one['cause']}" for one in refused)
        super().__init__(
            f"{len(refused)} files were refused and {taken} taken: {told}",
            next_step="write those again where they come from; the others need not be read again",
        )


class LostSight(VuzolError):
    """The running node does another job than the one that was begun here."""

    code: ClassVar[str] = "lost_sight"

    def __init__(self) -> None:
        super().__init__(
            "the node was started anew, or does another stick by now",
            next_step="do it again, so that you know how it ended",
        )


def export(config: Config, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Have the node write its bundle into a folder; return once it was read back from there."""
    told = {"folder": _absolute(folder)}
    job = _followed(config, running_node.begin_export(config, told), tell)
    names = ("where", "files", "size", "safe_to_remove")
    return {"rows": job["done"], **{name: job[name] for name in names}}


def take_in(config: Config, files: list[Path], tell: Callable[[str], None]) -> dict[str, Any]:
    """Have the node read bundles; raise `BundlesRefused` if some of them were refused."""
    told = {"files": [_absolute(file) for file in files]}
    job = _followed(config, running_node.begin_import(config, told), tell)
    if job["refused"]:
        raise BundlesRefused(job["refused"], job["files"])
    return {"files": job["files"], "others": job["others"], **job["taken"]}


def on_stderr(text: str) -> None:
    """Tell a person at a terminal how far the work is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links are the node's to judge, not resolved here


def _followed(config: Config, job: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the job once it is over; raise `StickFailed` if it came to nothing."""
    number, before = job["number"], ""
    while job["phase"] == "working":
        said = f"{STEPS.get(job['step'], job['step'])}: {job['done']} of {job['total']}"
        if said != before:
            tell(said)
            before = said
        time.sleep(EACH)
        job = running_node.stick(config)
        if job.get("number") != number:
            raise LostSight
    if job["failed"]:
        raise StickFailed(job["failed"])
    return job
