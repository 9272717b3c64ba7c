"""A hundred displays that listen: what each costs in memory, and how soon each hears of a call."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.figure import Figure, percentile
from benchmarks.running import Appliance, Session, hromada

LISTENERS: Final = 100
CALLS: Final = 25
EVENTS_OFFSET: Final = 100
TOPIC: Final = "/events/queue"


def measure() -> Iterator[Figure]:
    """Listen at the kiosk's surface of a village while tickets are taken."""
    with hromada() as appliances:
        centre = appliances[0]
        session = centre.signed_in()
        service = centre.get("office", "/api/queue/services")["services"][0]
        body = {"service": service["id"], "purpose": service["purposes"][0], "priority": None}
        before, during, delays = asyncio.run(_listen(centre, session, body))
    each = (during - before) / LISTENERS / 1024
    yield Figure("memory of a listener", each, "kB", f"PSS, {LISTENERS} at once", "<= 10")
    heard = len(delays) / (LISTENERS * CALLS)
    yield Figure("events that were heard", heard, "", f"{CALLS} tickets", "== 1")
    yield Figure("from the tap to the display, p50", percentile(delays, 0.5), "ms", "", "<= 20")
    yield Figure("from the tap to the display, p99", percentile(delays, 0.99), "ms")


async def _listen(
    centre: Appliance, session: Session, body: dict[str, Any]
) -> tuple[int, int, list[float]]:
    """Return memory before, memory with all listening, and each delay in milliseconds."""
    heard: list[list[float]] = [[] for _ in range(LISTENERS)]
    await _one_ticket(centre, session, body, 0)
    before = centre.pss_bytes()
    tasks = [asyncio.create_task(_listener(centre, times)) for times in heard]
    await asyncio.sleep(2)
    during = centre.pss_bytes()
    delays: list[float] = []
    for turn in range(1, CALLS + 1):
        counts = [len(times) for times in heard]
        answered = await _one_ticket(centre, session, body, turn)
        await asyncio.sleep(0.4)
        delays += [
            (times[count] - answered) * 1000
            for times, count in zip(heard, counts, strict=True)
            if len(times) > count
        ]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return before, during, delays


async def _listener(centre: Appliance, times: list[float]) -> None:
    parts = urlsplit(centre.urls["kiosk"])
    port = (parts.port or 0) + EVENTS_OFFSET
    reader, writer = await asyncio.open_connection(parts.hostname, port)
    origin = centre.urls["kiosk"]
    writer.write(
        f"GET {TOPIC} HTTP/1.1\r\nHost: {parts.hostname}:{port}\r\nOrigin: {origin}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(head.decode())
    while line := await reader.readline():
        if line.startswith(b"data:"):
            times.append(time.perf_counter())


async def _one_ticket(
    centre: Appliance, session: Session, body: dict[str, Any], turn: int
) -> float:
    """Take a ticket; return when it was asked for, which is before anybody could hear of it."""
    asked = time.perf_counter()
    headers = {**session.headers, "Idempotency-Key": f"listeners-{turn}"}
    await asyncio.to_thread(centre.post, "office", "/api/queue/tickets", body, headers)
    return asked
