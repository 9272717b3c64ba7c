"""JSON endpoints take what they say, and tell in a sentence what else was sent."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Response, jsonify
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import Schema

from appliance.errors import VuzolError
from appliance.store.ids import RowId
from appliance.web import api, fields
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from tests.web import places

SOME_ID = RowId(3, 1 << 40, 42)


class TicketAsked(Schema):
    """What a kiosk sends."""

    service = fields.Id(required=True)
    purpose = fields.Choice("consultation", "submit", required=True)
    note = fields.Text(20)
    letter = fields.Text(500, shortest=0, lines=True)
    minutes = fields.Whole(1, 90)
    urgent = fields.Flag()
    priority = fields.Choice("war", "disability", allow_none=True)


class TicketGiven(Schema):
    """What it gets."""

    id = fields.Id()
    number = fields.Text(10)


class DayAsked(Schema):
    """What a query says."""

    limit = fields.Asked(1, 100)


class NobodyThere(VuzolError):
    """Nobody is at the counters."""

    code: ClassVar[str] = "test_nobody_there"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("nobody is there", next_step="come later")


def room() -> Blueprint:
    blueprint = Blueprint("trial", __name__)

    @api.post(
        blueprint,
        "/api/tickets",
        takes=TicketAsked,
        gives=TicketGiven,
        status=201,
        headers={"Idempotency-Key": "a new random key for each new request"},
        refuses=(NobodyThere,),
    )
    def take(body: dict[str, Any]) -> Mapping[str, Any]:
        """Give a ticket."""
        assert isinstance(body["service"], RowId)
        return {"id": body["service"], "number": "А-001"}

    @api.post(blueprint, "/api/echo", takes=TicketAsked)
    def echo(body: dict[str, Any]) -> Response:
        return jsonify({name: str(value) for name, value in body.items()})

    @api.get(blueprint, "/api/days/<int:node>", asks=DayAsked, staff=True)
    def days(node: int, query: dict[str, Any]) -> Mapping[str, Any]:
        """List the days of a node."""
        return {"node": node, **query}

    return blueprint


@pytest.fixture
def kiosk(context: Context) -> FlaskClient:
    return places.surface(Surface.KIOSK, context, room()).test_client()


GOOD: dict[str, Any] = {"service": str(SOME_ID), "purpose": "submit"}


def test_what_fits_is_taken_and_answered_by_its_schema(kiosk: FlaskClient) -> None:
    told = kiosk.post("/api/tickets", json=GOOD)
    assert (told.status_code, told.json) == (201, {"id": str(SOME_ID), "number": "А-001"})


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"service": "s3-1"}, "service", "must be an id like"),
        ({"service": 5}, "service", "must be an id like"),
        ({"service": None}, "service", "may not be null"),
        ({"purpose": "talk"}, "purpose", "must be one of: consultation, submit"),
        ({"purpose": ["submit"]}, "purpose", "must be one of"),
        ({"note": "x" * 21}, "note", "longer than 20"),
        ({"note": ""}, "note", "a text of 1 to 20"),
        ({"note": 7}, "note", "a text of 1 to 20"),
        ({"note": "a\u202eb"}, "note", "U+202E"),
        ({"note": "a\u0000b"}, "note", "U+0000"),
        ({"note": "a\u001b@b"}, "note", "U+001B"),
        ({"note": "a\nb"}, "note", "U+000A"),
        ({"minutes": "5"}, "minutes", "a whole number from 1 to 90"),
        ({"minutes": 5.5}, "minutes", "a whole number from 1 to 90"),
        ({"minutes": True}, "minutes", "a whole number from 1 to 90"),
        ({"minutes": -1}, "minutes", "a whole number from 1 to 90"),
        ({"minutes": 10**30}, "minutes", "a whole number from 1 to 90"),
        ({"urgent": "yes"}, "urgent", "must be true or false"),
        ({"urgent": 1}, "urgent", "must be true or false"),
        ({"priority": 3}, "priority", "must be one of: war, disability"),
        ({"oddity": 1}, "oddity", "Unknown field"),
    ],
)
def test_what_does_not_fit_is_told_with_its_field_and_what_is_expected(
    kiosk: FlaskClient, change: dict[str, Any], field: str, expected: str
) -> None:
    refused = kiosk.post("/api/tickets", json={**GOOD, **change})
    assert refused.status_code == 422
    assert refused.json is not None
    assert refused.json["code"] == "bad_input"
    assert expected in refused.json["fields"][field]
    assert expected in refused.json["cause"]


def test_a_missing_field_is_named(kiosk: FlaskClient) -> None:
    refused = kiosk.post("/api/tickets", json={"purpose": "submit"})
    assert refused.json is not None
    assert refused.json["fields"].keys() == {"service"}


def test_what_may_be_null_may(kiosk: FlaskClient) -> None:
    assert kiosk.post("/api/tickets", json={**GOOD, "priority": None}).status_code == 201


def test_a_text_is_kept_in_its_one_form(kiosk: FlaskClient) -> None:
    told = kiosk.post("/api/echo", json={**GOOD, "note": "  и\u0306 ", "letter": "a\r\nb"})
    assert told.json is not None
    assert (told.json["note"], told.json["letter"]) == ("й", "a\nb")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"a":' + b'{"b":' * 40 + b"1" + b"}" * 40 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_told_so(kiosk: FlaskClient, body: bytes) -> None:
    refused = kiosk.post("/api/tickets", data=body, content_type="application/json")
    assert (refused.status_code, refused.json and refused.json["code"]) == (400, "not_json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(st.sampled_from([*TicketAsked().fields, "oddity"]), JSON)
    | JSON.map(lambda value: {**GOOD, "note": value})
)
def test_whatever_is_sent_is_answered_or_refused_and_nothing_breaks(
    kiosk: FlaskClient, body: object
) -> None:
    sent = json.dumps(body).encode()
    told = kiosk.post("/api/tickets", data=sent, content_type="application/json")
    assert told.status_code in {201, 400, 422}
    assert told.is_json


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "1.0", "", "९", "1" * 5000])
def test_a_query_is_checked_as_a_body_is(kiosk: FlaskClient, limit: str) -> None:
    refused = kiosk.get("/api/days/3", query_string={"limit": limit})
    assert refused.status_code == 422
    assert refused.json is not None
    assert "from 1 to 100" in refused.json["fields"]["limit"]


def test_a_query_that_fits_reaches_the_view(kiosk: FlaskClient) -> None:
    assert kiosk.get("/api/days/3?limit=7").json == {"node": 3, "limit": 7}


def test_the_document_describes_each_endpoint_of_the_surface(kiosk: FlaskClient) -> None:
    document = kiosk.get("/api/openapi.json").json
    assert document is not None
    take = document["paths"]["/api/tickets"]["post"]
    assert take["summary"] == "Give a ticket."
    assert take["responses"].keys() == {"201", "409", "400", "422"}
    assert "test_nobody_there" in take["responses"]["409"]["description"]
    assert [one["name"] for one in take["parameters"]] == ["Idempotency-Key"]
    days = document["paths"]["/api/days/{node}"]["get"]
    assert {(one["in"], one["name"]) for one in days["parameters"]} == {
        ("path", "node"),
        ("query", "limit"),
    }
    assert days["security"] == [{"session": []}]
    (asked,) = [name for name in document["components"]["schemas"] if "TicketAsked" in name]
    shape = document["components"]["schemas"][asked]
    assert sorted(shape["required"]) == ["purpose", "service"]
    assert shape["properties"]["minutes"]["maximum"] == 90
    assert shape["properties"]["purpose"]["enum"] == ["consultation", "submit"]


def test_the_document_of_a_surface_without_endpoints_is_empty(context: Context) -> None:
    guest = places.surface(Surface.GUEST, context).test_client()
    assert guest.get("/api/openapi.json").json["paths"] == {}  # type: ignore[index]
