"""Agent and hub over real sockets: rows go up, notices come down, a cut link heals by itself."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.ids import RowId
from sync.queries import unsent
from tests.sync_link.pair import HubServer, Village, until
from tests.sync_link.rows import NOTICES, notice, numbers, readings, visit


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[HubServer]:
    opened = HubServer(tmp_path)
    yield opened
    opened.stop()


@pytest.fixture
def village(tmp_path: Path, centre: HubServer) -> Iterator[Village]:
    opened = Village(tmp_path, centre.url)
    yield opened
    opened.stop()


def left(village: Village) -> int:
    with village.store.read() as reader:
        return unsent(reader)


def notices(village: Village) -> list[int]:
    with village.store.read() as reader:
        return numbers(reader, NOTICES)


def test_rows_go_up_at_once_and_each_is_there_once(centre: HubServer, village: Village) -> None:
    for n in range(30):
        village.store.write(visit, n)
    until(lambda: centre.seen() == list(range(30)) and left(village) == 0)
    assert village.link.ledger.facts.up
    assert village.link.ledger.facts.address == centre.url


def test_a_row_is_at_the_centre_within_a_second(centre: HubServer, village: Village) -> None:
    village.store.write(visit, 0)
    until(lambda: centre.seen() == [0])
    began = time.monotonic()
    village.store.write(visit, 1)
    until(lambda: centre.seen() == [0, 1])
    assert time.monotonic() - began < 1


def test_notices_come_down_for_this_office_and_no_other(
    centre: HubServer, village: Village
) -> None:
    centre.store.write(notice, 1, "hromada")
    centre.store.write(notice, 2, "office:2")
    centre.store.write(notice, 3, "office:3")
    village.link.call()
    until(lambda: notices(village) == [1, 2])


def test_switch_cuts_the_link_and_work_goes_on_and_all_of_it_arrives_later(
    centre: HubServer, village: Village
) -> None:
    village.store.write(visit, 0)
    until(lambda: centre.seen() == [0] and left(village) == 0)
    village.switch.move(up=False)
    for n in range(1, 20):
        village.store.write(visit, n)
    until(lambda: not village.link.ledger.facts.up)
    time.sleep(0.3)
    assert centre.seen() == [0]
    assert left(village) == 38
    until(lambda: village.link.ledger.facts.trouble == "refused")
    village.switch.move(up=True)
    until(lambda: centre.seen() == list(range(20)) and left(village) == 0)
    assert village.link.ledger.facts.up


def test_bulk_rows_come_through_and_a_visit_does_not_wait_for_them(
    centre: HubServer, village: Village
) -> None:
    for first in range(0, 20_000, 500):
        village.store.write(readings, first, 500)
    village.store.write(visit, 1)
    until(lambda: centre.seen() == [1])

    def there() -> int:
        with centre.store.read() as reader:
            return int(reader.value("SELECT count(*) FROM trial_reading"))

    until(lambda: there() == 20_000 and left(village) == 0, 40)


def test_centre_remembers_what_a_node_said_of_itself(centre: HubServer, village: Village) -> None:
    village.store.write(visit, 1)
    until(lambda: centre.seen() == [1] and left(village) == 0)
    until(lambda: 2 in centre.hub.heard)
    heard = centre.hub.heard[2]
    assert (heard.version, heard.clock, heard.address) == ("0.1.0", "synchronised", "127.0.0.1")
    assert abs(heard.offset_ms or 0) < 2000
    with centre.store.read() as reader:
        assert reader.value("SELECT version FROM sync_node WHERE node = 2") == "0.1.0"


def test_centre_that_restarts_is_met_again(tmp_path: Path) -> None:
    centre = HubServer(tmp_path)
    village = Village(tmp_path, centre.url)
    village.store.write(visit, 0)
    until(lambda: centre.seen() == [0])
    port = centre.port
    centre.stop()
    village.store.write(visit, 1)
    until(lambda: not village.link.ledger.facts.up)
    centre = HubServer(tmp_path, port=port)
    until(lambda: centre.seen() == [0, 1], 30)
    village.stop()
    centre.stop()


def test_node_that_restarts_sends_what_its_last_start_left(tmp_path: Path) -> None:
    centre = HubServer(tmp_path)
    village = Village(tmp_path, "http://127.0.0.1:1")
    born: list[RowId] = [village.store.write(visit, n) for n in range(5)]
    village.stop()
    village = Village(tmp_path, centre.url)
    village.store.write(visit, 5)
    until(lambda: centre.seen() == list(range(6)) and left(village) == 0)
    assert len({one.epoch for one in born}) == 1
    village.stop()
    centre.stop()


def test_stopping_takes_seconds_even_with_a_dead_centre(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415 - only here

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        village = Village(tmp_path, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        village.store.write(visit, 0)
        time.sleep(0.3)
        began = time.monotonic()
        village.stop()
        assert time.monotonic() - began < 2
    assert not any(one.name.startswith(("link-", "agent")) for one in threading.enumerate())


def test_the_agent_outlives_what_it_did_not_foresee(tmp_path: Path, centre: HubServer) -> None:
    """Its thread ended without a word: nothing went up any more, and pages said «up» for ever."""
    village = Village(tmp_path, centre.url, start=False)
    touch, failing = village.link.ledger.touch, [True, True]

    def touched(address: str) -> None:
        if failing:
            failing.pop()
            raise RuntimeError("nobody thought of this")
        touch(address)

    village.link.ledger.touch = touched  # type: ignore[method-assign]
    try:
        village.link.start()
        for n in range(20):
            village.store.write(visit, n)
            until(lambda n=n: centre.seen() == [*range(n + 1)] and left(village) == 0)  # type: ignore[misc]
            if n and not failing:
                break
        assert not failing
    finally:
        village.stop()


def test_many_nodes_are_served_and_none_is_mixed_up(tmp_path: Path, centre: HubServer) -> None:
    villages = [Village(tmp_path, centre.url, node) for node in range(2, 10)]
    for turn in range(5):
        for village in villages:
            village.store.write(visit, village.store.node * 100 + turn)
    wanted = sorted(node * 100 + turn for node in range(2, 10) for turn in range(5))
    until(lambda: centre.seen() == wanted, 40)
    for village in villages:
        village.stop()
