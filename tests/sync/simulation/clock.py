"""Virtual time: one heap of what is to come, and clocks that read it as wrongly as real ones do."""

import heapq
from collections.abc import Callable
from itertools import count

from appliance.store.clock import ClockQuality

BEGIN = 1_790_000_000_000


class Agenda:
    """What is to come, in order of time, then of planning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + max(0.0, seconds), next(self._order), do))

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, do = heapq.heappop(self._heap)
            do()
        self.now = until


class VirtualClock:
    """A machine's clock: the wall time may be off and unknown, the monotonic one is not."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self.off_ms = 0
        self.known = ClockQuality.SYNCHRONISED

    def wall(self) -> int:
        return BEGIN + self.off_ms + int(self._agenda.now * 1000)

    def monotonic(self) -> float:
        return self._agenda.now

    def quality(self) -> ClockQuality:
        return self.known
