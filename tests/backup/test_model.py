"""Which copies go, and when the next trial is due."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.inventory import Inventory
from sync.backup import model
from sync.backup.model import DAY_MS, Copy, trial_due

HELD = Inventory(7, 9, {"t": (3, "ff")}, {(3, 7, 1): (9, "00")}, {(2, 5, 1): (4, "11")})
KYIV = "Europe/Kyiv"


def copy(number: int, *, size: int = 10, verified: bool = False, damaged: bool = False) -> Copy:
    return Copy(
        number=number,
        node=3,
        taken_at=number * 1000,
        size=size,
        sha256="0" * 64,
        held=HELD,
        verified_at=5 if verified else None,
        damaged="rot" if damaged else "",
    )


copies = st.lists(
    st.builds(
        copy,
        st.integers(1, 40),
        size=st.integers(1, 50),
        verified=st.booleans(),
        damaged=st.booleans(),
    ).map(lambda one: one.spoiled("rot") if one.damaged else one),
    max_size=80,
    unique_by=lambda one: one.number,
)


@given(copies, st.integers(0, 500), st.none() | st.integers(0, 40 * DAY_MS))
def test_newest_and_newest_proved_copy_stay_and_the_rest_is_within_bounds(
    found: list[Copy], most: int, now: int | None
) -> None:
    gone = model.to_drop(found, most_bytes=most, now=now)
    left = [one for one in found if one not in gone]
    assert model.newest(left) == model.newest(found)
    assert model.newest_verified(left) == model.newest_verified(found)
    kept = [model.newest(found), model.newest_verified(found)]
    spare = [one for one in left if one not in kept]
    if spare:
        assert sum(one.size for one in left) <= most
        assert len(left) <= model.MOST_COPIES
    sound = [one.number for one in gone if not one.damaged]
    if now is None and sound:
        assert all(one.number > max(sound) for one in spare if not one.damaged)


@given(copies)
def test_card_tells_the_copy_again(found: list[Copy]) -> None:
    assert [Copy.read(one.card()) for one in found] == found


@pytest.mark.parametrize("card", ["", "{}", "[]", "null", '{"form": 2}', '{"form": 1}', "{"])
def test_card_that_is_none_is_refused(card: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each is wrong in its own way
        Copy.read(card)


def at(hour: int, minute: int = 0, day: int = 17) -> int:
    return int(datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(KYIV)).timestamp() * 1000)


def due(tried_at: int | None, now: int, *, quiet: float = 9e3, good: bool = True) -> bool:
    return trial_due(
        tried_at=tried_at, now=now, hour="03:30", zone=KYIV, good_clock=good, quiet=quiet
    )


def test_trial_is_due_once_each_night() -> None:
    assert not due(at(3, 31, day=16), at(3, 29))
    assert due(at(3, 31, day=16), at(3, 30))
    assert not due(at(3, 30), at(3, 31))
    assert not due(at(3, 30), at(23, 59))


def test_node_that_slept_at_night_tries_soon_after_its_start() -> None:
    assert not due(at(3, 31, day=16), at(9), quiet=60)
    assert due(at(3, 31, day=16), at(9, 10), quiet=600)
    assert due(None, at(9, 10), quiet=600)


def test_on_a_bad_clock_a_day_is_a_day_of_running() -> None:
    assert not due(at(3, 31, day=16), at(9), quiet=80_000, good=False)
    assert due(at(3, 31, day=16), at(9), quiet=86_400, good=False)
    assert due(None, 0, quiet=600, good=False)
    assert not due(at(9, day=18), at(9), quiet=80_000)  # the clock went back


def test_nights_are_told_after_two() -> None:
    def nights(verified: int | None, began: int | None, now: int) -> int | None:
        return model.nights_without(verified_at=verified, began_at=began, now=now)

    assert nights(0, None, 2 * DAY_MS) is None
    assert nights(0, None, 2 * DAY_MS + 1) == 2
    assert nights(None, 0, 5 * DAY_MS) == 5
    assert nights(None, None, 5 * DAY_MS) is None
    assert nights(4 * DAY_MS, 0, 5 * DAY_MS) is None
