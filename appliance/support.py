"""A support file: what somebody far away needs to find out what is wrong with a node.

Promise: no personal data and no secret is in it. It holds counts, versions, settings and states;
of the log it holds the lines with every address and every long word taken out. It is written for
its owner alone, and never over another file.
"""

import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, ClassVar, Final

from appliance import running_node
from appliance.config import Config
from appliance.errors import VuzolError

LOG_LINES: Final = 3000
LOG_SECONDS: Final = 20
UNIT: Final = "vuzol"
HIDDEN: Final = "[…]"
MASKS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d.])(?!127\.)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])",  # IPv4, but for this machine
        r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])(?<!:\d\d:\d\d)",  # IPv6
        r"[\w.+-]+@[\w-]+\.[\w.]+",  # an address of mail
        r"\+?\d[\d ()-]{8,}\d",  # a telephone
        r"[A-Za-z0-9_=/+-]{24,}",  # a token, a key, a hash
    )
)
Part = Callable[[Config], str]


class SupportFileRefused(VuzolError):
    """The support file cannot be written."""

    code: ClassVar[str] = "support_file_refused"


def write(config: Config, path: Path, settings: Mapping[str, object]) -> list[str]:
    """Write the file; return the names of what it holds. A part that fails says why instead."""
    parts = {
        "about.json": lambda _: _json(_about(config)),
        "settings.json": lambda _: _json(settings),
        "health.json": lambda one: _json(running_node.health(one)),
        "metrics.txt": running_node.metrics,
        "files.json": lambda one: _json(_files(one.node.data)),
        "packages.txt": lambda _: "\n".join(_packages()),
        "log.txt": lambda _: masked(_log()),
    }
    told = {name: _told(part, config) for name, part in parts.items()}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle,
        ):
            for name, text in told.items():
                bundle.writestr(name, text)
    except FileExistsError:
        raise SupportFileRefused(
            f"{path} is there already", next_step="give another name"
        ) from None
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SupportFileRefused(
            f"{path} cannot be written ({error.strerror})", next_step="choose another place"
        ) from error
    return list(told)


def masked(text: str) -> str:
    """Return the text without addresses, telephones and long words."""
    for mask in MASKS:
        text = mask.sub(HIDDEN, text)
    return text


def _told(part: Part, config: Config) -> str:
    try:
        return part(config)
    except (VuzolError, OSError, subprocess.SubprocessError) as error:
        return f"not known: {error}\n"


def _json(told: object) -> str:
    return json.dumps(told, ensure_ascii=False, indent=1, default=str) + "\n"


def _about(config: Config) -> dict[str, Any]:
    disk = shutil.disk_usage(_there(config.node.data))
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "memory": _lines("/proc/meminfo", 3),
        "load": _lines("/proc/loadavg", 1),
        "uptime_seconds": _lines("/proc/uptime", 1),
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
    }


def _there(path: Path) -> Path:
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def _lines(path: str, most: int) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()[:most]
    except OSError:
        return []


def _files(folder: Path) -> list[dict[str, Any]]:
    """Return names, sizes and modes; no file is opened."""
    found = sorted(one for one in folder.rglob("*") if one.is_file())
    return [
        {
            "name": str(one.relative_to(folder)),
            "bytes": one.stat().st_size,
            "mode": f"{one.stat().st_mode & 0o777:o}",
        }
        for one in found
    ]


def _packages() -> list[str]:
    return sorted(f"{one.name} {one.version}" for one in distributions())


def _log() -> str:
    words = ["journalctl", "--unit", UNIT, "--lines", str(LOG_LINES), "--no-pager", "--quiet"]
    done = subprocess.run(words, capture_output=True, timeout=LOG_SECONDS, check=True)  # noqa: S603
    return done.stdout.decode("utf-8", "replace")
