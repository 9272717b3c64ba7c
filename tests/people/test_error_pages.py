"""An error page is a page: who is signed in keeps their name, their places, and the way out."""

import re

import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from appliance.people import access, views
from appliance.people.model import Role
from appliance.store.database import Store
from appliance.web.app import create_surface
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.people.staffing import hire, sign_in


@pytest.fixture
def office(context: Context) -> FlaskClient:
    trial = Blueprint("trial", __name__)

    @trial.get("/broken")
    def broken() -> str:
        raise LookupError

    app = create_surface(Surface.OFFICE, context, [views.office, trial], [access.guard])
    return app.test_client()


def header(page: str) -> str:
    found = re.search(r"<header.*</header>", page, re.DOTALL)
    assert found is not None
    return re.sub(r'aria-current="page"|href="[^"]*lang=[^"]*"|\s', "", found[0])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no-such-page", 404),
        ("GET", "/staff/no/such/page", 404),
        ("GET", "/staff/s01-0000000001-9", 404),
        ("DELETE", "/sign-out", 405),
        ("GET", "/broken", 500),
        ("GET", "/devices", 403),
    ],
)
def test_staff_keep_their_navigation_on_an_error_page(
    store: Store, office: FlaskClient, method: str, path: str, status: int
) -> None:
    role = Role.ADMINISTRATOR if path.startswith("/staff") else Role.HEAD
    hire(store, name="Петро Лис", roles=[role])
    sign_in(office)
    page = office.open(path, method=method)
    assert page.status_code == status
    assert "Петро Лис" in page.text
    assert "Вийти" in page.text
    assert header(page.text) == header(office.get("/password").text)
    assert header(page.text).count("<li>") > 0


def test_a_stranger_learns_no_name_and_no_places(store: Store, office: FlaskClient) -> None:
    hire(store, name="Петро Лис")
    for cookie in ("", "a guess"):
        office.set_cookie("vuzol_office_s01", cookie)
        page = office.get("/no-such-page")
        assert page.status_code == 404
        assert "vz-nav" not in page.text
        assert "Петро Лис" not in page.text
        assert "Вийти" not in page.text


def test_a_session_that_has_ended_is_a_stranger_on_an_error_page(
    store: Store, office: FlaskClient
) -> None:
    hire(store)
    sign_in(office)
    cookie = office.get_cookie("vuzol_office_s01")
    assert cookie is not None
    office.post("/sign-out")
    office.set_cookie("vuzol_office_s01", cookie.value)
    assert "vz-nav" not in office.get("/no-such-page").text
