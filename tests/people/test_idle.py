"""A session ends when nobody works with it, although its page goes on refreshing itself."""

from flask.testing import FlaskClient

from appliance.people.model import IDLE_SECONDS
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from tests.people.staffing import hire, sign_in

PAGE = "/staff"
HOURS = IDLE_SECONDS // 3600


def status(office: FlaskClient, **headers: str) -> int:
    return office.get(PAGE, headers={"Accept": "application/json", **headers}).status_code


def test_page_that_refreshes_itself_does_not_keep_a_session_alive(
    office: FlaskClient, store: Store, clock: FixedClock
) -> None:
    hire(store)
    sign_in(office)
    for _ in range(HOURS * 4 - 1):
        clock.advance(900)
        assert status(office, **{"X-Fragment": "1"}) == 200
    clock.advance(901)
    assert status(office, **{"X-Fragment": "1"}) == 401


def test_person_who_works_keeps_the_session_until_its_lifetime(
    office: FlaskClient, store: Store, clock: FixedClock
) -> None:
    hire(store)
    sign_in(office)
    for _ in range(HOURS + 2):
        clock.advance(3600)
        assert status(office) == 200
