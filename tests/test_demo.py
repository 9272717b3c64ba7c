"""`vuzol demo` as a new user runs it: three real processes, a cut link, and nothing left behind."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import cli
from appliance.demo import supervisor
from appliance.demo.places import NoRoomForDemo, places
from appliance.demo.staff import STAFF
from tests.demonstration import (
    STOPS_SECONDS,
    Appliance,
    Demonstration,
    demonstration,
    eventually,
    is_alive,
    started,
)
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


def page_of(process: "subprocess.Popen[str]") -> str:
    """Return what a person is shown before they begin: it ends with how to end it."""
    assert process.stdout is not None
    lines = []
    while not (lines and lines[-1] == "Ctrl-C — зупинити все / stops all of it.\n"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr and process.stderr.read()
    return "".join(lines)


def opens(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=20) as reply:  # noqa: S310 - http, as the page told
        return bool(reply.status == 200 and "text/html" in reply.headers["Content-Type"])


def signs_in(office: str, login: str, password: str) -> bool:
    asked = urllib.request.Request(  # noqa: S310 - see above
        f"{office}/api/sign-in",
        data=json.dumps({"login": login, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as reply:  # noqa: S310 - see above
            return bool(reply.status == 200)
    except urllib.error.HTTPError:  # not one of this office
        return False


def test_the_page_for_a_person_is_true_and_ctrl_c_ends_it_with_a_last_line() -> None:
    first = address()
    with started("--address", first) as process:
        page = page_of(process)
        urls = dict.fromkeys(re.findall(r"http://[\d.]+:\d+/(?:display)?(?= |\n)", page))
        assert len(urls) == 3 * 3 + 1, "an office, a kiosk and a guest page each, and the display"
        assert all(opens(url) for url in urls)

        password = re.search(r"пароль / password: (\S+)\n", page)
        assert password is not None
        people = re.findall(r"^  ([a-z]\.[a-z]+) +\w+ \w+: (.+) / (.+)$", page, re.MULTILINE)
        assert len(people) == len(STAFF)
        offices = [url.removesuffix("/") for url in urls if ":8080" in url]
        for login, *_ in people:
            assert any(signs_in(office, login, password[1]) for office in offices), login
        advised = re.findall(r":8080/\n +\((\S+), (\S+)\)", page)
        assert len(advised) == 2, "whom to be in the village, and at the centre"
        assert signs_in(offices[1], *advised[0])
        assert signs_in(offices[0], *advised[1])

        switches = [shlex.split(line) for line in re.findall(r"^ +(curl .+)$", page, re.MULTILINE)]
        assert [json.loads(words[-2]) for words in switches] == [{"up": False}, {"up": True}]
        for *_, told, url in switches:
            body = urllib.request.Request(  # noqa: S310 - see above
                url, data=told.encode(), headers={"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(body, timeout=20) as reply:  # noqa: S310 - see above
                assert json.load(reply) == json.loads(told)

        home = Path(re.findall(r"The data goes with the demonstration: (\S+)\n", page)[0])
        assert home.is_dir()
        os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group
        assert process.wait(STOPS_SECONDS) == cli.DONE
        assert process.stdout is not None
        assert process.stderr is not None
        last = process.stdout.read()
        assert last.strip() == (
            "Зупинено, дані показу зникли. / Stopped, the data of the demonstration is gone."
        )
        assert last.startswith("\n"), "a terminal has written ^C on the line before"
        assert process.stderr.read() == ""
        assert not home.exists()


def test_ctrl_c_before_all_is_ready_ends_it_as_well(tmp_path: Path) -> None:
    with started("--address", address(), "--data", str(tmp_path / "kept")) as process:
        eventually(lambda: (tmp_path / "kept").is_dir() and any((tmp_path / "kept").iterdir()))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(STOPS_SECONDS) == cli.DONE
        assert process.stdout is not None
        told = process.stdout.read().strip()
    assert told == f"Зупинено, дані лишилися в / Stopped, the data stays in {tmp_path / 'kept'}"


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


@pytest.mark.parametrize("data", ["taken", "taken/below", "/proc/x"])
def test_a_folder_that_cannot_be_one_is_told_in_a_sentence(tmp_path: Path, data: str) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with started("--address", address(), "--data", str(tmp_path / data)) as process:
        assert process.wait(STOPS_SECONDS) == cli.FAILED
        assert process.stderr is not None
        told = process.stderr.read()
    assert told.startswith("vuzol demo: the demonstration cannot keep its data in ")
    assert told.endswith("; choose a folder that can be made and written with --data\n")
    assert "Errno" not in told


def test_a_demonstration_that_finds_a_file_in_place_of_a_folder_tells_it(tmp_path: Path) -> None:
    (tmp_path / "centre").write_text("a file", encoding="utf-8")
    with started("--address", address(), "--data", str(tmp_path)) as process:
        assert process.wait(STOPS_SECONDS) == cli.FAILED
        assert process.stderr is not None
        told = process.stderr.read()
    assert told.startswith("vuzol demo: the demonstration cannot keep its data in ")


def test_who_names_an_address_of_another_machine_is_not_told_to_stop_anything() -> None:
    with pytest.raises(NoRoomForDemo) as loopback:
        places("10.0.0.1")
    elsewhere = replace(places(address())[0], address="192.0.2.1")
    with pytest.raises(NoRoomForDemo) as lacking:
        supervisor._refuse_taken_ports((elsewhere,))
    assert "this machine has no such address" in str(lacking.value)
    for refused in (loopback, lacking):
        assert str(refused.value).endswith("; choose others with --address 127.0.0.21")


@pytest.mark.parametrize("first", ["192.0.2.1", "127.255.255.254", "localhost", ""])
def test_only_loopback_addresses_will_do(first: str) -> None:
    with pytest.raises(NoRoomForDemo):
        places(first)
