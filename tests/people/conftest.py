"""A centre and a village with their office and kiosk, on a clock that stands still."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.people import access, views
from appliance.people.passwords import HashingThread
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.web.app import create_surface
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.people import staffing


@pytest.fixture(scope="session")
def passwords() -> Iterator[HashingThread]:
    thread = HashingThread()
    yield thread
    thread.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    opened = staffing.open_store(tmp_path, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def context(store: Store, passwords: HashingThread) -> Context:
    nodes = [{"number": 2, "title": "Старостат села Верболіз", "key": "A" * 43 + "="}]
    return staffing.context_of(store, passwords, centre={"nodes": nodes})


@pytest.fixture
def app(context: Context) -> Flask:
    return create_surface(Surface.OFFICE, context, [views.office], [access.guard])


@pytest.fixture
def office(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def kiosk(context: Context) -> FlaskClient:
    return create_surface(Surface.KIOSK, context, [views.kiosk], [access.guard]).test_client()


@pytest.fixture
def browser(app: Flask) -> Callable[[], FlaskClient]:
    """Return what opens one more browser."""
    return app.test_client
