"""Which names and addresses are a surface's own, so that no stranger's name can be bent to it.

A page on a stranger's domain that is made to lead to this machine (DNS rebinding) sends the
stranger's name as its Host; a surface that people open here answers to its own names alone.
"""

import functools
import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from appliance.web import surfaces
from appliance.web.surfaces import FACINGS, Surface

if TYPE_CHECKING:
    from appliance.config import Config

WRITTEN: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+")


@functools.lru_cache(maxsize=256)  # the same few, in every request
def hostname(asked: str) -> str:
    """Return the name or address in a Host header, without its port; empty where it is none."""
    if not WRITTEN.fullmatch(asked):
        return ""
    try:
        return urlsplit(f"//{asked}").hostname or ""
    except ValueError:  # half an IPv6 address
        return ""


def is_answered(config: "Config", on: Surface, asked: str) -> bool:
    """Tell whether the surface answers to the Host header."""
    if not FACINGS[on].named_hosts_only:
        return True
    name = hostname(asked)
    return (
        is_local(name)
        or name == config.surfaces.address
        or (bool(name) and name == urlsplit(surfaces.public_url(config, on)).hostname)
    )


@functools.lru_cache(maxsize=256)
def is_local(name: str) -> bool:
    """Tell whether no stranger's DNS can have answered for it: a number, or a local name."""
    return name == "localhost" or name.endswith(".local") or is_number(name)


@functools.lru_cache(maxsize=256)
def is_number(name: str) -> bool:
    """Tell whether it is an address, not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
