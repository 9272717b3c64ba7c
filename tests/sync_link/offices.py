"""A centre and a village as processes of this test see them: store, settings, office surface."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask

from appliance import config
from appliance.people import access
from appliance.people.passwords import HashingThread
from appliance.people.views import office as people_office
from appliance.rooms import TABLES
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.web.app import create_surface
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from sync.budget import budget_of
from sync.ledger import Counted, Ledger
from sync.node_views import room as nodes_room
from sync.status import EXTRA, Status
from sync.switch import LinkSwitch, switch_room
from sync.views import WAKE, office

NOON = 1_794_917_100_000  # Tuesday, 17 November 2026, 14:05 in Kyiv
MINUTE = 60_000
KEY = "A" * 43 + "="

CENTRE: Mapping[str, Any] = {
    "node": {"number": 1, "title": "ЦНАП Тиховодської громади", "role": "centre", "data": "."},
    "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
    "centre": {
        "nodes": [
            {"number": 2, "title": "Старостат села Верболіз", "key": KEY},
            {"number": 3, "title": "Старостат села Кам’янка", "key": KEY},
            {"number": 4, "title": "Запасний, на складі", "key": KEY},
        ]
    },
}
VILLAGE: Mapping[str, Any] = {
    "node": {"number": 2, "title": "Старостат села Верболіз", "data": "."},
    "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
    "link": {"centre": "http://127.0.0.1:9", "centre_key": KEY},
}


class Place:
    """One appliance without its servers."""

    def __init__(self, folder: Path, told: Mapping[str, Any], *, now: int = NOON) -> None:
        self.config = config.of(told, {}, folder=folder)
        self.clock = FixedClock(now)
        centre = self.config.node.role is config.Role.CENTRE
        self.passwords = HashingThread()
        self.store = Store.open(
            folder / "node.db",
            TABLES,
            node=self.config.node.number,
            clock=self.clock,  # DOWN rows may be written here, to have staff without a centre
        )
        self.carried = 0
        self.ledger = None if centre else self._ledger()
        self.status = Status(self.config, self.store, ledger=self.ledger, version="0.1.0")
        self.switch = LinkSwitch()
        self.woken = 0

    def _ledger(self) -> Ledger:
        link = self.config.link
        return Ledger(
            self.store,
            link.centre_number,
            lambda: Counted(0, 0, self.carried),
            budget=budget_of(link),
        )

    def surface(self) -> Flask:
        extras: dict[str, Any] = {EXTRA: self.status}
        if self.ledger is not None:
            extras[WAKE] = self._wake
        context = Context(
            config=self.config,
            store=self.store,
            clock=self.clock,
            truth=self.status.truth,
            passwords=self.passwords,
            health={"replication": self.status.facts},
            metrics=[self.status.metrics],
            extras=extras,
        )
        return create_surface(
            Surface.OFFICE,
            context,
            [people_office, office, nodes_room, switch_room(self.switch)],
            guards=[access.guard],
        )

    def _wake(self) -> None:
        self.woken += 1


@contextmanager
def place(folder: Path, told: Mapping[str, Any], *, now: int = NOON) -> Iterator[Place]:
    """Open an appliance, and close its store at the end."""
    opened = Place(folder, told, now=now)
    try:
        yield opened
    finally:
        opened.store.close()
        opened.passwords.close()
