"""An older copy of a node's database is put back: the office reads why its numbers jump."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import restored
from appliance.demo.staff import PASSWORD, STAFF
from appliance.people import audit
from appliance.rooms import TABLES
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.failures import DiskFull
from appliance.store.numbers import Restored
from appliance.store.transaction import Transaction
from tests.faults.doors import asked
from tests.faults.hromada import Hromada, Node, hromada

pytestmark = pytest.mark.fault

LINES = "SELECT actor, subject, facts FROM people_audit WHERE action = 'store.restored'"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hromada]:
    with hromada(tmp_path) as made:
        made.villages[0].environ["VUZOL_LINK_POLL_SECONDS"] = "2"
        yield made


def put_back(node: Node, copy: Path) -> None:
    """Put a copy in the place of the database, as a person with a card reader would."""
    for path in node.folder.glob("node.db*"):
        if path.suffix != ".owner":
            path.unlink()
    shutil.copy(copy, node.database)


def seen_by_staff(node: Node, query: str = "") -> str:
    """Return a page of the office as a member of staff reads it."""
    login = next(one.login for one in STAFF if node.place.number in one.offices)
    told = json.dumps({"login": login, "password": PASSWORD})
    named = {"Content-Type": "application/json"}
    signed = asked(node, "POST", "/api/sign-in", told, surface="office", **named)
    assert signed.status == 200, signed
    cookie = signed.headers["Set-Cookie"].partition(";")[0]
    page = asked(node, "GET", f"/devices{query}", surface="office", Cookie=cookie)
    assert page.status == 200
    return page.text


def told_once(node: Node) -> None:
    """Assert that the trail has one line of it, with the number that comes next."""
    rows = [(actor, file, json.loads(facts)) for actor, file, facts in node.rows(LINES)]
    assert rows == [("system", "node.db", {"numbers": ["А-108"]})]


def test_copy_put_back_is_told_in_the_trail_and_on_every_page(
    town: Hromada, tmp_path: Path
) -> None:
    village, copy = town.villages[0], tmp_path / "copy.db"
    town.centre.start()
    village.start()
    for _ in range(3):
        assert village.take() is not None
    town.drain()
    assert village.stop() == 0
    shutil.copy(village.database, copy)
    village.start()
    assert "Базу відновлено" not in seen_by_staff(village)
    for _ in range(4):
        assert village.take() is not None
    town.drain()
    assert village.stop() == 0
    put_back(village, copy)

    village.start()
    page = seen_by_staff(village)
    assert "Базу відновлено з копії: номери продовжено з А-108" in page
    english = seen_by_staff(village, "?lang=en")
    assert "The database was put back from a copy: numbers go on with А-108" in english
    assert "Базу відновлено" not in asked(village, "GET", "/").text  # no visitor's business
    told_once(village)
    taken = village.take()
    assert taken is not None
    assert taken[1] == "А-108"

    assert village.stop() == 0
    village.start()  # the next start goes on telling, and writes no second line
    assert "номери продовжено з А-108" in seen_by_staff(village)
    told_once(village)
    town.drain()
    assert town.centre.rows("SELECT count(*), count(DISTINCT n) FROM queue_ticket") == [(8, 8)]


OPENS_AND_IS_GONE = """
import os, sys
from pathlib import Path
from appliance import config, house
house._open_store(config.load(Path(sys.argv[1]), os.environ))
os.kill(os.getpid(), 9)
"""


def test_kill_between_the_repair_and_its_line_leaves_the_line_to_the_next_start(
    town: Hromada, tmp_path: Path
) -> None:
    """The line was lost: the next start found the series repaired and nothing to tell."""
    village, copy = town.villages[0], tmp_path / "copy.db"
    town.centre.start()
    village.start()
    for _ in range(3):
        assert village.take() is not None
    assert village.stop() == 0
    shutil.copy(village.database, copy)
    village.start()
    for _ in range(4):
        assert village.take() is not None
    assert village.stop() == 0
    put_back(village, copy)

    told = [sys.executable, "-c", OPENS_AND_IS_GONE, village.folder / "node.toml"]
    for _ in range(2):
        assert subprocess.run(told, check=False).returncode == -signal.SIGKILL
    assert village.rows(LINES) == []
    for _ in range(2):
        village.start()
        assert "номери продовжено з А-108" in seen_by_staff(village)
        told_once(village)
        assert village.stop() == 0


def test_disk_that_refuses_the_line_leaves_it_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, series = tmp_path / "node.db", "ticket/2/7/А"

    def opened() -> Store:
        return Store.open(file, TABLES, node=2, clock=SystemClock(), inline=True)

    def refused(*_: object, **__: object) -> None:
        raise DiskFull

    store = opened()
    store.write(Transaction.next_number, series)
    store.close()
    for path in tmp_path.glob("node.db*"):
        path.unlink()
    store = opened()
    with monkeypatch.context() as full:
        full.setattr(audit, "record", refused)
        assert restored.Restoration(store).numbers() == ("А-102",)
    store.close()
    for _ in range(2):
        store = opened()
        assert restored.Restoration(store).numbers() == ("А-102",)
        with store.read() as reader:
            assert reader.value(f"SELECT count(*) FROM ({LINES})") == 1
        store.close()


@pytest.mark.parametrize(
    ("series", "numbers"),
    [
        ([("ticket/2/7/А", 143), ("ticket/2/7/П", 108)], ("А-143", "П-108")),
        ([("ticket/2/6/А", 190), ("ticket/2/7/А", 143), ("people_code.2", 111)], ("А-143",)),
        ([("people_code.2", 111)], ()),
    ],
)
def test_copy_put_back_is_told_by_the_numbers_of_the_latest_day(
    series: list[tuple[str, int]], numbers: tuple[str, ...]
) -> None:
    found = [Restored(name, 0, at - 101, at) for name, at in series]
    assert restored.continuing(found) == numbers
