"""One whole node without its servers: every surface as it is put together, and who works there."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance import config
from appliance.demo.places import Place, folder, node_toml, places
from appliance.house import DATABASE, Appliance
from appliance.people.model import Role
from appliance.people.tables import ATTEMPT
from appliance.queue import catalogue
from appliance.queue.catalogue import Described
from appliance.queue.model import Purpose
from appliance.rooms import TABLES
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from appliance.web.surfaces import Surface
from provisioning.keys import NODE_KEY, own_key, public_text
from tests.people import staffing

ARGUMENT = re.compile(r"<(?:[^<>]*:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Node:
    """The node, and the ids of what is in it."""

    appliance: Appliance
    clerk: RowId
    service: RowId
    category: RowId

    @property
    def store(self) -> Store:
        """Return its store."""
        return self.appliance.store

    def client(self, surface: Surface) -> FlaskClient:
        """Open one more browser."""
        return self.appliance.apps[surface].test_client()

    def signed_in(self, login: str = "admin") -> FlaskClient:
        """Open a browser in which somebody has signed in at the office."""
        client = self.client(Surface.OFFICE)
        staffing.sign_in(client, login)
        return client

    def rules(self, surface: Surface) -> set[str]:
        """Return each address of a surface that takes a POST."""
        rules = self.appliance.apps[surface].url_map.iter_rules()
        return {ARGUMENT.sub(r"<\1>", one.rule) for one in rules if "POST" in (one.methods or ())}

    def take(self, key: str) -> dict[str, Any]:
        """Take a ticket as a kiosk does."""
        wish = {"service": str(self.service), "purpose": "submit"}
        client = self.client(Surface.KIOSK)
        headers = {"Idempotency-Key": key}
        answer = client.post("/api/queue/tickets", json=wish, headers=headers)
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json())

    def forget_attempts(self) -> None:
        """Let a wrong password be followed by another at once."""

        def verb(tx: Transaction) -> None:
            for row in tx.all("SELECT DISTINCT kind FROM people_attempt"):
                tx.delete(ATTEMPT, {"kind": row["kind"]})

        self.store.write(verb)

    def audited(self) -> list[str]:
        """Return the actions of the trail, in order."""
        with self.store.read() as reader:
            return [
                row["action"]
                for row in reader.all("SELECT action FROM people_audit ORDER BY at, id")
            ]


def succeeded(answer: TestResponse) -> bool:
    """Tell whether a program or a browser was told that it is done."""
    return answer.status_code in {200, 201, 202, 303}


@contextmanager
def whole_node(
    home: Path, *, village: bool = False, environ: Mapping[str, str] | None = None
) -> Iterator[Node]:
    """Make a node with an administrator, a clerk, a service and a ground to come out of turn."""
    three = places("127.0.0.81")
    keys = {place.number: public_text(own_key(folder(home, place) / NODE_KEY)) for place in three}
    place = three[1 if village else 0]
    file = folder(home, place) / "node.toml"
    file.write_text(node_toml(place, three, keys), encoding="utf-8")
    given = _furnished(home, place)
    appliance = Appliance(config.load(file, environ or {}))
    try:
        yield Node(appliance, *given)
    finally:
        appliance.__exit__(None, None, None)


def _furnished(home: Path, place: Place) -> tuple[RowId, RowId, RowId]:
    store = Store.open(
        folder(home, place) / DATABASE,
        TABLES,
        node=place.number,
        clock=SystemClock(trusted=True),  # as a centre, so that a village has staff without a link
    )
    try:
        staffing.hire(store, "admin", roles=[Role.ADMINISTRATOR])
        clerk = staffing.hire(store, "clerk", name="Петро Гнатюк", roles=[Role.STAROSTA])
        described = Described(
            prefix="А", name_uk="Довідка", name_en="", icon="document", purposes=tuple(Purpose)
        )
        service = store.write(
            catalogue.add_service, described, scope=catalogue.EVERYWHERE, actor="system"
        )
        category = store.write(
            catalogue.add_category,
            name_uk="Особа з інвалідністю",
            name_en="",
            ground="Закон № 875-XII",
            ordering=1,
            actor="system",
        )
        return clerk, service, category
    finally:
        store.close()
