"""What the tests of the store share: a real file with a real owner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from appliance.store.database import Store
from tests.store.sample import village


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    opened = village(tmp_path / "node.db", clock=clock)
    yield opened
    opened.close()
