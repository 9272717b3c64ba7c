"""An office with a catalogue, on a real store, and its surfaces as browsers see them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from appliance.people import access
from appliance.people import views as people_views
from appliance.people.model import Role
from appliance.people.passwords import HashingThread
from appliance.queue import views
from appliance.store.clock import FixedClock
from appliance.web.app import create_surface
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.people import staffing
from tests.queue.office import Office, furnished, moment

NEIGHBOUR = {"number": 3, "title": "Старостат села Кам’янка", "key": "B" * 43 + "="}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(moment(2026, 11, 17, 9, 0))


@pytest.fixture
def office(tmp_path: Path, clock: FixedClock) -> Iterator[Office]:
    with furnished(tmp_path / "node.db", clock) as found:
        yield found


@pytest.fixture(scope="session")
def passwords() -> Iterator[HashingThread]:
    thread = HashingThread()
    yield thread
    thread.close()


@pytest.fixture
def context(office: Office, passwords: HashingThread) -> Context:
    return staffing.context_of(office.store, passwords, centre={"nodes": [NEIGHBOUR]})


@pytest.fixture
def kiosk(context: Context) -> FlaskClient:
    rooms = (people_views.kiosk, *views.KIOSK)
    return create_surface(Surface.KIOSK, context, rooms, [access.guard]).test_client()


@pytest.fixture
def phone(context: Context) -> FlaskClient:
    return create_surface(Surface.GUEST, context, views.GUEST, [access.guard]).test_client()


@pytest.fixture
def console(context: Context) -> Callable[..., FlaskClient]:
    """Return what signs one more person in, in a browser of their own."""
    rooms = (people_views.office, *views.OFFICE)
    app = create_surface(Surface.OFFICE, context, rooms, [access.guard])

    def signed_in(login: str = "oksana", role: Role = Role.STAROSTA) -> FlaskClient:
        staffing.hire(context.store, login, name=login.title(), roles=[role])
        client = app.test_client()
        staffing.sign_in(client, login)
        return client

    return signed_in
