"""The two ends of replication, put together from settings: what a process starts and stops.

centre   hub and projector; announces itself nearby
village  agent; looks for the centre nearby, and notices when a network comes up
alone    a village that knows no centre yet: it works, and says that nothing was sent
"""

import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint
from nacl.signing import SigningKey

from appliance.config import Config, Role
from appliance.courtesy import GiveWay, alone
from appliance.store import checking, down
from appliance.store.database import Store
from provisioning.keys import public_key
from sync import discovery
from sync.agent import Agent
from sync.budget import budget_of
from sync.carrier import Carrier
from sync.centre_bundles import CentreBundles
from sync.client import Link, Way
from sync.courier import COURIER, Courier
from sync.discovery import Discovery
from sync.events import Kind
from sync.gate import Server, install
from sync.hub import Hub, hub_room
from sync.ledger import Ledger
from sync.nightly import Nightly
from sync.projector import Projector
from sync.receiver import Centre
from sync.status import EXTRA, Status
from sync.switch import LinkSwitch, switch_room
from sync.transport import PORTS, is_loopback
from sync.views import WAKE
from sync.village_bundles import Ends, VillageBundles

DISTRIBUTION: Final = "vuzol"
BREATH: Final = 0.02
"""Seconds of rest between two parts of the log that is looked through at night."""


class End(Protocol):
    """One end, as the process that runs it sees it."""

    status: Status

    @property
    def extras(self) -> dict[str, Any]:
        """Return what `Context.extras` has to hold for the pages of replication."""

    @property
    def office(self) -> tuple[Blueprint, ...]:
        """Return rooms of the office surface beside `sync.views.office`."""

    @property
    def hub(self) -> tuple[Blueprint, ...]:
        """Return the rooms of the hub surface."""

    def guard(self, server: Server) -> None:
        """Put the door into the server of the hub surface, before it runs."""

    def start(self) -> None:
        """Begin, in the background; nothing waits for a network."""

    def stop(self) -> None:
        """End within seconds."""


def open_end(config: Config, store: Store, key: SigningKey, give_way: GiveWay = alone) -> End:
    """Return this appliance's end of replication; nothing runs before `start`.

    The centre's long work calls `give_way` so that people go before it.
    """
    if config.node.role is Role.CENTRE:
        return CentreEnd(config, store, key, give_way)
    if not config.link.centre_key:
        return LoneEnd(config, store)
    return VillageEnd(config, store, key, give_way)


class CentreEnd:
    """The centre: nodes call it."""

    def __init__(
        self, config: Config, store: Store, key: SigningKey, give_way: GiveWay = alone
    ) -> None:
        nodes = [one for one in config.centre.nodes if not one.revoked]
        members = {one.number: public_key(one.key) for one in nodes}
        centre = Centre(config.hromada.id, config.node.number, key, store.epoch, members)
        self.doorman = Hub(centre, store, give_way)
        self.courier = Courier(CentreBundles(centre, store, give_way), store.clock)
        self.status = Status(
            config,
            store,
            version=version(DISTRIBUTION),
            heard=lambda: self.doorman.heard,
            stick=self.courier.lately,
        )
        self._store = store
        self._projector = Projector(store, give_way)
        self._unsubscribe: Callable[[], None] | None = None
        self._discovery = _announcement(config) if config.link.discover else None

    @property
    def extras(self) -> dict[str, Any]:
        """Return what the overview of nodes and the page of sticks need."""
        return {EXTRA: self.status, COURIER: self.courier}

    @property
    def office(self) -> tuple[Blueprint, ...]:
        """Return none: the pages are enough."""
        return ()

    @property
    def hub(self) -> tuple[Blueprint, ...]:
        """Return the room that nodes call."""
        return (hub_room(self.doorman),)

    def guard(self, server: Server) -> None:
        """Judge requests by their heads."""
        install(server, self.doorman)

    def start(self) -> None:
        """Grant, project, announce."""
        self.doorman.start()
        self._unsubscribe = self._store.subscribe("inbox", self._projector.wake)
        self._projector.start()
        if self._discovery:
            self._discovery.start()

    def stop(self) -> None:
        """End; the servers have answered what they accepted before this is called."""
        self.courier.stop()
        if self._discovery:
            self._discovery.stop()
        if self._unsubscribe:
            self._unsubscribe()
        self._projector.stop()
        self.doorman.stop()


class VillageEnd:
    """A node: it calls its centre."""

    def __init__(
        self, config: Config, store: Store, key: SigningKey, give_way: GiveWay = alone
    ) -> None:
        self.switch = LinkSwitch() if config.demo.link_switch else None
        agent = Agent(
            hromada=config.hromada.id,
            stream=store.stream,
            centre=config.link.centre_number,
            key=key,
            centre_key=public_key(config.link.centre_key),
            poll_seconds=config.link.poll_seconds,
            budget=budget_of(config.link),
        )
        self.link = Link(
            agent,
            store,
            way=Way(
                address=config.link.centre,
                authority=Path(config.link.authority) if config.link.authority else None,
                gate=self.switch,
            ),
            version=version(DISTRIBUTION),
            zone=config.node.timezone,
        )
        self.courier = Courier(_village_cargo(config, store, key, self.link, give_way), store.clock)
        self.status = Status(
            config,
            store,
            ledger=self.link.ledger,
            traffic=self.link.traffic,
            version=version(DISTRIBUTION),
            stick=self.courier.lately,
        )
        self._store = store
        self._carrier = Carrier(self.link.call)
        self._nightly = _comparing(config, store, self.link)
        self._discovery = _search(config, self.link) if config.link.discover else None
        if self.switch:
            self.switch.subscribe(self.link.call)

    @property
    def extras(self) -> dict[str, Any]:
        """Return what the page of the link needs."""
        return {EXTRA: self.status, WAKE: self.link.call, COURIER: self.courier}

    @property
    def office(self) -> tuple[Blueprint, ...]:
        """Return the demo's link switch, where there is one."""
        return (switch_room(self.switch),) if self.switch else ()

    @property
    def hub(self) -> tuple[Blueprint, ...]:
        """Return none: nobody calls a village."""
        return ()

    def guard(self, server: Server) -> None:
        """Do nothing: there is no door here."""

    def start(self) -> None:
        """Call the centre, and look around for it."""
        self._store.write(down.replay)  # rows that an older program has kept for this one
        self.link.start()
        self._carrier.start()
        self._nightly.start()
        if self._discovery:
            self._discovery.start()

    def stop(self) -> None:
        """Put the stick down and hang up."""
        self.courier.stop()
        self._nightly.stop()
        self._carrier.stop()
        if self._discovery:
            self._discovery.stop()
        self.link.stop()


class LoneEnd:
    """A node that has not been told the key of a centre: it calls nobody."""

    def __init__(self, config: Config, store: Store) -> None:
        ledger = Ledger(store, config.link.centre_number)
        self.status = Status(config, store, ledger=ledger, version=version(DISTRIBUTION))

    @property
    def extras(self) -> dict[str, Any]:
        """Return what the page of the link needs."""
        return {EXTRA: self.status}

    @property
    def office(self) -> tuple[Blueprint, ...]:
        """Return none."""
        return ()

    @property
    def hub(self) -> tuple[Blueprint, ...]:
        """Return none."""
        return ()

    def guard(self, server: Server) -> None:
        """Do nothing."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def _village_cargo(
    config: Config, store: Store, key: SigningKey, link: Link, give_way: GiveWay
) -> VillageBundles:
    ends = Ends(
        hromada=config.hromada.id,
        node=config.node.number,
        key=key,
        centre=config.link.centre_number,
        centre_key=public_key(config.link.centre_key),
    )
    return VillageBundles(
        ends,
        store,
        version=version(DISTRIBUTION),
        warn=link.ledger.warn,
        confirmed=link.ledger.carried,
        give_way=give_way,
    )


def speak_at(config: Config) -> list[str]:
    """Return the addresses where discovery may speak now."""
    listening = config.surfaces.address
    if is_loopback(listening) and not config.surfaces.hub_url and config.node.role is Role.CENTRE:
        return []  # nobody else could reach it
    return discovery.usable(discovery.interfaces_now(), guest=config.surfaces.guest_interface)


def announced(config: Config) -> discovery.Hub:
    """Return what this centre tells of itself nearby."""
    url = urlsplit(config.surfaces.hub_url)
    return discovery.Hub(
        hromada=config.hromada.id,
        node=config.node.number,
        port=url.port or (PORTS[url.scheme] if url.scheme else config.surfaces.hub),
        secure=url.scheme == "https",
    )


def _announcement(config: Config) -> Discovery:
    return Discovery(
        hromada=config.hromada.id,
        centre=config.node.number,
        speak_at=lambda: speak_at(config),
        found=_ignore,
        lost=_ignore,
        hub=announced(config),
    )


def _comparing(config: Config, store: Store, link: Link) -> Nightly:
    """Return what has the node compare its chains with the centre's."""
    return Nightly(
        store,
        zone=ZoneInfo(config.node.timezone),
        call=link.call,
        linked=lambda: link.ledger.facts.up,
        forked=lambda: link.ledger.warnings.get(str(Kind.FORKED), ""),
        broken=lambda: checking.first_broken(store.read, lambda: time.sleep(BREATH)),
    )


def _search(config: Config, link: Link) -> Discovery:
    return Discovery(
        hromada=config.hromada.id,
        centre=config.link.centre_number,
        speak_at=lambda: speak_at(config),
        found=link.found,
        lost=link.lost,
    )


def _ignore(url: str) -> None:
    """Hear of a candidate where nobody looks for one."""
    del url
