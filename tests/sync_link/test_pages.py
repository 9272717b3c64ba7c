"""The pages of replication tell what is known, since when, and what is not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.people.model import Role
from appliance.store.transaction import Transaction
from sync.tables import NODES
from tests.people.staffing import hire, sign_in
from tests.sync_link.offices import CENTRE, MINUTE, NOON, VILLAGE, Place, place

LOOPBACK = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, CENTRE) as opened:
        yield opened


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, VILLAGE) as opened:
        yield opened


def client(of: Place, *, role: Role | None = Role.TECHNICIAN) -> FlaskClient:
    visitor = of.surface().test_client()
    if role is not None:
        hire(of.store, "ihor", roles=[role])
        sign_in(visitor, "ihor")
    return visitor


def heard(of: Place, node: int, **told: Any) -> None:
    row = {
        "node": node,
        "contact_at": NOON - 2 * MINUTE,
        "address": "127.0.0.12",
        "version": "0.1.0",
        "clock": "synchronised",
        "offset_ms": 40,
        "unsent": 0,
        "oldest_at": None,
        **told,
    }

    def verb(tx: Transaction) -> None:
        tx.put(NODES, row)

    of.store.write(verb)


def page(visitor: FlaskClient, path: str) -> str:
    answered = visitor.get(path)
    assert answered.status_code == 200, answered.get_data(as_text=True)
    return answered.get_data(as_text=True).replace("\N{NO-BREAK SPACE}", " ")


def test_nodes_page_tells_known_from_unknown(centre: Place) -> None:
    heard(centre, 2, unsent=3, offset_ms=4 * MINUTE)
    heard(centre, 3, contact_at=NOON - 180 * MINUTE, unsent=12)
    told = page(client(centre), "/nodes")
    silent, never, well = told.split("<tbody>")[1].split("</tr>")[:3]
    assert "Кам’янка" in silent
    assert "без зв’язку 3 год" in silent
    assert "12 відомо" in silent
    assert "о 11:05" in silent
    assert "Запасний" in never
    assert never.count("невідомо") == 4
    assert "Верболіз" in well
    assert "на зв’язку" in well
    assert ">3<" in well
    assert "+4 хв" in well
    assert "відомо" not in well
    assert "невідомо з вузлів: 2" in told


def test_node_whose_clock_is_lost_asks_for_a_person(centre: Place) -> None:
    heard(centre, 2, clock="unknown")
    told = page(client(centre), "/nodes").split("<tbody>")[1].split("</tr>")[0]
    assert "Верболіз" in told
    assert "годинник може помилятися" in told


def test_revoked_node_is_told_as_such_and_counts_for_nothing(tmp_path: Path) -> None:
    nodes = [{**CENTRE["centre"]["nodes"][0], "revoked": True}, CENTRE["centre"]["nodes"][1]]
    with place(tmp_path, {**CENTRE, "centre": {"nodes": nodes}}) as centre:
        heard(centre, 2, unsent=7)
        visitor = client(centre)
        told = page(visitor, "/nodes")
        assert "відкликано: від нього нічого не беремо" in told
        assert "невідомо з вузлів: 1" in told
        assert "Відкликано: від вузла нічого не беруть" in page(visitor, "/nodes/2")
        facts = visitor.get("/healthz").get_json()["replication"]["nodes"]
        assert facts["s02"]["state"] == "revoked"


@pytest.mark.parametrize(
    ("outcome", "words", "trouble"),
    [
        ("equal", "збігаються", False),
        ("asked", "звіряємо", False),
        ("forked", "розійшлися", True),
        ("broken", "пошкоджено на вузлі", True),
        ("of a later version", "ще не звіряли", False),
    ],
)
def test_nodes_page_tells_how_the_nightly_comparison_came_out(
    centre: Place, outcome: str, words: str, *, trouble: bool
) -> None:
    heard(centre, 2, compared_at=NOON - 9 * 60 * MINUTE, compared=outcome)
    visitor = client(centre)
    row = next(
        row
        for row in page(visitor, "/nodes").split("<tbody>")[1].split("</tr>")
        if "Верболіз" in row
    )
    assert words in row
    assert "05:05" in row
    assert ("потрібен технік" in row) is trouble
    assert words in page(visitor, "/nodes/2")


def test_live_page_gets_the_part_and_the_strip_without_the_frame(centre: Place) -> None:
    heard(centre, 2)
    answered = client(centre).get("/nodes", headers={"X-Fragment": "1"})
    told = answered.get_data(as_text=True)
    assert 'data-live-part="truth"' in told
    assert "<table" in told
    assert "<html" not in told


def test_link_page_says_since_when_and_what_waits(village: Place) -> None:
    visitor = client(village)
    assert village.ledger is not None
    village.ledger.believe(village.ledger.contact("http://127.0.0.1:9"))
    told = page(visitor, "/link")
    assert "Центр на зв’язку" in told
    assert "з 14:05" in told
    village.clock.advance(3 * 3600)
    village.ledger.fail("silent")
    told = page(visitor, "/link")
    assert "Зв’язку немає 3 год — послуги працюють" in told
    assert "Центр не відповів вчасно" in told
    assert "Талони, журнал дій" in told
    assert "Інтернету немає 3 год — послуги працюють" in told


def test_link_page_tells_how_much_of_the_day_is_used_and_what_waits_for_the_next(
    tmp_path: Path,
) -> None:
    told_of = {**VILLAGE, "link": {**VILLAGE["link"], "kind": "gsm"}}
    with place(tmp_path, told_of) as village:
        visitor = client(village)
        village.carried = 3_100_000
        told = page(visitor, "/link")
        assert "Сьогодні через зв’язок: 3,1 з 20 МБ" in told
        assert "обсяг вичерпано" not in told
        assert 'value="3100000"' in told
        village.carried = 19_900_000
        told = page(visitor, "/link")
        assert "19,9 з 20 МБ" in told
        assert "Талони, журнал дій<small>чекає наступного дня" in told
        facts = visitor.get("/healthz").get_json()["replication"]["budget"]
        assert facts["daily_bytes"] == 20_000_000
        assert facts["held_lanes"] == [
            "tickets", "state", "readings", "sightings", "media", "backup",
        ]  # fmt: skip


def test_link_that_nobody_pays_for_shows_no_limit(village: Place) -> None:
    village.carried = 3_100_000
    assert "<meter" not in page(client(village), "/link")


def test_pages_are_for_those_who_look_after_nodes(centre: Place, tmp_path: Path) -> None:
    assert client(centre, role=None).get("/nodes").status_code == 302
    assert client(centre, role=Role.DUTY_OFFICER).get("/nodes").status_code == 403
    (tmp_path / "v").mkdir()
    with place(tmp_path / "v", VILLAGE) as village:
        visitor = client(village)
        assert visitor.get("/nodes").status_code == 404
        assert 'href="/link"' in page(visitor, "/link")
        assert 'href="/nodes"' not in page(visitor, "/link")


def test_pages_speak_english_too(centre: Place) -> None:
    heard(centre, 3, contact_at=NOON - 180 * MINUTE, unsent=12)
    told = page(client(centre), "/nodes?lang=en")
    assert "no link for 3" in told
    assert "12 known" in told
    assert "не означає" not in told


def test_call_now_wakes_the_agent(village: Place) -> None:
    visitor = client(village)
    assert visitor.post("/link/now").status_code == 303
    assert village.woken == 1
    stranger = village.surface().test_client()
    assert stranger.post("/link/now").status_code == 401
    assert village.woken == 1


def test_commands_of_this_machine_are_answered_and_others_refused(village: Place) -> None:
    visitor = village.surface().test_client()
    told = visitor.get("/sync/status", environ_base=LOOPBACK).get_json()
    assert told["link"] == "down"
    assert told["lag"]["tickets"] == {"entries": 0, "oldest_seconds": None}
    assert visitor.post("/sync/now", environ_base=LOOPBACK).status_code == 200
    assert village.woken == 1
    for method, path in (("get", "/sync/status"), ("post", "/sync/now"), ("post", "/demo/link")):
        ask = getattr(visitor, method)
        assert ask(path, environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403
        assert ask(path, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403


@pytest.mark.parametrize("body", [{}, {"up": "yes"}, {"up": 1}, {"up": None}])
def test_switch_moves_only_by_a_clear_word(village: Place, body: dict[str, Any]) -> None:
    visitor = village.surface().test_client()
    answered = visitor.post("/demo/link", json=body, environ_base=LOOPBACK)
    assert answered.status_code == 422
    assert village.switch.up


def test_switch_is_moved_from_this_machine(village: Place) -> None:
    visitor = village.surface().test_client()
    for up in (False, True):
        answered = visitor.post("/demo/link", json={"up": up}, environ_base=LOOPBACK)
        assert answered.get_json() == {"up": up}
        assert village.switch.up is up


def test_health_and_metrics_tell_lag_by_lane(village: Place) -> None:
    visitor = village.surface().test_client()
    told = visitor.get("/healthz").get_json()["replication"]
    assert set(told["lag"]) >= {"alarms", "tickets", "state"}
    counted = visitor.get("/metrics", environ_base=LOOPBACK).get_data(as_text=True)
    assert 'vuzol_unsent_entries{lane="tickets"} 0.0' in counted
    assert "vuzol_link_up 0.0" in counted


def test_health_of_the_centre_tells_of_each_node(centre: Place) -> None:
    heard(centre, 2, unsent=3)
    told = centre.surface().test_client().get("/healthz").get_json()["replication"]
    assert told["nodes"]["s02"]["unsent"] == 3
    assert told["nodes"]["s03"]["unsent"] is None
    assert told["nodes"]["s03"]["state"] == "never"
