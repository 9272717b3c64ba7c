"""Taking a ticket once, however often a finger or a lost reply asks for it."""

from dataclasses import dataclass

from appliance.people import audit
from appliance.queue import answers, here, service
from appliance.queue.service import Office, Wish
from appliance.store.transaction import Transaction
from appliance.web.idempotency import Asked, Reply, once

CREATED = 201


@dataclass(frozen=True, slots=True)
class Taking:
    """One wish of one visitor, with all that the verb may not look up itself."""

    office: Office
    wish: Wish
    device: str
    token: str  # random; a repeated request keeps that of the first
    pages: str  # where phones find the pages of tickets
    by: str = ""  # the member of staff who hands it out; a visitor at the kiosk leaves no line


def taking(wish: Wish, *, device: str, by: str = "") -> Taking:
    """Prepare to take a ticket for the visitor in front of the device."""
    return Taking(here.office(), wish, device, here.new_token(), here.pages(), by)


def take_once(tx: Transaction, asked: Asked, what: Taking) -> Reply:
    """Take the ticket and keep the reply; a request that comes again gets that reply."""

    def answer(tx: Transaction) -> Reply:
        ticket = service.take_ticket(
            tx,
            what.office,
            what.wish,
            device=what.device,
            token_hash=here.token_hash(what.token),
        )
        if what.by:
            audit.record(tx, actor=what.by, action="queue.hand_out", subject=ticket.id)
        told = answers.ticket_told(ticket, people_ahead=ticket.ahead)
        return Reply.of(CREATED, {**told, "status_url": f"{what.pages}{ticket.id}?k={what.token}"})

    return once(tx, asked, answer)
