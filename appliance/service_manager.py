"""Speak with systemd: ready, alive, stopping. Without it, nothing is said and nothing is missed."""

import os
import socket
from collections.abc import Mapping
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
WATCHED: Final = "WATCHDOG_PID"
PER_SECOND: Final = 1_000_000


def tell(state: str, environ: Mapping[str, str]) -> None:
    """Send one state, such as READY=1, to the service manager that started us, if one did."""
    address = environ.get(SOCKET, "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket is written so
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
        way.sendto(state.encode(), address)


def watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return how often the service manager wants a sign of life; None: never."""
    asked = environ.get(WATCHDOG, "")
    for_us = environ.get(WATCHED, str(os.getpid())) == str(os.getpid())
    return int(asked) / PER_SECOND if asked.isdecimal() and int(asked) and for_us else None
