"""The four faces of a node: who comes there, on which port, with how many threads.

A surface is the app object that is bound to its own server; it is never derived from a request.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from appliance.store.ids import node_name

if TYPE_CHECKING:
    from appliance.config import Config

KIBIBYTE: Final = 1024


class Surface(StrEnum):
    """Who a server is for."""

    OFFICE = "office"  # staff
    KIOSK = "kiosk"  # kiosk and hall display: paired devices, or loopback
    GUEST = "guest"  # residents on the Wi-Fi
    HUB = "hub"  # replication


@dataclass(frozen=True, slots=True, kw_only=True)
class Facing:
    """What one surface may take from the machine, and what its pages look like."""

    threads: int  # requests that wait together for the disk share one commit
    layout: str  # the template that its error pages stand in; empty: it speaks JSON only
    named_hosts_only: bool = True  # refuse a Host that a stranger's name could have been bent to
    body_limit: int = 64 * KIBIBYTE  # bytes of a request's body
    body_seconds: int = 30  # how long a whole request may take to arrive


FACINGS: Final[Mapping[Surface, Facing]] = {
    Surface.OFFICE: Facing(threads=16, layout="base_office.html"),
    Surface.KIOSK: Facing(threads=8, layout="base_kiosk.html"),
    Surface.GUEST: Facing(  # a captive portal answers to every name
        threads=4, layout="base_guest.html", named_hosts_only=False
    ),
    Surface.HUB: Facing(  # nodes call it by any name, over thin links; each request is signed
        threads=4,
        layout="",
        named_hosts_only=False,
        body_limit=2048 * KIBIBYTE,
        body_seconds=300,
    ),
}


def port(config: "Config", surface: Surface) -> int:
    """Return the port that the surface listens on."""
    number: int = getattr(config.surfaces, surface)
    return number


def events_port(config: "Config", surface: Surface) -> int:
    """Return the port that the surface's live events come from."""
    return port(config, surface) + config.surfaces.events_offset


def public_url(config: "Config", surface: Surface) -> str:
    """Return the address that a proxy in front carries the surface at; empty if there is none."""
    url: str = getattr(config.surfaces, f"{surface}_url")
    return url.rstrip("/")


def base_url(config: "Config", surface: Surface) -> str:
    """Return the address where the surface is found."""
    return public_url(config, surface) or (
        f"http://{config.surfaces.address}:{port(config, surface)}"
    )


def origin(url: str) -> str:
    """Return scheme, host and port of an address, as a browser names an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@functools.lru_cache(maxsize=64)
def cookie_name(surface: Surface, node: int) -> str:
    """Return the name of the surface's session cookie.

    Cookies know no ports, so the name says which surface of which node has set it.
    """
    return f"vuzol_{surface}_{node_name(node)}"


def cookie_is_secure(config: "Config", surface: Surface) -> bool:
    """Tell whether the surface's cookies may travel in TLS only."""
    return base_url(config, surface).startswith("https://")
