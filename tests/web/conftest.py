"""A store in a folder of its own, and surfaces over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.web.context import Context
from tests.web import places


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(places.NOON)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    opened = Store.open(tmp_path / "node.db", places.TABLES, node=3, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def context(tmp_path: Path, store: Store, clock: FixedClock) -> Context:
    return places.context(tmp_path, store, clock)
