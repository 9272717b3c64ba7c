"""The hub's door inside the web server: a request is judged when its head is here.

waitress collects a whole body before it calls the application. So the head of each request to the
hub is shown to the door first (`sync.hub`); who is turned away is answered at once and its body is
never read, and a place is given back when the connection ends before the body does.
"""

from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]

from sync.hub import PREFIX, SLIP, Hub
from sync.receiver import Knock, Refused, Response


class Server(Protocol):
    """The part of a waitress server that the gate changes, before the server runs."""

    channel_class: Any


def install(server: Server, hub: Hub) -> None:
    """Put the door before each request; the connections stay what they were besides."""
    server.channel_class = type("HubChannel", (Gated, server.channel_class), {"hub": hub})


class Gated(HTTPChannel):  # type: ignore[misc]
    """One connection to the hub."""

    hub: Hub
    error_task_class = ErrorTask  # it tells what `TurnedAway` says, and nothing else

    def __init__(self, *args: object, **given: object) -> None:
        self.slips: set[str] = set()
        super().__init__(*args, **given)
        self.parser_class = partial(Head, self)

    def remember(self, slip: str) -> None:
        """Keep the slip of a request that is coming in; forget those that have come."""
        self.slips = {slip, *filter(self.hub.holds, self.slips)}

    def handle_close(self) -> None:
        """Give back the places of requests that will not come whole."""
        for slip in self.slips:
            self.hub.lose(slip)
        self.slips.clear()
        super().handle_close()


class Head(HTTPRequestParser):  # type: ignore[misc]
    """A request that is judged as soon as its head is here."""

    def __init__(self, channel: Gated, adj: object) -> None:
        self._channel = channel
        super().__init__(adj)

    def received(self, data: bytes) -> int:
        """Take bytes in; once the head is whole, ask at the door."""
        before = self.headers_finished
        count: int = super().received(data)
        if self.headers_finished and not before and self.error is None and not self.empty:
            self._knock()
        return count

    def _knock(self) -> None:
        self.headers.pop(SLIP, None)  # a slip is ours to give
        if not self.path.startswith(PREFIX):
            return
        asked = Knock(
            self.command, self.path, self.headers.get("AUTHORIZATION", ""), self.content_length
        )
        # A chunked body tells no length. Ours never is, so it is turned away unread as well.
        answer = TOLD_NO_LENGTH if self.chunked else self._asked(asked)
        if isinstance(answer, Refused):
            self.error = TurnedAway(answer.response)
            self.completed = True
        else:
            self.headers[SLIP] = answer

    def _asked(self, asked: Knock) -> str | Refused:
        answer = self._channel.hub.knock(asked, self._channel.handle_close)
        if isinstance(answer, str):
            self._channel.remember(answer)
        return answer


class TurnedAway:
    """What waitress asks of an error: the answer, and no word of its own."""

    def __init__(self, told: Response) -> None:
        self._told = told

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return the status line, the headers and the body."""
        del ident
        wait = self._told.retry_after
        headers = [] if wait is None else [("Retry-After", str(wait))]
        status = HTTPStatus(self._told.status)
        return f"{status.value} {status.phrase}", headers, self._told.body


TOLD_NO_LENGTH: Final = Refused(Response(HTTPStatus.LENGTH_REQUIRED, b""), "length_required")
