"""The parts of one node, put together and started in order; closed in the opposite order.

    own the data      store, the line of a copy that was put back, hashing of passwords
    build             replication's end, context, the four surfaces
    listen            servers and live events: from here on people are served
    reach out         replication, copies, sealed passwords, what others ask: nobody waits

Closing: the doors shut and what was accepted is answered, then live events, replication, hashing,
and last the writer, with whose end the data has no owner any more.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from flask import Flask

from appliance import faces
from appliance.commands.worker import start_worker
from appliance.config import ClockSource, Config, Role
from appliance.courtesy import Courtesy
from appliance.housekeeping import Housekeeper
from appliance.people import access, queries, reissue, sealing
from appliance.people.passwords import HashingThread
from appliance.queue.tickets_views import LAST_CONTACTS
from appliance.restored import Restoration
from appliance.rooms import HANDLERS, TABLES
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.web.app import create_surface
from appliance.web.context import Context, Truth
from appliance.web.serving import Servers
from appliance.web.sse import EventServers
from appliance.web.surfaces import Surface
from provisioning.keys import NODE_KEY, own_key
from sync.backup import restore
from sync.backup.keeper import Keeper
from sync.backup.model import Medium
from sync.ends import End, open_end

LOG: Final = logging.getLogger(__name__)
DATABASE: Final = "node.db"


class Appliance:
    """One running node; a context manager. Whatever fails at the start closes what was open."""

    def __init__(self, config: Config, *, roam: Callable[[], None] | None = None) -> None:
        """Build it; `roam` is called in a thread that computes without the interpreter."""
        self.config = config
        self._roam = roam
        self._closing = ExitStack()
        with ExitStack() as undo:
            self._build(undo)
            self._closing = undo.pop_all()

    def _build(self, undo: ExitStack) -> None:
        config = self.config
        self.key = own_key(config.node.data / NODE_KEY)
        self.store = _open_store(config)
        undo.callback(self.store.close)
        self.restoration = Restoration(self.store)
        self.passwords = HashingThread(started=self._roam)
        undo.callback(self.passwords.close)
        self.courtesy = Courtesy()
        self.housekeeper = Housekeeper(self.store, give_way=self.courtesy.give_way)
        self.end: End = open_end(config, self.store, self.key, self.courtesy.give_way)
        self.keeper = Keeper(config, self.store, give_way=self.courtesy.give_way, roam=self._roam)
        self.context = Context(
            config=config,
            store=self.store,
            clock=self.store.clock,
            truth=self._truth,
            passwords=self.passwords,
            health={
                "replication": self.end.status.facts,
                "staff": self._staff,
                "listeners": self._listeners,
                "housekeeping": self.housekeeper.facts,
                "backup": self.keeper.facts,
            },
            metrics=(self.end.status.metrics,),
            extras={**self.end.extras, LAST_CONTACTS: self._last_contact},
        )
        self.apps = self._surfaces()
        self._events: EventServers | None = None  # nobody listens before the doors are open

    def __enter__(self) -> Self:
        with self._closing as undo:
            centre = self.config.node.role is Role.CENTRE
            if centre:
                reissuer = reissue.start_reissuer(self.context, sealing.opener(self.key))
                undo.callback(reissuer.stop)
            undo.callback(start_worker(self.store, HANDLERS, centre=centre).stop)
            undo.callback(self.housekeeper.stop)
            undo.callback(self.keeper.stop)
            undo.callback(self.end.stop)
            topics = faces.topics(self.context)
            events = self._events = EventServers(topics, self.config, self.store)
            servers = Servers(self.apps, self.config)
            self.end.guard(servers.door(Surface.HUB))
            events.start()
            undo.callback(events.stop)
            servers.start()
            undo.callback(servers.drain)
            self.end.start()
            self.housekeeper.start()
            self.keeper.start()
            self._closing = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._closing.close()

    def _surfaces(self) -> Mapping[Surface, Flask]:
        more = {Surface.OFFICE: self.end.office, Surface.HUB: self.end.hub}
        apps = {
            surface: create_surface(
                surface, self.context, (*rooms, *more.get(surface, ())), guards=(access.guard,)
            )
            for surface, rooms in faces.BLUEPRINTS.items()
        }
        for surface, app in apps.items():
            if surface is not Surface.HUB:
                app.wsgi_app = self.courtesy.attend(app.wsgi_app)  # type: ignore[method-assign, assignment]
        return apps

    def _truth(self) -> Truth:
        told = self.end.status.truth(staff_list_at=self._staff_list_at())
        restored, displaced = self.restoration.numbers(), self.store.marks_displaced
        return replace(
            told,
            restored=restored,
            marks_displaced=displaced,
            disk_low=self.housekeeper.low,
            medium_full=self.keeper.medium is Medium.FULL,
            nights_without_backup=self.keeper.nights_without(),
        )

    def _staff_list_at(self) -> int | None:
        """Return when the centre last confirmed the staff list; None where it is made."""
        ledger = self.end.status.ledger
        return None if ledger is None else ledger.facts.contact_at

    def _staff(self) -> dict[str, Any]:
        with self.store.read() as reader:
            somebody = bool(queries.staff_list(reader))
        return {"list_at": self._staff_list_at(), "somebody_can_sign_in": somebody}

    def _listeners(self) -> dict[str, int]:
        """Return how many live pages listen on each surface."""
        return self._events.seats_taken() if self._events else {}

    def _last_contact(self, node: int) -> int | None:
        known = {one.number: one.heard for one in self.end.status.nodes()}
        heard = known.get(node)
        return heard.at if heard else None


def _open_store(config: Config) -> Store:
    node = config.node
    restore.demand_finished(node.data)
    return Store.open(
        node.data / DATABASE,
        TABLES,
        node=node.number,
        clock=SystemClock(trusted=config.clock.source is ClockSource.TRUSTED),
        second_medium=Path(node.second_medium) if node.second_medium else None,
        centre=node.role is Role.CENTRE,
    )
