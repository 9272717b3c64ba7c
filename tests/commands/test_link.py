"""Commands over the real link: agent, hub and sockets, with the workers of both ends at work."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from appliance.commands import queries, service
from appliance.commands.model import Outcome, Seen
from appliance.commands.service import Wish
from appliance.commands.worker import start_worker
from appliance.store.database import Store
from appliance.store.ids import RowId
from sync import tables as sync_tables
from tests.commands.gates import ASKER, HANDLERS, HOUR, TABLES, look, put_up
from tests.sync_link.pair import HubServer, Village, until

BOTH: Final = (*TABLES, *sync_tables.TABLES)


class Node:
    """The village as a process: its file, its agent and its worker."""

    def __init__(self, folder: Path, url: str) -> None:
        self.village = Village(folder, url, tables=BOTH)
        self.store = self.village.store
        self.worker = start_worker(self.store, HANDLERS, centre=False)

    def stop(self) -> None:
        """End in the order in which a process does."""
        self.village.link.stop()
        self.worker.stop()
        self.store.close()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[HubServer]:
    opened = HubServer(tmp_path, tables=BOTH)
    worker = start_worker(opened.store, HANDLERS, centre=True)
    yield opened
    worker.stop()
    opened.stop()


def ask(centre: HubServer, gate: RowId) -> RowId:
    wish = Wish(
        home=gate.node,
        service="gates",
        verb="open",
        object=gate,
        seen=Seen(0, "shut"),
        expires_seconds=HOUR,
    )
    return centre.store.write(service.ask, wish, by=ASKER)


def outcome(store: Store, command: RowId) -> Outcome | None:
    with store.read() as reader:
        answer = queries.story(reader, command).answer
    return answer.outcome if answer else None


def stands(store: Store, gate: RowId) -> Seen | None:
    with store.read() as reader:
        return look(reader, gate)


def settled(centre: HubServer, command: RowId) -> bool:
    with centre.store.read() as reader:
        return queries.story(reader, command).command.settled


def test_a_command_waits_for_the_link_and_survives_a_restart_of_its_home(
    tmp_path: Path, centre: HubServer
) -> None:
    node = Node(tmp_path, centre.url)
    try:
        gate = node.store.write(put_up)
        until(lambda: stands(centre.store, gate) is not None)
        node.village.switch.move(up=False)
        command = ask(centre, gate)
        node.store.write(put_up)  # what is written finds out that the link is down
        until(lambda: not node.village.link.ledger.facts.up)
        assert stands(node.store, gate) == Seen(0, "shut")
        assert outcome(centre.store, command) is None
        node.stop()
        node = Node(tmp_path, centre.url)
        until(lambda: outcome(centre.store, command) is Outcome.DONE)
        assert stands(node.store, gate) == stands(centre.store, gate) == Seen(1, "open")
        until(lambda: settled(centre, command))
        second = ask(centre, gate)  # saw the first step, which is over

        def refused() -> bool:
            node.village.link.call()  # one that comes while a request is under way is passed over
            time.sleep(0.2)
            return outcome(centre.store, second) is Outcome.REFUSED

        until(refused)
        assert stands(node.store, gate) == Seen(1, "open")
    finally:
        node.stop()
