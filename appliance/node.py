"""One node, put together: store, surfaces, live events, replication, staff. `run` is its life.

Start: own the data, build the surfaces, listen, and only then call the centre and look around, so
that the first ticket does not wait for anything that a village may not have. Stop, within ten
seconds: nothing new is accepted, what was accepted is answered, the agent ends, then the writer.
"""

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from appliance import service_manager
from appliance.config import Config
from appliance.errors import VuzolError
from appliance.one_core import Cores

LOG: Final = logging.getLogger(__name__)
PARENT_SECONDS: Final = 1.0
SWITCH_SECONDS: Final = 0.0005
"""How long one thread may keep the interpreter while others want it. With Python's own 5 ms a
visitor at the kiosk waits ten times that while a batch of a village is being read."""

BEATS: Final = 3
"""Signs of life in the time that the watchdog waits for one."""


def run(config: Config) -> None:
    """Run the node until SIGTERM or SIGINT, or until a demonstration's supervisor is gone."""
    from appliance.house import Appliance  # noqa: PLC0415 - its errors need the log first

    _log_to_stderr()
    cores = Cores()
    cores.settle(config.node.number)  # before any thread is started
    with _told_to_stop() as stop, Appliance(config, roam=cores.roam) as appliance:
        _share_the_interpreter()
        LOG.info("node %s is ready at %s", config.node.number, config.surfaces.address)
        service_manager.tell("READY=1", os.environ)
        _watch(config, appliance.store.beat, stop)
        service_manager.tell("STOPPING=1", os.environ)


def _share_the_interpreter() -> None:
    """Let short work go before long work, and take what start-up made out of the collector's way.

    What is frozen lives as long as the process; looking at it again stopped all threads for 20 ms.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def _log_to_stderr() -> None:
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    yield stop


def _watch(config: Config, beat: Callable[[], float], stop: threading.Event) -> None:
    """Give signs of life until told to stop. A writer that hangs gives none, and is ended."""
    pauses = _pauses(config, os.environ)
    parent = os.getppid()
    beaten = time.monotonic()
    while not stop.wait(min(pauses.values(), default=None)):
        if "parent" in pauses and os.getppid() != parent:
            return
        if "beat" in pauses and time.monotonic() - beaten >= pauses["beat"]:
            beaten = time.monotonic()
            _beat(beat)


def _pauses(config: Config, environ: Mapping[str, str]) -> dict[str, float]:
    watchdog = service_manager.watchdog_seconds(environ)
    pauses = {} if watchdog is None else {"beat": watchdog / BEATS}
    return pauses | ({"parent": PARENT_SECONDS} if config.demo.ends_with_parent else {})


def _beat(beat: Callable[[], float]) -> None:
    try:
        beat()
    except VuzolError as error:  # a full disk is told on every page; a restart would not help it
        LOG.warning("the writer answers, but: %s", error)
    service_manager.tell("WATCHDOG=1", os.environ)
