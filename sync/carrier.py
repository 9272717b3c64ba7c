"""Notice that a network has come up: a cable, a modem, a route. Waiting for the centre ends then.

The kernel tells it (rtnetlink). It is a hint and nothing depends on it: without it the agent tries
again by its own times.
"""

import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Final

LOG: Final = logging.getLogger(__name__)
LONGEST: Final = 65536
GROUPS: Final = 0x10 | 0x40 | 0x100 | 0x400
"""IPv4 and IPv6 addresses and routes that come or go (RTMGRP_*)."""

NEWS: Final = frozenset({20, 24})
"""RTM_NEWADDR and RTM_NEWROUTE: only what comes is a reason to try."""

HEADER: Final = struct.Struct("=IHHII")
SETTLES_SECONDS: Final = 1.0
"""One plug makes a dozen messages; the network is asked after the last of them."""


def kinds(message: bytes) -> Iterator[int]:
    """Return the kind of each netlink message in a datagram."""
    while len(message) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(message)
        yield kind
        message = message[max(HEADER.size, (length + 3) & ~3) :]


class Carrier:
    """The thread that listens to the kernel. It sleeps until the kernel speaks."""

    def __init__(self, came_up: Callable[[], None]) -> None:
        self._came_up = came_up
        self._stopping = threading.Event()

    def start(self) -> None:
        """Listen, if this kernel tells; else do nothing."""
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            sock.bind((0, GROUPS))
        except OSError as error:
            LOG.info("the kernel does not tell of networks: %s", error)
            return
        # Nothing wakes a thread that waits on netlink, so it is left to end with the process.
        threading.Thread(target=self._run, args=(sock,), name="carrier", daemon=True).start()

    def stop(self) -> None:
        """Tell nothing any more."""
        self._stopping.set()

    def _run(self, sock: socket.socket) -> None:
        with sock:
            while not self._stopping.is_set():
                sock.settimeout(None)
                if NEWS.isdisjoint(kinds(_received(sock))):
                    continue
                sock.settimeout(SETTLES_SECONDS)
                while _received(sock):
                    pass
                if not self._stopping.is_set():
                    self._came_up()


def _received(sock: socket.socket) -> bytes:
    """Return a datagram; empty when none came in time, or the kernel dropped some."""
    try:
        return sock.recv(LONGEST)
    except OSError:
        return b""
