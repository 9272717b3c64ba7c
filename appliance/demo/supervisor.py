"""`vuzol demo`: start the three appliances as real processes, tell what to open, stop them all.

Promise: when it ends, for whatever reason, none of its processes is left, and a data folder that
it made by itself is gone.
"""

import errno
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from appliance.demo import guide, hromada
from appliance.demo.places import NoFolderForDemo, NoRoomForDemo, Place, folder, places
from appliance.demo.readiness import is_ready
from appliance.errors import VuzolError

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 12  # an appliance drains within 10
LOG: Final = "vuzol.log"

Started = dict[Place, "subprocess.Popen[bytes]"]
"""The appliances that run, in the order of their start."""


class ApplianceStopped(VuzolError):
    """One of the appliances ended by itself, or never became ready."""

    code: ClassVar[str] = "appliance_stopped"

    def __init__(self, place: Place, cause: str, log: Path) -> None:
        super().__init__(f"{place.title} {cause}", next_step=f"its last words stand in {log}")
        self.place = place


def run(data: Path | None, *, first: str, as_json: bool, tell: Callable[[str], None]) -> None:
    """Run the demonstration until Ctrl-C or SIGTERM; `tell` what to open once all is ready.

    A program is told one line; a person is told at the end, too, that all of it has stopped.
    """
    all_places = places(first)
    _refuse_taken_ports(all_places)
    with _told_to_stop() as stop:
        with _data_folder(data) as home:
            _prepare(home, all_places)
            if as_json:
                page = json.dumps(guide.facts(all_places), ensure_ascii=False)
            else:
                page = guide.page(all_places, home, kept=data is not None)
            _show(home, all_places, stop, lambda: tell(page))
        if not as_json:
            tell(guide.farewell(home, kept=data is not None))


def _show(
    home: Path, all_places: Sequence[Place], stop: threading.Event, tell: Callable[[], None]
) -> None:
    with _processes() as started:
        centre, *villages = all_places
        # A village that finds no centre waits before it tries again, so the centre is first.
        _bring_up(home, [centre], started, stop)
        _bring_up(home, villages, started, stop)
        if not stop.is_set():
            tell()
        while not stop.wait(0.5):
            _refuse_stopped(home, started)


def _refuse_taken_ports(all_places: tuple[Place, ...]) -> None:
    for place in all_places:
        for port in place.listening:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((place.address, port))
                    probe.listen(1)
                except OSError as error:
                    where = f"{place.address}:{port}"
                    taken = error.errno == errno.EADDRINUSE
                    raise NoRoomForDemo(where, _cause(error), is_taken=taken) from error


def _cause(error: OSError) -> str:
    lacking = error.errno == errno.EADDRNOTAVAIL
    return "this machine has no such address" if lacking else error.strerror or str(error)


def _prepare(home: Path, all_places: Sequence[Place]) -> None:
    try:
        hromada.prepare(home, all_places)
    except OSError as error:
        raise NoFolderForDemo(home, _cause(error)) from error


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _data_folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NoFolderForDemo(data, _cause(error)) from error
        yield data.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix="vuzol-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _processes() -> Iterator[Started]:
    started: Started = {}
    try:
        yield started
    finally:
        _stop(list(started.values()))


def _start(where: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "appliance", "up", "--config", str(where / "node.toml")]
    with (where / LOG).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then drains them
        )


def _stop(started: "list[subprocess.Popen[bytes]]") -> None:
    for process in started:
        process.terminate()
    until = time.monotonic() + STOP_SECONDS
    for process in started:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _bring_up(home: Path, some: Sequence[Place], started: Started, stop: threading.Event) -> None:
    """Start these appliances and wait until each is ready, or until told to stop."""
    waiting = [] if stop.is_set() else list(some)
    for place in waiting:
        started[place] = _start(folder(home, place))
    until = time.monotonic() + READY_SECONDS
    while waiting and not stop.is_set():
        _refuse_stopped(home, started)
        waiting = [place for place in waiting if not is_ready(place)]
        if waiting and time.monotonic() > until:
            log = folder(home, waiting[0]) / LOG
            raise ApplianceStopped(waiting[0], f"was not ready in {READY_SECONDS} s", log)
        stop.wait(0.1 if waiting else 0)


def _refuse_stopped(home: Path, started: Started) -> None:
    for place, process in started.items():
        if process.poll() is not None:
            log = folder(home, place) / LOG
            words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            cause = f"stopped with code {process.returncode}" + f" ({words[0]})" * bool(words)
            raise ApplianceStopped(place, cause, log)
