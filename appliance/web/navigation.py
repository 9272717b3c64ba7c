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
    offered = sorted((entry for entry in declared if entry.shown()), key=lambda entry: entry.order)
    here = _here(offered)
    return [Shown(str(entry.label), url_for(entry.endpoint), entry is here) for entry in offered]


def _here(offered: list[Entry]) -> Entry | None:
    """Return the entry of this very page, or else the first one of its room."""
    of_page = (entry for entry in offered if entry.endpoint == request.endpoint)
    of_room = (entry for entry in offered if _room(entry) == (request.blueprint or ""))
    return next(of_page, None) or next(of_room, None)


def _room(entry: Entry) -> str:
    return entry.endpoint.rpartition(".")[0]
