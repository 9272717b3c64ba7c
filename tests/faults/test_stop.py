"""A running node is told to stop while people take tickets: what was accepted is answered."""

import http.client
import json
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.queue.model import label
from appliance.store.ids import RowId
from tests.faults.doors import TICKETS, line_to
from tests.faults.hromada import Node, Ticket, hromada

pytestmark = pytest.mark.fault

CLIENTS = 16
STOPS_WITHIN = 10.0
UNREAD = (http.client.RemoteDisconnected, ConnectionError)
"""How a connection ends that was closed before its request was read."""


@dataclass
class Load:
    """What the clients of one round heard."""

    answered: set[Ticket] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)
    torn: list[Exception] = field(default_factory=list)

    def work(self, node: Node, service: str) -> None:
        """Take tickets on one kept connection until it is closed for good."""
        body = json.dumps({"service": service, "purpose": "consultation"})
        with closing(line_to(node, "kiosk")) as line:
            try:
                while self._take(line, body):
                    pass
            except UNREAD:
                pass
            except (http.client.HTTPException, ValueError, TimeoutError) as error:
                self.torn.append(error)

    def _take(self, line: http.client.HTTPConnection, body: str) -> bool:
        named = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        line.request("POST", TICKETS, body, named)
        reply = line.getresponse()
        told = json.loads(reply.read())
        if reply.status == 201:
            self.answered.add((told["id"], told["number"]))
        else:
            self.refused.append(reply.status)
        return reply.headers.get("Connection") != "close"


def kept(node: Node) -> set[Ticket]:
    """Return every ticket of the file."""
    rows = node.rows("SELECT id, prefix, n FROM queue_ticket")
    return {(str(RowId.of(born)), label(prefix, n)) for born, prefix, n in rows}


def stopped_under_load(node: Node, after: float) -> Load:
    """Load the node, tell it to stop, and hold what was heard against what is in its file."""
    service, before = node.first_service(), kept(node)
    load = Load()
    crowd = [threading.Thread(target=load.work, args=(node, service)) for _ in range(CLIENTS)]
    for one in crowd:
        one.start()
    time.sleep(after)
    assert node.process is not None
    told_at = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(STOPS_WITHIN) == 0, node.last_words()
    assert time.monotonic() - told_at < STOPS_WITHIN
    for one in crowd:
        one.join()
    there = kept(node) - before
    assert not load.torn, "an answer was cut in the middle"
    assert set(load.refused) <= {503}
    assert load.answered <= there
    assert there <= load.answered, f"{len(there - load.answered)} were accepted, not answered"
    return load


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a node that offers services, not started yet."""
    with hromada(tmp_path) as made:
        yield made.centre


def rounds(node: Node, count: int) -> int:
    """Start, load and stop the node again and again; return how many tickets were answered."""
    answered = 0
    for turn in range(count):
        node.start()
        load = stopped_under_load(node, 0.3 + 0.05 * (turn % 10))
        assert len(load.answered) >= CLIENTS
        answered += len(load.answered)
    assert node.rows("PRAGMA integrity_check") == [("ok",)]
    assert node.rows("SELECT count(*), count(DISTINCT id) FROM queue_ticket") == [
        (answered, answered)
    ]
    return answered


@pytest.mark.timeout(180)
def test_stop_under_load_answers_all_that_was_accepted(node: Node) -> None:
    assert rounds(node, 3) >= 3 * CLIENTS


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_stops_without_end_answer_all_that_was_accepted(node: Node) -> None:
    assert rounds(node, 50) >= 50 * CLIENTS
