"""What has become of a ticket is the same at the office and at the centre, however it travelled."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import VuzolError
from appliance.queue import catalogue, queries, search, service
from appliance.queue.model import Event, Purpose, Target
from appliance.queue.service import Operator, Wish
from appliance.store import down, inbox, log, projection
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.revisions import Grants
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from tests.queue.office import HERE, OKSANA, TABLES, described, furnish, moment

VILLAGE = service.Office(2, HERE.zone, HERE.opens)
SCOPES = ("hromada", "office:2")


@contextmanager
def two_ends(folder: Path) -> Iterator[tuple[Store, Store]]:
    """Give a village and its centre; the village has the catalogue."""
    clock = FixedClock(moment(2026, 11, 17, 9, 0))
    centre = Store.open(folder / "centre.db", TABLES, node=1, clock=clock, inline=True)
    village = Store.open(
        folder / "village.db", TABLES, node=2, clock=clock, centre=False, inline=True
    )
    furnish(centre, clock)
    village.write(down.obey, Grants(1, SCOPES))
    for scope in SCOPES:
        with village.read() as reader:
            after = down.cursor(reader, scope, Lane.STATE)
        with centre.read() as reader:
            page = down.changes(reader, scope, Lane.STATE, after, 1 << 20)
        village.write(down.apply, scope, Lane.STATE, page)
    yield village, centre
    village.close()
    centre.close()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    with two_ends(tmp_path) as found:
        yield found


def send(village: Store, centre: Store, *, at_most: int = 1 << 20) -> None:
    """Let what the village has land at the centre; the link may end anywhere."""
    for lane in (Lane.TICKETS, Lane.STATE):
        with village.read() as reader:
            streams = log.pending_streams(reader, lane)
        for stream in streams:
            with centre.read() as reader:
                have = inbox.cursor(reader, stream, lane).have
            with village.read() as reader:
                part = log.entries(reader, stream, lane, have, at_most)
            if part:
                centre.write(inbox.append, stream, lane, part)
    while centre.write(projection.step):
        pass


def standings(store: Store) -> list[dict[str, Any]]:
    """Return what has become of the village's tickets, but for the place in this file."""
    with store.read() as reader:
        rows = reader.all("SELECT * FROM queue_current WHERE office = 2 ORDER BY place")
    return [{name: row[name] for name in row.keys() if name != "place"} for row in rows]  # noqa: SIM118


def offered(village: Store) -> list[Wish]:
    with village.read() as reader:
        rows = reader.all("SELECT id FROM queue_service WHERE state = 'OPEN' AND deleted = 0")
    return [Wish(RowId.of(row["id"]), Purpose.CONSULTATION, "uk") for row in rows]


steps = st.lists(
    st.sampled_from(["take", "call", "move there", *Event, "send", "send a little"]),
    min_size=1,
    max_size=30,
)


@given(steps)
@settings(max_examples=20, deadline=None)
def test_both_ends_fold_the_same_standing(happening: list[str]) -> None:
    with TemporaryDirectory() as folder, two_ends(Path(folder)) as (village, centre):
        village.write(service.open_counter, VILLAGE, OKSANA)
        wish = offered(village)[0]
        for step in happening:
            with suppress(VuzolError):  # that a refusal leaves no trace is shown elsewhere
                happens(step, village, centre, wish)
        send(village, centre)
        assert standings(centre) == standings(village)


def move_first(tx: Transaction, target: Target) -> None:
    """Let who has waited longest wait for something else."""
    first = queries.first_waiting(tx, VILLAGE.number)
    if first is not None:
        service.write_event(tx, first, Event.MOVE, actor="system", target=target)


def happens(step: str, village: Store, centre: Store, wish: Wish) -> None:
    if step == "take":
        village.write(service.take_ticket, VILLAGE, wish, device="kiosk-1", token_hash=b"0" * 16)
    elif step == "move there":
        village.write(move_first, Target(wish.service, Purpose.COLLECT))
    elif step == "call":
        village.write(service.call_next, VILLAGE, OKSANA)
    elif step.startswith("send"):
        send(village, centre, at_most=300 if "little" in step else 1 << 20)
    else:
        village.write(service.advance, VILLAGE, OKSANA, Event(step))


def test_the_centre_shows_every_ticket_once_with_its_day_and_service(
    ends: tuple[Store, Store],
) -> None:
    village, centre = ends
    for wish in offered(village) * 3:
        village.write(service.take_ticket, VILLAGE, wish, device="kiosk-1", token_hash=b"0" * 16)
    send(village, centre)
    send(village, centre)
    with centre.read() as reader:
        found = list(search.every(reader, search.wanted(node="s02", day="2026-11-17")))
        assert queries.count_waiting(reader, 2) == 6
        assert queries.count_waiting(reader, 1) == 0
    assert sorted(one.label for one in found) == [
        *(f"А-00{n}" for n in range(1, 4)),
        *(f"П-00{n}" for n in range(1, 4)),
    ]


def test_the_centre_does_not_call_the_tickets_of_a_village(ends: tuple[Store, Store]) -> None:
    village, centre = ends
    wish = offered(village)[0]
    village.write(service.take_ticket, VILLAGE, wish, device="kiosk-1", token_hash=b"0" * 16)
    send(village, centre)
    there = Operator(OKSANA.actor, OKSANA.name, 1)
    centre.write(service.open_counter, HERE, there)
    with pytest.raises(service.NobodyWaiting):
        centre.write(service.call_next, HERE, there)


def test_a_village_cannot_describe_services(ends: tuple[Store, Store]) -> None:
    village, _ = ends
    with pytest.raises(VuzolError):
        village.write(
            catalogue.add_service, described("В", "Своя"), scope="hromada", actor="system"
        )
