"""A whole surface over a real database, for tests of the web and of the rooms."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask

from appliance import config
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.web import idempotency
from appliance.web.app import Guard, create_surface
from appliance.web.context import Context, Truth
from appliance.web.surfaces import Surface

NOON = 1_794_917_100_000  # Tuesday, 17 November 2026, 14:05 in Kyiv
SETTINGS: Mapping[str, Any] = {
    "node": {"number": 3, "title": "Старостат села Верболіз", "data": "."},
    "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
}


def settings(folder: Path, environ: Mapping[str, str] | None = None) -> config.Config:
    return config.of(SETTINGS, environ or {}, folder=folder)


def no_link() -> Truth:
    return Truth(link="down", clock=ClockQuality.SYNCHRONISED, unsent=12, since=NOON - 3 * 3600_000)


def context(folder: Path, store: Store, clock: FixedClock, **changed: Any) -> Context:
    given = {
        "config": settings(folder, changed.pop("environ", None)),
        "store": store,
        "clock": clock,
        "truth": no_link,
    }
    return Context(**{**given, **changed})


def surface(
    kind: Surface,
    given: Context,
    *rooms: Blueprint,
    guards: Sequence[Guard] = (),
) -> Flask:
    return create_surface(kind, given, rooms, guards)


TABLES = idempotency.TABLES
