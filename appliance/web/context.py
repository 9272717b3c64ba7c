"""What every view of a process may reach: settings, store, clock, and how fresh all of it is.

There is one context for each process. It is made where the process is put together, and nothing in
it is global: a view asks for `current()`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from flask import current_app, request

if TYPE_CHECKING:
    from flask import Flask, Request
    from prometheus_client import Metric

    from appliance.config import Config
    from appliance.store.clock import Clock, ClockQuality
    from appliance.store.database import Store
    from appliance.web.surfaces import Surface

CONTEXT: Final = "vuzol.context"
SURFACE: Final = "vuzol.surface"


@dataclass(frozen=True, slots=True)
class Stick:
    """What became of the last stick that carried rows, or is being done with it."""

    did: Literal["working", "rows", "answers", "read", "failed"]
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """How far this node is from the centre, as every page says it under its header."""

    link: Literal["up", "down", "none"]  # none: this is the centre itself
    clock: "ClockQuality"
    unsent: int = 0  # entries that the centre does not have yet
    since: int | None = None  # ms: when the link became what it is; None: not known
    last_contact: int | None = None  # ms: the centre's last signed reply; None: never
    staff_list_at: int | None = None  # ms: how old the staff list is; None: it is made here
    restored: Sequence[str] | None = None  # numbers that go on after a copy was put back
    stick: Stick | None = None  # None: there was none lately
    marks_displaced: bool = False  # the second medium does not take the marks of numbers
    disk_low: bool = False
    medium_full: bool = False  # the second medium takes no more copies
    nights_without_backup: int | None = None  # days without a proved copy, if it is worth telling


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the rooms of a process share."""

    config: "Config"
    store: "Store"
    clock: "Clock"
    truth: Callable[[], Truth]
    passwords: Any = None  # the thread that hashes passwords; people knows its kind
    health: Mapping[str, Callable[[], object]] = field(default_factory=dict)  # facts of /healthz
    metrics: Sequence[Callable[[], Sequence["Metric"]]] = ()  # asked at each reading of /metrics
    extras: dict[str, Any] = field(default_factory=dict)  # what one room gives to its own views


def current() -> Context:
    """Return the context of the surface that answers the current request."""
    context: Context = current_app.extensions[CONTEXT]
    return context


def surface() -> "Surface":
    """Return the surface that answers the current request."""
    on: Surface = current_app.extensions[SURFACE]
    return on


def asked_now() -> "Request":
    """Return the current request itself: Flask's proxy costs a microsecond for each look at it."""
    return cast("Request", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def context_of(app: "Flask") -> Context:
    """Return the context that a surface was built with, outside of any request."""
    return cast(Context, app.extensions[CONTEXT])
