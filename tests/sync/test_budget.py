"""A day's bytes last for what matters: the less urgent a lane, the sooner it stops."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Link, LinkKind
from appliance.store.tables import Lane
from sync.budget import MEGABYTE, SHARES, UNLIMITED, Budget, budget_of

DAILY = 20 * MEGABYTE


def test_less_urgent_lanes_stop_sooner_and_alarms_never() -> None:
    shares = [SHARES[lane] for lane in Lane]
    assert shares == sorted(shares, reverse=True)
    assert len(set(shares)) == len(shares)
    assert Budget(DAILY).is_open(Lane.ALARMS, 1000 * DAILY)


@given(st.integers(0, 3 * DAILY), st.integers(0, 3 * DAILY))
def test_what_stopped_stays_so_as_more_is_used(used: int, more: int) -> None:
    budget = Budget(DAILY)
    after = budget.open_lanes(Lane, used + more)
    assert set(after) <= set(budget.open_lanes(Lane, used))
    assert Lane.ALARMS in after


@given(st.integers(0, 3 * DAILY))
def test_no_request_may_take_more_than_is_left(used: int) -> None:
    budget = Budget(DAILY)
    if budget.is_open(Lane.TICKETS, used):
        assert 0 < budget.room(used) <= DAILY - used
    else:
        assert budget.open_lanes(Lane, used) == (Lane.ALARMS,)


@given(st.integers(0, 1 << 50))
def test_a_link_that_nobody_pays_for_has_no_end(used: int) -> None:
    assert UNLIMITED.open_lanes(Lane, used) == tuple(Lane)
    assert UNLIMITED.room(used) == inf


@pytest.mark.parametrize(
    ("kind", "megabytes", "daily"),
    [
        (LinkKind.ETHERNET, 0, 0),
        (LinkKind.WIFI, 0, 0),
        (LinkKind.GSM, 0, 20 * MEGABYTE),
        (LinkKind.GSM, 5, 5 * MEGABYTE),
        (LinkKind.WIFI, 300, 300 * MEGABYTE),
    ],
)
def test_the_kind_of_the_link_decides_where_nothing_is_set(
    kind: LinkKind, megabytes: int, daily: int
) -> None:
    told = Link(
        centre="",
        centre_number=1,
        centre_key="",
        authority="",
        poll_seconds=300,
        discover=False,
        kind=kind,
        daily_megabytes=megabytes,
    )
    assert budget_of(told).daily == daily
