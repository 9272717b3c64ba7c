"""How the trail of the office's pages reads. What was asked is shown by the services themselves."""

from typing import Final

from flask import Blueprint

from appliance.commands.wording import ACTIONS, FACTS
from appliance.people.audit_views import name_actions

office: Final = Blueprint("commands_office", "appliance.commands")

name_actions(office, ACTIONS, FACTS)
