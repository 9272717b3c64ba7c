"""The hall display: one call large, five before it, how many wait. Live, and honest when it is not.

The page renders itself whole at each look (without a script a refresh does that); the script asks
for the same parts again when something was announced, and says so when nothing is heard.
"""

from typing import Final

from flask import Blueprint, render_template, request

from appliance.people.access import require_device
from appliance.queue import catalogue, here, queries
from appliance.queue.wording import past_day
from appliance.web.context import current

room: Final = Blueprint("queue_display", "appliance.queue", template_folder="templates")


@room.get("/display")
def display() -> str:
    """Show who is called, and where to."""
    require_device()
    at = here.office().number
    with current().store.read() as reader:
        calls = queries.last_calls(reader, at)
        day = here.day_now(reader)
        labels = queries.day_labels(reader, at)
        values = {
            "dates": {number: label for (_, number), label in labels.items()},
            "names": catalogue.service_names(reader),
            "waiting": queries.count_waiting(reader, at),
            "open_counters": queries.is_open(queries.counters(reader, at)),
        }
    live = request.headers.get("X-Fragment") == "1"
    return render_template(
        "queue/display_parts.html" if live else "queue/display.html",
        now_called=calls[0] if calls else None,
        before=calls[1:],
        day=day,
        past_day=past_day,
        **values,
    )
