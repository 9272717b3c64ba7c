"""What each service knows of one office, for a page about it: each room declares its own panel.

`panels.declare(office, Panel("queue/last_known.html", last_known, order=10))`. The page shows them
one after another and need not know which services there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, current_app

from appliance.store.reader import Reader

PANELS: Final = "vuzol.panels"
Facts = Callable[[Reader, int], Mapping[str, Any]]
"""Reads what the panel shows of the office with this number."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page; the template is given what `facts` returns, under the name `told`."""

    template: str
    facts: Facts
    order: int = 50


def declare(room: Blueprint, *panels: Panel) -> None:
    """Show the panels on each surface that the blueprint is given to."""
    room.record(lambda state: state.app.extensions.setdefault(PANELS, []).extend(panels))


def of_office(reader: Reader, office: int) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each panel's template and what it tells of the office, in order."""
    declared: list[Panel] = current_app.extensions.get(PANELS, [])
    ordered = sorted(declared, key=lambda panel: panel.order)
    return [(panel.template, panel.facts(reader, office)) for panel in ordered]
