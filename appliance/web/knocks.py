"""Read the head of a request for live events: strictly, and without I/O.

Only `GET /events/<topic>` is known here. Whatever else arrives is refused in one short sentence.
"""

import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from appliance.web.surfaces import Surface
from appliance.web.topics import Knock

HEAD_BYTES: Final = 8 * 1024
END: Final = b"\r\n\r\n"
PATH: Final = re.compile(r"/events/([a-z][a-z0-9_-]{0,39})")
REQUEST_LINE: Final = re.compile(r"([A-Z]{1,10}) (/[\x21-\x7e]*) HTTP/1\.[01]")
HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*)")
KEPT: Final = frozenset(
    {"authorization", "forwarded", "host", "last-event-id", "origin", "x-forwarded-for"}
)
"""What a right to listen may depend on; the rest is not held in memory for hours."""

LONGEST_ID: Final = 100
QUERY_FIELDS: Final = 10


class Refused(Exception):
    """Somebody is not let in: the status and the sentence that say so."""

    def __init__(self, status: int, reason: str, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after  # seconds


REASONS: Final[Mapping[int, str]] = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def complete_head(read: bytes) -> bytes | None:
    """Return the head without what follows it, None while it is incomplete; raise `Refused`."""
    head, end, _rest = read.partition(END)
    if len(head) > HEAD_BYTES:
        raise Refused(431, "the head of the request is too large")
    return head if end else None


def knock(head: bytes, *, surface: Surface, address: str) -> Knock:
    """Return who asks for what; raise `Refused` for anything that is no such request."""
    first, *rest = head.decode("latin-1").split("\r\n")
    asked = REQUEST_LINE.fullmatch(first)
    if asked is None:
        raise Refused(400, "this is no HTTP request")
    if asked[1] != "GET":
        raise Refused(405, "events are only read: use GET")
    path, query = _target(asked[2])
    topic = PATH.fullmatch(path)
    if topic is None:
        raise Refused(404, "there is nothing but /events/<topic> here")
    headers = _headers(rest)
    return Knock(
        surface=surface,
        topic=topic[1],
        cookies=_cookies(headers.get("cookie", "")),
        headers={name: value for name, value in headers.items() if name in KEPT},
        address=address,
        query=query,
    )


def last_heard(knock: Knock) -> str | None:
    """Return the id that the listener heard last: the browser's header, or `last` in the query."""
    told = knock.headers.get("last-event-id") or knock.query.get("last")
    return told[:LONGEST_ID] if told else None


def welcome(knock: Knock, *, allowed_origin: str) -> bytes:
    """Return the head of the endless answer."""
    return _head(
        "200 OK",
        "Content-Type: text/event-stream; charset=utf-8",
        "Cache-Control: no-store",
        "X-Accel-Buffering: no",
        *_shared(knock.headers.get("origin", ""), allowed_origin),
    )


def refusal(refused: Refused, *, origin: str = "", allowed_origin: str = "") -> bytes:
    """Return a whole answer that says why not."""
    body = refused.reason.encode()
    later = [f"Retry-After: {refused.retry_after}"] if refused.retry_after else []
    head = _head(
        f"{refused.status} {REASONS[refused.status]}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *later,
        *_shared(origin, allowed_origin),
    )
    return head + body


def _head(status: str, *lines: str) -> bytes:
    always = ("Connection: close", "X-Content-Type-Options: nosniff", "Vary: Origin")
    return ("\r\n".join([f"HTTP/1.1 {status}", *lines, *always]) + "\r\n\r\n").encode()


def _shared(origin: str, allowed: str) -> tuple[str, ...]:
    if not origin or origin != allowed:
        return ()
    return (f"Access-Control-Allow-Origin: {origin}", "Access-Control-Allow-Credentials: true")


def _target(told: str) -> tuple[str, dict[str, str]]:
    try:
        target = urlsplit(told)
        return target.path, dict(parse_qsl(target.query, max_num_fields=QUERY_FIELDS))
    except ValueError:  # half an IPv6 address, or fields without end
        raise Refused(400, "the address cannot be read") from None


def _headers(lines: list[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for line in lines:
        found = HEADER.fullmatch(line)
        if found is None:
            raise Refused(400, "a header line cannot be read")
        name = found[1].lower()
        told[name] = f"{told[name]}, {found[2]}" if name in told else found[2].strip()
    return told


def _cookies(told: str) -> dict[str, str]:
    try:
        return {name: found.value for name, found in SimpleCookie(told).items()}
    except CookieError:
        return {}
