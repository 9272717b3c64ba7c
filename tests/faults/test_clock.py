"""The clock jumps: no battery, a wrong year, a time server that comes back."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store import inbox, log
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.tables import Lane
from tests.faults import invariants
from tests.faults.clerk import take
from tests.store.two_ends import CENTRE, TABLES, VILLAGE, carry, opened, quick_folder, settle

pytestmark = pytest.mark.fault

YEAR = 365 * 24 * 3600 * 1000
JUMPS = st.sampled_from([-YEAR, -1000, -1, 0, 1, 1000, YEAR])
QUALITIES = st.sampled_from(list(ClockQuality))


def jumped(clock: FixedClock, jump: int, quality: ClockQuality) -> None:
    clock.set(max(0, clock.wall() + jump), quality=quality)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(JUMPS, QUALITIES, st.booleans()), min_size=1, max_size=12))
def test_clock_jumps_of_a_year_keep_the_order_of_times_and_ids(
    jumps: list[tuple[int, ClockQuality, bool]],
) -> None:
    with quick_folder() as folder:
        file, clock = folder / "node.db", FixedClock()
        answered: dict[int, RowId] = {}
        told: list[tuple[int, int]] = []
        store = opened(file, node=VILLAGE, clock=clock)
        for jump, quality, restarts in jumps:
            jumped(clock, jump, quality)
            if restarts:
                store.close()
                store = opened(file, node=VILLAGE, clock=clock)
            number, ticket = store.write(take, 1, 1)
            answered[number] = ticket
            with store.read() as reader:
                entries = log.entries(reader, store.stream, Lane.TICKETS, 0, 1 << 20)
            told.append((ticket.seq, entries[-1].hlc))
        store.close()
        assert all(now > before for before, now in pairwise(seq for seq, _ in told))
        assert all(now > before for before, now in pairwise(hlc for _, hlc in told))
        invariants.check(file, answered)


@pytest.mark.parametrize("jump", [-YEAR, YEAR])
def test_clock_that_is_a_year_off_at_the_village_moves_no_clock_at_the_centre(
    tmp_path: Path, jump: int
) -> None:
    right = FixedClock()
    wrong = FixedClock(right.wall() + jump, quality=ClockQuality.SYNCHRONISED)
    village = Store.open(tmp_path / "village.db", TABLES, node=VILLAGE, clock=wrong, inline=True)
    centre = opened(tmp_path / "centre.db", node=CENTRE, clock=right)
    for turn in range(5):
        village.write(take, 1, turn)
    carry(village, centre)
    settle(centre)
    with centre.read() as reader:
        flags = {one.runs_ahead for one in inbox.streams(reader)}
        numbers = [row["number"] for row in reader.all("SELECT number FROM hall_ticket")]
    assert flags == {jump > 0}
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    assert abs((centre.write(lambda tx: tx.hlc) >> 16) - right.wall()) < 1000
    village.close()
    centre.close()
