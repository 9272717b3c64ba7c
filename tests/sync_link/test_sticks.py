"""A stick between a village and its centre: rows arrive once, whatever happens to the stick."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.transaction import Transaction
from sync import bundles, pages
from sync.courier import CourierBusy, Phase, Verb
from tests.sync_link.carriers import (
    End,
    both,
    centre,
    fingerprint,
    held,
    there_and_back,
    village,
)
from tests.sync_link.rows import notice, readings, visit


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[End, End]]:
    with both(tmp_path) as opened:
        yield opened


def notices(tx: Transaction, count: int) -> None:
    for n in range(count):
        notice(tx, n, "hromada")


def logged(end: End, count: int) -> None:
    for first in range(0, count, 20):
        end.store.write(readings, first, 20)


def files(stick: Path, of: int | None = None) -> list[Path]:
    begins = "vuzol-" if of is None else bundles.prefix(of)
    return sorted(path for path in stick.iterdir() if path.name.startswith(begins))


def visits(end: End, *wanted: int) -> None:
    for n in wanted:
        end.store.write(visit, n)


def test_rows_arrive_once_and_the_answer_empties_the_queue(
    ends: tuple[End, End], stick: Path
) -> None:
    here, there = ends
    visits(here, *range(20))
    assert here.left() == 40
    job = here.export(stick)
    assert (job.verb, job.done, job.total, job.files) == (Verb.EXPORT, 40, 40, 1)
    assert job.size == sum(path.stat().st_size for path in files(stick))
    assert there.take_in(stick).taken.rows == 40
    assert there.seen() == list(range(20))
    assert there.export(stick).safe_to_remove
    here.take_in(stick)
    assert here.left() == 0


def test_writing_a_stick_moves_nothing(ends: tuple[End, End], stick: Path) -> None:
    here, _ = ends
    visits(here, 1, 2)
    before = fingerprint(here)
    here.export(stick)
    assert fingerprint(here) == before
    assert here.left() == 4


def test_notices_come_down_with_the_answer_for_this_office_and_no_other(
    ends: tuple[End, End], stick: Path
) -> None:
    here, there = ends
    there.store.write(notices, 1500)
    there.store.write(notice, 7000, "office:2")
    there.store.write(notice, 7001, "office:3")
    there_and_back(here, there, stick)
    assert held(here) == ("hromada", "office:2")
    assert here.notices() == [*range(1500), 7000]
    there.store.write(notice, 7002, "office:2")
    there_and_back(here, there, stick)
    assert here.notices() == [*range(1500), 7000, 7002]


def test_a_second_and_a_late_reading_change_nothing(
    ends: tuple[End, End], stick: Path, tmp_path: Path
) -> None:
    here, there = ends
    old = tmp_path / "old"
    old.mkdir()
    visits(here, 1)
    there.store.write(notice, 1, "hromada")
    there_and_back(here, there, old)
    visits(here, 2)
    there.store.write(notice, 2, "hromada")
    there_and_back(here, there, stick)
    for end in ends:
        before = fingerprint(end)
        for again in (stick, old, stick):
            assert not end.take_in(again).refused
            assert fingerprint(end) == before
    assert there.seen() == [1, 2]
    assert here.notices() == [1, 2]


def test_a_new_bundle_takes_the_place_of_the_older_one_on_the_stick(
    ends: tuple[End, End], stick: Path
) -> None:
    here, _ = ends
    visits(here, 1)
    here.export(stick)
    first = files(stick)
    (stick / "photo.jpg").write_bytes(b"a private one")
    visits(here, 2)
    here.export(stick)
    assert len(files(stick)) == 1
    assert files(stick) != first
    assert (stick / "photo.jpg").read_bytes() == b"a private one"


def test_bundles_may_be_read_in_any_order(tmp_path: Path, stick: Path) -> None:
    here, there = village(tmp_path, small=True), centre(tmp_path)
    logged(here, 600)
    visits(here, 1)
    assert here.export(stick).files > 2
    turned = files(stick)[::-1]
    job = there.take_in(*turned)
    assert (job.files, job.refused) == (len(turned), ())
    assert job.taken.rows == 602
    there.export(stick)
    here.take_in(stick)
    assert here.left() == 0
    here.close()
    there.close()


def test_a_part_that_is_missing_is_told_and_what_came_before_it_counts(
    tmp_path: Path, stick: Path
) -> None:
    here, there = village(tmp_path, small=True), centre(tmp_path)
    logged(here, 600)
    here.export(stick)
    parts = files(stick)
    assert len(parts) > 3
    missing = parts[2].read_bytes()
    parts[2].unlink()
    job = there.take_in(stick)
    assert job.phase is Phase.DONE
    assert {one.code for one in job.refused} == {"gap"}
    assert 0 < job.taken.rows < 600
    parts[2].write_bytes(missing)
    assert not there.take_in(stick).refused
    there.export(stick)
    here.take_in(stick)
    assert here.left() == 0
    here.close()
    there.close()


def test_one_stick_serves_several_nodes_and_each_takes_only_its_own(
    tmp_path: Path, stick: Path
) -> None:
    villages = [village(tmp_path, node) for node in (2, 3, 4)]
    there = centre(tmp_path)
    for number, here in enumerate(villages):
        visits(here, number)
        here.export(stick)
    assert len(files(stick)) == 3
    assert there.take_in(stick).files == 3
    assert there.seen() == [0, 1, 2]
    for node in (2, 3, 4):
        there.store.write(notice, node, f"office:{node}")
    assert there.export(stick).files == 3
    for node, here in zip((2, 3, 4), villages, strict=True):
        job = here.take_in(stick)
        assert (job.files, job.others, job.refused) == (1, 5, ())
        assert here.left() == 0
        assert here.notices() == [node]
        here.close()
    there.close()


def test_a_bundle_of_another_hromada_is_left_as_it_is(tmp_path: Path, stick: Path) -> None:
    here, stranger = village(tmp_path), centre(tmp_path, name="stranger", hromada="inshi")
    visits(here, 1)
    here.export(stick)
    before = files(stick)[0].read_bytes()
    job = stranger.take_in(stick)
    assert (job.others, job.files, stranger.seen()) == (1, 0, [])
    assert files(stick)[0].read_bytes() == before
    here.close()
    stranger.close()


def test_a_node_that_is_none_of_ours_is_refused(tmp_path: Path, stick: Path) -> None:
    here, there = village(tmp_path, 12), centre(tmp_path)
    visits(here, 1)
    here.export(stick)
    (refused,) = there.take_in(stick).refused
    assert "no node of this hromada" in refused.cause
    assert there.seen() == []
    here.close()
    there.close()


def test_a_copy_of_a_bundle_with_a_bit_turned_stores_nothing(
    ends: tuple[End, End], stick: Path
) -> None:
    here, there = ends
    visits(here, *range(5))
    here.export(stick)
    (file,) = files(stick)
    whole, before = file.read_bytes(), fingerprint(there)
    for place in range(0, len(whole), len(whole) // 40):
        spoiled = bytearray(whole)
        spoiled[place] ^= 4
        file.write_bytes(spoiled)
        job = there.take_in(stick)
        assert [one.code for one in job.refused] == ["bad_bundle"], place
        assert "damaged" in job.refused[0].cause
        assert (job.taken.rows, fingerprint(there)) == (0, before)
    file.write_bytes(whole)
    assert there.take_in(stick).taken.rows == 10


def test_a_spoiled_answer_moves_no_cursor(ends: tuple[End, End], stick: Path) -> None:
    here, there = ends
    visits(here, 1)
    here.export(stick)
    there.take_in(stick)
    there.export(stick)
    (file,) = files(stick, of=1)
    whole, before = file.read_bytes(), fingerprint(here)
    for place in range(0, len(whole), 7):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1
        file.write_bytes(spoiled)
        assert here.take_in(file).refused
        assert fingerprint(here) == before


def test_rows_that_come_by_stick_and_by_wire_are_there_once(
    ends: tuple[End, End], stick: Path
) -> None:
    """The wire and the stick end in the same inbox, so half by each is as good as all by one."""
    here, there = ends
    visits(here, 1)
    here.export(stick)
    there.take_in(stick)
    visits(here, 2)
    here.export(stick)  # no answer came: it holds the first one, too
    assert there.take_in(stick).taken.rows == 2
    assert there.seen() == [1, 2]


def test_an_answer_of_an_older_start_of_the_centre_takes_nothing_back(
    tmp_path: Path, stick: Path
) -> None:
    """A centre that was restored has less; its word must not be overruled by an old stick."""
    here, there = village(tmp_path), centre(tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    visits(here, 1, 2)
    here.export(stick)
    there.take_in(stick)
    there.export(old)  # this answer comes late
    there.close()
    there = centre(tmp_path, name="restored")  # it comes back with nothing
    here.export(stick)
    assert there.take_in(stick).taken.rows == 4
    there.export(stick)
    here.take_in(stick)
    cursors = here.cursors()
    assert here.left() == 0
    taken = here.take_in(old).taken
    assert (taken.acks, taken.pages, taken.late) == (0, 0, 3)  # an ack, and pages of two scopes
    assert here.cursors() == cursors
    here.close()
    there.close()


def test_a_centre_that_lost_rows_gets_them_again_by_stick_alone(
    tmp_path: Path, stick: Path
) -> None:
    here, there = village(tmp_path), centre(tmp_path)
    visits(here, 1, 2)
    there_and_back(here, there, stick)
    assert here.left() == 0
    there.close()
    there = centre(tmp_path, name="restored")
    there_and_back(here, there, stick)  # it asks, and hears that nothing is there
    assert here.left() == 4
    there_and_back(here, there, stick)
    assert here.left() == 0
    assert there.seen() == [1, 2]
    here.close()
    there.close()


def test_a_page_of_a_newer_centre_is_told_and_the_acks_stand(
    ends: tuple[End, End], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = ends
    visits(here, 1)
    there.store.write(notice, 1, "hromada")
    here.export(stick)
    there.take_in(stick)
    monkeypatch.setattr(pages, "written", lambda *_: b"\x2f of a version to come")
    there.export(stick)
    taken = here.take_in(stick).taken
    assert taken.late == 2
    assert (here.left(), here.notices(), list(here.confirmed)) == (0, [], [])


def test_a_centre_that_nobody_has_asked_says_so(ends: tuple[End, End], stick: Path) -> None:
    job = ends[1].export(stick)
    assert job.failed is not None
    assert job.failed.code == "nobody_asked"
    assert files(stick) == []


def test_rows_of_an_earlier_start_go_before_those_of_this_one(tmp_path: Path, stick: Path) -> None:
    here, there = village(tmp_path), centre(tmp_path)
    visits(here, 1)
    here.close()
    here = village(tmp_path)
    visits(here, 2)
    there_and_back(here, there, stick)
    assert there.seen() == [1, 2]
    assert here.left() == 0
    here.close()
    there.close()


def test_an_answer_says_as_of_when_the_staff_list_is_known_and_an_old_one_does_not(
    ends: tuple[End, End], stick: Path
) -> None:
    """A village that lives by sticks must not lock its staff out after two weeks."""
    here, there = ends
    asked_at = here.store.clock.wall()
    there.store.write(notice, 1, "hromada")
    there_and_back(here, there, stick)
    assert list(here.confirmed) == [asked_at]
    here.take_in(stick)  # its pages are late now, so it proves nothing
    assert list(here.confirmed) == [asked_at]


def test_a_stick_holds_what_is_written_while_it_is_packed_no_row_twice(
    ends: tuple[End, End], stick: Path
) -> None:
    here, there = ends
    visits(here, *range(50))
    here.courier.export(stick)
    visits(here, *range(50, 100))
    here.courier.wait(20)
    there.take_in(stick)
    assert there.seen() == list(range(len(there.seen())))
    there_and_back(here, there, stick)
    assert there.seen() == list(range(100))


def test_a_courier_that_stops_says_so_and_leaves_no_half_file(tmp_path: Path, stick: Path) -> None:
    here = village(tmp_path, small=True)
    logged(here, 600)
    here.courier.export(stick)
    here.courier.stop(20)
    job = here.courier.job
    assert job is not None
    assert job.failed is not None
    assert job.failed.code == "courier_stopped"
    assert not job.safe_to_remove
    assert files(stick) == []
    here.close()


def test_one_job_at_a_time(tmp_path: Path, stick: Path) -> None:
    here = village(tmp_path, small=True)
    logged(here, 1000)
    here.courier.export(stick)
    with pytest.raises(CourierBusy):
        here.courier.export(stick)
    done = here.courier.wait(30)
    assert done is not None
    assert done.safe_to_remove
    here.close()
