"""What must be true of a village's file after every fault."""

from collections.abc import Mapping
from pathlib import Path

from appliance.store import log, streams
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.entries import GENESIS, Entry, Op, link
from appliance.store.ids import RowId, StreamId
from appliance.store.reader import Reader
from appliance.store.tables import Lane
from tests.store.two_ends import TABLES, TICKET, VILLAGE, VISIT, WINDOW

Answers = Mapping[int, RowId]
"""What was answered: the ticket's number and id."""


def check(file: Path, answered: Answers, *, gapless: bool = True) -> int:
    """Open the file as the node does, assert all of it, and return how many tickets it holds."""
    store = Store.open(file, TABLES, node=VILLAGE, clock=SystemClock(), inline=True)
    with store.read() as reader:
        assert reader.value("PRAGMA integrity_check") == "ok"
        lost = missing(reader, answered)
        assert not lost, f"{len(lost)} of {len(answered)} answers are lost: {lost[:5]}"
        tickets = _numbers_are_given_once(reader, gapless=gapless)
        _verbs_are_whole(reader)
        _the_log_is_whole(reader)
    store.close()
    return tickets


def missing(reader: Reader, answered: Answers) -> list[int]:
    """Return the answered numbers whose ticket is not there exactly as it was answered."""
    rows = reader.all("SELECT id, number FROM hall_ticket WHERE own = 1")
    there = {(row["number"], RowId.of(row["id"])) for row in rows}
    return sorted(number for number, ticket in answered.items() if (number, ticket) not in there)


def _numbers_are_given_once(reader: Reader, *, gapless: bool) -> int:
    rows = reader.all("SELECT number FROM hall_ticket WHERE own = 1 ORDER BY number")
    numbers = [row["number"] for row in rows]
    assert len(set(numbers)) == len(numbers)
    if gapless:
        assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


def _verbs_are_whole(reader: Reader) -> None:
    """Assert that a ticket came with its visit and the fold of it."""
    torn = """SELECT count(*) FROM hall_ticket
      LEFT JOIN hall_visit ON hall_visit.ticket = hall_ticket.id
      LEFT JOIN hall_tally ON hall_tally.ticket = hall_ticket.id
      WHERE hall_visit.id IS NULL OR hall_tally.visits IS NOT 1"""
    assert reader.value(torn) == 0
    for table in (VISIT, WINDOW):
        orphans = (
            f"SELECT count(*) FROM {table.name} WHERE ticket NOT IN (SELECT id FROM hall_ticket)"
        )
        assert reader.value(orphans) == 0


def _the_log_is_whole(reader: Reader) -> None:
    """Assert that own rows were born in the log, and no lane's numbers or chain have a hole."""
    born: set[bytes] = set()
    for start in streams.starts(reader):
        for lane in Lane:
            found = log.entries(reader, start.stream, lane, 0, 1 << 40)
            _chain_holds(start.stream, lane, found)
            born |= {entry.key for entry in found if entry.op is Op.INSERT}
            assert all(entry.body for entry in found)
    rows = {
        row["id"]
        for table in (TICKET, VISIT, WINDOW)
        for row in reader.all(f"SELECT id FROM {table.name} WHERE own = 1")
    }
    assert born == rows


def _chain_holds(stream: StreamId, lane: Lane, entries: list[Entry]) -> None:
    assert [entry.lane_seq for entry in entries] == list(range(1, len(entries) + 1))
    chain = GENESIS
    for entry in entries:
        chain = link(chain, stream, lane, entry)
        assert chain == entry.chain
