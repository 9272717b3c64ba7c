"""Litestream as a child of the node: started again for ever, ended with the node.

It dials its server when it starts and gives up if nobody answers; so starting it again, ever more
slowly, is how it waits for a link. It never sees the database that people work with: `mirror` is
what it replicates. It has no secrets on its command line, and its settings are for its owner alone.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from appliance.config import Backup
from appliance.errors import VuzolError
from sync.backup.shelf import written

LOG: Final = logging.getLogger(__name__)
PROGRAM: Final = "litestream"
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 120.0
"""Who has run this long has found its server; the next pause is a short one again."""

STOP_SECONDS: Final = 3.0
BREATH_SECONDS: Final = 0.05
RESTORE_SECONDS: Final = 1800.0
SFTP_PORT: Final = 22


class ReplicaNotRestored(VuzolError):
    """Litestream could not make a database out of its replica."""

    code: ClassVar[str] = "replica_not_restored"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the replica could not be restored ({cause})",
            next_step="look at the link to it and at the node's log; copies on the medium go on",
        )


def program() -> Path | None:
    """Return where Litestream is: beside the interpreter, or on the PATH; None if nowhere."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which(PROGRAM, path=places)
    return Path(found) if found else None


def put_settings(path: Path, told: Backup, *, mirror: Path, replica: str, every: str) -> None:
    """Write its settings: tuned so that a row costs hundreds of bytes, not thousands.

    `replica` names the folder of this life of the mirror, here or at the server.
    """
    settings = {
        "dbs": [
            {
                "path": str(mirror),
                "monitor-interval": every,
                "replica": {**_place(told, path.parent, replica), "sync-interval": every},
            }
        ],
        "levels": [{"interval": "1h"}],
        "snapshot": {"interval": "168h", "retention": "336h"},
        "l0-retention": "5m",
        "l0-retention-check-interval": "30m",
        "logging": {"level": "warn", "stderr": True},
    }
    written(path, json.dumps(settings).encode())  # JSON is YAML


def _place(told: Backup, folder: Path, replica: str) -> dict[str, Any]:
    """Return where the replica goes: to the server if one is named, else onto the medium."""
    if not told.sftp:
        return {"type": "file", "path": str(folder / replica)}
    url = urlsplit(told.sftp)
    return {
        "type": "sftp",
        "host": f"{url.hostname}:{url.port or SFTP_PORT}",
        "user": url.username or "",
        "path": f"{url.path.rstrip('/')}/{replica}",
        "key-path": told.sftp_key,
        "host-key": told.sftp_host_key,
    }


class Litestream:
    """The child and the thread that starts it again."""

    def __init__(self, found: Path, settings: Path) -> None:
        self._command = [*_ends_with_us(), str(found), "replicate", "-config", str(settings)]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.restarts = 0
        self.trouble = ""  # what it said last before it gave up
        self._thread = threading.Thread(target=self._run, name="litestream", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Return the number of the child's process; None while it waits to be started again."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def stop(self) -> None:
        """End the child: it finishes what it sends, for some seconds."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        pause = FIRST_SECONDS
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self._live()
            except OSError as error:
                self.trouble = error.strerror or str(error)
            steady = time.monotonic() - begun > STEADY_SECONDS
            pause = FIRST_SECONDS if steady else min(LONGEST_SECONDS, pause * 1.5)
            if self._stopping.wait(pause):
                return
            self.restarts += 1

    def _live(self) -> None:
        """Run the child until it ends; remember its last words."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = subprocess.Popen(  # noqa: S603 - our own program and settings
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        with self._process as process:
            for line in process.stdout or ():
                self.trouble = line.strip()[-300:]
                LOG.info("litestream: %s", self.trouble)


def _ends_with_us() -> list[str]:
    """Return what makes a child end when this process is killed, where Debian's own tool is."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "TERM", "--"] if found else []


def restore(
    found: Path, settings: Path, mirror: Path, target: Path, breathe: Callable[[], None]
) -> None:
    """Make a database out of the replica; raise `ReplicaNotRestored`.

    `breathe` is called all the time; what it raises ends the work.
    """
    command = [str(found), "restore", "-config", str(settings), "-o", str(target), str(mirror)]
    until = time.monotonic() + RESTORE_SECONDS
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603 - our own program and settings
            [*_ends_with_us(), *command], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        ) as process:
            try:
                while process.poll() is None and time.monotonic() < until:
                    breathe()
                    time.sleep(BREATH_SECONDS)
            finally:
                process.kill()  # it has ended already, unless its time is over
        said.seek(0)
        told = said.read().decode(errors="replace").strip()[-300:]
    if process.returncode or not target.exists():
        raise ReplicaNotRestored(told or f"it ended with {process.returncode}")
