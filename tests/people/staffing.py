"""People for tests: who works here and how they sign in. Each password is hashed once, for real."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from appliance import config as settings
from appliance.people import service
from appliance.people.model import Role
from appliance.people.passwords import HashingThread
from appliance.people.tables import TABLES
from appliance.store.clock import Clock, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.tables import Table
from appliance.web import idempotency
from appliance.web.context import Context, Truth

PASSWORD = "вода чиста 26"


def hashed(password: str = PASSWORD) -> str:
    """Return a real hash with the real parameters; each password is hashed once in a run."""
    return _hashed(password)


@functools.cache
def _hashed(password: str) -> str:
    thread = HashingThread()
    try:
        return thread.hash(password)
    finally:
        thread.close()


def hire(
    store: Store,
    login: str = "starosta",
    *,
    name: str = "Оксана Мельничук",
    roles: Iterable[Role] = (Role.STAROSTA,),
    offices: Iterable[int] | None = None,
    password: str = PASSWORD,
    temporary: bool = False,
) -> RowId:
    """Put a person on the staff list of a centre's store; without `offices`, of this node."""
    where = [store.node] if offices is None else list(offices)
    return store.write(
        service.hire,
        login=login,
        name=name,
        offices=dict.fromkeys(where, frozenset(roles)),
        hashed=hashed(password),
        by="system",
        temporary=temporary,
    )


def sign_in(client: FlaskClient, login: str = "starosta", password: str = PASSWORD) -> str:
    """Sign in through the API; the client sends the session's token from now on."""
    answered = client.post("/api/sign-in", json={"login": login, "password": password})
    assert answered.status_code == 200, answered.get_data(as_text=True)
    token = str(answered.get_json()["csrf_token"])
    client.environ_base["HTTP_X_CSRF_TOKEN"] = token
    return token


def open_store(
    folder: Path,
    *,
    node: int = 1,
    clock: Clock | None = None,
    centre: bool = True,
    tables: Iterable[Table] = (),
) -> Store:
    """Open a store with the tables of people, of the web, and others if a test needs them."""
    every = (*TABLES, *idempotency.TABLES, *tables)
    return Store.open(
        folder / f"node{node}.db", every, node=node, clock=clock or FixedClock(), centre=centre
    )


def context_of(
    store: Store, passwords: HashingThread | None = None, **told: Mapping[str, Any]
) -> Context:
    """Return a context round a store; `told` is what node.toml would say, by section."""
    role = "centre" if store.node == 1 else "village"
    sections: dict[str, Any] = {
        "node": {"number": store.node, "title": "Старостат села Верболіз", "role": role},
        "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
    }
    for section, values in told.items():
        sections[section] = {**sections.get(section, {}), **values}
    link = "none" if sections["node"]["role"] == "centre" else "up"
    return Context(
        config=settings.of(sections, {}, folder=store.path.parent),
        store=store,
        clock=store.clock,
        truth=lambda: Truth(link=link, clock=store.clock.quality()),  # type: ignore[arg-type]
        passwords=passwords,
    )
