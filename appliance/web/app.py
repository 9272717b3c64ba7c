"""Build one surface: it can route to the rooms it is given, and to nothing else."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from flask import Blueprint, Flask, Request
from flask.sessions import NullSession, SessionInterface
from jinja2 import StrictUndefined
from werkzeug.routing import IntegerConverter

from appliance.web import (
    api,
    assets,
    error_pages,
    events,
    formats,
    health,
    i18n,
    kiosk,
    metrics,
    navigation,
    safety,
    truth,
)
from appliance.web.context import CONTEXT, SURFACE, Context, context_of
from appliance.web.signed_in import signed_in
from appliance.web.surfaces import FACINGS, Surface

FIELDS_OF_A_FORM: Final = 200
LARGEST_NUMBER: Final = 2**53 - 1
"""What JSON, JavaScript and SQLite all keep exactly."""

Guard = Callable[[Flask], None]
"""Installs who may come in; people gives one for each surface."""

View = TypeVar("View", bound=Callable[..., Any])


class NoSessions(SessionInterface):
    """Flask's own sessions, which nobody uses here: staff have theirs in the database."""

    none: Final = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002
        """Return the one that holds nothing and takes nothing."""
        return self.none


class SurfaceApp(Flask):
    """A Flask without coroutines: no view and no hook of ours is one, so none is looked at."""

    session_interface = NoSessions()

    def ensure_sync(self, func: View) -> View:
        """Return the function as it is; Flask would inspect each of a dozen, in every request."""
        return func


class Whole(IntegerConverter):
    """`<int:n>` in a route: a number too large for the database is no page, not a failure."""

    def __init__(self, *args: object, **bounds: object) -> None:
        super().__init__(*args, **{"max": LARGEST_NUMBER, **bounds})  # type: ignore[arg-type]


def create_surface(
    surface: Surface, context: Context, rooms: Sequence[Blueprint], guards: Sequence[Guard] = ()
) -> Flask:
    """Build the surface out of the rooms' blueprints."""
    app = SurfaceApp("appliance.web", static_folder=None)
    app.extensions[CONTEXT] = context
    app.extensions[SURFACE] = surface
    _configure(app, surface)
    i18n.install(app, rooms)
    formats.install(app)
    assets.install(app, rooms)
    metrics.install(app, context, surface)
    safety.install(app)
    for guard in guards:
        guard(app)
    safety.require_tokens(app)
    error_pages.install(app)
    health.install(app, context)
    if surface is Surface.KIOSK:
        kiosk.install(app)
    for room in rooms:
        app.register_blueprint(room)
    api.install(app)
    return app


def _configure(app: Flask, surface: Surface) -> None:
    limit = FACINGS[surface].body_limit
    app.config.update(
        MAX_CONTENT_LENGTH=limit,
        MAX_FORM_MEMORY_SIZE=limit,
        MAX_FORM_PARTS=FIELDS_OF_A_FORM,
        PROPAGATE_EXCEPTIONS=False,  # an error of ours is told on a page, in the tests too
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["int"] = Whole
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals.update(
        events_url=events.events_url,
        languages=i18n.LANGUAGES,
        language=i18n.language,
        other_language=i18n.other_language,
        navigation=navigation.entries,
        node=context_of(app).config.node,
        hromada=context_of(app).config.hromada,
        now=context_of(app).clock.wall,
        signed_in=signed_in,
        truth_lines=truth.lines,
    )
