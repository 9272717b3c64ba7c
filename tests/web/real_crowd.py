"""A crowd in a process of its own, so that it never holds up the one that measures.

`python -m tests.web.real_crowd HOST GUEST HUB EVENTS` keeps 64 slow heads and 64 slow bodies at
each of the ports GUEST and HUB, and 100 listeners at EVENTS; one that is sent away comes back. It
says `ready` when all are there. When its input ends, it tells as JSON who is there, and goes.
"""

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Protocol

from tests.web import sockets

SLOW = 64
LISTENERS = 100
TRICKLE_SECONDS = 0.5
AGAIN_SECONDS = 0.2
ROOT = Path(__file__).parents[2]


@dataclass
class Crowd:
    """Who is there now, and how often one had to come again."""

    heads: int = 0
    bodies: int = 0
    listeners: int = 0
    returns: int = -(4 * SLOW + LISTENERS)

    @property
    def whole(self) -> bool:
        return (self.heads, self.bodies, self.listeners) == (2 * SLOW, 2 * SLOW, LISTENERS)


class Come(Protocol):
    """What one of the crowd does, until sent away."""

    def __call__(
        self, crowd: Crowd, kind: str, host: str, port: int, /
    ) -> Coroutine[Any, Any, None]: ...


async def slow(crowd: Crowd, kind: str, host: str, port: int) -> None:
    """Begin a request and send one more byte at times, until sent away."""
    first = f"GET / HTTP/1.1\r\nHost: {host}\r\nX-A: ".encode()
    if kind == "bodies":
        first = sockets.head("/note", "Content-Length: 20000", method="POST", host=host) + b"x"
    reader, writer = await asyncio.open_connection(host, port)
    with there(crowd, kind):
        writer.write(first)
        while not reader.at_eof():
            with suppress(TimeoutError):
                if await asyncio.wait_for(reader.read(4096), TRICKLE_SECONDS):
                    break
            writer.write(b"x")
    writer.close()


async def listening(crowd: Crowd, _: str, host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sockets.head("/events/queue", host=f"{host}:{port}"))
    if b" 200 " in await reader.readline():
        with there(crowd, "listeners"):
            while await reader.read(65536):
                pass
    writer.close()


@contextmanager
def there(crowd: Crowd, kind: str) -> Iterator[None]:
    crowd.returns += 1
    setattr(crowd, kind, getattr(crowd, kind) + 1)
    try:
        yield
    finally:
        setattr(crowd, kind, getattr(crowd, kind) - 1)


async def again(come: Come, crowd: Crowd, *where: Any) -> None:
    while True:
        with suppress(OSError):
            await come(crowd, *where)
        await asyncio.sleep(AGAIN_SECONDS)


async def gathered(host: str, guest: int, hub: int, events: int) -> None:
    crowd = Crowd()
    people: list[tuple[Come, str, str, int]] = [(listening, "", host, events)] * LISTENERS
    for kind in ("heads", "bodies"):
        people += [(slow, kind, host, port) for port in (guest, hub)] * SLOW
    tasks = [asyncio.create_task(again(come, crowd, *where)) for come, *where in people]
    while not crowd.whole:
        await asyncio.sleep(0.05)
    print("ready", flush=True)  # noqa: T201 - what it was started for
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(asdict(crowd)), flush=True)  # noqa: T201 - see above
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def crowd(host: str, guest: int, hub: int, events: int) -> Iterator[dict[str, int]]:
    """Hold a crowd at a node; in the end the dictionary tells who was there."""
    told: dict[str, int] = {}
    command = [sys.executable, "-m", "tests.web.real_crowd", host, *map(str, (guest, hub, events))]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield told
        finally:
            process.stdin.close()
            told.update(json.loads(process.stdout.readline() or "{}"))


if __name__ == "__main__":
    asyncio.run(gathered(sys.argv[1], *map(int, sys.argv[2:5])))
