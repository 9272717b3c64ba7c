"""Live news of replication: that something has changed. The page fetches the rest."""

from appliance.people import access
from appliance.people.model import Permission
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from appliance.web.topics import Knock, Topic

LINK = "link"


def topics(context: Context) -> tuple[Topic, ...]:
    """Return what the office may listen to: the page of the link, the overview of the nodes."""

    def allow(knock: Knock) -> bool:
        wants = Permission.SEE_NODES
        return knock.surface is Surface.OFFICE and access.listens(
            context, knock.surface, knock.cookies, wants
        )

    return (Topic(name=LINK, allow=allow),)
