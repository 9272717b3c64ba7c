"""The link between a village and its centre breaks, in every way that a wire can."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hromada import Hromada, Node, eventually, hromada
from tests.faults.wire import ALL, BadWire, Harm

pytestmark = pytest.mark.fault


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hromada]:
    with hromada(tmp_path) as made:
        yield made


def through(town: Hromada, seed: int, *harms: Harm) -> BadWire:
    """Let the first village reach the centre through a bad wire only."""
    wire = BadWire(town.centre.place.urls["hub"], seed=seed, harms=harms or [Harm.NONE])
    village = town.villages[0]
    village.environ["VUZOL_LINK_CENTRE"] = wire.url
    village.environ["VUZOL_LINK_POLL_SECONDS"] = "2"
    return wire


def busy(village: Node, seconds: float) -> None:
    """Take tickets for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01 if village.take() else 0.1)


def healed(town: Hromada, wire: BadWire) -> int:
    """Mend the wire, let everything drain, check."""
    wire.heal()
    for village in town.villages:
        if village.process is not None and village.process.poll() is None:
            village.repeat_unanswered()
            village.ask("POST", "office", "/sync/now")
    town.drain()
    return town.check()


def test_link_cut_by_the_switch_lets_work_go_on_and_every_ticket_arrive_once(town: Hromada) -> None:
    village = town.villages[0]
    town.centre.start()
    village.start()
    for _ in range(5):
        village.take()
    town.drain()
    village.link(up=False)
    for _ in range(20):
        assert village.take() is not None
    eventually(lambda: village.health()["replication"]["link"] == "down", 20, "it seems up")
    assert village.health()["replication"]["unsent"] >= 20
    village.link(up=True)
    town.drain()
    assert town.check() == 25


def test_link_cut_and_spoiled_at_random_bytes_loses_and_doubles_nothing(town: Hromada) -> None:
    wire = through(town, 7)
    village = town.villages[0]
    town.centre.start()
    village.start()
    village.take()
    wire.harm(ALL)
    busy(village, 10)
    assert healed(town, wire) > 20
    assert sum(wire.done[harm] for harm in ALL if harm is not Harm.NONE) >= 3
    wire.close()


def test_requests_given_twice_late_and_out_of_order_are_kept_once(town: Hromada) -> None:
    wire = through(town, 3)
    village = town.villages[0]
    town.centre.start()
    village.start()
    village.take()
    wire.harm([Harm.TWICE, Harm.LATE, Harm.NONE])
    busy(village, 6)
    wire.heal()
    town.drain()
    chance = random.Random(3)
    recorded = wire.requests[-60:]
    chance.shuffle(recorded)
    before = town.centre.rows("SELECT count(*), max(have) FROM _inbox, _inbox_cursor")
    for request in recorded:  # a third party gives all of it again, in any order
        wire.give(request)
    assert town.centre.rows("SELECT count(*), max(have) FROM _inbox, _inbox_cursor") == before
    assert town.check() > 5
    wire.close()


def test_kill_of_the_node_in_mid_ticket_loses_and_doubles_nothing(town: Hromada) -> None:
    wire = through(town, 5)
    village = town.villages[0]
    town.centre.start()
    village.start()
    village.take()
    for pause in (0.4, 0.9):
        killer = threading.Timer(pause, village.kill)
        killer.start()
        busy(village, pause + 0.2)
        killer.join()
        assert village.unanswered
        village.start()
        village.repeat_unanswered()
    assert healed(town, wire) > 3
    wire.close()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_bad_wires_and_kills_without_end_lose_and_double_nothing(town: Hromada, seed: int) -> None:
    """Twenty-five rounds a seed, each with its own harm, kills at random moments, then a check."""
    chance = random.Random(seed)
    wire = through(town, seed)
    village = town.villages[0]
    town.centre.start()
    village.start()
    village.take()
    for _ in range(25):
        wire.harm(chance.sample(ALL, chance.randint(1, len(ALL))))
        victims = [node for node in (village, town.centre) if chance.random() < 0.4]
        timers = [threading.Timer(chance.uniform(0.1, 2.0), node.kill) for node in victims]
        for timer in timers:
            timer.start()
        busy(village, 2.2)
        for timer in timers:
            timer.join()
        for node in victims:
            node.start(wait=False)
        for node in victims:
            node.wait_until_ready()
        healed(town, wire)
    assert len(village.answered) > 50
    wire.close()
