"""Many clients that ask one after another, each on a kept connection; a process of its own.

`python -m benchmarks.load`, a JSON order on stdin, a JSON report on stdout. Plain asyncio streams:
the clients share the machine with what they measure, so they must cost little.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask for, how often, by how many at once."""

    url: str
    clients: int
    seconds: float
    bodies: list[dict[str, Any]]
    headers: dict[str, str]
    seed: str
    pause: float = 0.0  # seconds from an answer to the next request of the same client


@dataclass(slots=True)
class Report:
    """What came back: latencies in milliseconds, counts by status, and the answers."""

    latencies: list[float]
    statuses: dict[str, int]
    answers: list[Any]


async def ask(order: Order) -> Report:
    """Run all clients for the ordered time."""
    report = Report([], {}, [])
    until = time.monotonic() + order.seconds
    turns = count()
    await asyncio.gather(*(_client(order, turns, until, report) for _ in range(order.clients)))
    return report


async def _client(order: Order, turns: Iterator[int], until: float, report: Report) -> None:
    parts = urlsplit(order.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while time.monotonic() < until:
        turn = next(turns)
        asked = time.perf_counter()
        writer.write(_request(order, parts.path or "/", f"{parts.hostname}:{parts.port}", turn))
        status, body = await _response(reader)
        report.latencies.append((time.perf_counter() - asked) * 1000)
        report.statuses[status] = report.statuses.get(status, 0) + 1
        if status.startswith("2"):
            report.answers.append(json.loads(body))
        if order.pause:
            await asyncio.sleep(order.pause)
    writer.close()


def _request(order: Order, path: str, host: str, turn: int) -> bytes:
    body = json.dumps(order.bodies[turn % len(order.bodies)]).encode() if order.bodies else b""
    lines = [f"{'POST' if order.bodies else 'GET'} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in order.headers.items()]
    if order.bodies:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        lines += [f"Idempotency-Key: {order.seed}-{turn:08}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _response(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(
        (int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0
    )
    return lines[0].split()[1], await reader.readexactly(length)


if __name__ == "__main__":
    told = asyncio.run(ask(Order(**json.load(sys.stdin))))
    json.dump([told.latencies, told.statuses, told.answers], sys.stdout)
