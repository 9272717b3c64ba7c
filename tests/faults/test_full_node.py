"""The disk of a running node is full: people and programs are told why, and nothing is lost."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.doors import asked, by_hand, by_program
from tests.faults.hromada import Hromada, Node, eventually, hromada
from tests.small_disk import small_disk

pytestmark = pytest.mark.fault

MEBIBYTE = 1 << 20
LEFT = MEBIBYTE // 2


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hromada]:
    """Give a hromada whose first village has a disk of 12 MiB."""
    with small_disk(tmp_path / "verboliz", mebibytes=12), hromada(tmp_path) as made:
        made.villages[0].environ["VUZOL_LINK_POLL_SECONDS"] = "2"
        yield made


def take_until_refused(village: Node, service: str) -> dict[str, object]:
    """Take tickets until one is refused; return what the refusal says."""
    while (answer := by_program(village, service)).status == 201:
        village.answered.append((answer.told["id"], answer.told["number"]))
        assert len(village.answered) < 2000, "the disk was meant to be too small"
    assert answer.status == 507, answer
    return answer.told


def numbers_have_no_gap(village: Node) -> None:
    for prefix, count, first, last in village.rows(
        "SELECT prefix, count(DISTINCT n), min(n), max(n) FROM queue_ticket GROUP BY day, prefix"
    ):
        assert (first, last) == (1, count), prefix


def test_full_disk_of_a_node_is_told_in_a_sentence_and_loses_no_ticket(town: Hromada) -> None:
    village = town.villages[0]
    assert village.folder.is_mount()
    town.centre.start()
    village.start()
    service = village.first_service()
    assert village.take() is not None
    town.drain()
    room = os.statvfs(village.folder)
    ballast = village.folder / "ballast"
    ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - LEFT))

    told = take_until_refused(village, service)
    assert (told["code"], told["cause"]) == (
        "disk_full",
        "the disk is full and nothing was written",
    )
    assert told["next_step"] == "free some space, then try again"
    page = by_hand(village, service)
    assert page.status == 507
    assert "На диску немає місця" in page.text
    assert "потрібно звільнити місце" in page.text
    health = asked(village, "GET", "/healthz")
    assert (health.status, health.told["status"]) == (503, "failing")
    assert health.told["disk"]["full"] is True
    assert asked(village, "GET", "/").status == 200  # who only looks is served
    last = village.answered[-1][0]
    assert asked(village, "GET", f"/api/queue/tickets/{last}").told["state"] == "WAITING"

    before = village.process
    ballast.unlink()
    eventually(village.health, 20, "it does not get well by itself")
    assert village.take() is not None
    assert village.process is before
    assert before is not None
    assert before.poll() is None
    assert village.stop() == 0
    village.start()
    assert village.take() is not None
    numbers_have_no_gap(village)
    town.drain()
    assert town.check() == len(village.answered) > 3
