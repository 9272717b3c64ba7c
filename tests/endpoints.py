"""Every address that a node answers, read from the surfaces of a real centre and a real village."""

import re
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from appliance import config, faces
from appliance.demo.places import folder, node_toml, places
from appliance.house import Appliance
from provisioning.keys import NODE_KEY, own_key, public_text

PLACEHOLDER = re.compile(r"<(?:[^<>]*:)?_?(\w+)>")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def endpoints(home: Path) -> dict[str, set[str]]:
    """Return each method and path, and the surfaces that answer it."""
    found: dict[str, set[str]] = {}
    for appliance in _appliances(home):
        for surface, said in _answered(appliance):
            found.setdefault(said, set()).add(surface)
    return found


def _appliances(home: Path) -> Iterator[Appliance]:
    three = places("127.0.0.81")
    keys = {place.number: public_text(own_key(folder(home, place) / NODE_KEY)) for place in three}
    for place in three[:2]:
        path = folder(home, place) / "node.toml"
        path.write_text(node_toml(place, three, keys), encoding="utf-8")
        appliance = Appliance(config.load(path, {}))
        yield appliance
        appliance.__exit__(None, None, None)


def _answered(appliance: Appliance) -> Iterator[tuple[str, str]]:
    for surface, app in appliance.apps.items():
        for said in _routes(app):
            yield str(surface), said
    for surface, topics in faces.topics(appliance.context).items():
        for topic in topics:
            yield f"{surface} events", f"GET /events/{topic.name}"


def _routes(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        path = PLACEHOLDER.sub(r"{\1}", rule.rule)
        for method in METHODS:
            if method in (rule.methods or ()):
                yield f"{method} {path}"
