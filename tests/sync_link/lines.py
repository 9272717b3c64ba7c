"""Small real servers to ask, each with a way of its own to answer or not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Play = Callable[[socket.socket], None]


@contextmanager
def serving(play: Play, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve each connection with `play`, in a thread of its own; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, play, context), daemon=True)
        thread.start()
        scheme = "https" if context else "http"
        host = "localhost" if context else "127.0.0.1"
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _accept(listener: socket.socket, play: Play, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_serve, args=(sock, play, context), daemon=True).start()


def _serve(sock: socket.socket, play: Play, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), _secured(sock, context) as line:
        play(line)


def _secured(sock: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    return context.wrap_socket(sock, server_side=True) if context else sock


def request_on(line: socket.socket) -> bytes:
    """Read one whole request; empty when the other side has hung up."""
    held = b""
    while b"\r\n\r\n" not in held:
        piece = line.recv(65536)
        if not piece:
            return b""
        held += piece
    head, _, body = held.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += line.recv(65536)
    return held[: len(head) + 4] + body


def answer(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    """Return a whole reply as bytes."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def echo(line: socket.socket) -> None:
    """Answer each request with its own body, for as long as it is asked."""
    while request := request_on(line):
        line.sendall(answer(request.partition(b"\r\n\r\n")[2]))
