"""Where a page finds its live events: the next port, or the same address behind a proxy."""

from urllib.parse import urlsplit

from flask import request

from appliance.web import surfaces
from appliance.web.context import current, surface


def origin_of_events() -> str:
    """Return the origin that the page's script may listen to; empty: the page's own."""
    config = current().config
    if surfaces.public_url(config, surface()):
        return ""
    host = urlsplit(f"//{request.host}").hostname or config.surfaces.address
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{surfaces.events_port(config, surface())}"


def events_url(topic: str) -> str:
    """Return the address of a topic's events for the page that is being made."""
    return f"{origin_of_events()}/events/{topic}"
