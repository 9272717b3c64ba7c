"""An office with a catalogue, on a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.clock import FixedClock
from tests.queue.office import Office, furnished, moment


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(moment(2026, 11, 17, 9, 0))


@pytest.fixture
def office(tmp_path: Path, clock: FixedClock) -> Iterator[Office]:
    with furnished(tmp_path / "node.db", clock) as found:
        yield found
