"""What the agent has its store do: gather what to send, and settle what the centre answered.

Promise: a cursor moves by a signed answer alone, never by sending. What the centre says is
compared with our own chain before it counts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from appliance.store import down, log
from appliance.store.clock import Clock
from appliance.store.entries import GENESIS, Entry
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.revisions import NEVER, Grants
from appliance.store.tables import URGENT, Lane, Owner
from appliance.store.transaction import Transaction
from sync import comparison, pages, wire
from sync.messages import MOST_ASKED, DownCursor, NodeStatus, Question, Request


class Wire(IntEnum):
    """The two connections of a node. The number is the one in a nonce."""

    URGENT = 0
    BULK = 1


LANES: Final[Mapping[Wire, tuple[Lane, ...]]] = {
    Wire.URGENT: tuple(lane for lane in Lane if lane in URGENT),
    Wire.BULK: tuple(lane for lane in Lane if lane not in URGENT),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to gather for one request."""

    wire: Wire
    lanes: tuple[Lane, ...]  # the first that holds rows is sent; at least one
    centre_epoch: int  # cursors of another epoch are asked about first; 0: it is not known yet
    most_bytes: int  # of bodies, before they are packed
    skip: frozenset[tuple[int, Lane]] = frozenset()  # (epoch, lane) that are held back
    spent: bool = False  # the day's bytes are: ask for urgent rows of the centre alone


@dataclass(frozen=True, slots=True)
class Found:
    """What was gathered in one read transaction."""

    plan: Plan
    stream: StreamId
    lane: Lane
    after: int
    previous: bytes  # the chain value at `after`
    entries: tuple[Entry, ...]
    waits: bool
    questions: tuple[Question, ...]
    cursors: tuple[DownCursor, ...]
    order: int
    status: NodeStatus
    batch: bytes = field(default=b"", repr=False)  # the entries packed, if that is done already


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch that was packed ahead, in the hope that it is what the next request carries."""

    stream: StreamId
    lane: Lane
    after: int
    entries: tuple[Entry, ...]
    batch: bytes = field(repr=False)
    head: int  # the last number of the log when it was read

    def fits(self, reader: Reader, plan: Plan, place: tuple[StreamId, Lane], after: int) -> bool:
        """Tell whether it is what would be gathered now, or near enough in size."""
        if (self.stream, self.lane, self.after) != (*place, after):
            return False
        whole = after + len(self.entries) == log.last(reader, *place)
        size = _weight(self.entries)
        near = size <= plan.most_bytes * 5 // 4 and (whole or size * 2 >= plan.most_bytes)
        return near and not log.erased_since(reader, self.head)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that lacks only its nonce and its signature."""

    stream: StreamId
    lane: Lane
    after: int
    last: int
    body: bytes = field(repr=False)
    weight: int = 0  # bytes of bodies before they were packed
    asks: bool = False  # it holds questions
    waits: bool = False  # rows of its wire wait here, whether it carries them or not

    @property
    def rows(self) -> int:
        """Return how many entries it carries."""
        return self.last - self.after


@dataclass(frozen=True, slots=True)
class Ack:
    """What the centre has of one lane of one of our streams."""

    stream: StreamId
    lane: Lane
    have: int
    safe: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a signed reply asks the store to do."""

    centre_epoch: int
    acks: tuple[Ack, ...] = ()
    pages: tuple[bytes, ...] = ()
    grants: Grants | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of an answer."""

    ahead: tuple[Ack, ...] = ()  # the centre knows more of a closed stream: we were restored
    forked: tuple[Ack, ...] = ()  # its chain is not ours: nothing of that ack was believed
    unread: tuple[str, ...] = ()  # why pages of rows of the centre could not be read
    shown: int = 0  # pages that could be


def collect(
    reader: Reader,
    plan: Plan,
    *,
    version: str,
    clock: Clock,
    ready: Ready | None = None,
    asks_safe: bool = False,
) -> Found:
    """Return what the plan's next request says, as one moment shows it.

    Questions come alone: the rows of a later start must not overtake those of an earlier one that
    a restored centre may have lost. With `asks_safe`, and where nothing waits to be sent, it asks
    also how far the centre's proved copies cover what it has.
    """
    unsure = log.unconfirmed(reader, plan.centre_epoch) if plan.centre_epoch else []
    mine = [(one, its) for one, its in unsure if its in LANES[plan.wire]]
    asked = [(one, its) for one, its in mine if (one.epoch, its) not in plan.skip]
    place = next(_pending(reader, plan), None)
    if asks_safe and plan.centre_epoch and place is None and not asked:
        asked = log.unsafe(reader)
    after, entries, batch = 0, tuple[Entry, ...](), b""
    if place is not None and plan.centre_epoch and not asked:
        after = log.cursor(reader, *place).have
        if ready is not None and ready.fits(reader, plan, place, after):
            entries, batch = ready.entries, ready.batch
        else:
            entries = _entries(reader, *place, after, plan.most_bytes)
    stream, lane = place or (_present(reader), plan.lanes[0])
    return Found(
        plan=plan,
        stream=stream,
        lane=lane,
        after=after,
        previous=log.chain_at(reader, stream, lane, after) if entries else GENESIS,
        entries=entries,
        waits=place is not None,
        questions=tuple(Question(one.epoch, its) for one, its in asked[:MOST_ASKED]),
        cursors=tuple(cursors_of(reader, plan)) if plan.centre_epoch else (),
        order=down.granted(reader).order,
        status=status_of(reader, len(entries), version, clock),
        batch=batch,
    )


def following(reader: Reader, found: Found) -> Ready | None:
    """Return the batch after the one that was found, packed; None if there is nothing after it."""
    stream, lane, after = found.stream, found.lane, found.after + len(found.entries)
    entries = _entries(reader, stream, lane, after, found.plan.most_bytes)
    if not entries:
        return None
    previous = log.chain_at(reader, stream, lane, after)
    batch = wire.encode(wire.Batch(stream, lane, after, previous, entries))
    return Ready(stream, lane, after, entries, batch, log.head(reader))


def pack(found: Found) -> Draft:
    """Return the request that carries what was found; no store is needed for that."""
    batch = found.batch
    if found.entries and not batch:
        entries = wire.Batch(found.stream, found.lane, found.after, found.previous, found.entries)
        batch = wire.encode(entries)
    request = Request(batch, found.cursors, found.status, found.questions, found.order)
    return Draft(
        stream=found.stream,
        lane=found.lane,
        after=found.after,
        last=found.after + len(found.entries),
        body=request.body(),
        weight=_weight(found.entries),
        asks=bool(found.questions),
        waits=found.waits,
    )


def settle(tx: Transaction, answer: Answer) -> Settlement:
    """Do what a signed reply asks for: move cursors, hold what is granted, keep rows.

    Promise: a cursor never moves to a place where the centre's chain is not ours. A page that this
    version cannot read takes nothing else along: it is told, and asked for again.
    """
    ahead, forked = list[Ack](), list[Ack]()
    for ack in answer.acks:
        last = log.last(tx, ack.stream, ack.lane)
        if ack.have > last:
            if ack.stream.epoch == tx.epoch:  # nobody else writes the present one
                forked.append(ack)
                continue
            ahead.append(ack)
        elif log.chain_at(tx, ack.stream, ack.lane, ack.have) != ack.chain:
            forked.append(ack)
            continue
        log.acknowledge(
            tx,
            ack.stream,
            ack.lane,
            have=min(ack.have, last),
            safe=min(ack.safe, last),
            centre_epoch=answer.centre_epoch,
        )
    if answer.grants is not None:
        down.obey(tx, answer.grants)
    unread = _take_pages(tx, answer.pages)
    shown = len(answer.pages) - len(unread)
    return Settlement(tuple(ahead), tuple(forked), tuple(unread), shown)


def _take_pages(tx: Transaction, given: Sequence[bytes]) -> list[str]:
    """Keep the rows of each page that can be read; return why the others cannot."""
    unread = []
    for page in given:
        try:
            told = pages.read(page)
        except pages.BadPage as error:
            unread.append(error.cause)
        else:
            down.apply(tx, *told)
    return unread


def _pending(reader: Reader, plan: Plan) -> Iterator[tuple[StreamId, Lane]]:
    """Give what may be sent: the plan's lanes in order, the oldest stream first."""
    for lane in plan.lanes:
        for stream in log.pending_streams(reader, lane):
            if (stream.epoch, lane) not in plan.skip:
                yield stream, lane


def _entries(
    reader: Reader, stream: StreamId, lane: Lane, after: int, most_bytes: int
) -> tuple[Entry, ...]:
    return tuple(log.entries(reader, stream, lane, after, most_bytes)[: wire.MOST_ENTRIES])


def _weight(entries: Sequence[Entry]) -> int:
    return sum(log.OVERHEAD + len(entry.body or b"") for entry in entries)


def _present(reader: Reader) -> StreamId:
    return StreamId(reader.node, down.head(reader).epoch)


def cursors_of(reader: Reader, plan: Plan) -> Iterator[DownCursor]:
    """Give how far each granted scope has come: all lanes on the urgent wire, for it polls."""
    lanes = _asked_about(plan)
    told = {table.lane for table in reader.tables.owned(Owner.DOWN)}
    for scope in down.granted(reader).scopes:
        for lane in lanes:
            if lane in told:
                yield _cursor(reader, scope, lane, plan.centre_epoch)


def _asked_about(plan: Plan) -> Collection[Lane]:
    """Return the lanes whose rows of the centre are asked for: of all, unless the day is spent."""
    if plan.wire is Wire.BULK:
        return LANES[Wire.BULK]
    return LANES[Wire.URGENT] if plan.spent else tuple(Lane)


def _cursor(reader: Reader, scope: str, lane: Lane, centre_epoch: int) -> DownCursor:
    asks, shows = down.cursor(reader, scope, lane), down.shown(reader, scope, lane)
    old = asks != NEVER and asks.epoch != centre_epoch
    return DownCursor(
        scope,
        lane,
        asks,
        read_at=NEVER if asks == shows else down.read_at(reader, scope, lane),
        fingerprint=down.fingerprint_of(reader, scope, lane) if old and asks == shows else b"",
    )


def status_of(reader: Reader, sending: int, version: str, clock: Clock) -> NodeStatus:
    """Return what the node says of itself beside `sending` rows."""
    backlog = log.backlog(reader).values()
    oldest = [one.oldest_at for one in backlog if one.oldest_at is not None]
    compared = comparison.last(reader)
    return NodeStatus(
        version=version,
        clock=str(clock.quality()),
        at=max(0, clock.wall()),
        unsent=sum(one.count for one in backlog) - sending,
        oldest_at=min(oldest, default=None),
        compared_at=max(0, compared.at) if compared else None,
        compared=str(compared.outcome) if compared else "",
    )
