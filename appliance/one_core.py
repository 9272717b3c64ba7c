"""The interpreter keeps to one core, and what works outside of it may use them all.

CPython lets one thread run at a time. Loose on several cores, its threads hand each short piece of
work to a core that is asleep and whose caches hold nothing of it: a ticket at 16 clients was seen
to cost up to 1.7 times the processor time that it costs on one core (docs/adr/0011). Other
processes move out of the way by themselves; nodes of one machine take different cores.
"""

import logging
import os
from typing import Final

LOG: Final = logging.getLogger(__name__)


class Cores:
    """The cores that this process was given when it began."""

    def __init__(self) -> None:
        self._given = os.sched_getaffinity(0)

    def settle(self, number: int) -> None:
        """Keep this thread, and all that it starts from now on, to one core: the number's own."""
        one = sorted(self._given)[number % len(self._given)]
        _keep_to({one})

    def roam(self) -> None:
        """Let the calling thread use every core again, for work that needs no interpreter."""
        _keep_to(self._given)


def _keep_to(cores: set[int]) -> None:
    try:
        os.sched_setaffinity(0, cores)  # 0: the calling thread
    except OSError as error:  # a container may forbid it; it is about speed alone
        LOG.info("the cores stay as they are: %s", error)
