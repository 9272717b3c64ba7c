"""The OpenAPI document of a surface, made from its endpoints' own declarations."""

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from appliance.web.api import OPERATION, BadInput, NotJson, Operation

if TYPE_CHECKING:
    from flask import Flask

VERSION: Final = "3.1.0"
ARGUMENT: Final = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["code", "cause", "next_step"],
    "properties": {
        "code": {"type": "string", "description": "never changes; match on this"},
        "cause": {"type": "string"},
        "next_step": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def document(app: "Flask") -> dict[str, Any]:
    """Return the document of everything that the surface routes to."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Vuzol",
        version="1",
        openapi_version=VERSION,
        plugins=[plugin],
        info={"description": "Errors carry a code, a cause and a next step."},
    )
    spec.components.schema("Error", ERROR)
    spec.components.security_scheme(
        "session", {"type": "apiKey", "in": "cookie", "name": "vuzol_<surface>_<node>"}
    )
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = getattr(view, OPERATION, None)
        if isinstance(operation, Operation):
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            described = _described(operation, view, rule.rule)
            path = ARGUMENT.sub(r"{\g<name>}", rule.rule)
            spec.path(path, operations={method.lower(): described for method in methods})
    return spec.to_dict()


def _name(schema: type[Schema] | Schema | str) -> str:
    if isinstance(schema, str):
        return schema
    kind = schema if isinstance(schema, type) else type(schema)
    return f"{kind.__module__.split('.')[-2]}_{kind.__name__}"


def _described(operation: Operation, view: object, rule: str) -> dict[str, Any]:
    said = inspect.getdoc(view) or ""
    described: dict[str, Any] = {
        "summary": said.partition("\n")[0],
        "description": said,
        "parameters": [*_arguments(rule), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.asks is not None:
        described["parameters"].append({"in": "query", "schema": operation.asks})
    if operation.takes is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": operation.takes}},
        }
    if operation.staff:
        described["security"] = [{"session": []}]
    return described


def _arguments(rule: str) -> list[dict[str, Any]]:
    return [
        {
            "in": "path",
            "name": found["name"],
            "required": True,
            "schema": {"type": "integer" if found["kind"] == "int" else "string"},
        }
        for found in ARGUMENT.finditer(rule)
    ]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"in": "header", "name": name, "description": said, "schema": {"type": "string"}}
        for name, said in operation.headers.items()
    ]


def _responses(operation: Operation) -> dict[str, Any]:
    given: dict[str, Any] = {"description": "Done."}
    if operation.gives is not None:
        given["content"] = {"application/json": {"schema": operation.gives}}
    responses = {str(operation.status): given}
    errors = [*operation.refuses]
    if operation.takes is not None:
        errors += [NotJson, BadInput]
    elif operation.asks is not None:
        errors.append(BadInput)
    for error in errors:
        status = str(error.status_hint)
        told = responses.setdefault(status, _refusal())
        told["description"] = f"{told['description']} {error.code}".strip()
    return responses


def _refusal() -> dict[str, Any]:
    return {
        "description": "",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
