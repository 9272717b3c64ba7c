"""Where and for whom the current request is: the office of this node, its operator, its visitor."""

import hashlib
import hmac
import secrets
from datetime import time
from functools import cache
from typing import Final

from appliance.people.access import require_staff
from appliance.queue import queries, service_day
from appliance.queue.service import Office, Operator
from appliance.queue.service_day import ClockTrust, ServiceDay
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.web import formats, surfaces
from appliance.web.context import current
from appliance.web.surfaces import Surface

TOKEN_BYTES: Final = 18  # 144 bits, 24 characters: nobody guesses a ticket's page
HASH_BYTES: Final = 16


def office() -> Office:
    """Return the office of this node."""
    return _office(
        current().store.node, current().config.node.timezone, current().config.node.day_starts
    )


@cache
def _office(number: int, timezone: str, opens: str) -> Office:
    return Office(number, formats.zone(timezone), time.fromisoformat(opens))


def day_now(reader: Reader) -> ServiceDay | None:
    """Return the service day as a verb would find it now; None before the very first one.

    A new day is written down by the first verb in it. Until then pages must not pass the numbers
    of yesterday for those of today.
    """
    at = office()
    present = queries.present_day(reader, at.number)
    if present is None:
        return None
    clock = current().clock
    today = service_day.date_of(clock.wall(), at.zone, at.opens)
    return service_day.next_day(present, today, ClockTrust.of(clock.quality())) or present


def operator(counter: int) -> Operator:
    """Return the member of staff who asks, at the counter; raise `SignInNeeded` for a stranger."""
    person = require_staff()
    return Operator(person.actor, person.name, counter)


def new_token() -> str:
    """Return a random token that opens one ticket's page on a phone."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return what the ticket's row keeps of its token."""
    told = token.encode("utf-8", "replace")
    return hashlib.blake2b(told, digest_size=HASH_BYTES, person=b"queue.ticket").digest()


def token_opens(reader: Reader, ticket_id: RowId, token: str) -> bool:
    """Tell whether the token is the ticket's own."""
    known = queries.token_hash(reader, ticket_id)
    return known is not None and hmac.compare_digest(known, token_hash(token))


def pages() -> str:
    """Return where phones on the Wi-Fi find the pages of tickets; the ticket's id comes next."""
    return f"{surfaces.base_url(current().config, Surface.GUEST)}/t/"
