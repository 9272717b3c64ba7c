"""The page about a node shows what is known of its queue, and says so where nothing is."""

from pathlib import Path

from appliance.queue.last_known import last_known
from appliance.web.surfaces import Surface
from tests.whole_node import whole_node


def test_page_of_a_node_shows_the_day_the_tickets_and_the_counters(tmp_path: Path) -> None:
    with whole_node(tmp_path) as node:
        client = node.signed_in()
        wish = {"service": str(node.service), "purpose": "submit"}
        for n in range(3):
            taken = client.post(
                "/api/queue/tickets", json=wish, headers={"Idempotency-Key": f"wish {n}"}
            )
            assert taken.status_code == 201
        client.post("/api/queue/counters/1/open")
        client.post("/api/queue/counters/1/call-next")
        app = node.appliance.apps[Surface.OFFICE]
        with app.test_request_context("/"), node.store.read() as reader:
            told = last_known(reader, node.appliance.context.config.node.number)
    assert [(words, count) for words, count, _ in told["figures"]] == [
        ("Талонів узято", "3"),
        ("Чекає", "2"),
        ("Викликано", "1"),
    ]
    assert told["figures"][0][2].startswith("останній о")
    assert [(one.n, one.state) for one in told["counters"]] == [(1, told["OPEN"])]


def test_office_whose_queue_is_unknown_is_told_as_such(tmp_path: Path) -> None:
    with whole_node(tmp_path) as node:
        told = node.signed_in().get("/nodes/2").text
    assert "Жодного дня черги звідти ще не надійшло." in told
