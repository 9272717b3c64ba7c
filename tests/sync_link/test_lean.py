"""What the hub of a whole node answers is for nodes, which pay for each byte."""

from pathlib import Path

from appliance.web.surfaces import Surface
from tests.whole_node import whole_node


def test_no_answer_of_the_hub_carries_headers_for_browsers(tmp_path: Path) -> None:
    with whole_node(tmp_path) as node:
        answer = node.client(Surface.HUB).post("/sync/v1/demo/s02.0000000000/0/0-0", data=b"")
        assert answer.status_code == 401
        assert {name.lower() for name, _ in answer.headers} <= {"content-length"}
        page = node.client(Surface.OFFICE).get("/sign-in")
        assert "Content-Security-Policy" in page.headers
