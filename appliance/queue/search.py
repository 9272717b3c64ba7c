"""Looking for tickets among those of many offices: the lists of staff, here and at the centre."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.queue import queries
from appliance.queue.model import State, Ticket
from appliance.store.reader import Reader

WRITTEN: Final = re.compile(r"([^\W\d_])?[\s\N{NON-BREAKING HYPHEN}\N{EN DASH}-]*(\d{1,9})")
KEYBOARD: Final = str.maketrans("ABEKMHPCTX", "АВЕКМНРСТХ")
"""Latin letters that people type for the Cyrillic ones they see on a ticket."""

DAY: Final = re.compile(r"[0-9]{1,7}")
NODE: Final = re.compile(r"s?([0-9]{1,5})")


class BadSearch(VuzolError):
    """A search was asked in a way that means nothing."""

    code: ClassVar[str] = "bad_search"
    status_hint: ClassVar[int] = 422

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field} is not understood", next_step=f"write it like {expected}")
        self.field = field
        self.expected = expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tickets; what is left out does not matter."""

    office: int | None = None
    day: int | None = None  # number of the service day
    dated: date | None = None  # or its date, corrections applied
    state: State | None = None
    prefix: str = ""
    n: int | None = None


def wanted(*, node: str = "", day: str = "", state: str = "", number: str = "") -> Wanted:
    """Read what a person or a program typed; raise `BadSearch` naming the field."""
    prefix, n = _number(number)
    dated, day_number = _day(day)
    return Wanted(
        office=_node(node),
        day=day_number,
        dated=dated,
        state=_state(state),
        prefix=prefix,
        n=n,
    )


def oldest_first(reader: Reader, asked: Wanted, *, after: int = 0, at_most: int) -> list[Ticket]:
    """Return tickets in the order of arrival here, those after a place."""
    return _found(reader, asked, "c.place > :edge ORDER BY c.place", edge=after, at_most=at_most)


def newest_first(
    reader: Reader, asked: Wanted, *, before: int | None = None, at_most: int
) -> list[Ticket]:
    """Return tickets in the order of arrival here backwards, those before a place."""
    order = "(:edge IS NULL OR c.place < :edge) ORDER BY c.place DESC"
    return _found(reader, asked, order, edge=before, at_most=at_most)


def every(reader: Reader, asked: Wanted, *, page: int = 1000) -> Iterator[Ticket]:
    """Give all that is wanted, a page at a time: an export can be long."""
    after = 0
    while found := oldest_first(reader, asked, after=after, at_most=page):
        yield from found
        after = found[-1].place


def count(reader: Reader, asked: Wanted) -> int:
    """Count what is wanted."""
    condition, values = _condition(asked)
    counted: int = reader.value(f"{COUNTED} WHERE {condition}", **values)
    return counted


def _found(
    reader: Reader, asked: Wanted, order: str, *, edge: int | None, at_most: int
) -> list[Ticket]:
    condition, values = _condition(asked)
    rows = reader.all(
        f"{queries.TICKET} WHERE {condition} AND {order} LIMIT :at_most",
        edge=edge,
        at_most=at_most,
        **values,
    )
    return [queries.ticket_of(row) for row in rows]


COUNTED: Final = """SELECT count(*) FROM queue_current c
  JOIN queue_ticket t ON t.id = c.ticket"""
LATEST_LABEL: Final = """SELECT d.day FROM queue_day d WHERE d.office = c.office AND d.day = c.day
  AND d.label = :dated AND d.correction = (
    SELECT max(correction) FROM queue_day WHERE office = d.office AND day = d.day)"""


def _condition(asked: Wanted) -> tuple[str, dict[str, int | str]]:
    said: list[str] = []
    values: dict[str, int | str] = {}
    for name, column in (("office", "c.office"), ("day", "c.day"), ("state", "c.state")):
        if (value := getattr(asked, name)) is not None:
            said.append(f"{column} = :{name}")
            values[name] = value
    if asked.dated is not None:
        said.append(f"EXISTS ({LATEST_LABEL})")
        values["dated"] = asked.dated.isoformat()
    if asked.n is not None:
        said.append("t.n = :n AND (:prefix = '' OR t.prefix = :prefix)")
        values |= {"n": asked.n, "prefix": asked.prefix}
    return " AND ".join(said) or "TRUE", values


def _number(told: str) -> tuple[str, int | None]:
    if not told.strip():
        return "", None
    found = WRITTEN.fullmatch(told.strip())
    if found is None:
        raise BadSearch("number", "А-042")
    return (found[1] or "").upper().translate(KEYBOARD), int(found[2])


def _day(told: str) -> tuple[date | None, int | None]:
    if not told.strip():
        return None, None
    if DAY.fullmatch(told.strip()):
        return None, int(told)
    try:
        return date.fromisoformat(told.strip()), None
    except ValueError:
        raise BadSearch("day", "2026-11-17") from None


def _node(told: str) -> int | None:
    if not told.strip():
        return None
    found = NODE.fullmatch(told.strip())
    if found is None:
        raise BadSearch("node", "2")
    return int(found[1])


def _state(told: str) -> State | None:
    if not told:
        return None
    try:
        return State(told)
    except ValueError:
        raise BadSearch("state", ", ".join(State)) from None
