"""Whether an appliance of the demonstration can be shown: it answers and has what it works with."""

import http.client
import json
from typing import Any, Final

from appliance.demo.places import PORTS, Place

SECONDS: Final = 2
OK: Final = 200


def is_ready(place: Place) -> bool:
    """Tell whether it is well and, if it is a village, has its staff and services already."""
    health = _asked(place, "office", "/healthz")
    if health is None or not health["staff"]["somebody_can_sign_in"]:
        return False
    catalogue = _asked(place, "kiosk", "/api/queue/services")
    return bool(catalogue and catalogue["services"])


def _asked(place: Place, surface: str, path: str) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection(place.address, PORTS[surface], timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        reply = connection.getresponse()
        told = json.loads(reply.read()) if reply.status == OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told
