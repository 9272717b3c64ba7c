"""`/healthz` on every surface: who the node is, how long it runs, how far it is from the centre.

Each room's facts come from a callable in the context. A fact that cannot be had is named as such,
and the answer is then 503: a watchdog must never read a wish. It is 503, too, when the disk is full
or refuses what is written.
"""

import shutil
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, jsonify, make_response

from appliance.errors import VuzolError
from appliance.web.context import Context, surface

HEALTHY: Final = 200
AILING: Final = 503
LEAST_ROOM: Final = 1 << 20
"""Bytes of the disk below which a ticket may find no room."""


def install(app: Flask, context: Context) -> None:
    """Answer at `/healthz`."""
    started = context.clock.monotonic()

    def healthz() -> Response:
        told, failed = facts(context)
        head = {
            "status": "failing" if failed else "ok",
            "surface": str(surface()),
            "uptime_seconds": round(context.clock.monotonic() - started, 1),
        }
        return make_response(jsonify({**head, **told}), AILING if failed else HEALTHY)

    app.add_url_rule("/healthz", "healthz", healthz)


def facts(context: Context) -> tuple[dict[str, Any], bool]:
    """Return what is known of the node, and whether anything of it could not be had."""
    node = context.config.node
    told: dict[str, Any] = {
        "role": str(node.role),
        "node": node.number,
        "hromada": context.config.hromada.id,
        "clock": str(context.clock.quality()),
    }
    failed = False
    own: dict[str, Callable[[], object]] = {
        "disk": lambda: _disk(context),
        "writing": lambda: _writing(context),
    }
    for name, ask in {**own, **context.health}.items():
        try:
            told[name] = ask()
        except (VuzolError, OSError) as error:
            told[name] = {"unknown": str(error)}
            failed = True
    return told, failed or told["disk"].get("full", False)


def _disk(context: Context) -> dict[str, float | bool]:
    usage = shutil.disk_usage(context.config.node.data)
    return {
        "free_bytes": usage.free,
        "total_bytes": usage.total,
        "free_ratio": round(usage.free / usage.total, 3),
        "full": usage.free < LEAST_ROOM,
    }


def _writing(context: Context) -> dict[str, bool]:
    """Tell that the store takes what is written, and where; raise what refuses it."""
    context.store.prove_writable()
    return {"works": True, "second_medium_works": not context.store.marks_displaced}
