"""A node writes of its own office alone, and nothing that the pages here could not read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest

from appliance.store import inbox, projection
from appliance.store.database import Store
from appliance.store.failures import RuleBroken
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import NotItsOwn, Reason
from appliance.store.schema import checked
from appliance.store.tables import (
    LATEST,
    Lane,
    Owner,
    Row,
    Table,
    home,
    integer,
    moment,
    one_of,
    real,
    reference,
    row_id,
    text,
)
from appliance.store.transaction import Transaction
from tests.store.forging import Forger
from tests.store.two_ends import CENTRE, OTHER, VILLAGE, opened, rows, settle


class Mood(StrEnum):
    """How a guest feels, as this version knows it."""

    CALM = "calm"


class NewerMood(StrEnum):
    """The same, one version later."""

    CALM = "calm"
    CURIOUS = "curious"


def _is_date(label: str) -> bool:
    try:
        date.fromisoformat(label)
    except ValueError:
        return False
    return True


def _refused(_tx: Transaction, stays: Sequence[Row]) -> None:
    if any(stay["note"] == "another's" for stay in stays):
        raise NotItsOwn("the key is of another house")


GUEST: Final = Table(
    "inn_guest",
    owner=Owner.UP,
    lane=Lane.STATE,
    columns=(
        home("house"),
        one_of("mood", Mood),
        row_id("room", null=True),
        moment("at"),
        text("day", reads=_is_date),
        real("weight", null=True),
    ),
)
STAY: Final = Table(
    "inn_stay",
    owner=Owner.UP,
    lane=Lane.STATE,
    append_only=True,
    columns=(reference("guest", "inn_guest", home=True, null=True), text("note")),
    project=_refused,
)
TABLES: Final = (GUEST, STAY)
GOOD: Final = (VILLAGE, "calm", None, 1, "2026-11-17", 70.5)
NAMES: Final = [column.name for column in GUEST.columns]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "centre.db", node=CENTRE, tables=TABLES)
    yield store
    store.close()


@pytest.fixture
def village() -> Forger:
    return Forger(StreamId(VILLAGE, 77), Lane.STATE)


def guest(**told: Any) -> list[Any]:
    return [told.get(name, value) for name, value in zip(NAMES, GOOD, strict=True)]


def land(centre: Store, *written: Forger) -> list[Reason]:
    for one in written:
        centre.write(inbox.append, one.stream, one.lane, one.entries)
    settle(centre)
    with centre.read() as reader:
        return [one.reason for one in projection.quarantined(reader)]


# Whose rows they are

ATTACKS: dict[str, Callable[[Forger, RowId], object]] = {
    "a row of the centre's office": lambda f, _: f.insert(GUEST, guest(house=CENTRE)),
    "a row of another village": lambda f, _: f.insert(GUEST, guest(house=OTHER)),
    "an office that is none": lambda f, _: f.insert(GUEST, guest(house=-1)),
    "an event of the centre's row": lambda f, theirs: f.insert(STAY, [theirs.blob, ""]),
    "a row that its fold refuses": lambda f, _: f.insert(STAY, [None, "another's"]),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_node_writes_of_its_own_office_alone(
    centre: Store, village: Forger, attack: Callable[[Forger, RowId], object]
) -> None:
    theirs = centre.write(Transaction.insert, GUEST, _own(guest(house=CENTRE)))
    before = village.insert(GUEST, guest())
    attack(village, theirs)
    after = village.insert(GUEST, guest())
    assert land(centre, village) == [Reason.NOT_ITS_OWN]
    assert rows(centre, GUEST).keys() == {theirs, before, after}
    assert rows(centre, STAY) == {}


def test_a_row_never_moves_to_another_office(centre: Store, village: Forger) -> None:
    theirs = centre.write(Transaction.insert, GUEST, _own(guest(house=CENTRE)))
    mine = village.insert(GUEST, guest())
    village.update(GUEST, mine, {NAMES.index("house"): CENTRE})
    assert land(centre, village) == [Reason.NOT_ITS_OWN]
    assert rows(centre, GUEST)[mine]["house"] == VILLAGE
    assert rows(centre, GUEST)[theirs]["house"] == CENTRE


def test_a_restored_node_goes_on_with_rows_of_its_older_starts(
    centre: Store, village: Forger
) -> None:
    mine = village.insert(GUEST, guest())
    restored = Forger(StreamId(VILLAGE, 78), Lane.STATE)
    restored.insert(STAY, [mine.blob, "again"])
    restored.update(GUEST, mine, {NAMES.index("at"): 2})
    assert land(centre, village, restored) == []
    assert rows(centre, GUEST)[mine]["at"] == 2
    assert len(rows(centre, STAY)) == 1


def test_own_rows_are_of_the_own_office_too(centre: Store, village: Forger) -> None:
    mine = village.insert(GUEST, guest())
    land(centre, village)
    with pytest.raises(RuleBroken):
        centre.write(Transaction.insert, GUEST, _own(guest(house=VILLAGE)))
    with pytest.raises(RuleBroken):
        centre.write(Transaction.insert, STAY, {"guest": mine, "note": ""})
    centre.write(Transaction.insert, STAY, {"guest": None, "note": ""})


@pytest.mark.parametrize("owner", [Owner.DOWN, Owner.LOCAL])
def test_a_home_is_for_rows_of_nodes(owner: Owner) -> None:
    local = owner is Owner.LOCAL
    table = Table(
        "inn_key",
        owner=owner,
        lane=None if local else Lane.STATE,
        key=("house",) if local else (),
        columns=(home("house"),),
    )
    with pytest.raises(ValueError, match="a home is for"):
        checked(table)


# What can be read

UNREAD: Final[Iterable[tuple[str, Any]]] = (
    ("house", None),
    ("house", "3"),
    ("room", b"zz"),
    ("room", b""),
    ("room", b"x" * 15),
    ("at", -1),
    ("at", LATEST),
    ("at", 10**16),
    ("day", "yesterday"),
    ("day", ""),
    ("weight", float("inf")),
    ("weight", 1),
)


@pytest.mark.parametrize(("name", "value"), UNREAD)
def test_a_value_that_no_page_could_read_is_held(
    centre: Store, village: Forger, name: str, value: Any
) -> None:
    village.insert(GUEST, guest(**{name: value}))
    good = village.insert(GUEST, guest())
    village.update(GUEST, good, {NAMES.index(name): value})
    assert land(centre, village) == [Reason.UNREADABLE, Reason.UNREADABLE]
    assert list(rows(centre, GUEST).values()) == [dict(zip(NAMES, GOOD, strict=True))]


def test_a_value_of_a_newer_version_waits_for_the_upgrade_with_all_that_follows(
    centre: Store, village: Forger
) -> None:
    newer = village.insert(GUEST, guest(mood="curious"))
    village.update(GUEST, newer, {NAMES.index("at"): 5})
    village.insert(STAY, [newer.blob, "first"])
    known = village.insert(GUEST, guest())
    assert land(centre, village) == [Reason.NEWER_VALUE, Reason.BEHIND, Reason.WAITING]
    assert list(rows(centre, GUEST)) == [known]
    centre.close()
    columns = tuple(
        one_of("mood", NewerMood) if one.name == "mood" else one for one in GUEST.columns
    )
    upgraded = opened(centre.path, node=CENTRE, tables=[replace(GUEST, columns=columns), STAY])
    upgraded.write(projection.replay_quarantined)
    assert land(upgraded) == []
    assert rows(upgraded, GUEST)[newer] == dict(
        zip(NAMES, guest(mood="curious", at=5), strict=True)
    )
    assert len(rows(upgraded, STAY)) == 1
    upgraded.close()


def test_what_only_makes_no_sense_is_kept(tmp_path: Path, village: Forger) -> None:
    table = replace(GUEST, columns=(*GUEST.columns, integer("age", null=True, check="age > 0")))
    centre = opened(tmp_path / "c.db", node=CENTRE, tables=[table])
    village.insert(table, [*GOOD, -5])
    assert land(centre, village) == []
    assert len(rows(centre, table)) == 1
    centre.close()


def _own(row: list[Any]) -> dict[str, Any]:
    return dict(zip(NAMES, row, strict=True))
