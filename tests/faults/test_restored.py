"""An older copy of a node's database is put back: the office reads why its numbers jump."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import restored
from appliance.demo.staff import PASSWORD, STAFF
from appliance.store.numbers import Restored
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
