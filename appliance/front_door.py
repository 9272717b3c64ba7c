"""The first page of the office: on to what this person does here, or to the sign-in page."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from appliance.people.access import requires
from appliance.web import navigation

room = Blueprint("front_door", __name__)


@room.get("/")
@requires()
def first_page() -> Response:
    """Lead to the first entry that the header offers this person."""
    offered = navigation.entries()
    return redirect(offered[0].url if offered else url_for("people_office.password_page"))
