"""What each surface of a node is made of: the rooms' blueprints, and nothing else can be routed.

Importing this module imports every view, so it is imported when the surfaces are built.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Blueprint

from appliance import front_door
from appliance.people import views as people
from appliance.queue import views as queue
from appliance.web.surfaces import Surface
from sync import views as sync

BLUEPRINTS: Final[Mapping[Surface, Sequence[Blueprint]]] = {
    Surface.OFFICE: (front_door.room, people.office, *queue.OFFICE, sync.office),
    Surface.KIOSK: (people.kiosk, *queue.KIOSK),
    Surface.GUEST: queue.GUEST,
    Surface.HUB: (),  # the centre adds its hub, which holds the keys
}
