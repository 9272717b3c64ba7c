"""How fast the machine itself is in the minutes of a measurement.

The cores of a shared machine slow down when strangers work beside them: the same work was seen to
take up to 1.7 times its best from one tenth of a second to the next. So the same small piece of
work is timed again and again on the measured core, by the processor time that it takes.

`python -m benchmarks.pace CORE` runs until its standard input ends, then prints the samples.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.figure import percentile

EACH: Final = 0.2
"""Seconds from one sample to the next."""

WORK: Final = json.dumps([{"place": place, "text": str(place)} for place in range(600)])


class Pace:
    """Samples of one measurement, in milliseconds; empty until it has ended."""

    def __init__(self) -> None:
        self.samples: list[float] = []

    @property
    def slowed(self) -> float:
        """Return how much longer the work took, as a rule, than in its fastest tenth."""
        return percentile(self.samples, 0.5) / percentile(self.samples, 0.1)


@contextmanager
def watched(core: int) -> Iterator[Pace]:
    """Sample the core for as long as the block takes."""
    pace = Pace()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pace", str(core)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield pace
    finally:
        told, _ = process.communicate("")
        pace.samples = json.loads(told)


def _sample() -> float:
    begun = time.process_time()
    for _ in range(4):
        json.loads(WORK)
    return (time.process_time() - begun) * 1000


def _until_told(core: int) -> list[float]:
    os.sched_setaffinity(0, {core})
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    samples = [_sample()]
    while not ended.wait(EACH):
        samples.append(_sample())
    return samples


if __name__ == "__main__":
    print(json.dumps(_until_told(int(sys.argv[1]))))
