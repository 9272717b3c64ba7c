"""Ask the node that runs on this machine: over loopback HTTP, as anybody here may.

No command opens a database; its owner is the running node.
"""

import http.client
import json
from typing import Any, ClassVar, Final

from appliance.config import Config
from appliance.errors import VuzolError

SECONDS: Final = 10
ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened at
REFUSED: Final = 400


class NodeNotRunning(VuzolError):
    """Nobody answers where the node of this configuration would listen."""

    code: ClassVar[str] = "node_not_running"

    def __init__(self, where: str, cause: object) -> None:
        super().__init__(
            f"no node answers at {where} ({cause})",
            next_step="start it with `vuzol up`, or give the --config that it runs with",
        )
        self.where = where


class NodeRefused(VuzolError):
    """The running node answered, and would not do it."""

    code: ClassVar[str] = "node_refused"

    def __init__(self, path: str, status: int, told: dict[str, Any]) -> None:
        super().__init__(
            f"the node answered {status} to {path}: {told.get('cause', 'without a reason')}",
            next_step=str(told.get("next_step", "look into its log")),
        )
        self.status = status


def health(config: Config) -> dict[str, Any]:
    """Return what `/healthz` tells of the running node."""
    return _ask(config, "GET", "/healthz")


def replication(config: Config) -> dict[str, Any]:
    """Return what the running node knows of its link to the centre."""
    return _ask(config, "GET", "/sync/status")


def call_centre(config: Config) -> dict[str, Any]:
    """Wake the agent of the running node; return what it then knows of its link."""
    return _ask(config, "POST", "/sync/now")


def begin_export(config: Config, told: dict[str, Any]) -> dict[str, Any]:
    """Have the running node write bundles into a folder; return the job, which goes on there."""
    return _ask(config, "POST", "/sync/bundles/export", told)


def begin_import(config: Config, told: dict[str, Any]) -> dict[str, Any]:
    """Have the running node read bundles; return the job, which goes on there."""
    return _ask(config, "POST", "/sync/bundles/import", told)


def stick(config: Config) -> dict[str, Any]:
    """Return how the running node's job with bundles stands."""
    return _ask(config, "GET", "/sync/bundles")


def metrics(config: Config) -> str:
    """Return what `/metrics` tells of the running node, as text."""
    status, body = _answer(config, "GET", "/metrics")
    if status >= REFUSED:
        raise NodeRefused("/metrics", status, {})
    return body.decode("utf-8", "replace")


def _ask(
    config: Config, method: str, path: str, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    status, body = _answer(config, method, path, said)
    try:
        told = _object(body)
    except ValueError as error:
        raise NodeNotRunning(_place(config), error) from error
    if status >= REFUSED and path != "/healthz":  # an unwell node tells of itself with 503
        raise NodeRefused(path, status, told)
    return told


def _answer(
    config: Config, method: str, path: str, said: dict[str, Any] | None = None
) -> tuple[int, bytes]:
    host, _, port = _place(config).rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
    try:
        headers = {"Accept": "application/json"}
        if said is not None:
            headers["Content-Type"] = "application/json"
        sent = None if said is None else json.dumps(said)
        connection.request(method, path, body=sent, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise NodeNotRunning(_place(config), error) from error
    finally:
        connection.close()


def _place(config: Config) -> str:
    listening = config.surfaces.address
    host = "127.0.0.1" if listening in ANYWHERE else listening
    return f"{host}:{config.surfaces.office}"


def _object(body: bytes) -> dict[str, Any]:
    told = json.loads(body or b"{}") or {}
    if not isinstance(told, dict):
        raise ValueError("something else than a node answers there")  # noqa: TRY004 - as json does
    return told
