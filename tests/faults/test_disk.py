"""The disk is full: what was answered stays, what is refused leaves no trace, and it goes on."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from appliance.store import inbox, log, pragmas, projection
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.entries import Entry
from appliance.store.failures import DiskFull
from appliance.store.ids import RowId, StreamId
from appliance.store.numbers import NumberNotKept
from appliance.store.tables import Lane
from tests.faults import invariants
from tests.faults.clerk import take
from tests.small_disk import small_disk
from tests.store.two_ends import CENTRE, TABLES, VILLAGE, opened, settle

pytestmark = pytest.mark.fault

MEBIBYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 4 MiB."""
    with small_disk(tmp_path / "disk", mebibytes=4) as mounted:
        yield mounted


@pytest.fixture
def little_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction spill to the disk early, so that the disk fills up inside a verb."""
    told = (*pragmas.WRITER, "PRAGMA cache_size = 4", "PRAGMA cache_spill = 2")
    monkeypatch.setattr(pragmas, "WRITER", told)


def work_until_full(store: Store, hand: int, answered: dict[int, RowId]) -> None:
    for turn in count(1):
        try:
            number, ticket = store.write(take, hand, turn * 400)
        except (DiskFull, NumberNotKept):
            return
        answered[number] = ticket


@pytest.mark.usefixtures("little_cache")
def test_full_disk_refuses_tickets_and_keeps_all_that_it_answered(disk: Path) -> None:
    file, ballast = disk / "node.db", disk / "ballast"
    ballast.write_bytes(bytes(MEBIBYTE))
    store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock())
    answered: dict[int, RowId] = {}
    hands = [
        threading.Thread(target=work_until_full, args=(store, hand, answered)) for hand in range(4)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    with store.read() as reader:  # reading goes on
        assert invariants.missing(reader, answered) == []
    ballast.unlink()
    number, ticket = store.write(take, 9, 1)
    store.close()
    assert number > max(answered)
    assert invariants.check(file, {**answered, number: ticket}) >= len(answered) + 1


def receive(centre: Store, stream: StreamId, entries: list[Entry], acknowledged: list[int]) -> None:
    """Receive a lane in small batches, and project each at once."""
    for after in range(0, len(entries), 50):
        batch = entries[after : after + 50]
        acknowledged.append(centre.write(inbox.append, stream, Lane.TICKETS, batch).have)
        settle(centre)


@pytest.mark.usefixtures("little_cache")
def test_full_disk_at_the_centre_moves_no_cursor_and_loses_no_entry(
    disk: Path, tmp_path: Path
) -> None:
    village = opened(tmp_path / "village.db", node=VILLAGE)
    for turn in range(600):
        village.write(take, 1, turn * 20)
    centre = opened(disk / "centre.db", node=CENTRE)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(5 * MEBIBYTE // 2))
    with village.read() as reader:
        entries = log.entries(reader, village.stream, Lane.TICKETS, 0, 1 << 30)
    acknowledged: list[int] = []
    with pytest.raises(DiskFull):
        receive(centre, village.stream, entries, acknowledged)
    with centre.read() as reader:
        assert inbox.cursor(reader, village.stream, Lane.TICKETS).have == acknowledged[-1]
        assert projection.counts(reader) == (0, 0)
    ballast.unlink()
    settle(centre)
    with centre.read() as reader:
        cursor = inbox.cursor(reader, village.stream, Lane.TICKETS)
        assert cursor.chain == entries[cursor.have - 1].chain
        visits = reader.value("SELECT sum(visits) FROM hall_tally")
        assert visits == reader.value("SELECT count(*) FROM _inbox WHERE tbl = 'hall_visit'")
        assert reader.value("PRAGMA integrity_check") == "ok"
    centre.close()
    village.close()
