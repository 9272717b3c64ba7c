"""The queue's live events: to whom, and what somebody who was away has missed.

An event says that the page has something new, and names the call if there was one. The page fetches
the rest, so whoever missed events ends up with the same page as everybody.
"""

from collections.abc import Sequence

from appliance.people import access
from appliance.people.model import Permission
from appliance.queue import queries
from appliance.queue.queries import Call
from appliance.store.reader import Reader
from appliance.web.context import Context
from appliance.web.surfaces import Surface
from appliance.web.topics import Event, Knock, Topic


def topics(context: Context) -> tuple[Topic, ...]:
    """Return what the office and the kiosk may listen to; phones ask by themselves."""

    def allow(knock: Knock) -> bool:
        match knock.surface:
            case Surface.OFFICE:
                wants = Permission.SERVE_QUEUE
                return access.listens(context, knock.surface, knock.cookies, wants)
            case Surface.KIOSK:
                paired = access.device_of(context, knock.cookies)
                return knock.from_this_machine or paired is not None
        return False

    return (Topic(name="queue", replay=replay, allow=allow),)


def replay(reader: Reader, last: str | None) -> Sequence[Event]:
    """Return the calls after an event, then the present if it is newer than the last of them."""
    office = reader.node
    newest = queries.news(reader, office)
    after = _number(last)
    if after is None or after > newest:  # a stranger, or one who listened before a restore
        return [_present(reader, newest)]
    missed = [_called(call) for call in queries.calls_after(reader, office, after)]
    told = int(missed[-1].id) if missed else after
    return missed if told == newest else [*missed, _present(reader, newest)]


def _number(last: str | None) -> int | None:
    return int(last) if last and last.isascii() and last.isdigit() else None


def _called(call: Call) -> Event:
    told = {"number": call.label, "counter": call.counter, "at": call.at}
    return Event(str(call.call), {"call": told})


def _present(reader: Reader, newest: int) -> Event:
    return Event(str(newest), {"waiting": queries.count_waiting(reader, reader.node)})
