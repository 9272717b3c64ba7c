"""The centre breaks: killed in mid-batch, or put back from a copy that is older than its acks."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hromada import Hromada, Node, eventually, hromada, unsent
from tests.faults.wire import BadWire, Harm

pytestmark = pytest.mark.fault


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hromada]:
    with hromada(tmp_path) as made:
        for village in made.villages:
            village.environ["VUZOL_LINK_POLL_SECONDS"] = "2"
        yield made


def fill(village: Node, count: int) -> None:
    for _ in range(count):
        assert village.take() is not None


EVERY_TICKET = "SELECT * FROM queue_ticket ORDER BY id"


def call(*villages: Node) -> None:
    for village in villages:
        village.ask("POST", "office", "/sync/now")


ENTRIES = "SELECT coalesce(sum(last), 0) FROM (SELECT max(lane_seq) AS last FROM {} GROUP BY {})"
BACKLOG = 1200
SPEED = 20_000
"""Bytes a second: a batch of a hundred takes 0.2 s, so the kills fall into one or the other."""


def had(centre: Node, village: Node) -> int:
    """Return how many of the village's entries the centre has committed."""
    inbox = f"_inbox WHERE node = {village.place.number}"
    return int(centre.rows(ENTRIES.format(inbox, "epoch, lane"))[0][0])


def logged(village: Node) -> int:
    return int(village.rows(ENTRIES.format("_log", "epoch, lane"))[0][0])


def killed_in_the_backlog(centre: Node, village: Node, pause: float) -> tuple[int, int, int]:
    """Kill the centre when some of the backlog has come; return what it had before and after."""
    before, all_of_it = had(centre, village), logged(village)
    village.link(up=True)
    eventually(lambda: had(centre, village) > before, 30, village.last_words())
    time.sleep(pause)
    centre.kill()
    return before, had(centre, village), all_of_it


def test_kill_of_the_centre_in_mid_batch_loses_and_doubles_nothing(town: Hromada) -> None:
    centre, village = town.centre, town.villages[0]
    wire = BadWire(centre.place.urls["hub"], seed=1, harms=[Harm.NONE], speed=SPEED)
    village.environ["VUZOL_LINK_CENTRE"] = wire.url
    centre.start()
    village.start()
    village.take()
    town.drain()
    village.link(up=False)
    fill(village, BACKLOG)
    for pause in (0.0, 0.1, 0.2):
        before, have, every = killed_in_the_backlog(centre, village, pause)
        assert 0 < before < have < every, "the kill was meant to fall into the backlog"
        village.link(up=False)
        centre.start()
        assert had(centre, village) >= have, "what it had committed is there after the kill"
        fill(village, 20)
    village.link(up=True)
    town.drain()
    wire.close()
    assert town.check() == 1 + BACKLOG + 3 * 20
    assert had(centre, village) == logged(village)


def test_centre_put_back_from_a_copy_taken_before_the_acks_gets_all_of_it_again(
    town: Hromada, tmp_path: Path
) -> None:
    village, other = town.villages
    town.centre.start()
    for node in (village, other):
        node.start()
        fill(node, 10)
    town.drain()
    assert town.centre.stop() == 0
    copy = tmp_path / "copy.db"
    shutil.copy(town.centre.database, copy)
    town.centre.start()
    call(village, other)
    fill(village, 15)
    fill(other, 5)
    town.drain()  # acknowledged, and by now in no other file than this
    town.centre.kill()
    for path in town.centre.folder.glob("node.db*"):
        if path.suffix != ".owner":
            path.unlink()
    shutil.copy(copy, town.centre.database)
    town.centre.start()
    call(village, other)
    fill(village, 2)
    town.drain()
    assert town.check() == 42


def test_node_cloned_from_anothers_disk_overwrites_nothing(town: Hromada, tmp_path: Path) -> None:
    """The same file and the same key run twice; each start is a stream of its own."""
    village = town.villages[0]
    town.centre.start()
    village.start()
    fill(village, 8)
    town.drain()
    assert village.stop() == 0
    shutil.copytree(village.folder, tmp_path / "clone")
    village.start()
    fill(village, 6)
    town.drain()
    assert village.stop() == 0

    clone = Node(tmp_path, village.place)
    clone.folder = tmp_path / "clone"
    clone.environ = village.environ
    before = town.centre.rows(EVERY_TICKET)
    clone.start()
    try:
        fill(clone, 6)
        call(clone)
        eventually(lambda: unsent(clone) == 0, 60, clone.last_words())
        town.drain()
        after = town.centre.rows(EVERY_TICKET)
    finally:
        clone.kill()
    assert set(before) <= set(after)
    assert len(after) == len({row[0] for row in after}) == len(before) + 6
