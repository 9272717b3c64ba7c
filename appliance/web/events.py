"""Where a page finds its live events: the next port, or the same address behind a proxy."""

from typing import TYPE_CHECKING

from flask import request

from appliance.web import hosts, surfaces
from appliance.web.context import current, surface
from appliance.web.surfaces import Surface

if TYPE_CHECKING:
    from appliance.config import Config


def origin_of_events(config: "Config", on: Surface, asked: str) -> str:
    """Return the origin that a page's script may listen to; empty: the page's own.

    `asked` is the host that the page was asked from; a script from elsewhere gains nothing by it.
    """
    if surfaces.public_url(config, on):
        return ""
    host = hosts.hostname(asked) or config.surfaces.address
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{surfaces.events_port(config, on)}"


def events_url(topic: str) -> str:
    """Return the address of a topic's events for the page that is being made."""
    origin = origin_of_events(current().config, surface(), request.host)
    return f"{origin}/events/{topic}"
