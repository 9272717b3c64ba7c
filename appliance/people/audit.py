"""The audit trail: every staff action of every room, in the transaction of the action itself.

Promise: an action that was done is in the trail, and one that was undone by an error is not. A row
that is changed, removed or slipped in later no longer fits the chain, and `verify` names it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from appliance.people import chain
from appliance.people.tables import AUDIT
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction

SYSTEM: Final = "system"
"""The actor of what the appliance does by itself."""

FACTS: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
Fact = str | int | float | bool | None


class Acting(Protocol):
    """Who can act: a member of staff, a device."""

    @property
    def actor(self) -> str:
        """Return who acts, as the trail names them."""


def record(
    tx: Transaction,
    *,
    actor: Acting | RowId | str,
    action: str,
    subject: RowId | str,
    facts: Mapping[str, Fact | list[Fact]] | None = None,
) -> RowId:
    """Write one line of the trail.

    `action` is `room.verb`; `subject` and `facts` name ids and small values, never a person.
    """
    return tx.insert(
        AUDIT,
        {
            "actor": actor if isinstance(actor, str) else _named(actor),
            "action": action,
            "subject": str(subject),
            "facts": FACTS.encode(facts) if facts else "{}",
            "at": tx.now,
        },
    )


def _named(actor: Acting | RowId) -> str:
    return str(actor) if isinstance(actor, RowId) else actor.actor


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chains found."""

    rows: int
    broken: tuple[RowId, ...]  # the first row of each chain that does not fit, and strangers

    @property
    def whole(self) -> bool:
        """Tell whether nothing was changed, removed or slipped in."""
        return not self.broken


def verify(reader: Reader) -> Verdict:
    """Walk the chain of each stream; a chain is named once, by the first row that breaks it."""
    broken: list[RowId] = []
    rows = 0
    for stream in reader.all("SELECT DISTINCT stream FROM people_audit_link ORDER BY stream"):
        count, first_broken = _walk(reader, stream["stream"])
        rows += count
        if first_broken is not None:
            broken.append(first_broken)
    broken += _strangers(reader)
    return Verdict(rows, tuple(broken))


def _walk(reader: Reader, stream: bytes) -> tuple[int, RowId | None]:
    previous, count = chain.genesis(stream), 0
    for count, row in enumerate(_links(reader, stream), start=1):
        there = row["id"] is not None
        if not there or chain.link(previous, chain.told(dict(row))) != row["chain"]:
            return count, RowId.of(row["row"])
        previous = row["chain"]
    return count, None


def _links(reader: Reader, stream: bytes) -> Iterator[sqlite3.Row]:
    """Give the links in order, each with its row, in pages: a trail can be long."""
    after = 0
    while True:
        page = reader.all(
            """SELECT l.row, l.place, l.chain, a.id, a.actor, a.action, a.subject, a.facts, a.at
               FROM people_audit_link l LEFT JOIN people_audit a ON a.id = l.row
               WHERE l.stream = :stream AND l.place > :after ORDER BY l.place LIMIT 1000""",
            stream=stream,
            after=after,
        )
        if not page:
            return
        yield from page
        after = page[-1]["place"]


def _strangers(reader: Reader) -> list[RowId]:
    """Return rows that no chain knows."""
    found = reader.all(
        """SELECT a.id FROM people_audit a LEFT JOIN people_audit_link l ON l.row = a.id
           WHERE l.row IS NULL ORDER BY a.id LIMIT 100"""
    )
    return [RowId.of(row["id"]) for row in found]
