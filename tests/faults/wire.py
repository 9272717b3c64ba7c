"""A bad wire between a node and its centre: a proxy that breaks requests and replies by a seed.

It understands HTTP just enough to know where a request ends, so it can cut one at any byte, give
it twice, hold it back and give it late, lose or spoil its reply, or swap it with the next one.
"""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

from tests.sync_link.lines import request_on

SECONDS: Final = 20
PIECES: Final = 20


class Harm(Enum):
    """What happens to one request and its reply."""

    NONE = auto()
    CUT_REQUEST = auto()  # the centre gets the first bytes of it
    LOSE_REPLY = auto()  # the centre has answered; the node never hears
    CUT_REPLY = auto()
    SPOIL_REPLY = auto()  # one bit is turned
    SPOIL_REQUEST = auto()
    TWICE = auto()  # and the node hears the first answer
    LATE = auto()  # the node is cut off; the request arrives after some later ones
    FOREIGN = auto()  # the answer to an earlier request is given instead
    WAIT = auto()


ALL: Final = tuple(Harm)


class BadWire:
    """The proxy. `url` is what the node is told; `harms` is drawn from for each request.

    With `speed`, so many bytes a second go through to the centre, in twenty pieces.
    """

    def __init__(
        self, centre: str, *, seed: int, harms: Sequence[Harm] = ALL, speed: int = 0
    ) -> None:
        parts = urlsplit(centre)
        self._target = (parts.hostname or "", parts.port or 0)
        self._harms = list(harms)
        self._piece = speed // PIECES
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._live: set[socket.socket] = set()
        self._held: list[bytes] = []
        self.requests: list[bytes] = []
        self.replies: list[bytes] = []
        self.done: Counter[Harm] = Counter()
        self.up = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def harm(self, harms: Sequence[Harm]) -> None:
        """Do these harms from now on."""
        self._harms = list(harms)

    def heal(self) -> None:
        """Do no more harm, and restore the wire."""
        self._harms = [Harm.NONE]
        self.up = True

    def cut(self) -> None:
        """Break every connection and refuse new ones until `heal` or `up = True`."""
        self.up = False
        with self._lock:
            for sock in self._live:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop for good."""
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(sock,), daemon=True).start()

    def _carry(self, node: socket.socket) -> None:
        with self._lock:
            self._live.add(node)
        with suppress(OSError), node:
            node.settimeout(SECONDS * 30)
            while self.up and (request := request_on(node)):
                reply, whole = self._harmed(request)
                node.sendall(reply)
                if not whole:
                    break
        with self._lock:
            self._live.discard(node)

    def _harmed(self, request: bytes) -> tuple[bytes, bool]:
        """Carry one request with some harm; return what the node gets, and whether it is whole."""
        with self._lock:
            harm = self._chance.choice(self._harms)
            at = self._chance.random()
            held, self._held = (self._held, []) if self._chance.random() < 0.5 else ([], self._held)
            self.requests.append(request)
            self.done[harm] += 1
        for late in held:
            self.give(late)
        reply = self._with(harm, request, at)
        return reply, bool(reply) and harm is not Harm.CUT_REPLY

    def _with(self, harm: Harm, request: bytes, at: float) -> bytes:
        if harm is Harm.LATE:
            with self._lock:
                self._held.append(request)
            return b""
        if harm is Harm.CUT_REQUEST:
            self.give(request[: int(at * len(request))], wait=False)
            return b""
        if harm is Harm.WAIT:
            time.sleep(at)
        reply = self.give(_spoiled(request, at) if harm is Harm.SPOIL_REQUEST else request)
        if harm is Harm.TWICE:
            self.give(request)
        return self._reply(harm, reply, at)

    def _reply(self, harm: Harm, reply: bytes, at: float) -> bytes:
        with self._lock:
            earlier = self._chance.choice(self.replies) if self.replies else b""
            self.replies.append(reply)
        if harm is Harm.LOSE_REPLY:
            return b""
        if harm is Harm.CUT_REPLY:
            return reply[: int(at * len(reply))]
        if harm is Harm.SPOIL_REPLY:
            return _spoiled(reply, at)
        return earlier if harm is Harm.FOREIGN else reply

    def give(self, request: bytes, *, wait: bool = True) -> bytes:
        """Give bytes to the centre on a connection of their own; return its whole answer."""
        try:
            with socket.create_connection(self._target, timeout=SECONDS) as centre:
                with suppress(OSError):  # it may answer before it has heard all
                    for piece in self._pieces(request):
                        centre.sendall(piece)
                return request_on(centre) if wait else b""
        except OSError:
            return b""

    def _pieces(self, request: bytes) -> Iterator[bytes]:
        step = self._piece or len(request)
        for at in range(0, len(request), step):
            yield request[at : at + step]
            if self._piece:
                time.sleep(1 / PIECES)


def _spoiled(whole: bytes, at: float) -> bytes:
    """Turn one bit behind the first line: a spoiled first line is only a wrong address."""
    if not whole:
        return whole
    start = whole.find(b"\r\n")
    place = start + int(at * (len(whole) - start))
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
