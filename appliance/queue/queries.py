"""What is read about the queue. Nothing here writes, so a page may ask at any time.

The centre holds the tickets of many offices, so a question about a queue names the office.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.queue.model import AT_A_COUNTER, CounterState, Purpose, State, Ticket, label
from appliance.queue.service_day import ServiceDay
from appliance.queue.tables import Record, standing_of
from appliance.store.ids import RowId
from appliance.store.reader import Reader

TICKET: Final = """SELECT t.id, t.office, t.day, t.prefix, t.n, t.service, t.purpose, t.language,
    t.priority, t.taken_at, c.place, c.state, c.step, c.counter, c.calls, c.called_at,
    c.started_at, c.ended_at, c.moved_service, c.moved_purpose
  FROM queue_current c JOIN queue_ticket t ON t.id = c.ticket"""
CALL: Final = """SELECT l.call, l.ticket, l.counter, l.at, t.prefix, t.n, t.day,
    coalesce(c.moved_service, t.service) AS service, c.state
  FROM queue_call l JOIN queue_ticket t ON t.id = l.ticket
  JOIN queue_current c ON c.ticket = l.ticket"""
SHOWN_CALLS: Final = 6  # the one on the left of the display and five before it


class TicketUnknown(VuzolError):
    """Somebody asked about a ticket that is not here."""

    code: ClassVar[str] = "ticket_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("there is no such ticket here", next_step="take a new one at the kiosk")


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter («вікно») and who sits at it."""

    office: int
    n: int
    state: CounterState
    person: str | None
    person_name: str
    since: int


@dataclass(frozen=True, slots=True)
class Call:
    """A number that was called to a counter, as the hall display shows it."""

    call: int
    ticket: RowId
    label: str
    day: int
    counter: int
    at: int
    service: RowId
    state: State


@dataclass(frozen=True, slots=True)
class Today:
    """What a service day has come to so far."""

    taken: int
    waiting: int
    completed: int
    no_show: int
    cancelled: int
    median_wait: int | None  # ms from taking to the first look of a counter; None: nobody yet


def present_day(reader: Reader, office: int) -> ServiceDay | None:
    """Return the service day that the office is in, as its newest row tells it."""
    row = reader.one(
        """SELECT * FROM queue_day WHERE office = :office
           ORDER BY day DESC, correction DESC LIMIT 1""",
        office=office,
    )
    return _day(row) if row else None


def day_labels(reader: Reader, office: int | None = None) -> dict[tuple[int, int], date]:
    """Return the date of each (office, day), corrections applied."""
    rows = reader.all(
        """SELECT office, day, label, max(correction) FROM queue_day
           WHERE :office IS NULL OR office = :office GROUP BY office, day""",
        office=office,
    )
    return {(row["office"], row["day"]): date.fromisoformat(row["label"]) for row in rows}


def ticket(reader: Reader, ticket_id: RowId) -> Ticket:
    """Return the ticket as it stands; raise `TicketUnknown` if there is none such."""
    row = reader.one(f"{TICKET} WHERE c.ticket = :id", id=ticket_id)
    if row is None:
        raise TicketUnknown
    return ticket_of(row)


def arrival(reader: Reader, ticket_id: RowId) -> tuple[int, int]:
    """Return the place of a ticket that has just come, and how many wait before it.

    Of another office there is no sum here: 0.
    """
    row = reader.one(
        """SELECT c.place, n.waiting FROM queue_current c LEFT JOIN queue_news n
           ON n.office = c.office WHERE c.ticket = :id""",
        id=ticket_id,
    )
    assert row is not None  # noqa: S101 - its projection wrote it in this transaction
    return row["place"], (row["waiting"] or 1) - 1


def token_hash(reader: Reader, ticket_id: RowId) -> bytes | None:
    """Return the hash of the token that opens the ticket's page on a phone."""
    found = reader.value("SELECT token_hash FROM queue_ticket WHERE id = :id", id=ticket_id)
    return bytes(found) if found is not None else None


def first_waiting(reader: Reader, office: int) -> Ticket | None:
    """Return who has waited longest."""
    return next(iter(waiting(reader, office, at_most=1)), None)


def waiting(reader: Reader, office: int, *, at_most: int = 500) -> list[Ticket]:
    """Return who waits, in the order in which they will be called."""
    rows = reader.all(
        f"""{TICKET} WHERE c.office = :office AND c.state = :waiting
            ORDER BY c.place LIMIT :at_most""",
        office=office,
        waiting=State.WAITING,
        at_most=at_most,
    )
    return [ticket_of(row) for row in rows]


def count_waiting(reader: Reader, office: int) -> int:
    """Count who waits at the office, whatever day they came."""
    if office == reader.node:
        kept = reader.value("SELECT waiting FROM queue_news WHERE office = :office", office=office)
        return int(kept or 0)
    counted: int = reader.value(
        "SELECT count(*) FROM queue_current WHERE office = :office AND state = :waiting",
        office=office,
        waiting=State.WAITING,
    )
    return counted


def cancelled_by_staff(reader: Reader, of: Ticket) -> bool:
    """Tell whether it was staff, and not the visitor, who cancelled a ticket of this office."""
    if of.state is not State.CANCELLED:
        return False
    actor = reader.value(
        "SELECT actor FROM queue_event WHERE own = 1 AND ticket = :ticket AND step = :step",
        ticket=of.id,
        step=of.standing.step,
    )
    return actor is not None


def news(reader: Reader, office: int) -> int:
    """Return the number of the last change that a page of this office shows."""
    number = reader.value("SELECT news FROM queue_news WHERE office = :office", office=office)
    return int(number or 0)


def people_ahead(reader: Reader, of: Ticket) -> int:
    """Count who will be called before this ticket; 0 when it waits no longer."""
    if of.state is not State.WAITING:
        return 0
    behind = reader.value(  # who has just come is last: nobody is counted one by one
        """SELECT count(*) FROM queue_current
           WHERE office = :office AND state = :waiting AND place >= :place""",
        office=of.office,
        waiting=State.WAITING,
        place=of.place,
    )
    return count_waiting(reader, of.office) - int(behind)


def at_counter(reader: Reader, office: int, n: int) -> Ticket | None:
    """Return the ticket that the counter has called or serves."""
    return next((found for found in called(reader, office) if found.standing.counter == n), None)


def called(reader: Reader, office: int) -> list[Ticket]:
    """Return the tickets that occupy a counter now."""
    rows = reader.all(
        f"""{TICKET} WHERE c.office = :office AND c.state IN (:called, :serving)
            ORDER BY c.place""",
        office=office,
        called=AT_A_COUNTER[0],
        serving=AT_A_COUNTER[1],
    )
    return [ticket_of(row) for row in rows]


def last_calls(reader: Reader, office: int, *, at_most: int = SHOWN_CALLS) -> list[Call]:
    """Return who was called last, the newest first; a ticket called again stands there once."""
    newest: dict[RowId, Call] = {}
    for one in reversed(calls_after(reader, office, 0, at_most=10 * at_most)):
        newest.setdefault(one.ticket, one)
    return list(newest.values())[:at_most]


def calls_after(reader: Reader, office: int, call: int, *, at_most: int = 50) -> list[Call]:
    """Return the calls that somebody who saw `call` last has missed, the oldest first."""
    rows = reader.all(
        f"""{CALL} WHERE l.office = :office AND l.call > :call
            ORDER BY l.call DESC LIMIT :at_most""",
        office=office,
        call=call,
        at_most=at_most,
    )
    return [_call(row) for row in reversed(rows)]


def counters(reader: Reader, office: int) -> list[Counter]:
    """Return every counter that was ever opened at the office."""
    rows = reader.all(
        "SELECT * FROM queue_counter WHERE office = :office ORDER BY n", office=office
    )
    return [_counter(row) for row in rows]


def counter(reader: Reader, office: int, n: int) -> Counter | None:
    """Return one counter; None if it was never opened."""
    row = reader.one(
        "SELECT * FROM queue_counter WHERE office = :office AND n = :n", office=office, n=n
    )
    return _counter(row) if row else None


def is_open(found: Iterable[Counter]) -> list[Counter]:
    """Return those of the counters that are open."""
    return [one for one in found if one.state is CounterState.OPEN]


def standing_on(reader: Reader, office: int, day: int) -> dict[State, int]:
    """Return how many tickets of a day stand where, at any office."""
    rows = reader.all(
        """SELECT state, count(*) AS n FROM queue_current
        WHERE office = :office AND day = :day GROUP BY state""",
        office=office,
        day=day,
    )
    return {State(row["state"]): row["n"] for row in rows}


def newest_ticket_at(reader: Reader, office: int, day: int) -> int | None:
    """Return when the last ticket of a day was taken, by the clock of its office."""
    taken_at: int | None = reader.value(
        """SELECT t.taken_at FROM queue_current c JOIN queue_ticket t ON t.id = c.ticket
        WHERE c.office = :office AND c.day = :day ORDER BY c.place DESC LIMIT 1""",
        office=office,
        day=day,
    )
    return taken_at


def today(reader: Reader, office: int, day: int) -> Today:
    """Return what the day has come to so far, at the office of this node."""
    rows = reader.all(
        """SELECT c.state, c.started_at - t.taken_at AS waited
           FROM queue_ticket t JOIN queue_current c ON c.ticket = t.id
           WHERE t.own = 1 AND t.office = :office AND t.day = :day""",
        office=office,
        day=day,
    )
    states = [row["state"] for row in rows]
    waits = sorted(row["waited"] for row in rows if row["waited"] is not None)
    return Today(
        taken=len(rows),
        waiting=states.count(State.WAITING),
        completed=states.count(State.COMPLETED),
        no_show=states.count(State.NO_SHOW),
        cancelled=states.count(State.CANCELLED),
        median_wait=waits[len(waits) // 2] if waits else None,
    )


def _day(row: Record) -> ServiceDay:
    return ServiceDay(
        number=row["day"],
        label=date.fromisoformat(row["label"]),
        correction=row["correction"],
        provisional=bool(row["provisional"]),
    )


def ticket_of(row: Record) -> Ticket:
    """Read a row of the `TICKET` statement."""
    standing = standing_of(row)
    moved = standing.moved
    return Ticket(
        id=RowId.of(row["id"]),
        office=row["office"],
        day=row["day"],
        prefix=row["prefix"],
        n=row["n"],
        service=moved.service if moved else RowId.of(row["service"]),
        purpose=moved.purpose if moved else Purpose(row["purpose"]),
        language=row["language"],
        priority=RowId.of(row["priority"]) if row["priority"] else None,
        taken_at=row["taken_at"],
        place=row["place"],
        standing=standing,
    )


def _call(row: Record) -> Call:
    return Call(
        call=row["call"],
        ticket=RowId.of(row["ticket"]),
        label=label(row["prefix"], row["n"]),
        day=row["day"],
        counter=row["counter"],
        at=row["at"],
        service=RowId.of(row["service"]),
        state=State(row["state"]),
    )


def _counter(row: Record) -> Counter:
    return Counter(
        office=row["office"],
        n=row["n"],
        state=CounterState(row["state"]),
        person=row["person"],
        person_name=row["person_name"] or "",
        since=row["since"],
    )
