"""What a room declares about its live events.

    TOPICS = (Topic(name="queue", allow=may_listen),)

An event says that something has changed and, shortly, what. The page fetches the rest: so a
listener that missed events, or hears one twice, ends up with the same page as everybody.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from appliance.store.reader import Reader
    from appliance.web.surfaces import Surface

MESSAGE: Final = "message"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that has happened. `id` is what a listener names to get all that came after."""

    id: str
    told: Mapping[str, Any]
    kind: str = MESSAGE

    def frame(self) -> bytes:
        """Return the event as it stands in the stream. It is made once for all listeners."""
        lines = [f"id: {self.id}"]
        if self.kind != MESSAGE:
            lines.append(f"event: {self.kind}")
        lines.append(f"data: {json.dumps(self.told, ensure_ascii=False, separators=(',', ':'))}")
        return ("\n".join(lines) + "\n\n").encode()


@dataclass(frozen=True, slots=True)
class Knock:
    """Who asks to listen: all that is known of a request that is no Flask request."""

    surface: "Surface"
    topic: str
    cookies: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    address: str
    query: Mapping[str, str]

    @property
    def from_this_machine(self) -> bool:
        """Tell whether it began on this machine: on loopback, and no proxy carried it."""
        from appliance.web.safety import is_loopback  # noqa: PLC0415 - it knows pages, we do not

        carried = "x-forwarded-for" in self.headers or "forwarded" in self.headers
        return not carried and is_loopback(self.address)


Allow = Callable[[Knock], bool]
"""Tells whether somebody may listen; asked at the knock and every minute after."""

Replay = Callable[["Reader", str | None], Sequence[Event]]
"""`replay(reader, id)` returns what came after that event, oldest first. With None, or an id that
it does not know, it returns at least one event: the present, under the newest id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One stream of events. Verbs wake it with `tx.announce(topic.name)`.

    Without a `replay` each announcement is one event that says only that something has changed.
    That is enough for a page which fetches the rest.
    """

    name: str
    allow: Allow
    replay: Replay | None = None
    heard_as: str = ""  # the store's name for it, if that is another one

    @property
    def announced_as(self) -> str:
        """Return what the store calls it."""
        return self.heard_as or self.name
