"""A copy from before an erasure, put back, does not bring back what was erased."""

import shutil
from pathlib import Path

import pytest

from appliance.store import erasures, grants, scrubbing
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.entries import Op
from appliance.store.ids import RowId
from appliance.store.writer import ErasureNotKept
from tests.store.residents import (
    APPEAL,
    CENTRE,
    CLERK,
    RESIDENT,
    TABLES,
    VILLAGE,
    entries_of,
    raw,
    settle,
    verify_inbox,
    verify_log,
)
from tests.store.test_erasures import ask
from tests.store.two_ends import carry, rows

NAME, OTHERS = "Одарка Немирівна", "Панас Сліпий"


def opened(path: Path, node: int, medium: Path | None = None) -> Store:
    return Store.open(
        path / "node.db",
        TABLES,
        node=node,
        clock=FixedClock(),
        centre=node == CENTRE,
        inline=True,
        patience=0.2,
        second_medium=medium,
    )


def hire(store: Store, name: str) -> RowId:
    return store.write(lambda tx: tx.insert(RESIDENT, {"name": name, "age": 1}))


def put_back(copy: Path, folder: Path) -> None:
    """Put a copy of the database in its place; what stands beside the database stays."""
    for suffix in ("", "-wal", "-shm"):
        (folder / f"node.db{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, folder / "node.db")


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Make a village that knows two people, and a copy of it."""
    folder, medium, copy = tmp_path / "data", tmp_path / "stick", tmp_path / "copy.db"
    medium.mkdir()
    store = opened(folder, VILLAGE, medium)
    hire(store, NAME)
    hire(store, OTHERS)
    store.write(lambda tx: tx.insert(APPEAL, {"words": NAME, "answered": 0}))
    store.close()
    shutil.copy(folder / "node.db", copy)
    return folder, medium, copy


def erase_all_of(store: Store) -> None:
    for table in (RESIDENT, APPEAL):
        gone = [row for row, told in rows(store, table).items() if NAME in told.values()]
        store.write(lambda tx, table=table, gone=gone: tx.erase(table, gone))  # type: ignore[misc]


def test_a_village_put_back_forgets_again_before_it_serves(
    places: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    folder, medium, copy = places
    store = opened(folder, VILLAGE, medium)
    erase_all_of(store)
    store.close()
    put_back(copy, folder)
    assert NAME.encode() in raw(folder)
    again = opened(folder, VILLAGE, medium)
    assert [told["name"] for told in rows(again, RESIDENT).values()] == [OTHERS]
    assert [told["words"] for told in rows(again, APPEAL).values()] == [""]
    assert NAME.encode() not in raw(folder)
    verify_log(again)
    centre = opened(tmp_path / "centre", CENTRE)
    carry(again, centre)
    settle(centre)
    assert [told["name"] for told in rows(centre, RESIDENT).values()] == [OTHERS]
    assert NAME.encode() not in raw(tmp_path / "centre")
    centre.close()
    again.close()
    once_more = opened(folder, VILLAGE, medium)
    erasing = [one for *_, found in entries_of(once_more) for one in found if one.op is Op.ERASE]
    assert len(erasing) == 2, "one for each table, and none at the next start"
    once_more.close()


def test_a_centre_put_back_forgets_again_what_villages_and_it_have_erased(
    places: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    folder, medium, _ = places
    village, centre = opened(folder, VILLAGE, medium), opened(tmp_path / "centre", CENTRE)
    clerk = centre.write(lambda tx: tx.insert(CLERK, {"name": NAME}, scope="all"))
    carry(village, centre)
    settle(centre)
    centre.close()
    copy = tmp_path / "centre.db"
    shutil.copy(tmp_path / "centre" / "node.db", copy)
    centre = opened(tmp_path / "centre", CENTRE)
    erase_all_of(village)
    centre.write(lambda tx: tx.erase(CLERK, [clerk]))
    carry(village, centre)
    settle(centre)
    centre.close()
    put_back(copy, tmp_path / "centre")
    assert NAME.encode() in raw(tmp_path / "centre")
    again = opened(tmp_path / "centre", CENTRE)
    assert NAME.encode() not in raw(tmp_path / "centre")
    assert [told["name"] for told in rows(again, RESIDENT).values()] == [OTHERS]
    assert rows(again, CLERK) == {}
    with again.read() as reader:
        assert reader.value("SELECT deleted FROM town_clerk") == 1, "the nodes are told"
    verify_inbox(again)
    carry(village, again)
    settle(again)
    assert NAME.encode() not in raw(tmp_path / "centre")
    verify_inbox(again)
    again.close()
    village.close()


def test_the_copy_holds_when_the_card_is_lost_and_the_stick_is_not(
    places: tuple[Path, Path, Path],
) -> None:
    folder, medium, copy = places
    store = opened(folder, VILLAGE, medium)
    erase_all_of(store)
    store.close()
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copy(copy, folder / "node.db")
    again = opened(folder, VILLAGE, medium)
    assert NAME.encode() not in raw(folder)
    again.close()


def test_a_stick_that_is_pulled_out_sends_the_ids_to_the_card(
    places: tuple[Path, Path, Path],
) -> None:
    folder, medium, copy = places
    shutil.rmtree(medium)
    store = opened(folder, VILLAGE, medium)
    erase_all_of(store)
    store.close()
    put_back(copy, folder)
    again = opened(folder, VILLAGE, medium)
    assert NAME.encode() not in raw(folder)
    again.close()


def test_an_erasure_that_nothing_outside_remembers_is_no_success(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, medium, _ = places
    store = opened(folder, VILLAGE, medium)

    def refused(*_: object) -> None:
        raise OSError(5, "the medium is gone")

    with monkeypatch.context() as broken:
        broken.setattr("appliance.store.numbers.os.fdatasync", refused)
        broken.setattr("appliance.store.numbers.os.fsync", refused)
        with pytest.raises(ErasureNotKept):
            erase_all_of(store)
    assert [told["name"] for told in rows(store, RESIDENT).values()] == [OTHERS]
    store.write(lambda tx: tx.erase(RESIDENT, [RowId(VILLAGE, 1, 1)]))
    store.close()
    assert b"town_resident" in raw(medium) + raw(folder)


def test_a_village_put_back_forgets_a_row_of_the_centre_too(tmp_path: Path) -> None:
    folder, copy = tmp_path / "3", tmp_path / "copy.db"
    village, centre = opened(folder, VILLAGE), opened(tmp_path / "1", CENTRE)
    gone = centre.write(lambda tx: tx.insert(CLERK, {"name": NAME}, scope="all"))
    stays = centre.write(lambda tx: tx.insert(CLERK, {"name": OTHERS}, scope="all"))
    centre.write(grants.give, VILLAGE, {"all"})
    ask(centre, village)
    village.close()
    shutil.copy(folder / "node.db", copy)
    village = opened(folder, VILLAGE)
    centre.write(lambda tx: tx.erase(CLERK, [gone]))
    ask(centre, village)
    village.close()
    put_back(copy, folder)
    assert NAME.encode() in raw(folder)
    again = opened(folder, VILLAGE)
    assert NAME.encode() not in raw(folder)
    ask(centre, again)
    assert rows(again, CLERK).keys() == {stays}
    again.close()
    centre.close()


def test_ids_and_nothing_else_stand_outside_the_database(
    places: tuple[Path, Path, Path],
) -> None:
    folder, medium, _ = places
    store = opened(folder, VILLAGE, medium)
    gone = next(iter(rows(store, RESIDENT)))
    store.write(lambda tx: tx.erase(RESIDENT, [gone]))
    told = (medium / "s03-node.db.erased").read_bytes().rstrip(b"\0").decode()
    assert told.split(maxsplit=1)[1] == f"1 town_resident {gone}\n"
    store.close()


def test_a_large_file_is_written_anew_at_the_next_start(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, medium, _ = places
    store = opened(folder, VILLAGE, medium)
    with monkeypatch.context() as small:
        small.setattr(scrubbing.Scrubber.scrub, "__kwdefaults__", {"largest": 0})
        erase_all_of(store)
    assert traces(store)
    store.close()
    again = opened(folder, VILLAGE, medium)
    assert not traces(again)
    again.close()


def traces(store: Store) -> bool:
    with store.read() as reader:
        return reader.value("SELECT 1 FROM _head WHERE name = 'rewrite'") is not None


def test_a_mark_of_a_table_that_is_not_known_is_kept(places: tuple[Path, Path, Path]) -> None:
    """The copy is of an older program; the newer one finds the id again."""
    folder, medium, _ = places
    marks = medium / "s03-node.db.erased"
    row = RowId(VILLAGE, 9, 9)
    store = opened(folder, VILLAGE, medium)
    store._opened.erased.keep({erasures.mark("town_later", row.blob): 1})
    store.close()
    again = opened(folder, VILLAGE, medium)
    with again.read() as reader:
        assert erasures.among(reader, "town_later", [row.blob]) == {row.blob}
    again.close()
    assert b"town_later" in marks.read_bytes()
