"""The door of the office, as a browser and as a program see it."""

from flask.testing import FlaskClient

from appliance.people.model import Role
from appliance.store.database import Store
from tests.people import staffing
from tests.people.staffing import PASSWORD, hire, sign_in


def test_pages(store: Store, office: FlaskClient, kiosk: FlaskClient) -> None:
    hire(store, "admin", roles=[Role.ADMINISTRATOR])
    for path in ("/sign-in", "/emergency"):
        r = office.get(path); assert r.status_code == 200, r.text
    sign_in(office, "admin")
    for path in ("/staff", "/staff/new", "/devices", "/audit", "/audit?verify=1", "/audit.csv", "/password", "/staff/codes", "/api/openapi.json"):
        r = office.get(path); assert r.status_code == 200, (path, r.text)
    r = kiosk.get("/pair"); assert r.status_code == 200, r.text
