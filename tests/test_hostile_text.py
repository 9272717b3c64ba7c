"""Hostile text in each field that anybody may fill: refused, or passed over; nothing is changed.

Every address that takes a POST is walked. One that is not described below fails, as does a form
field that a view reads and that is not described.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.test import TestResponse

from appliance.queue.console_views import VERBS
from appliance.web.api import OPERATION
from appliance.web.surfaces import Surface
from tests.people.staffing import PASSWORD
from tests.whole_node import ARGUMENT, Node, whole_node

MARKUP = '<script>alert("vuzol")</script>'
TEXTS = {
    "markup": MARKUP,
    "right to left": "талон \u202eяиро",
    "control": "а\x00б\x1b[2J\x07",
    "long": "я" * 9_000,
    "100 kB": "x" * 100_000,
}
KINDS: Mapping[str, object] = {
    **TEXTS,
    "number": 7,
    "fraction": 1.5,
    "flag": True,
    "list": [MARKUP],
    "object": {MARKUP: MARKUP},
    "half a character": "\ud800",
}
SECRET = {"password", "current", "new", "repeated", "key"}
"""What may be any text: it is compared, and never shown."""

PASSED_OVER = {"next", "promised", "take_over"}
"""What is no answer of ours counts as not said."""

EVERYWHERE = {"csrf_token", "lang", "letters", "controls"}
"""What the frame of every page reads."""

SHOWN_AGAIN = {"scope"}
"""What a form that is shown again takes along, and a change does not use."""

DESCRIPTION = {
    "prefix": "А",
    "name_uk": "Послуга",
    "name_en": "",
    "official_name": "",
    "hint_uk": "",
    "hint_en": "",
    "prepare": "",
    "icon": "document",
    "state": "OPEN",
    "nominal_minutes": "15",
    "ordering": "5",
    "purposes": "submit",
}
ASKED = {"step": "0", "hours": "4", "key": "key-1"}
OFFICES = {"office-1": "STAROSTA", "office-2": "", "office-3": ""}
FORMS: Mapping[str, Mapping[str, str]] = {
    "office /sign-in": {"login": "clerk", "password": "x", "next": "/"},
    "office /sign-out": {},
    "office /password": {"current": "x", "new": "нова вода 27", "repeated": "нова вода 27"},
    "office /emergency": {"name": "Петро Гнатюк", "code": "1-AAAA-AAAA-AAAA"},
    "office /staff/new": {"login": "new.person", "name": "Ганна Коваль", **OFFICES},
    "office /staff/<person_id>": {"name": "Петро Гнатюк", **OFFICES},
    "office /staff/<person_id>/dismiss": {},
    "office /staff/<person_id>/reinstate": OFFICES,
    "office /staff/<person_id>/password": {},
    "office /staff/codes/<number>": {},
    "office /devices": {"code": "123456", "name": "Кіоск у холі"},
    "office /devices/<device_id>/revoke": {},
    "office /queue/counters/<n>/open": {"take_over": ""},
    "office /queue/counters/<n>/<verb>": {"seen": "", "promised": ""},
    "office /queue/services/new": {**DESCRIPTION, "scope": "hromada"},
    "office /queue/services/<service_id>": DESCRIPTION,
    "office /queue/tickets/<ticket_id>/cancel": ASKED,
    "office /queue/tickets/<ticket_id>/move": {**ASKED, "target": "x submit"},
    "office /queue/tickets/<ticket_id>/withdraw": {"command": ""},
    "office /link/now": {},
    "office /nodes/held/replay": {},
    "office /sync/now": {},
    "office /sync/bundles/export": {},
    "office /sync/bundles/import": {},
    "office /sticks/export": {"stick": "sdb1"},
    "office /sticks/import": {"stick": "sdb1"},
    "kiosk /pair": {"kind": "kiosk"},
    "kiosk /tickets": {"service": "", "purpose": "submit", "priority": "", "key": "key-1"},
    "guest /t/<ticket_id>/cancel": {"k": "token"},
    "hub /sync/v1/<_rest>": {},  # speaks its own tongue: tests/sync_link
}
BODIES: Mapping[str, Mapping[str, object]] = {
    "/api/sign-in": {"login": "clerk", "password": "x"},
    "/api/password": {"current": "x", "new": "нова вода 27"},
    "/api/sign-out": {},
    "/api/queue/tickets/<ticket_id>/cancel": {"step": 0, "valid_hours": 4},
    "/api/queue/tickets/<ticket_id>/move": {
        "step": 0,
        "valid_hours": 4,
        "service": "",
        "purpose": "submit",
    },
    "/api/queue/commands/<command_id>/withdraw": {},
    "/api/queue/tickets": {"service": "", "purpose": "submit", "priority": None},
}
COUNTER = {"ticket": None, "take_over": False}
SURFACES = (Surface.OFFICE, Surface.KIOSK, Surface.GUEST)


class Spied(ImmutableMultiDict):  # type: ignore[type-arg]
    """Fields of a form, which remember what was asked of them."""

    read: set[str] = set()  # noqa: RUF012 - emptied before each address

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, *more: Any, **named: Any) -> Any:
        self.read.add(key)
        return super().get(key, *more, **named)

    def getlist(self, key: str, *more: Any, **named: Any) -> Any:
        self.read.add(key)
        return super().getlist(key, *more, **named)


class SpyingRequest(Request):
    """A request whose forms remember."""

    parameter_storage_class = Spied


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with whole_node(tmp_path_factory.mktemp("hostile")) as made:
        for app in made.appliance.apps.values():
            app.request_class = SpyingRequest
        yield made


@pytest.fixture(scope="module")
def browsers(node: Node) -> dict[str, FlaskClient]:
    """Give a browser for each surface; at the office somebody who may do everything."""
    office = node.signed_in()
    office.post("/queue/counters/1/open")
    others = {str(one): node.client(one) for one in SURFACES[1:]}
    return {"office": office, **others}


def path(node: Node, rule: str, **changed: str) -> str:
    """Return an address of the rule, of what is there."""
    there = {
        "person_id": str(node.clerk),
        "service_id": str(node.service),
        "ticket_id": str(node.service),
        "command_id": str(node.service),
        "device_id": "aaaaaaaa",
        "number": "1",
        "n": "1",
        "verb": "recall",
        **changed,
    }
    return ARGUMENT.sub(lambda found: there[found[1]], rule)


def written(node: Node, after: int) -> tuple[int, list[str]]:
    """Return how far the log is, and what it took in, refused sign-ins left out."""
    with node.store.read() as reader:
        last = int(reader.value("SELECT coalesce(max(seq), 0) FROM _log"))
        rows = reader.all(
            """SELECT l.tbl, a.action FROM _log l LEFT JOIN people_audit a ON a.id = l.key
               WHERE l.seq > :after""",
            after=after,
        )
    told = [row["action"] or row["tbl"] for row in rows]
    return last, [one for one in told if one != "people.sign_in_refused"]


def refused(node: Node, answer: TestResponse, before: int, what: str, *, changes: bool) -> None:
    """Assert that the answer is a refusal without an echo, and that nothing was written."""
    assert answer.status_code < 500, f"{what}: {answer.text[:300]}"
    assert MARKUP not in answer.text, what
    assert MARKUP not in str(answer.headers), what
    if not changes:
        assert answer.status_code >= 400 or answer.status_code == 303, f"{what}: {answer}"
        assert written(node, before)[1] == [], what
    node.forget_attempts()


def test_every_address_that_takes_a_post_is_described(node: Node) -> None:
    there = {
        f"{surface} {rule}"
        for surface in Surface
        for rule in node.rules(surface)
        if "/api/" not in rule
    }
    assert there == set(FORMS)


def filled(node: Node, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "service": str(node.service)} if "service" in fields else dict(fields)


@pytest.mark.parametrize("said", [one for one in FORMS if FORMS[one]])
def test_hostile_text_in_a_form_is_refused_and_changes_nothing(
    node: Node, browsers: dict[str, FlaskClient], said: str
) -> None:
    surface, _, rule = said.partition(" ")
    fields = filled(node, FORMS[said])
    Spied.read.clear()
    for verb in VERBS if "<verb>" in rule else ["-"]:
        for field in fields:
            for kind, text in TEXTS.items():
                before, _ = written(node, 0)
                sent = {**fields, field: text}
                if verb == "-" or field == "seen":
                    where = path(node, rule, verb=verb)
                    answer = stranger_or(browsers, node, rule, surface).post(where, data=sent)
                    free = field in SECRET | PASSED_OVER
                    refused(node, answer, before, f"{said} {field}: {kind}", changes=free)
    assert Spied.read - EVERYWHERE - SHOWN_AGAIN <= set(fields)


def stranger_or(
    browsers: dict[str, FlaskClient], node: Node, rule: str, surface: str
) -> FlaskClient:
    """Return who fills the form: before the door it is somebody without a session."""
    outside = rule in {"/sign-in", "/emergency"}
    return node.client(Surface.OFFICE) if outside else browsers[surface]


def fields_of(app: Flask, rule: str) -> dict[str, Any]:
    """Return the fields of a JSON body: those that the endpoint declares, with a good value."""
    (found,) = [
        one
        for one in app.url_map.iter_rules()
        if ARGUMENT.sub(r"<\1>", one.rule) == rule and "POST" in (one.methods or ())
    ]
    takes = getattr(app.view_functions[found.endpoint], OPERATION).takes
    given = BODIES.get(rule, COUNTER)
    assert takes is None or set(takes().fields) == set(given), rule
    return dict(given)


@pytest.mark.parametrize("surface", [Surface.OFFICE, Surface.KIOSK])
def test_hostile_values_in_a_body_are_refused_and_change_nothing(
    node: Node, browsers: dict[str, FlaskClient], surface: Surface
) -> None:
    for rule in sorted(one for one in node.rules(surface) if "/api/" in one):
        fields = filled(node, fields_of(node.appliance.apps[surface], rule))
        for field in fields:
            for kind, value in KINDS.items():
                if field == "take_over" and value is True:
                    continue  # that is what it takes
                before, _ = written(node, 0)
                client = stranger_or(browsers, node, rule.removeprefix("/api"), str(surface))
                answer = client.post(
                    path(node, rule),
                    data=json.dumps({**fields, field: value}),  # in ASCII, half characters too
                    content_type="application/json",
                    headers={"Idempotency-Key": f"{field}-{kind}"},
                )
                free = field in SECRET and kind == "markup"
                what = f"{surface} {rule} {field}: {kind}"
                refused(node, answer, before, what, changes=free)
                assert free or answer.status_code >= 400, what


@pytest.mark.parametrize("surface", SURFACES)
def test_hostile_text_in_an_address_is_refused_and_changes_nothing(
    node: Node, browsers: dict[str, FlaskClient], surface: Surface
) -> None:
    for rule in sorted(node.rules(surface)):
        for argument in ARGUMENT.findall(rule):
            for kind in ("markup", "right to left", "control", "long"):
                before, _ = written(node, 0)
                where = path(node, rule, **{argument: quote(TEXTS[kind], safe="")})
                answer = browsers[str(surface)].post(where, data={"k": "x"})
                what = f"{surface} {rule} {argument}: {kind}"
                refused(node, answer, before, what, changes=False)


def test_the_password_of_these_tests_still_opens_the_door(node: Node) -> None:
    """What was typed above was refused for its hostile field, and not for want of a door."""
    client = node.client(Surface.OFFICE)
    told = {"login": "clerk", "password": PASSWORD}
    assert client.post("/api/sign-in", json=told).status_code == 200
