"""One topic's way from the store to its listeners.

A commit wakes the topic; one read finds what is new; it is written out once, and the same bytes go
to everybody. Newcomers are served in the same turn, from the same moment of the database: so they
miss nothing and hear nothing twice. Many commits during one turn make one next turn.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Protocol

from appliance.web.listener import Listener, Stage
from appliance.web.topics import Event, Topic

if TYPE_CHECKING:
    from appliance.store.reader import Reader

LOG: Final = logging.getLogger("vuzol.events")
CALM_SECONDS: Final = 1.0
CHANGED: Final = "changed"


class Source(Protocol):
    """What of the store is needed here."""

    @property
    def epoch(self) -> int:
        """Return which start of the store this is."""

    def read(self) -> "AbstractContextManager[Reader]":
        """Return a reader of one moment."""

    def subscribe(self, topic: str, wake: Callable[[], None], /) -> Callable[[], None]:
        """Call `wake` after each commit that announces the topic."""


class FanOut:
    """The listeners of one topic, and what they have heard."""

    def __init__(self, topic: Topic, source: Source) -> None:
        self.topic = topic
        self._source = source
        self._listeners: set[Listener] = set()
        self._newcomers: list[Listener] = []
        self._wake = asyncio.Event()
        self._announced = 0
        self._newest: str | None = None
        self.failing = False  # what is new cannot be read now

    def __len__(self) -> int:
        return len(self._listeners) + len(self._newcomers)

    def everybody(self) -> list[Listener]:
        """Return all listeners, whether they have heard something yet or not."""
        return [*self._listeners, *self._newcomers]

    def join(self, listener: Listener) -> None:
        """Serve the listener in the next turn."""
        self._newcomers.append(listener)
        self._wake.set()

    def leave(self, listener: Listener) -> None:
        """Forget the listener."""
        self._listeners.discard(listener)
        if listener in self._newcomers:
            self._newcomers.remove(listener)

    async def run(self) -> None:
        """Carry events until cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:  # on a thread of the store, after each commit
            self._announced += 1
            if self._listeners or self._newcomers:  # who comes later reads what is there by then
                loop.call_soon_threadsafe(self._wake.set)

        unsubscribe = self._source.subscribe(self.topic.announced_as, wake)
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    self._turn()
                    self.failing = False
                except Exception:  # the loop must outlive a room's mistake and a failing disk
                    self.failing = True
                    LOG.exception("the events of %s could not be read", self.topic.name)
                    await asyncio.sleep(CALM_SECONDS)
                    self._wake.set()
        finally:
            unsubscribe()

    def _turn(self) -> None:
        newcomers = list(self._newcomers)
        if not self._listeners:  # nobody has heard what came before
            self._newest = None
        with self._source.read() as reader:
            news = self._since(reader, self._newest) if self._newest is not None else []
            if self._newest is None:
                self._newest = _newest(self._since(reader, None))
            elif news:
                self._newest = news[-1].id
            greetings = {
                last: self._since(reader, last) for last in {one.last for one in newcomers}
            }
        told = _frames(news)
        for listener in list(self._listeners):
            listener.tell(told)
        written = {last: _frames(events) for last, events in greetings.items()}
        for listener in newcomers:
            if listener.stage is Stage.WAITING:
                listener.stage = Stage.LISTENING
                self._listeners.add(listener)
                listener.tell(written[listener.last])
        self._newcomers.clear()  # only now: in between, a commit must find somebody to wake us for

    def _since(self, reader: "Reader", last: str | None) -> Sequence[Event]:
        if self.topic.replay is not None:
            return self.topic.replay(reader, last)
        present = f"{self._source.epoch:x}.{self._announced}"
        return [] if last == present else [Event(present, {CHANGED: self.topic.name})]


def _newest(events: Sequence[Event]) -> str | None:
    return events[-1].id if events else None


def _frames(events: Sequence[Event]) -> bytes:
    return b"".join(event.frame() for event in events)
