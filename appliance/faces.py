"""What each surface of a node is made of: the rooms' blueprints, and nothing else can be routed.

Importing this module imports every view, so it is imported when the surfaces are built.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Blueprint

from appliance import front_door
from appliance.commands import live as commands_live
from appliance.commands import views as commands
from appliance.people import views as people
from appliance.queue import live as queue_live
from appliance.queue import views as queue
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from appliance.web.topics import Topic
from sync import bundle_views
from sync import live as sync_live
from sync import node_views as sync_nodes
from sync import views as sync

BLUEPRINTS: Final[Mapping[Surface, Sequence[Blueprint]]] = {
    Surface.OFFICE: (
        front_door.room,
        people.office,
        commands.office,
        *queue.OFFICE,
        sync.office,
        sync_nodes.room,
        bundle_views.office,
    ),
    Surface.KIOSK: (people.kiosk, *queue.KIOSK),
    Surface.GUEST: queue.GUEST,
    Surface.HUB: (),  # the centre adds its hub, which holds the keys
}


def topics(context: Context) -> Mapping[Surface, Sequence[Topic]]:
    """Return what each surface may listen to."""
    return {
        Surface.OFFICE: (
            *commands_live.topics(context),
            *queue_live.topics(context),
            *sync_live.topics(context),
        ),
        Surface.KIOSK: queue_live.topics(context),
    }
