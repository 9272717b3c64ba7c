"""What is known here of the queue of one office: a panel of the page about its node.

The figures are those of the office's last service day that is here. What the office has not sent
yet is not in them, so the page says above how old they are.
"""

from collections.abc import Mapping
from typing import Any, Final

from appliance.queue import queries
from appliance.queue.model import CounterState, State
from appliance.queue.wording import STATES, dated
from appliance.store.reader import Reader
from appliance.web import formats
from appliance.web.i18n import gettext as _
from appliance.web.panels import Panel

Figure = tuple[str, str, str | None]
"""What is counted, how many, and a note."""


def last_known(reader: Reader, office: int) -> Mapping[str, Any]:
    """Return the last day, how many tickets stand where, and the counters."""
    day = queries.present_day(reader, office)
    if day is None:
        return {"day": None, "counters": []}
    return {
        "day": day,
        "date": dated(day.label),
        "figures": _figures(reader, office, day.number),
        "counters": queries.counters(reader, office),
        "OPEN": CounterState.OPEN,
    }


def _figures(reader: Reader, office: int, day: int) -> list[Figure]:
    counted = queries.standing_on(reader, office, day)
    newest_at = queries.newest_ticket_at(reader, office, day)
    last = (
        _("останній о\N{NO-BREAK SPACE}%(at)s", at=formats.moment(newest_at)) if newest_at else None
    )
    taken = (_("Талонів узято"), formats.number(sum(counted.values())), last)
    standing = [
        (str(STATES[state]).capitalize(), formats.number(counted[state]), None)
        for state in State
        if state in counted
    ]
    return [taken, *standing]


PANEL: Final = Panel("queue/last_known.html", last_known, order=10)
