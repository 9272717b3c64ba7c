"""Another process holds the file of a running node: who asks is told to come again, and can."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.doors import Answer, asked, by_hand, by_program
from tests.faults.hromada import Hromada, Node, eventually, hromada
from tests.faults.test_lock import held

pytestmark = pytest.mark.fault

HOLD = 10.0
CLIENTS = 4


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a node that offers services and that nobody else calls."""
    with hromada(tmp_path) as made:
        yield started(made)


def started(made: Hromada) -> Node:
    made.centre.start()
    return made.centre


def keep_asking(node: Node, service: str, key: str, until: float, got: list[Answer]) -> None:
    """Ask for one ticket under one key, as a kiosk does, until the time is over or it is there."""
    while time.monotonic() < until and not (got and got[-1].status == 201):
        got.append(by_program(node, service, key))


@pytest.mark.timeout(120)
def test_lock_held_for_ten_seconds_over_a_node_is_told_and_doubles_no_ticket(node: Node) -> None:
    service = node.first_service()
    assert node.take() is not None
    keys = [uuid.uuid4().hex for _ in range(CLIENTS)]
    got: dict[str, list[Answer]] = {key: [] for key in keys}
    with held(node.database) as let_go:
        until = time.monotonic() + HOLD
        crowd = [
            threading.Thread(target=keep_asking, args=(node, service, key, until, got[key]))
            for key in keys
        ]
        for one in crowd:
            one.start()
        page = by_hand(node, service)
        health = asked(node, "GET", "/healthz", surface="office")
        looked = asked(node, "GET", "/sign-in", surface="office", Accept="text/html")
        time.sleep(max(0.0, until - time.monotonic()))
        let_go()
        for one in crowd:
            one.join()
    refusals = [answer for answers in got.values() for answer in answers if answer.status != 201]
    assert refusals, "nothing was refused although the lock was held for longer than any patience"
    for refusal in refusals:
        assert refusal.status == 503
        assert refusal.told["code"] == "store_busy"
        assert refusal.told["cause"] == "another process holds the database and nothing was written"
        assert "try again" in refusal.told["next_step"]
        assert refusal.headers["Retry-After"] == "5"
    assert (page.status, page.headers["Retry-After"]) == (503, "5")
    assert "Спробуйте ще раз за кілька секунд" in page.text
    assert health.status == 503
    assert "another process holds the database" in health.told["writing"]["unknown"]
    assert looked.status == 200  # reading goes on

    eventually(node.health, 20, "it does not get well by itself")
    told = [[by_program(node, service, key).told for _ in range(2)] for key in keys]
    assert all(first == again for first, again in told)
    ids = {first["id"] for first, _ in told}
    assert len(ids) == CLIENTS
    assert node.rows("SELECT count(*) FROM queue_ticket") == [(CLIENTS + 1,)]
    assert node.rows("SELECT count(DISTINCT n), max(n) FROM queue_ticket") == [
        (CLIENTS + 1, CLIENTS + 1)
    ]
    assert node.stop() == 0
    assert node.rows("PRAGMA integrity_check") == [("ok",)]
