"""A surface answers what it was given, and tells every refusal so that its reader understands."""

from typing import ClassVar

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from appliance.errors import VuzolError
from appliance.web import error_pages
from appliance.web.context import Context
from appliance.web.error_pages import Saying
from appliance.web.i18n import lazy
from appliance.web.surfaces import Surface
from tests.web import places


class CounterBusy(VuzolError):
    """Somebody else is at the counter."""

    code: ClassVar[str] = "test_counter_busy"
    status_hint: ClassVar[int] = 409

    def __init__(self, counter: int) -> None:
        super().__init__(f"counter {counter} is busy", next_step="finish first")
        self.counter = counter


def room() -> Blueprint:
    blueprint = Blueprint("trial", __name__)
    error_pages.explain(
        blueprint,
        {"test_counter_busy": Saying(lazy("Вікно %(counter)s зайняте"), lazy("Завершіть прийом."))},
    )

    @blueprint.route("/busy", methods=["GET", "POST"])
    @blueprint.route("/api/busy")
    def busy() -> str:
        raise CounterBusy(2)

    @blueprint.route("/broken")
    @blueprint.route("/api/broken")
    def broken() -> str:
        raise ZeroDivisionError("a secret of the code")

    @blueprint.get("/number/<int:number>")
    def number(number: int) -> str:
        return str(number)

    return blueprint


def built(context: Context, kind: Surface = Surface.OFFICE) -> Flask:
    return places.surface(kind, context, room())


@pytest.fixture
def office(context: Context) -> FlaskClient:
    return built(context).test_client()


def test_a_person_reads_what_happened_and_what_to_do(office: FlaskClient) -> None:
    told = office.get("/busy")
    assert told.status_code == 409
    assert "Вікно 2 зайняте" in told.text
    assert "Завершіть прийом." in told.text
    assert 'lang="uk"' in told.text


def test_a_program_reads_code_cause_next_step_and_facts(office: FlaskClient) -> None:
    told = office.get("/api/busy")
    assert told.status_code == 409
    assert told.json == {
        "code": "test_counter_busy",
        "cause": "counter 2 is busy",
        "next_step": "finish first",
        "counter": 2,
    }


def test_a_failure_shows_a_reference_and_keeps_the_traceback_in_the_log(
    office: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    told = office.get("/broken")
    assert told.status_code == 500
    assert "secret" not in told.text
    assert "Traceback" not in told.text
    (record,) = caplog.records
    assert record.exc_info is not None
    reference = record.getMessage().partition("[")[2].partition("]")[0]
    assert reference in told.text


def test_a_failure_tells_a_program_the_reference_too(office: FlaskClient) -> None:
    told = office.get("/api/broken")
    assert (told.status_code, told.json and told.json["code"]) == (500, "failed")
    assert told.json is not None
    assert len(told.json["reference"]) == 8
    assert "secret" not in told.text


@pytest.mark.parametrize("kind", [Surface.OFFICE, Surface.KIOSK, Surface.GUEST])
def test_an_unknown_page_is_told_in_the_look_of_its_surface(
    context: Context, kind: Surface
) -> None:
    told = built(context, kind).test_client().get("/nowhere")
    assert told.status_code == 404
    assert "Такої сторінки немає" in told.text
    assert "</html>" in told.text


def test_the_hub_speaks_json_only(context: Context) -> None:
    told = built(context, Surface.HUB).test_client().get("/nowhere")
    assert (told.status_code, told.json and told.json["code"]) == (404, "not_found")


def test_a_wrong_method_says_which_is_right(office: FlaskClient) -> None:
    told = office.post("/broken")
    assert told.status_code == 405
    assert "GET" in told.headers["Allow"]


@pytest.mark.parametrize("number", ["9007199254740992", "99999999999999999999", "-1", "x"])
def test_a_number_that_no_database_holds_is_no_page(office: FlaskClient, number: str) -> None:
    assert office.get(f"/number/{number}").status_code == 404


def test_a_number_that_fits_is_given_to_the_view(office: FlaskClient) -> None:
    assert office.get("/number/9007199254740991").text == "9007199254740991"


def test_each_page_carries_the_headers_that_protect_it(office: FlaskClient) -> None:
    headers = office.get("/nowhere").headers
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
