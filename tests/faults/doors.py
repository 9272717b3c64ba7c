"""A node's doors as a browser and a program knock at them: status, headers, text."""

import http.client
import json
import uuid
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlencode

from tests.faults.hromada import Node

WAITS = 30.0
TICKETS = "/api/queue/tickets"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    text: str

    @property
    def told(self) -> dict[str, Any]:
        """Return its JSON."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def line_to(node: Node, surface: str) -> http.client.HTTPConnection:
    """Return a connection that can be kept."""
    port = int(node.place.urls[surface].rpartition(":")[2])
    return http.client.HTTPConnection(node.place.address, port, timeout=WAITS)


def asked(
    node: Node, method: str, path: str, body: str = "", *, surface: str = "kiosk", **headers: str
) -> Answer:
    """Ask once, on a connection of its own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(line_to(node, surface)) as line:
        line.request(method, path, body.encode() or None, named)
        reply = line.getresponse()
        return Answer(reply.status, reply.headers, reply.read().decode())


def by_program(node: Node, service: str, key: str = "") -> Answer:
    """Take a ticket as a program does."""
    wish = json.dumps({"service": service, "purpose": "consultation"})
    named = {"Content-Type": "application/json", "Idempotency-Key": key or uuid.uuid4().hex}
    return asked(node, "POST", TICKETS, wish, **named)


def by_hand(node: Node, service: str) -> Answer:
    """Take a ticket by touching the kiosk's screen."""
    form = {"service": service, "purpose": "consultation", "key": uuid.uuid4().hex}
    named = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    return asked(node, "POST", "/tickets", urlencode(form), **named)
