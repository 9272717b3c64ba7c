"""The page «Флешка»: what is plugged in, what is being done with it, and how that ended."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from appliance.people.model import Role
from appliance.web.surfaces import Surface
from sync import stick as disk
from sync.courier import COURIER, Courier
from tests.people.staffing import hire, sign_in
from tests.small_disk import small_disk
from tests.whole_node import Node, whole_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "sticks").mkdir(exist_ok=True)
    environ = {"VUZOL_LINK_STICKS": str(tmp_path / "sticks")}
    with whole_node(tmp_path, village=True, environ=environ) as made:
        yield made


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Node]:
    with whole_node(tmp_path) as made:
        yield made


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """Plug a small stick in."""
    (tmp_path / "sticks").mkdir(exist_ok=True)
    with small_disk(tmp_path / "sticks" / "sdb1", mebibytes=2) as mounted:
        yield mounted


def courier(node: Node) -> Courier:
    found: Courier = node.appliance.context.extras[COURIER]
    return found


def pressed(client: FlaskClient, verb: str, name: str) -> int:
    return client.post(f"/sticks/{verb}", data={"stick": name}).status_code


def over(node: Node, client: FlaskClient) -> str:
    """Return the page when the job is over: until then it comes anew by itself."""
    courier(node).wait(20)
    answer = client.get("/sticks")
    assert "Refresh" not in answer.headers
    return answer.text.replace("\N{NO-BREAK SPACE}", " ")


def test_stick_is_written_and_the_page_and_the_strip_say_when_to_take_it_out(
    node: Node, stick: Path
) -> None:
    client = node.signed_in()
    assert "sdb1" in client.get("/sticks").text
    assert pressed(client, "export", "sdb1") == 303
    told = over(node, client)
    assert "Записано й перечитано: флешку можна виймати" in told
    assert "можна виймати" in client.get("/link").text  # every page says so
    assert len(list(stick.glob("vuzol-s02-to-s01-*.vzb"))) == 1
    assert "sync.export" in node.audited()


@pytest.mark.usefixtures("stick")
def test_page_comes_anew_by_itself_while_the_stick_works(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = os.fsync

    def fsync(file: int) -> None:
        time.sleep(0.4)
        slow(file)

    client = node.signed_in()
    monkeypatch.setattr(disk.os, "fsync", fsync)
    pressed(client, "export", "sdb1")
    answer = client.get("/sticks")
    assert answer.headers["Refresh"] == "1"
    assert "<progress" in answer.text
    assert "не виймайте" in answer.text
    assert pressed(client, "export", "sdb1") == 409
    over(node, client)


def test_spoiled_file_is_named_on_the_page_and_the_rest_is_taken(node: Node, stick: Path) -> None:
    client = node.signed_in()
    name = "vuzol-s01-to-s02-000000000000-001.vzb"
    (stick / name).write_bytes(b"VUZOLVZB and then nothing of sense")
    assert pressed(client, "import", "sdb1") == 303
    told = over(node, client)
    assert "Прочитано не все" in told
    assert f"{name}: файл пошкоджено або підроблено" in told
    assert "sync.import" in node.audited()


def test_full_stick_is_told_on_the_page(node: Node, stick: Path) -> None:
    (stick / "film.avi").write_bytes(bytes(2 << 20))
    client = node.signed_in()
    pressed(client, "export", "sdb1")
    told = over(node, client)
    assert "На флешці немає місця: її не записано" in told
    assert "нічого не загублено" in told
    assert "Флешку не закінчено" in client.get("/link").text


@pytest.mark.parametrize("name", ["", "..", "/etc", "nowhere", "bare"])
def test_page_writes_to_nothing_but_a_stick_that_is_plugged_in(
    node: Node, tmp_path: Path, name: str
) -> None:
    (tmp_path / "sticks" / "bare").mkdir()
    client = node.signed_in()
    assert "Флешки не видно" in client.get("/sticks").text
    assert pressed(client, "export", name) == 409
    assert courier(node).job is None
    assert "sync.export" not in node.audited()


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.ADMINISTRATOR, 200),
        (Role.STAROSTA, 200),
        (Role.TECHNICIAN, 200),
        (Role.HEAD, 403),
        (Role.DUTY_OFFICER, 403),
    ],
)
def test_stick_is_for_those_who_may_carry_one(centre: Node, role: Role, status: int) -> None:
    client = centre.client(Surface.OFFICE)
    assert client.get("/sticks").status_code == 302
    assert client.post("/sticks/export").status_code == 401
    hire(centre.store, "somebody", roles=[role])
    sign_in(client, "somebody")
    assert client.get("/sticks").status_code == status
    assert ("Флешка" in client.get("/password").text) is (status == 200)


def test_commands_are_for_this_machine_alone(node: Node) -> None:
    client = node.client(Surface.OFFICE)
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    for path in ("/sync/bundles/export", "/sync/bundles/import"):
        assert client.post(path, json={}, environ_overrides=elsewhere).status_code == 403
    assert client.get("/sync/bundles", environ_overrides=elsewhere).status_code == 403
    assert client.get("/sync/bundles").get_json() is None


@pytest.mark.parametrize("given", ["relative/path", "/with\x00nothing", "", 5, None, ["/a"]])
def test_command_takes_an_absolute_path_and_nothing_else(node: Node, given: object) -> None:
    client = node.client(Surface.OFFICE)
    assert client.post("/sync/bundles/export", json={"folder": given}).status_code == 422
    assert client.post("/sync/bundles/import", json={"files": given}).status_code in {200, 422}
