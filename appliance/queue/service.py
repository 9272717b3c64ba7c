"""The verbs of the queue. Each is one transaction: `store.write(call_next, at, …)`.

Every verb of staff is audited in the same transaction. A verb that says `seen` compares and swaps:
it names the ticket that the page showed, and is refused when the counter has moved on since.
"""

from dataclasses import dataclass
from datetime import time, tzinfo
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.people import audit
from appliance.queue import catalogue, model, queries, service_day
from appliance.queue.model import Arrived, CounterState, Event, Purpose, Standing, Target, Ticket
from appliance.queue.service_day import ClockTrust, ServiceDay
from appliance.queue.tables import COUNTERS, DAYS, EVENTS, TICKETS, columns_of, tell
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction

CLOSED_AT_ONCE: Final = 100
"""How many tickets one transaction closes: it has to stay short."""


@dataclass(frozen=True, slots=True)
class Office:
    """Where a verb happens: the office of this node, and when its days open."""

    number: int
    zone: tzinfo
    opens: time


@dataclass(frozen=True, slots=True)
class Operator:
    """Who of the staff acts, and at which counter («вікно»)."""

    actor: str
    name: str
    counter: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor asked for."""

    service: RowId
    purpose: Purpose
    language: str
    priority: RowId | None = None


class ServiceClosed(VuzolError):
    """A service was closed between the look at the list and the tap."""

    code: ClassVar[str] = "service_closed"
    status_hint: ClassVar[int] = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is closed now", next_step="choose another service, or ask staff")
        self.service = name


class PurposeUnknown(VuzolError):
    """A service does not receive visitors for this purpose."""

    code: ClassVar[str] = "purpose_unknown"
    status_hint: ClassVar[int] = 422

    def __init__(self, allowed: tuple[Purpose, ...]) -> None:
        self.allowed = [str(one) for one in allowed]
        super().__init__(
            "this service has no such purpose", next_step=f"one of {', '.join(self.allowed)}"
        )


class CategoryUnknown(VuzolError):
    """A visitor claimed a right that is not on the list."""

    code: ClassVar[str] = "category_unknown"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "there is no such ground to be received out of turn", next_step="choose one of the list"
        )


class NobodyWaiting(VuzolError):
    """A counter called the next person and there is none."""

    code: ClassVar[str] = "nobody_waiting"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("nobody is waiting", next_step="the console shows who comes")


class CounterNotOpen(VuzolError):
    """A counter was told to work before somebody opened it."""

    code: ClassVar[str] = "counter_not_open"
    status_hint: ClassVar[int] = 409

    def __init__(self, counter: int) -> None:
        super().__init__(f"counter {counter} is not open", next_step="open it first")
        self.counter = counter


class CounterTaken(VuzolError):
    """Somebody else works at this counter."""

    code: ClassVar[str] = "counter_taken"
    status_hint: ClassVar[int] = 409

    def __init__(self, counter: int, name: str) -> None:
        super().__init__(
            f"counter {counter} is open, {name} works there",
            next_step="choose another or take over",
        )
        self.counter = counter
        self.name = name


class CounterBusy(VuzolError):
    """A counter still has a person when it is told to take the next, or to close."""

    code: ClassVar[str] = "counter_busy"
    status_hint: ClassVar[int] = 409

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket.label
        self.state = str(ticket.state)
        self.allowed = [str(event) for event in model.MOVES[ticket.state]]
        super().__init__(
            f"ticket {ticket.label} is still at the counter ({self.state})",
            next_step=f"allowed now: {', '.join(self.allowed)}",
        )


class CounterIdle(VuzolError):
    """A counter was told to go on with a person, and nobody is there."""

    code: ClassVar[str] = "counter_idle"
    status_hint: ClassVar[int] = 409

    def __init__(self, event: Event) -> None:
        super().__init__(
            f"nobody is at the counter, so `{event}` is refused", next_step="call the next first"
        )
        self.state = "IDLE"
        self.event = str(event)
        self.allowed = ["call_next"]


class AnotherWasFaster(VuzolError):
    """The page showed a ticket that is not the one at the counter any more."""

    code: ClassVar[str] = "another_was_faster"
    status_hint: ClassVar[int] = 409

    def __init__(self, now: Ticket | None) -> None:
        self.ticket = now.label if now else None
        self.state = str(now.state) if now else "IDLE"
        super().__init__(
            f"at the counter is now {self.ticket or 'nobody'}, not the ticket that was shown",
            next_step="look at the console and press again",
        )


def open_day(tx: Transaction, office: Office) -> ServiceDay:
    """Return the service day that the office is in, opening or correcting it where time says so."""
    present = queries.present_day(tx, office.number)
    trust = ClockTrust.of(tx.clock_quality)
    today = service_day.date_of(tx.now, office.zone, office.opens)
    day = service_day.next_day(present, today, trust)
    if day is None:
        assert present is not None  # noqa: S101 - only an open day can stay as it is
        return present
    tx.insert(
        DAYS,
        {
            "office": office.number,
            "day": day.number,
            "label": day.label.isoformat(),
            "correction": day.correction,
            "provisional": day.provisional,
            "at": tx.now,
        },
    )
    return day


def take_ticket(
    tx: Transaction, office: Office, wish: Wish, *, device: str, token_hash: bytes
) -> Arrived:
    """Give the next number of the service; raise if it is closed or not for this purpose.

    Promise: the number and the ticket are one transaction, so no number is shown without its
    ticket, given twice, or left out.
    """
    service = _wished(tx, office, wish)
    day = open_day(tx, office)
    n = tx.next_number(f"ticket/{office.number}/{day.number}/{service.prefix}")
    ticket_id = tx.insert(
        TICKETS,
        {
            "office": office.number,
            "day": day.number,
            "prefix": service.prefix,
            "n": n,
            "service": wish.service,
            "purpose": wish.purpose,
            "language": wish.language,
            "priority": wish.priority,
            "token_hash": token_hash,
            "device": device,
            "taken_at": tx.now,
        },
    )
    place, ahead = queries.arrival(tx, ticket_id)
    return Arrived(
        id=ticket_id,
        office=office.number,
        day=day.number,
        prefix=service.prefix,
        n=n,
        service=wish.service,
        purpose=wish.purpose,
        language=wish.language,
        priority=wish.priority,
        taken_at=tx.now,
        place=place,
        standing=Standing(),
        ahead=ahead,
    )


def _wished(tx: Transaction, office: Office, wish: Wish) -> catalogue.Service:
    """Return the service; raise if nobody can be given a ticket for it as they wish."""
    service = catalogue.service(tx, wish.service, office=office.number)
    if not service.is_open:
        raise ServiceClosed(service.name_uk)
    if wish.purpose not in service.purposes:
        raise PurposeUnknown(service.purposes)
    if wish.priority and wish.priority not in {one.id for one in catalogue.categories(tx)}:
        raise CategoryUnknown
    return service


def cancel_by_visitor(tx: Transaction, ticket_id: RowId) -> Ticket:
    """Let a visitor give the ticket back («Мені вже не треба»); its own office alone takes it."""
    found = queries.ticket(tx, ticket_id)
    if found.office != tx.node:
        raise queries.TicketUnknown
    return write_event(tx, found, Event.CANCEL, actor=None)


def open_counter(
    tx: Transaction, office: Office, who: Operator, *, take_over: bool = False
) -> queries.Counter:
    """Seat the operator at the counter; raise `CounterTaken` if another works there."""
    open_day(tx, office)
    known = queries.counter(tx, office.number, who.counter)
    if known and known.state is CounterState.OPEN:
        if known.person == who.actor:
            return known
        if not take_over:
            raise CounterTaken(who.counter, known.person_name)
    _seat(tx, office, who, CounterState.OPEN)
    _audited(tx, who, "queue.open_counter", f"counter:{office.number}/{who.counter}")
    found = queries.counter(tx, office.number, who.counter)
    assert found is not None  # noqa: S101 - it was written a line ago
    return found


def close_counter(tx: Transaction, office: Office, who: Operator) -> None:
    """Close the counter; raise `CounterBusy` while a person is there."""
    _working(tx, office, who)
    if present := queries.at_counter(tx, office.number, who.counter):
        raise CounterBusy(present)
    _seat(tx, office, who, CounterState.CLOSED)
    _audited(tx, who, "queue.close_counter", f"counter:{office.number}/{who.counter}")


def call_next(
    tx: Transaction, office: Office, who: Operator, *, seen: RowId | None = None
) -> Ticket:
    """Call who has waited longest; raise `NobodyWaiting` if nobody has."""
    _working(tx, office, who)
    present = _as_seen(tx, office, who, seen)
    if present:
        raise CounterBusy(present)
    open_day(tx, office)
    waiting = queries.first_waiting(tx, office.number)
    if waiting is None:
        raise NobodyWaiting
    return _by_staff(tx, waiting, Event.CALL, who)


def advance(
    tx: Transaction, office: Office, who: Operator, event: Event, *, seen: RowId | None = None
) -> Ticket:
    """Recall, start, finish or miss the person whom the counter called."""
    _working(tx, office, who)
    present = _as_seen(tx, office, who, seen)
    if present is None:
        raise CounterIdle(event)
    return _by_staff(tx, present, event, who)


def finish_and_call_next(
    tx: Transaction, office: Office, who: Operator, *, seen: RowId | None = None
) -> tuple[Ticket, Ticket | None]:
    """Finish with the person at the counter and call the next one, if anybody waits: one press."""
    finished = advance(tx, office, who, Event.FINISH, seen=seen)
    open_day(tx, office)
    waiting = queries.first_waiting(tx, office.number)
    return finished, _by_staff(tx, waiting, Event.CALL, who) if waiting else None


def close_past_days(tx: Transaction, office: Office, who: Operator) -> int:
    """Close tickets of past days that nobody was called with, at most `CLOSED_AT_ONCE` of them.

    Return how many were closed: with fewer than that, none is left.
    """
    _working(tx, office, who)
    day = open_day(tx, office)
    waiting = queries.waiting(tx, office.number, at_most=CLOSED_AT_ONCE)
    past = [one for one in waiting if one.day < day.number]
    for ticket in past:
        write_event(tx, ticket, Event.CLOSE_DAY, actor=who.actor)
    if past:
        subject = f"day:{office.number}/{day.number}"
        _audited(tx, who, "queue.close_past_days", subject, tickets=len(past))
    return len(past)


def _working(tx: Transaction, office: Office, who: Operator) -> None:
    """Refuse an operator who does not sit at an open counter."""
    known = queries.counter(tx, office.number, who.counter)
    if known is None or known.state is not CounterState.OPEN:
        raise CounterNotOpen(who.counter)
    if known.person != who.actor:
        raise CounterTaken(who.counter, known.person_name)


def _as_seen(tx: Transaction, office: Office, who: Operator, seen: RowId | None) -> Ticket | None:
    present = queries.at_counter(tx, office.number, who.counter)
    if seen is not None and (present is None or present.id != seen):
        raise AnotherWasFaster(present)
    return present


def _by_staff(tx: Transaction, ticket: Ticket, event: Event, who: Operator) -> Ticket:
    moved = write_event(tx, ticket, event, actor=who.actor, counter=who.counter)
    _audited(tx, who, f"queue.{event}", str(ticket.id), counter=who.counter)
    return moved


def write_event(
    tx: Transaction,
    ticket: Ticket,
    event: Event,
    *,
    actor: str | None,
    counter: int | None = None,
    target: Target | None = None,
) -> Ticket:
    """Write the event; its projection moves the ticket. Two who take one step: the second fails."""
    at, before = tx.now, ticket.standing
    move = model.decided(ticket.label, before, event, at=at, counter=counter, target=target)
    tx.insert(EVENTS, {"ticket": ticket.id, "actor": actor, **columns_of(move)})
    return queries.ticket(tx, ticket.id)


def _seat(tx: Transaction, office: Office, who: Operator, state: CounterState) -> None:
    key: dict[str, int | str | None] = {"office": office.number, "n": who.counter}
    seated: dict[str, int | str | None] = {
        "state": state,
        "person": who.actor if state is CounterState.OPEN else None,
        "person_name": who.name if state is CounterState.OPEN else None,
        "since": tx.now,
    }
    if not tx.update_where(COUNTERS, key, seated):
        tx.insert(COUNTERS, key | seated)
    tell(tx, office.number)


def _audited(tx: Transaction, who: Operator, action: str, subject: str, **facts: int | str) -> None:
    audit.record(tx, actor=who.actor, action=action, subject=subject, facts=facts)
