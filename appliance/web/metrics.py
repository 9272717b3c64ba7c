"""`/metrics` for Prometheus, for this machine alone.

What a surface counts itself is one histogram; rooms add theirs through the context, and they are
asked when the page is read, so counting costs nothing in between.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, make_response

from appliance.web.context import CONTEXT, Context
from appliance.web.safety import require_this_machine
from appliance.web.surfaces import Surface

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from prometheus_client import Metric

METERS: Final = "vuzol.meters"
METHODS: Final = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meters:
    """What one process counts, in a registry of its own."""

    def __init__(self, context: Context) -> None:
        from prometheus_client import (  # noqa: PLC0415 - tools that only read our types stay light
            CollectorRegistry,
            Gauge,
            Histogram,
            ProcessCollector,
        )

        self.registry: CollectorRegistry = CollectorRegistry()
        self.answers: Histogram = Histogram(
            "vuzol_http_seconds",
            "Time to answer a request",
            ("surface", "method", "status"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.connections = Gauge(
            "vuzol_http_connections", "Open connections", ("surface",), registry=self.registry
        )
        self.waiting = Gauge(
            "vuzol_http_waiting", "Requests without a thread", ("surface",), registry=self.registry
        )
        self.of = functools.cache(self.answers.labels)  # which looks its labels up under a lock
        ProcessCollector(registry=self.registry)
        self.registry.register(_Rooms(context))


class _Rooms:
    """Asks each room for its numbers when the page is read."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - as above

        commits = self._context.store.commits
        yield CounterMetricFamily("vuzol_store_commits", "Transactions committed", value=commits)
        for ask in self._context.metrics:
            yield from ask()

    def describe(self) -> Iterable["Metric"]:
        return ()  # rooms are not asked before the store is open


def install(app: Flask, context: Context, surface: Surface) -> None:
    """Time each answer of the surface; the office also serves the page."""
    meters: Meters = context.extras.setdefault(METERS, None) or Meters(context)
    context.extras[METERS] = meters
    app.wsgi_app = _timed(app.wsgi_app, meters, surface)  # type: ignore[method-assign, assignment]
    if surface is Surface.OFFICE:
        app.add_url_rule("/metrics", "metrics", partial(_page, meters))


def watch(
    app: Flask, surface: Surface, *, connections: Callable[[], int], waiting: Callable[[], int]
) -> None:
    """Let the page ask a surface's server how busy it is."""
    meters: Meters = app.extensions[CONTEXT].extras[METERS]
    meters.connections.labels(surface).set_function(connections)
    meters.waiting.labels(surface).set_function(waiting)


def _timed(app: "WSGIApplication", meters: Meters, surface: Surface) -> "WSGIApplication":
    """Return the application; how long each of its answers took is counted."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        began = time.perf_counter()
        method = environ["REQUEST_METHOD"]

        def counted(status: str, *rest: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as PEP 3333 has it
            label = method if method in METHODS else "other"  # a stranger makes no labels
            meters.of(surface, label, f"{status[0]}xx").observe(time.perf_counter() - began)
            return start(status, *rest)

        return app(environ, counted)

    return answer


def _page(meters: Meters) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - as above

    require_this_machine()
    response = make_response(generate_latest(meters.registry))
    response.content_type = CONTENT_TYPE_LATEST
    return response
