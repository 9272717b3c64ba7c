"""Reading the audit trail by day, person, action and office, and whether each line fits."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Final

from appliance.people import chain
from appliance.store.ids import NODE_LIMIT, RowId
from appliance.store.reader import Reader

PAGE: Final = 50
FOR_EVER: Final = 1 << 62
NODE_BYTES: Final = 2
HALF_A_CHARACTER: Final = "\\ud"
"""How JSON could write one, which no answer could carry; we never write characters so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which lines are asked for; what is left out lets all through."""

    since: int = 0  # ms
    until: int = FOR_EVER  # ms, not included
    actor: str = ""
    action: str = ""
    node: int | None = None

    def values(self) -> dict[str, int | str | bytes]:
        """Return what the statement below is asked with."""
        low, high = (0, NODE_LIMIT - 1) if self.node is None else (self.node, self.node)
        return {
            "since": self.since,
            "until": self.until,
            "actor": self.actor,
            "action": self.action,
            "low": low.to_bytes(NODE_BYTES, "big"),
            "high": high.to_bytes(NODE_BYTES, "big") + b"\xff" * 12,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One action, as the trail tells it."""

    id: RowId
    at: int
    actor: str
    action: str
    subject: str
    facts: dict[str, object]
    chain: bytes | None
    fits: bool


WHERE: Final = """
    a.at >= :since AND a.at < :until AND a.id >= :low AND a.id <= :high
    AND (:actor = '' OR a.actor = :actor) AND (:action = '' OR a.action = :action)"""

LINES: Final = f"""
    SELECT a.*, l.stream, l.place, l.chain, before.chain AS before
    FROM people_audit a
    LEFT JOIN people_audit_link l ON l.row = a.id
    LEFT JOIN people_audit_link before ON before.stream = l.stream AND before.place = l.place - 1
    WHERE {WHERE}
    ORDER BY a.at DESC, a.id DESC LIMIT :limit OFFSET :skip"""  # noqa: S608 - constants of this module


def lines(reader: Reader, wanted: Filter, *, limit: int = PAGE, skip: int = 0) -> list[Line]:
    """Return lines, the newest first; each is checked against the one before it in its chain."""
    rows = reader.all(LINES, limit=limit, skip=skip, **wanted.values())
    return [_line(row) for row in rows]


def count(reader: Reader, wanted: Filter) -> int:
    """Return how many lines there are."""
    counted = f"SELECT count(*) FROM people_audit a WHERE {WHERE}"  # noqa: S608 - as above
    return int(reader.value(counted, **wanted.values()))


def actors(reader: Reader) -> list[str]:
    """Return everybody who ever did something."""
    return [row["actor"] for row in reader.all("SELECT DISTINCT actor FROM people_audit")]


def actions(reader: Reader) -> list[str]:
    """Return everything that was ever done."""
    rows = reader.all("SELECT DISTINCT action FROM people_audit ORDER BY action")
    return [row["action"] for row in rows]


def _line(row: sqlite3.Row) -> Line:
    return Line(
        id=RowId.of(row["id"]),
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        facts=_facts(row["facts"]),
        chain=row["chain"],
        fits=_fits(row),
    )


def _fits(row: sqlite3.Row) -> bool:
    if row["chain"] is None:
        return False
    previous = chain.genesis(row["stream"]) if row["place"] == 1 else row["before"]
    return previous is not None and chain.link(previous, chain.told(dict(row))) == row["chain"]


def _facts(text: str) -> dict[str, object]:
    """Return the facts; a row that somebody has spoilt is shown, not hidden behind an error."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {"?": text}
    ours = isinstance(told, dict) and not any(_is_deep(value) for value in told.values())
    return told if ours and HALF_A_CHARACTER not in text.lower() else {"?": text}


def _is_deep(value: object) -> bool:
    """Tell whether it is more than a small value or a list of them, which is all that we write."""
    if isinstance(value, list):
        return any(isinstance(one, list | dict) for one in value)
    return isinstance(value, dict)
