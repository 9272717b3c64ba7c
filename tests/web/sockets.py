"""Plain sockets against real servers: whole requests, and the slow and rude ones."""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"


OFFSET = 100


def free_ports() -> dict[str, str]:
    """Return settings for four surfaces and their events, on ports that nobody has."""
    base = 0
    while not base or not _all_free([base + n + on for n in range(4) for on in (0, OFFSET)]):
        base = 20_000 + secrets.randbelow(3000) * 4
    names = ("OFFICE", "KIOSK", "GUEST", "HUB")
    told = {f"VUZOL_SURFACES_{name}": str(base + n) for n, name in enumerate(names)}
    return {**told, "VUZOL_SURFACES_EVENTS_OFFSET": str(OFFSET)}


def _all_free(ports: list[int]) -> bool:
    try:
        for port in ports:
            socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True


def connected(port: int, seconds: float = 10) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=seconds)


def head(path: str, *lines: str, method: str = "GET", host: str = "127.0.0.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


def everything(open_socket: socket.socket) -> bytes:
    """Read until the other end hangs up."""
    told = b""
    try:
        while piece := open_socket.recv(65536):
            told += piece
    except ConnectionResetError:
        pass
    return told


def asked(port: int, request: bytes) -> bytes:
    with connected(port) as client:
        client.sendall(request)
        return everything(client)


def read_until(open_socket: socket.socket, what: bytes, seconds: float = 5) -> bytes:
    """Read until `what` has come; fail if it does not."""
    told = b""
    deadline = time.monotonic() + seconds
    while what not in told:
        open_socket.settimeout(max(0.01, deadline - time.monotonic()))
        piece = open_socket.recv(65536)
        assert piece, f"hung up after {told!r}"
        told += piece
    return told


@contextmanager
def slow(port: int, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections that have sent the beginning of a request, and no more of it."""
    held = [connected(port) for _ in range(count)]
    for one in held:
        one.sendall(first)
    try:
        yield held
    finally:
        for one in held:
            one.close()
