"""JSON endpoints that check what comes in, and tell about themselves at /api/openapi.json.

    @api.post(office, "/api/queue/tickets", takes=TicketAsked, gives=TicketGiven, status=201)
    def take_ticket(body: dict[str, Any]) -> Mapping[str, Any]:
        \"\"\"Give a ticket.\"\"\"

The view gets what `takes` made of the body (`body`) and what `asks` made of the query (`query`);
what it returns goes out through `gives`. It may also return a ready Response.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response, request
from marshmallow import Schema, ValidationError

from appliance.errors import VuzolError

OPERATION: Final = "vuzol_operation"
DEEPEST: Final = 32
HALF: Final = re.compile("[\ud800-\udfff]")

View = Callable[..., Any]


class NotJson(VuzolError):
    """A body is not the JSON object that the endpoint takes."""

    code: ClassVar[str] = "not_json"
    status_hint: ClassVar[int] = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"the body {reason}", next_step="send one JSON object in UTF-8")
        self.reason = reason


class BadInput(VuzolError):
    """A body or a query is JSON, but not what the endpoint takes."""

    code: ClassVar[str] = "bad_input"
    status_hint: ClassVar[int] = 422

    def __init__(self, fields: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {expected}" for name, expected in sorted(fields.items()))
        super().__init__(f"wrong input ({told})", next_step="see /api/openapi.json")
        self.fields = dict(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an endpoint promises; the document is made of these."""

    takes: type[Schema] | None = None
    asks: type[Schema] | None = None
    gives: type[Schema] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)  # what it reads: name -> sentence
    refuses: Sequence[type[VuzolError]] = ()
    staff: bool = False  # needs a session of staff


def get(
    room: Blueprint,
    rule: str,
    *,
    gives: type[Schema] | None = None,
    asks: type[Schema] | None = None,
    headers: Mapping[str, str] | None = None,
    refuses: Sequence[type[VuzolError]] = (),
    staff: bool = False,
) -> Callable[[View], View]:
    """Route GET to the view; `asks` checks the query."""
    operation = Operation(
        gives=gives, asks=asks, headers=headers or {}, refuses=refuses, staff=staff
    )
    return _routed(room, rule, "GET", operation)


def post(
    room: Blueprint,
    rule: str,
    *,
    takes: type[Schema] | None = None,
    gives: type[Schema] | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    refuses: Sequence[type[VuzolError]] = (),
    staff: bool = False,
) -> Callable[[View], View]:
    """Route POST to the view; `takes` checks the body."""
    operation = Operation(
        takes=takes,
        gives=gives,
        status=status,
        headers=headers or {},
        refuses=refuses,
        staff=staff,
    )
    return _routed(room, rule, "POST", operation)


def _routed(
    room: Blueprint, rule: str, method: str, operation: Operation
) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answer(**values: object) -> Response:
            if operation.takes is not None:
                values["body"] = checked(operation.takes, body())
            if operation.asks is not None:
                values["query"] = checked(operation.asks, request.args.to_dict())
            return _given(operation, view(**values))

        setattr(answer, OPERATION, operation)
        room.add_url_rule(rule, view.__name__, answer, methods=[method])
        return answer

    return decorate


def _given(operation: Operation, told: object) -> Response:
    if isinstance(told, Response):
        return told
    shown = _made(operation.gives).dump(told) if operation.gives is not None else told
    return make_response(jsonify(shown if shown is not None else {}), operation.status)


@functools.cache
def _made(schema: type[Schema]) -> Schema:
    """Return the one schema of its kind: it holds no state of a request, and is slow to make."""
    return schema()


def checked(schema: type[Schema], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the schema makes of the given values; raise `BadInput` naming each field."""
    try:
        loaded: dict[str, Any] = _made(schema).load(given)
    except ValidationError as error:
        raise BadInput(dict(_flat("", error.messages))) from error
    return loaded


def body() -> dict[str, Any]:
    """Return the request's JSON object; raise `NotJson` for anything else."""
    sent = request.get_data(cache=True)
    try:
        text = sent.decode("utf-8")
        told = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotJson("is not JSON") from error
    if not isinstance(told, dict):
        raise NotJson("is not a JSON object")
    if "\\u" in text or text.count("[") + text.count("{") > DEEPEST:  # else it can be neither
        _demand_plain(told, depth=0)
    return told


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        raise NotJson("names a field twice")
    return told


DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)


def _demand_plain(value: object, *, depth: int) -> None:
    """Refuse half characters, which no database can hold, and nesting that nobody means."""
    if depth > DEEPEST:
        raise NotJson("is nested too deeply")
    if isinstance(value, str) and HALF.search(value):
        raise NotJson("holds half of a character")
    inside = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    if isinstance(inside, list):
        for one in inside:
            _demand_plain(one, depth=depth + 1)


def _flat(name: str, told: object) -> list[tuple[str, str]]:
    if isinstance(told, Mapping):
        return [
            found
            for key, inner in told.items()
            for found in _flat(f"{name}.{key}".strip("."), inner)
        ]
    sentences = told if isinstance(told, list) else [told]
    return [(name or "body", " ".join(str(sentence) for sentence in sentences))]


def install(app: Flask) -> None:
    """Serve the surface's OpenAPI document; it is made at the first request for it."""
    made: list[dict[str, Any]] = []

    def openapi() -> Response:
        from appliance.web.openapi import document  # noqa: PLC0415 - apispec is for those who ask

        if not made:
            made.append(document(current_app))
        return jsonify(made[0])

    app.add_url_rule("/api/openapi.json", "openapi", openapi)
