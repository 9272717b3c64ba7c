"""Live news of commands: something was asked, taken back or answered. The page does the rest."""

from appliance.commands.tables import TOPIC
from appliance.people import access
from appliance.people.model import Permission
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from appliance.web.topics import Knock, Topic


def topics(context: Context) -> tuple[Topic, ...]:
    """Return what the office may listen to: whoever sees what is asked about."""

    def allow(knock: Knock) -> bool:
        wants = Permission.SEE_QUEUE
        return knock.surface is Surface.OFFICE and access.listens(
            context, knock.surface, knock.cookies, wants
        )

    return (Topic(name=TOPIC, allow=allow),)
