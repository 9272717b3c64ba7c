"""What a watchdog and a technician read: /healthz and /metrics."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.failures import StoreBusy, StoreClosed
from appliance.web import health
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.web import places


@pytest.mark.parametrize("kind", list(Surface))
def test_each_surface_says_who_it_is_and_how_it_is(
    tmp_path: Path, store: Store, clock: FixedClock, kind: Surface
) -> None:
    given = places.context(
        tmp_path, store, clock, health={"replication": lambda: {"tickets": {"unsent": 12}}}
    )
    client = places.surface(kind, given).test_client()
    clock.advance(90)
    told = client.get("/healthz")
    assert told.status_code == 200
    known = told.get_json()
    disk = known.pop("disk")
    assert 0 < disk["free_bytes"] <= disk["total_bytes"]
    assert known == {
        "status": "ok",
        "surface": str(kind),
        "uptime_seconds": 90.0,
        "role": "village",
        "node": 3,
        "hromada": "tykhovody",
        "clock": "synchronised",
        "writing": {"works": True, "second_medium_works": True},
        "replication": {"tickets": {"unsent": 12}},
    }


def test_a_fact_that_cannot_be_had_is_named_and_ails(
    tmp_path: Path, store: Store, clock: FixedClock
) -> None:
    def closed() -> object:
        raise StoreClosed

    clock.set(clock.wall(), quality=ClockQuality.UNKNOWN)
    given = places.context(tmp_path, store, clock, health={"replication": closed})
    told = places.surface(Surface.OFFICE, given).test_client().get("/healthz")
    assert told.status_code == 503
    assert told.json is not None
    assert told.json["status"] == "failing"
    assert told.json["clock"] == "unknown"
    assert "unknown" in told.json["replication"]


def test_health_says_that_writes_are_refused_until_they_are_not(
    tmp_path: Path, clock: FixedClock
) -> None:
    file = tmp_path / "held.db"
    store = Store.open(file, places.TABLES, node=3, clock=clock, busy_seconds=0.05)
    client = places.surface(Surface.OFFICE, places.context(tmp_path, store, clock)).test_client()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert client.get("/healthz").status_code == 200  # nobody has been refused yet
        with pytest.raises(StoreBusy):
            store.beat()
        told = client.get("/healthz")
        assert told.status_code == 503
        assert told.json is not None
        assert told.json["writing"]["unknown"].startswith("another process holds the database")
    assert client.get("/healthz").json["writing"]["works"]  # type: ignore[index]
    store.close()


def test_health_fails_when_no_room_is_left(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LEAST_ROOM", 1 << 60)
    told = places.surface(Surface.OFFICE, context).test_client().get("/healthz")
    assert told.status_code == 503
    assert told.json is not None
    assert told.json["disk"]["full"] is True


def test_metrics_are_for_this_machine_and_for_the_office_alone(
    tmp_path: Path, store: Store, clock: FixedClock
) -> None:
    def unsent() -> Sequence[Metric]:
        return [GaugeMetricFamily("vuzol_unsent", "Entries not sent", value=12)]

    given = places.context(tmp_path, store, clock, metrics=(unsent,))
    office = places.surface(Surface.OFFICE, given).test_client()
    guest = places.surface(Surface.GUEST, given).test_client()
    guest.get("/nowhere")
    told = office.get("/metrics")
    assert told.status_code == 200
    assert "vuzol_unsent 12.0" in told.text
    assert 'vuzol_http_seconds_count{method="GET",status="4xx",surface="guest"} 1.0' in told.text
    assert "process_resident_memory_bytes" in told.text
    assert guest.get("/metrics").status_code == 404
    elsewhere = {"REMOTE_ADDR": "10.77.0.9"}
    assert office.get("/metrics", environ_base=elsewhere).status_code == 403
    assert office.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403


def test_a_stranger_makes_no_new_series(tmp_path: Path, store: Store, clock: FixedClock) -> None:
    office = places.surface(Surface.OFFICE, places.context(tmp_path, store, clock)).test_client()
    for method in ("BREW", "PROPFIND", "X" * 50):
        office.open("/", method=method)
    told = office.get("/metrics").text
    assert "BREW" not in told
    assert 'vuzol_http_seconds_count{method="other",status="4xx",surface="office"} 3.0' in told
