"""The way back: whole, never over anything, refused while somebody owns the file."""

import random
from pathlib import Path

import pytest

from appliance import config
from appliance.config import Config
from appliance.store.checking import CopyDamaged
from appliance.store.ownership import AlreadyOwned
from sync.backup import report, restore, shelf
from sync.backup.restore import NoCopy, NoRoomToRestore, RestoreCut
from sync.backup.shelf import NoMedium, NotTheBytes
from tests.backup.shelves import TABLES, opened, rot, settings


def restored(told: Config, **more: int) -> tuple[restore.Restored, list[str]]:
    said: list[str] = []
    return restore.restore(told, TABLES, tell=said.append, **more), said


def test_restored_file_has_all_rows_of_the_copy_and_goes_on_after_a_gap(told: Config) -> None:
    with opened(told) as node:
        node.take(20)
        node.copy()
        born = set(node.given)
        node.take(5)
        epoch = node.store.epoch
        node.die()  # what came after the copy has not followed it
    done, said = restored(told)
    assert done.copy is not None
    assert done.copy.number == 1
    assert (done.entries, done.lacking) == (0, "")
    assert said[1:-2] == [f"{tenths}0 % is here" for tenths in range(1, 11)][-len(said[1:-2]) :]
    assert said[-2:] == ["it is being checked", "what was logged after it is put back"]
    with opened(told) as node:
        assert set(node.tickets()) == born
        assert node.store.epoch != epoch
        (series,) = node.store.restored_series
        assert (series.database, series.mark, series.continues_at) == (20, 25, 126)
        node.take(1)
        assert not set(node.given) & born


def test_old_database_is_put_aside_whole(told: Config, data: Path) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        node.take(4)
    old = (data / "node.db").read_bytes()
    for turn in (1, 2):
        done, _ = restored(told)
        assert done.aside == data / f"aside-{turn}"
    assert (data / "aside-1" / "node.db").read_bytes() == old
    assert not (data / "restoring").exists()


def test_dead_card_is_replaced_by_an_empty_one(told: Config, data: Path) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        born = set(node.given)
    for path in data.iterdir():
        path.unlink()
    done, _ = restored(told)
    assert done.aside is None
    with opened(told) as node:
        assert set(node.tickets()) == born


def test_file_that_somebody_owns_is_not_touched(told: Config, data: Path) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        with pytest.raises(AlreadyOwned, match="stop that process"):
            restored(told)
        node.take(1)
    assert not list(data.glob("aside*"))


def test_newest_copy_that_is_damaged_is_passed_over_and_told(told: Config) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        node.take(3)
        copy = node.copy()
        born = set(node.given)  # by the tail of the copy before
        assert node.keeper.shelf is not None
        rot(node.keeper.shelf.database(copy), random.Random(1))
    with pytest.raises(NotTheBytes):
        restored(told, number=2)
    done, said = restored(told)
    assert done.passed_over == ("copy 2: it is not what was written",)
    assert "copy 2 is passed over: it is not what was written" in said
    with opened(told) as node:
        assert set(node.tickets()) == born


def test_copy_that_is_asked_for_is_the_one_restored(told: Config) -> None:
    with opened(told) as node:
        node.copy()
        node.take(3)
        node.copy()
        born = set(node.given)
    done, _ = restored(told, number=1)
    assert done.copy is not None
    assert done.copy.number == 1
    with opened(told) as node:
        assert set(node.tickets()) == born  # nothing is lost by it: its tail reaches the next one


def test_each_bad_state_is_one_sentence_with_a_next_step(told: Config, data: Path) -> None:
    with pytest.raises(NoMedium, match="there is nowhere to restore from"):
        restored(settings(data, None))
    with pytest.raises(NoCopy, match="look at `vuzol backup status`"):
        restored(told)
    with opened(told) as node:
        copy = node.copy()
        on = node.keeper.shelf
        assert on is not None
    with pytest.raises(NoCopy, match="holds no copy 7"):
        restored(told, number=7)
    on.database(copy).unlink()
    with pytest.raises(CopyDamaged, match="it is gone"):
        restored(told, number=1)
    with pytest.raises(NoCopy, match="holds no whole copy"):
        restored(told)


def test_disk_without_room_keeps_the_old_database(
    told: Config, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
    monkeypatch.setattr(shelf, "MARGIN", 1 << 60)
    with pytest.raises(NoRoomToRestore, match="stays untouched"):
        restored(told)
    assert (data / "node.db").exists()


class Gone(Exception):
    """The power is gone."""


@pytest.mark.parametrize("cut", range(1, 12))
def test_restore_that_is_cut_off_leaves_the_old_file_or_is_finished_by_the_next(
    told: Config, data: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    with opened(told) as node:
        node.take(3)
        node.copy()
        copied = set(node.given)
        node.take(4)
        every = set(node.given)
        node.die()
    (data / "node.db-wal").write_bytes(b"")  # as a killed node leaves it
    moves, replace = 0, Path.replace

    def power_goes(self: Path, target: Path) -> Path:
        nonlocal moves
        moves += 1
        if moves == cut:
            raise Gone
        return replace(self, target)

    with monkeypatch.context() as power:
        power.setattr(Path, "replace", power_goes)
        try:
            restored(told)
        except Gone:
            over = False
        else:
            over = True
    begun = (data / "node.db.swap").exists()
    if begun:
        with pytest.raises(RestoreCut, match="once more"):
            restore.demand_finished(data)
        assert "cut off" in str(report.status(told, dict)["state"])
        restored(told)
    restore.demand_finished(data)
    with opened(told) as node:
        assert set(node.tickets()) == (copied if over or begun else every)
    if over or begun:
        old = [path for path in data.glob("aside-*") if (path / "node.db").exists()]
        assert old == [data / "aside-1"]


def test_status_says_in_a_sentence_what_is_wrong(data: Path, medium: Path) -> None:
    def state(told: Config) -> str:
        return str(report.status(told, dict)["state"])

    told = settings(data, medium)
    assert "set node.second_medium" in state(settings(data, None))
    assert "plug the second medium in" in state(settings(data, medium / "nope"))
    assert "holds no copy yet" in state(told)
    with opened(told) as node:
        node.copy()
        assert "no restore has been proved yet" in state(told)
        on = node.keeper.shelf
        assert on is not None
        assert node.keeper.trial()
        proved = on.copies()[-1]
        assert "no copy was proved for" in state(told)  # the test's clock stands still
        on.put_card(proved.verified(2_500_000_000_000))
        assert state(told).startswith("well")
        on.put_card(on.copies()[0].spoiled("rot"))
        assert "these copies are damaged: 000001" in state(told)
    answer = report.status(told, dict)
    assert answer["copies"]["000001"]["damaged"] == "rot"  # type: ignore[index]
    same = data.parent / "same"
    same.mkdir()
    assert "die with it" in state(settings(data, same))


def test_default_settings_name_what_the_documentation_does() -> None:
    assert config.settings()["backup.trial_at"][0] == "03:30"
