"""The rooms' entries in the header: each room declares its own.

navigation.declare(office, Entry(lazy("Черга"), "queue_office.console", order=10))`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, current_app, request, url_for

from appliance.web.i18n import Lazy

ENTRIES: Final = "vuzol.navigation"


def always() -> bool:
    """Show the entry to everybody."""
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go."""

    label: Lazy
    endpoint: str  # of the whole app: `blueprint.view`
    order: int = 50
    shown: Callable[[], bool] = always  # asked in each request, so a role may decide


@dataclass(frozen=True, slots=True)
class Shown:
    """One place to go, as this page shows it."""

    label: str
    url: str
    here: bool


def declare(room: Blueprint, *entries: Entry) -> None:
    """Put the entries into the header of each surface that the blueprint is given to."""
    room.record(lambda state: state.app.extensions.setdefault(ENTRIES, []).extend(entries))


def entries() -> list[Shown]:
    """Return what the header of the current page offers, in order."""
    declared: list[Entry] = current_app.extensions.get(ENTRIES, [])
    return [
        Shown(str(entry.label), url_for(entry.endpoint), _here(entry))
        for entry in sorted(declared, key=lambda entry: entry.order)
        if entry.shown()
    ]


def _here(entry: Entry) -> bool:
    return (request.blueprint or "") == entry.endpoint.rpartition(".")[0] or (
        request.endpoint == entry.endpoint
    )
