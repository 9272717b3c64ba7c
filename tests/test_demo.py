"""`vuzol demo` as a new user runs it: three real processes, a cut link, and nothing left behind."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import cli
from appliance.demo.places import NoRoomForDemo, places
from tests.demonstration import Appliance, Demonstration, demonstration, eventually, is_alive
from tests.loopback import address

pytestmark = pytest.mark.xdist_group("demo")

FIRST = address()
SURFACES = {"office", "kiosk", "guest", "hub"}


@pytest.fixture(scope="module")
def running() -> Iterator[Demonstration]:
    with demonstration(FIRST) as started:
        yield started


def tickets_at(centre: Appliance, village: Appliance) -> list[str]:
    status, told = centre.ask("office", f"/api/queue/tickets?node={village.told['node']}")
    assert status == 200, told
    return [ticket["id"] for ticket in told["tickets"]]


def test_it_prints_one_line_of_json_with_what_a_program_needs(running: Demonstration) -> None:
    told = json.loads(running.line)["appliances"]
    assert [one["role"] for one in told] == ["centre", "village", "village"]
    assert all(set(one["urls"]) == SURFACES for one in told)
    assert all(one["name"] and one["sign_in"]["password"] for one in told)


def test_each_surface_of_each_appliance_is_well(running: Demonstration) -> None:
    for one in running.appliances:
        for surface in SURFACES:
            status, health = one.ask(surface, "/healthz")
            assert (status, health["status"]) == (200, "ok"), health


def test_a_cut_link_stops_nothing_and_the_centre_has_each_ticket_once(
    running: Demonstration,
) -> None:
    centre, village, _ = running.appliances
    before = village.take()
    eventually(lambda: village.unsent() == 0)

    village.link(up=False)
    again = village.take("the same key")
    assert village.take("the same key")["id"] == again["id"]
    village.sign_in()  # the staff list came before the cut, and works without a link
    assert village.ask("office", "/api/queue/counters/1/open", {})[0] == 200
    status, called = village.ask("office", "/api/queue/counters/1/call-next", {})
    assert (status, called["ticket"]["number"]) == (200, before["number"])
    _, health = village.ask("office", "/healthz")
    assert health["replication"]["link"] == "down"
    assert health["replication"]["unsent"] > 0
    centre.sign_in()
    assert again["id"] not in tickets_at(centre, village)

    village.link(up=True)
    eventually(lambda: village.unsent() == 0)
    eventually(lambda: again["id"] in tickets_at(centre, village))
    assert sorted(tickets_at(centre, village)) == sorted({before["id"], again["id"]})


def test_a_second_demonstration_says_what_is_in_its_way(running: Demonstration) -> None:
    assert running.process.poll() is None
    told = rf"cannot listen at {re.escape(FIRST)}:8080 \(Address already in use\)"
    with pytest.raises(AssertionError, match=told), demonstration(FIRST):
        pytest.fail("two demonstrations at one address")


def test_ctrl_c_stops_all_of_it_and_leaves_no_data() -> None:
    first = address()
    with demonstration(first) as started:
        children = started.children()
        made = Path(f"/proc/{children[0]}/cmdline").read_bytes().split(b"\0")[-2].decode()
        home = Path(made).parent.parent
        assert len(children) == 3
        assert home.name.startswith("vuzol-demo-")
        assert started.stop() == cli.DONE
        assert started.process.stderr is not None
        assert started.process.stderr.read() == ""
    assert not any(is_alive(child) for child in children)
    assert not home.exists()
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind((first, 8080))


def test_data_that_was_to_be_kept_is_there_at_the_next_start(tmp_path: Path) -> None:
    taken = []
    for _ in range(2):
        with demonstration(address(), "--data", str(tmp_path / "kept")) as started:
            _, village, _ = started.appliances
            taken.append(village.take()["number"])
            assert started.stop(signal.SIGTERM) == cli.DONE
    assert taken[0].rpartition("-")[2] == "001"
    assert taken[1].rpartition("-")[2] == "002"


def test_an_appliance_that_ends_is_told_and_the_others_are_stopped() -> None:
    with demonstration(address()) as started:
        first, *others = started.children()
        os.kill(first, signal.SIGKILL)
        assert started.process.wait(20) == cli.FAILED
        assert started.process.stderr is not None
        told = started.process.stderr.read()
    assert "stopped with code -9" in told
    assert told.count("\n") == 1
    assert not any(is_alive(child) for child in others)


def test_a_supervisor_that_is_killed_leaves_no_appliance_behind(tmp_path: Path) -> None:
    with demonstration(address(), "--data", str(tmp_path)) as started:
        children = started.children()
        started.process.kill()
        eventually(lambda: not any(is_alive(child) for child in children), seconds=15)


@pytest.mark.parametrize("first", ["192.0.2.1", "127.255.255.254", "localhost", ""])
def test_only_loopback_addresses_will_do(first: str) -> None:
    with pytest.raises(NoRoomForDemo):
        places(first)
