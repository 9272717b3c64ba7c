"""The queue over HTTP: which of its rooms stand on which surface.

The composition of the node takes OFFICE, KIOSK and GUEST; nothing else is reachable there.
"""

from typing import Final

from flask import Blueprint

from appliance.people.audit_views import name_actions
from appliance.queue import (
    afar_api_views,
    afar_views,
    api_views,
    catalogue_views,
    console_views,
    display_views,
    kiosk_views,
    phone_views,
)
from appliance.queue.wording import ACTIONS, FACTS, SAYINGS
from appliance.web.error_pages import explain

OFFICE: Final[tuple[Blueprint, ...]] = (
    console_views.room,
    afar_views.room,  # that of the tickets
    catalogue_views.room,
    api_views.office,
    afar_api_views.office,
)
KIOSK: Final[tuple[Blueprint, ...]] = (kiosk_views.room, display_views.room, api_views.kiosk)
GUEST: Final[tuple[Blueprint, ...]] = (phone_views.room, api_views.guest)

for told_by in (console_views.room, kiosk_views.room, phone_views.room):
    explain(told_by, SAYINGS)

name_actions(console_views.room, ACTIONS, FACTS)
