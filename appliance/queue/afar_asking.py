"""Asking a village once: who may, and that a repeated request finds the command of the first."""

from collections.abc import Callable
from typing import Final

from appliance.config import Role as Part
from appliance.people.access import staff
from appliance.people.model import Permission
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from appliance.web.context import current
from appliance.web.idempotency import Asked, Reply, once

ACCEPTED: Final = 202


def at_the_centre() -> bool:
    """Tell whether this node is the one that asks others."""
    return current().config.node.role is Part.CENTRE


def may_ask() -> bool:
    """Tell whether the person in front of the page may ask an office for something."""
    person = staff()
    return at_the_centre() and person is not None and person.may(Permission.ASK_OFFICES)


def ask_once(tx: Transaction, asked: Asked, ask: Callable[[Transaction], RowId]) -> RowId:
    """Ask, and keep the command's id under the key of the request; a second one gets that id."""
    reply = once(tx, asked, lambda tx: Reply.of(ACCEPTED, {"id": str(ask(tx))}))
    return RowId.parse(str(reply.told["id"]))
