"""What a node costs: memory after a day's sign-ins and an hour's load, and the start from cold.

An hour of the busiest office, 400 tickets with all their calls, is done as fast as it goes: what
memory keeps of an hour depends on how much was done in it, not on how long it took.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from benchmarks.figure import Figure
from benchmarks.load import Order
from benchmarks.queue import PATH, clients
from benchmarks.running import Appliance, Session, first_sign_in, hromada, wait_until

SIGN_INS: Final = 100
TICKETS_AN_HOUR: Final = 400
PAGES: Final = (("kiosk", "/"), ("kiosk", "/display"), ("guest", "/"), ("office", "/"))


def measure() -> Iterator[Figure]:
    """Start, sign in, load, weigh."""
    with hromada() as appliances:
        centre = appliances[0]
        yield Figure("memory after the start", _megabytes(centre), "MB", "PSS")
        for _ in range(SIGN_INS):
            centre.post("office", "/api/sign-in", first_sign_in(centre.sign_in))
        yield Figure("memory after 100 sign-ins", _megabytes(centre), "MB", "PSS")
        session = centre.signed_in()
        served = _hour(centre, session)
        told = f"PSS; {SIGN_INS} sign-ins, {served} tickets taken, called and served, 16 clients"
        yield Figure("memory after an hour of load", _megabytes(centre), "MB", told, "<= 75")
        yield Figure("cold start to the first ticket", _cold_start(centre), "s", "", "<= 3")


def _megabytes(appliance: Appliance) -> float:
    return appliance.pss_bytes() / 1024 / 1024


def _hour(centre: Appliance, session: Session) -> int:
    """Take and serve an hour's tickets; return how many were served."""
    services = centre.get("office", "/api/queue/services")["services"]
    bodies = [
        {"service": one["id"], "purpose": one["purposes"][0], "priority": None} for one in services
    ]
    url = centre.urls["office"] + PATH
    clients(Order(url, 16, 3.0, bodies, session.headers, "hour"))
    counter = "/api/queue/counters/1/"
    _try(centre, counter + "open", session)
    served = 0
    while served < TICKETS_AN_HOUR and _try(centre, counter + "call-next", session):
        _try(centre, counter + "start", session)
        _try(centre, counter + "finish", session)
        served += 1
    return served


def _try(centre: Appliance, path: str, session: Session) -> Any:
    return centre.post("office", path, {}, session.headers)


def _cold_start(centre: Appliance) -> float:
    """Kill the node, start it on its data, and take a ticket; return the seconds from start."""
    config = next(word for word in centre.process.cmdline() if word.endswith(".toml"))
    centre.process.kill()
    wait_until(lambda: not centre.process.is_running() or centre.process.status() == "zombie")
    turns = count()
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "appliance", "up", "--config", config])
    try:
        wait_until(lambda: _took(centre, next(turns)), each=0.02)
        return time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(timeout=30)


def _took(centre: Appliance, turn: int) -> bool:
    try:
        services = centre.get("kiosk", "/api/queue/services")["services"]
        body = {"service": services[0]["id"], "purpose": services[0]["purposes"][0]}
        headers = {"Idempotency-Key": f"cold-{turn}"}
        return "number" in centre.post("kiosk", PATH, {**body, "priority": None}, headers)[0]
    except OSError:
        return False
