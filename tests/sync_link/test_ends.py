"""An appliance's end of replication, as its settings say: what runs, and where it looks."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from appliance import config
from appliance.rooms import TABLES
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from provisioning.keys import own_key, public_text
from sync import ends
from sync.courier import COURIER
from sync.ends import CentreEnd, LoneEnd, VillageEnd, open_end
from sync.receiver import UNSIGNED, Knock, Refused
from sync.signing import Head, Nonce, body_hash
from sync.status import EXTRA
from sync.views import WAKE
from tests.sync_link.offices import CENTRE, VILLAGE


@pytest.fixture
def stores() -> Iterator[list[Store]]:
    opened: list[Store] = []
    yield opened
    for store in opened:
        store.close()


def end(
    folder: Path, told: Mapping[str, Any], stores: list[Store], **sections: Mapping[str, Any]
) -> ends.End:
    merged = {**told, **{name: {**told.get(name, {}), **more} for name, more in sections.items()}}
    settings = config.of(merged, {}, folder=folder)
    number = settings.node.number
    store = Store.open(folder / f"{number}.db", TABLES, node=number, clock=FixedClock())
    stores.append(store)
    return open_end(settings, store, own_key(folder / f"{number}.key"))


def threads() -> set[str]:
    return {one.name for one in threading.enumerate()}


def test_each_role_gets_its_end(tmp_path: Path, stores: list[Store]) -> None:
    assert isinstance(end(tmp_path, CENTRE, stores), CentreEnd)
    village = end(tmp_path, VILLAGE, stores)
    assert isinstance(village, VillageEnd)
    assert (village.office, village.hub) == ((), ())
    assert set(village.extras) == {EXTRA, WAKE, COURIER}


def test_demo_alone_has_a_link_switch(tmp_path: Path, stores: list[Store]) -> None:
    village = end(tmp_path, VILLAGE, stores, demo={"link_switch": True})
    assert [room.name for room in village.office] == ["demo_link"]


def test_village_that_knows_no_centre_works_and_says_that_nothing_was_sent(
    tmp_path: Path, stores: list[Store]
) -> None:
    lone = end(tmp_path, VILLAGE, stores, link={"centre_key": ""})
    assert isinstance(lone, LoneEnd)
    before = threads()
    lone.start()
    assert threads() == before
    truth = lone.status.truth()
    assert (truth.link, truth.last_contact, truth.unsent) == ("down", None, 0)
    lone.stop()


def test_centre_grants_each_node_what_is_for_all_and_its_own_office(
    tmp_path: Path, stores: list[Store]
) -> None:
    key = public_text(own_key(tmp_path / "other.key"))
    member = {"number": 7, "title": "Старостат", "key": key}
    centre = end(tmp_path, CENTRE, stores, centre={"nodes": [member]}, link={"discover": False})
    centre.start()
    with stores[0].read() as reader:
        held = reader.all("SELECT node, scope FROM _grant ORDER BY scope")
    assert [tuple(row) for row in held] == [(7, "hromada"), (7, "office:7")]
    centre.stop()


def test_stolen_node_is_a_stranger_once_it_is_revoked(tmp_path: Path) -> None:
    """The same node, before and after a restart of the centre that revokes it."""
    key, told = own_key(tmp_path / "other.key"), []
    for revoked in (False, True):
        opened: list[Store] = []
        member = {"number": 7, "title": "Старостат", "key": public_text(key), "revoked": revoked}
        centre = end(tmp_path, CENTRE, opened, centre={"nodes": [member]}, link={"discover": False})
        assert isinstance(centre, CentreEnd)
        at = centre.doorman.centre
        stream, after = StreamId(7, 99), int(revoked)
        head = Head(
            hromada=at.hromada,
            stream=stream,
            lane=Lane.TICKETS,
            after=after,
            last=after,
            recipient=at.number,
            centre_epoch=at.epoch,
            nonce=Nonce(99, 0, 1 + revoked),
            body_hash=body_hash(b""),
        )
        answer = centre.doorman.knock(Knock("POST", head.path, head.header(key), 0), lambda: None)
        told.append(answer.response.status if isinstance(answer, Refused) else "welcome")
        opened[0].close()
    assert told == ["welcome", UNSIGNED]


def test_ends_stop_their_threads(tmp_path: Path, stores: list[Store]) -> None:
    key = public_text(own_key(tmp_path / "other.key"))
    both = [
        end(tmp_path, CENTRE, stores, link={"discover": True}, centre={"nodes": []}),
        end(tmp_path, VILLAGE, stores, link={"discover": True, "centre_key": key}),
    ]
    before = threads()
    for one in both:
        one.start()
    assert {"agent", "link-urgent", "link-bulk", "projector", "discovery"} <= threads()
    for one in both:
        one.stop()
    left = threads() - before
    assert left <= {"carrier"}  # it sleeps in the kernel, and ends with the process


def test_centre_on_loopback_is_not_announced_and_guests_hear_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [
        ends.discovery.Interface("eth0", "192.0.2.5"),
        ends.discovery.Interface("w", "10.7.0.1"),
    ]
    monkeypatch.setattr(ends.discovery, "interfaces_now", lambda: here)

    def spoken_at(told: Mapping[str, Any], address: str) -> list[str]:
        surfaces = {"address": address, "guest_interface": "w"}
        return ends.speak_at(config.of({**told, "surfaces": surfaces}, {}, folder=tmp_path))

    assert spoken_at(CENTRE, "127.0.0.1") == []
    assert spoken_at(CENTRE, "192.0.2.5") == ["192.0.2.5"]
    assert spoken_at(VILLAGE, "127.0.0.1") == ["192.0.2.5"]


def test_announcement_tells_the_port_that_is_seen_from_outside(tmp_path: Path) -> None:
    def told(**surfaces: Any) -> tuple[int, bool]:
        settings = config.of({**CENTRE, "surfaces": surfaces}, {}, folder=tmp_path)
        hub = ends.announced(settings)
        return hub.port, hub.secure

    assert told() == (8083, False)
    assert told(hub_url="https://centre.example") == (443, True)
    assert told(hub_url="https://centre.example:8443") == (8443, True)
