"""`vuzol backup` beside a real node: refused while it runs; and a dead card comes back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.shelves import other_disk
from tests.faults.hromada import Hromada, Node, eventually, hromada

pytestmark = [pytest.mark.fault, pytest.mark.soak]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hromada]:
    with hromada(tmp_path) as made, other_disk(tmp_path) as medium:
        village = made.villages[0]
        village.environ["VUZOL_NODE_SECOND_MEDIUM"] = str(medium)
        village.environ["VUZOL_BACKUP_TAIL_SECONDS"] = "1"
        village.environ["VUZOL_LINK_POLL_SECONDS"] = "2"
        yield made


def said(node: Node, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "appliance", "backup", *words, "--json", "--config",
         node.folder / "node.toml"],
        env={**os.environ, **node.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )  # fmt: skip


def facts(node: Node) -> dict[str, object]:
    told = node.health()["backup"]
    assert isinstance(told, dict)
    return told


def test_dead_disk_of_a_village_comes_back_from_its_second_medium(town: Hromada) -> None:
    village = town.villages[0]
    town.centre.start()
    village.start()
    eventually(lambda: facts(village)["copies"], 40, "no copy is made")
    for _ in range(5):
        assert village.take() is not None
    status = json.loads(said(village, "status").stdout)
    assert (
        status["state"]
        == "there are copies, and no restore has been proved yet; it is tried every night"
    )
    assert status["running_node"]["medium"] == "works"
    refused = said(village, "restore")
    assert refused.returncode == 1
    assert refused.stderr.startswith("vuzol backup: ")
    assert "stop that process" in refused.stderr
    taken = time.monotonic()
    town.drain()

    def followed() -> bool:
        """Tell whether the tail was synced after the last ticket was taken."""
        behind = facts(village)["tail_behind_seconds"]
        return behind is not None and float(str(behind)) < time.monotonic() - taken - 0.5

    eventually(followed, 20, "no tail")
    village.kill()

    for path in village.folder.glob("node.db*"):
        path.unlink()  # the card is dead
    status = json.loads(said(village, "status").stdout)
    assert status["running_node"].startswith("unknown: no node answers")
    done = said(village, "restore")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["lacking"] == "nothing"
    assert told["entries_after_it"] > 0
    assert "100 % is here" in done.stderr
    village.start()
    number = village.take()
    assert number is not None
    town.drain()
    assert town.check() == 6
