"""A disk that runs low: lanes give way in order, each time with a line; tickets and audit never."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from appliance.housekeeping import ACTION, Disk, Housekeeper
from appliance.people import audit
from appliance.people import tables as people
from appliance.store import log, retention
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.tables import Lane, Owner, Table, blob, integer
from appliance.web import truth
from appliance.web.context import Truth
from appliance.web.surfaces import Surface
from tests.small_disk import small_disk
from tests.store.residents import raw
from tests.web import places
from tests.whole_node import whole_node

DAY: Final = 24 * 3600
MEBIBYTE: Final = 1 << 20
FIELD: Final = tuple(
    Table(
        f"field_{lane.label}",
        owner=Owner.UP,
        lane=lane,
        columns=(integer("value"), blob("bytes", null=True)),
        append_only=lane is not Lane.STATE,
    )
    for lane in Lane
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def store(folder: Path, clock: FixedClock) -> Iterator[Store]:
    tables = (*people.TABLES, *FIELD)
    opened = Store.open(folder / "node.db", tables, node=3, clock=clock, inline=True, centre=False)
    yield opened
    opened.close()


def measure(store: Store, lane: Lane, times: int = 3, size: int = 0) -> list[RowId]:
    row = {"value": 1, "bytes": os.urandom(size) or None}
    return [store.write(lambda tx: tx.insert(FIELD[lane], row)) for _ in range(times)]


def acknowledge(store: Store, lane: Lane, *, safe: int = 0) -> None:
    with store.read() as reader:
        have = log.last(reader, store.stream, lane)
    store.write(
        log.acknowledge, store.stream, lane, have=have, safe=min(have, safe), centre_epoch=9
    )


def left(store: Store) -> dict[Lane, int]:
    sql = "SELECT lane, count(*) AS n FROM _log WHERE tbl LIKE 'field%' GROUP BY lane"
    with store.read() as reader:
        return {Lane(row["lane"]): row["n"] for row in reader.all(sql)}


def lines(store: Store) -> list[str]:
    sql = "SELECT subject FROM people_audit WHERE action = :action ORDER BY id"
    with store.read() as reader:
        return [row["subject"] for row in reader.all(sql, action=ACTION)]


class Fills:
    """A disk on which each thinning frees so many bytes: for the order in which lanes give way."""

    def __init__(self, store: Store, needs: int) -> None:
        self._store = store
        self._needs = needs

    def __call__(self, folder: Path) -> Disk:
        assert folder == self._store.path.parent
        enough = len(lines(self._store)) >= self._needs
        return Disk(MEBIBYTE << 10 if enough else 0, MEBIBYTE << 10)


def test_lanes_give_way_in_the_declared_order_and_each_time_leaves_a_line(store: Store) -> None:
    for lane in Lane:
        measure(store, lane)
        acknowledge(store, lane)
    keeper = Housekeeper(store, measure=Fills(store, needs=3))
    keeper.look()
    assert lines(store) == ["backup", "media", "sightings"]
    assert keeper.facts() == {
        "disk_low": False,
        "nothing_left_to_thin": False,
        "thinned": {"sightings": 3, "media": 3, "backup": 3},
        "purged": 0,
    }
    assert set(left(store)) == {Lane.ALARMS, Lane.TICKETS, Lane.STATE, Lane.READINGS}
    with store.read() as reader:
        assert audit.verify(reader).whole


def test_a_disk_that_stays_full_costs_no_ticket_no_alarm_and_no_line_of_the_trail(
    store: Store,
) -> None:
    for lane in Lane:
        measure(store, lane)
        acknowledge(store, lane)
    keeper = Housekeeper(store, measure=lambda _: Disk(0, MEBIBYTE << 10))
    keeper.look()
    keeper.look()
    assert left(store) == {Lane.ALARMS: 3, Lane.TICKETS: 3}
    assert lines(store) == [lane.label for lane in retention.THINNED]
    assert keeper.facts()["nothing_left_to_thin"]
    assert keeper.low


def test_what_was_not_sent_is_never_thinned(store: Store) -> None:
    measure(store, Lane.READINGS)
    keeper = Housekeeper(store, measure=lambda _: Disk(0, MEBIBYTE << 10))
    keeper.look()
    assert left(store) == {Lane.READINGS: 3}
    assert lines(store) == []


def test_once_an_hour_what_is_safe_is_purged(store: Store, clock: FixedClock) -> None:
    measure(store, Lane.TICKETS)
    acknowledge(store, Lane.TICKETS, safe=2)
    keeper = Housekeeper(store)
    keeper.look()
    clock.advance(31 * DAY)
    keeper.look()
    assert left(store) == {Lane.TICKETS: 1}
    assert keeper.facts()["purged"] == 2
    assert not keeper.low


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 24 MiB."""
    with small_disk(tmp_path / "small", mebibytes=24) as disk:
        yield disk


def test_a_small_disk_fills_up_with_sightings_and_tickets_find_room_again(
    small: Path, clock: FixedClock
) -> None:
    tables = (*people.TABLES, *FIELD)
    store = Store.open(small / "node.db", tables, node=3, clock=clock, inline=True, centre=False)
    with closing(store):
        _fill_and_find_room(store, small)


def _fill_and_find_room(store: Store, small: Path) -> None:
    keeper = Housekeeper(store)
    tickets = measure(store, Lane.TICKETS, 5)
    keeper.look()
    assert not keeper.low
    while not retention.is_low(Disk.at(small).free, Disk.at(small).total):
        measure(store, Lane.SIGHTINGS, 20, size=20_000)
    acknowledge(store, Lane.SIGHTINGS)
    keeper.look()
    assert keeper.facts()["thinned"] == {"sightings": pytest.approx(500, abs=500)}
    assert not keeper.low, "what was taken is room inside the file"
    before = (small / "node.db").stat().st_size
    measure(store, Lane.SIGHTINGS, 100, size=20_000)
    tickets += measure(store, Lane.TICKETS, 50)
    assert (small / "node.db").stat().st_size <= before + MEBIBYTE
    with store.read() as reader:
        assert reader.value("SELECT count(*) FROM field_tickets") == len(tickets)
        assert reader.value("PRAGMA integrity_check") == "ok"
        assert audit.verify(reader).whole


def test_the_office_is_told_and_the_kiosk_is_not(
    tmp_path: Path, store: Store, clock: FixedClock
) -> None:
    told = Truth(link="up", clock=clock.quality(), disk_low=True)
    given = places.context(tmp_path, store, clock, truth=lambda: told)
    for surface, warns in ((Surface.OFFICE, True), (Surface.KIOSK, False)):
        with places.surface(surface, given).test_request_context("/"):
            texts = [line.text for line in truth.lines().lines]
        assert ("На диску мало місця: покличте техніка" in texts) == warns


def test_a_node_tells_of_its_disk_and_forgets_a_person(tmp_path: Path) -> None:
    with whole_node(tmp_path) as node:
        told = node.client(Surface.OFFICE).get("/healthz").get_json()
        assert told["housekeeping"] == {
            "disk_low": node.appliance.housekeeper.low,
            "nothing_left_to_thin": False,
            "thinned": {},
            "purged": 0,
        }
        node.signed_in("clerk")  # the trail names the clerk by id
        folder, name = node.store.path.parent, "Петро Гнатюк".encode()
        assert name in raw(folder)
        assert node.store.write(lambda tx: tx.erase(people.PERSON, [node.clerk])) == [node.clerk]
        page = node.signed_in().get("/staff")
        assert page.status_code == 200
        assert name not in page.data
        trail = node.signed_in().get("/audit")
        assert trail.status_code == 200
        assert "None" not in trail.text
        assert str(node.clerk) in trail.text
        node.store.beat()  # the page's reader may have held up the cleaning
        assert name not in raw(folder)
