"""What a village's key can do to the centre's pages: nothing, but for its own office's rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from appliance.people import access
from appliance.people import views as people_views
from appliance.people.model import Role
from appliance.people.passwords import HashingThread
from appliance.queue import queries, tables, views
from appliance.queue.model import State
from appliance.rooms import TABLES as EVERY_TABLE
from appliance.store.clock import FixedClock
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Column, Lane, Owner, Table, Value
from appliance.web.app import create_surface
from appliance.web.surfaces import Surface
from tests.people import staffing
from tests.queue.conftest import NEIGHBOUR
from tests.queue.office import NUMBER, OKSANA, PETRO, Office, furnished, moment
from tests.store.forging import Forger

VILLAGE: Final = 3
AT: Final = moment(2026, 11, 17, 9, 0)


@pytest.fixture
def village() -> Forger:
    return Forger(StreamId(VILLAGE, 78), Lane.TICKETS)


def ticket_row(here: Office, **told: Any) -> list[Any]:
    """Return a ticket of the village, as its row travels."""
    good = [VILLAGE, 1, "А", 7, here.extract.blob, "submit", "uk", None, b"x" * 16, "kiosk", AT]
    names = [column.name for column in tables.TICKETS.columns]
    return [told.get(name, value) for name, value in zip(names, good, strict=True)]


# Whose queue it is


def test_a_village_cannot_move_a_ticket_of_another_office(office: Office, village: Forger) -> None:
    mine = office.take()
    neighbour = office.copy_of_a_ticket(4, b"y" * 16)
    for ticket in (mine.id, neighbour):
        village.insert(
            tables.EVENTS, [ticket.blob, 1, "cancel", "WAITING", "CANCELLED", None, None, AT]
        )
    office.receive(village)
    assert office.ticket(mine.id).state is State.WAITING
    assert office.ticket(neighbour).state is State.WAITING
    assert office.held() == [("queue_event", Reason.NOT_ITS_OWN)] * 2


def test_a_village_cannot_put_a_ticket_into_the_queue_of_another_office(
    office: Office, village: Forger
) -> None:
    mine = office.take()
    village.insert(tables.TICKETS, ticket_row(office, office=NUMBER, n=777))
    office.receive(village)
    with office.store.read() as reader:
        assert [one.id for one in queries.waiting(reader, NUMBER)] == [mine.id]
        assert queries.count_waiting(reader, NUMBER) == 1
    assert office.held() == [("queue_ticket", Reason.NOT_ITS_OWN)]


def test_a_village_cannot_open_a_day_of_another_office(office: Office, village: Forger) -> None:
    before = office.take().day
    village.insert(tables.DAYS, [NUMBER, 999_999, "2026-11-17", 0, 0, AT])
    office.receive(village)
    assert office.take().day == before
    assert office.held() == [("queue_day", Reason.NOT_ITS_OWN)]


def test_a_village_cannot_sit_down_at_a_counter_of_another_office(office: Office) -> None:
    office.open(OKSANA)
    village = Forger(StreamId(VILLAGE, 78), Lane.STATE)
    own = village.insert(tables.COUNTERS, [VILLAGE, 1, "OPEN", "her", "Her", AT])
    village.insert(tables.COUNTERS, [NUMBER, 2, "OPEN", "evil", "Evil", AT])
    village.update(tables.COUNTERS, own, {0: NUMBER})
    office.receive(village)
    with office.store.read() as reader:
        assert [one.n for one in queries.counters(reader, NUMBER)] == [1]
        assert [one.n for one in queries.counters(reader, VILLAGE)] == [1]
    assert office.held() == [("queue_counter", Reason.NOT_ITS_OWN)] * 2
    office.open(PETRO)


def test_a_ticket_of_a_newer_version_is_held_with_its_events(
    office: Office, village: Forger
) -> None:
    born = village.insert(tables.TICKETS, ticket_row(office, purpose="video_call"))
    told = [born.blob, 1, "call", "WAITING", "CALLED", 1, None, AT]
    village.insert(tables.EVENTS, told)
    office.receive(village)
    held = [("queue_ticket", Reason.NEWER_VALUE), ("queue_event", Reason.WAITING)]
    assert office.held() == held


# What pages can read

FINE: Final = 0.75
ERROR: Final = 400
ODD: Final[dict[str, list[Value]]] = {
    "INTEGER": [-1, 0, 7, 99, 1 << 40, 1 << 47, (1 << 63) - 1, -(1 << 63), None, "1", 1.5, b"1"],
    "TEXT": [
        *("", " ", "video_call", "2026-02-30", "20261117", "\x00", "\u202e", "<b>", "=1+1", "%s"),
        *("office:" + "9" * 5000, "office:²", "device:", "code:", "s03-x-1", "А" * 3000),
        *("[" * 20_000, '{"a": ' * 400 + "1" + "}" * 400, '{"a": [[[1]], {}]}', "[1, 2]"),
        *('{"a": "\\ud800"}', '{"\\uDC00": 1}', '{"a": 1e999}', "{", None, 5, b"text"),
    ],
    "BLOB": [b"", b"zz", b"x" * 13, b"\xff" * 14, b"x" * 15, b"x" * 4000, None, "text", 5],
}
UP: Final = tuple(table for table in EVERY_TABLE if table.owner is Owner.UP)


def odd(chance: Random, column: Column, born: list[RowId]) -> Value:
    """Return a value for a column: mostly one that a village could write, else anything."""
    if chance.random() > FINE:
        return chance.choice(ODD[column.kind])
    if column.known:
        return chance.choice(sorted(column.known))
    if column.home and not column.refers:
        return VILLAGE
    if column.kind == "INTEGER":
        return chance.choice([0, 1, 2, 3, AT, AT + 60_000])
    if column.kind == "TEXT":
        return chance.choice(["2026-11-17", "А", "system", "queue.call", "{}", '{"counter": 1}'])
    return chance.choice(born).blob


def fill(chance: Random, office: Office, epoch: int, count: int) -> None:
    """Let many odd rows of every table that a village writes land here, and odd changes."""
    born = [office.extract, office.priority, RowId(NUMBER, 1, 1)]
    for lane in (Lane.TICKETS, Lane.STATE):
        written = Forger(StreamId(VILLAGE, epoch), lane, seq=int(lane) * 10_000)
        for table in (one for one in UP if one.lane is lane):
            mine = [born_of(chance, written, table, born) for _ in range(count)]
            if not table.append_only:
                change(chance, written, table, mine, born)
        office.receive(written)


def born_of(chance: Random, written: Forger, table: Table, born: list[RowId]) -> RowId:
    row = [odd(chance, column, born) for column in table.columns]
    one = written.insert(table, row, schema=table.schema)
    born.append(one)
    return one


def change(
    chance: Random, written: Forger, table: Table, mine: list[RowId], born: list[RowId]
) -> None:
    for row in mine:
        place = chance.randrange(len(table.columns))
        written.update(table, row, {place: odd(chance, table.columns[place], born)})


PAGES: Final = (
    *("/queue/tickets", "/queue/tickets?node=3&day=2026-11-17", "/queue/tickets.csv"),
    *("/api/queue/tickets", "/queue", "/queue/counters/2"),
    *("/audit", "/audit?verify=1", "/audit.csv", "/audit?actor=system", "/staff", "/staff/codes"),
)


@contextmanager
def staffed(folder: Path) -> Iterator[tuple[Office, FlaskClient]]:
    """Give a centre with people at its counters, and somebody who may see every page."""
    passwords = HashingThread()
    with furnished(folder / "centre.db", FixedClock(AT)) as office:
        office.open(OKSANA)
        office.take()
        office.call()
        context = staffing.context_of(office.store, passwords, centre={"nodes": [NEIGHBOUR]})
        rooms = (people_views.office, *views.OFFICE)
        client = create_surface(Surface.OFFICE, context, rooms, [access.guard]).test_client()
        roles = [Role.ADMINISTRATOR, Role.STAROSTA]
        staffing.hire(office.store, "oksana", name="Оксана", roles=roles)
        staffing.sign_in(client, "oksana")
        yield office, client
    passwords.close()


@pytest.mark.parametrize("seed", range(4))
def test_no_value_of_a_village_breaks_a_page(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    with staffed(tmp_path) as (office, client):
        fill(chance, office, 1 + seed, 60)
        statuses = {page: client.get(page).status_code for page in PAGES}
        assert {page: status for page, status in statuses.items() if status >= ERROR} == {}
        assert office.count("queue_ticket") > 1
        assert office.count("people_audit") > 10
        held = {reason for _, reason in office.held()}
        assert Reason.FAILED not in held
        assert {Reason.UNREADABLE, Reason.NEWER_VALUE} <= held
