"""`/metrics` for Prometheus, for this machine alone.

What a surface counts itself is one histogram; rooms add theirs through the context, and they are
asked when the page is read, so counting costs nothing in between.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, make_response, request

from appliance.web.context import CONTEXT, Context
from appliance.web.safety import require_this_machine
from appliance.web.surfaces import Surface

if TYPE_CHECKING:
    from prometheus_client import Metric

METERS: Final = "vuzol.meters"
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
    app.before_request(_start)
    app.after_request(partial(_stop, meters, surface))
    if surface is Surface.OFFICE:
        app.add_url_rule("/metrics", "metrics", partial(_page, meters))


def watch(
    app: Flask, surface: Surface, *, connections: Callable[[], int], waiting: Callable[[], int]
) -> None:
    """Let the page ask a surface's server how busy it is."""
    meters: Meters = app.extensions[CONTEXT].extras[METERS]
    meters.connections.labels(surface).set_function(connections)
    meters.waiting.labels(surface).set_function(waiting)


def _start() -> None:
    g.vuzol_started = time.perf_counter()


def _stop(meters: Meters, surface: Surface, response: Response) -> Response:
    taken = time.perf_counter() - g.get("vuzol_started", time.perf_counter())
    status = f"{response.status_code // 100}xx"
    meters.of(surface, _method(), status).observe(taken)
    return response


def _method() -> str:
    known = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"}
    return request.method if request.method in known else "other"  # a stranger makes no labels


def _page(meters: Meters) -> Response:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415 - as above

    require_this_machine()
    response = make_response(generate_latest(meters.registry))
    response.content_type = CONTENT_TYPE_LATEST
    return response
