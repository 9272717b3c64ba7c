"""What the centre does with the body of a welcomed request: keep the rows, then answer.

Promise: `have` in the answer is on this disk. Rows that are here already are passed over, so a
batch may come twice; what leaves a gap or does not continue our chain is stored nowhere. Rows are
kept a part at a time, so nobody at this centre's own counters waits for a node's backlog.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store import down, grants, inbox, projection
from appliance.store.database import Store
from appliance.store.ids import StreamId
from appliance.store.inbox import Cursor
from appliance.store.reader import Reader
from appliance.store.revisions import DownPage, Grants, PageKind
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import pages, wire
from sync.backup import proved
from sync.lanes import LANES, Wire
from sync.messages import (
    BadMessage,
    Code,
    DownCursor,
    NodeStatus,
    Question,
    Reply,
    Request,
    Standing,
)
from sync.receiver import Centre, Response, Welcome
from sync.signing import Head, body_hash
from sync.step_size import StepSize
from sync.wire import BadBatch, Batch

PAGE_BYTES: Final = 48 << 10
"""Bodies of DOWN rows in one reply, about."""

LANE_OF: Final = {lane: which for which, lanes in LANES.items() for lane in lanes}


class Gap(VuzolError):
    """A batch begins after what is here."""

    code: ClassVar[str] = "gap"
    status_hint: ClassVar[int] = 409

    def __init__(self, at: Cursor, after: int) -> None:
        super().__init__(
            f"the batch follows {after}, and {at.have} is here",
            next_step=f"send from {at.have + 1}",
        )
        self.at = at


class Forked(VuzolError):
    """A batch does not continue the chain that is here."""

    code: ClassVar[str] = "forked"
    status_hint: ClassVar[int] = 409

    def __init__(self, at: Cursor) -> None:
        super().__init__(
            f"the chain is another one at {at.have}",
            next_step="compare the stream at both ends before more of it is taken",
        )
        self.at = at


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a request came to."""

    response: Response
    code: str = ""
    status: NodeStatus | None = None  # what the node said of itself
    taken: int = 0  # entries that are new here


class Delivery(NamedTuple):
    """A body that was read and proved."""

    request: Request
    batch: Batch | None


def read(head: Head, body: bytes, give_way: GiveWay = alone) -> Delivery:
    """Return what the body says; raise `BadMessage` or `BadBatch`. No store is needed for that."""
    if body_hash(body) != head.body_hash:
        raise BadMessage("the body is not the one that was signed")
    request = Request.read(body)
    if not request.batch:
        if head.last != head.after:
            raise BadMessage("the path names rows, and there are none")
        return Delivery(request, None)
    batch = wire.decode(request.batch, give_way)
    if (batch.stream, batch.lane, batch.after, batch.last) != (
        head.stream,
        head.lane,
        head.after,
        head.last,
    ):
        raise BadBatch("it is not what the path names")
    return Delivery(request, batch)


def exchange(
    centre: Centre, store: Store, welcome: Welcome, body: bytes, give_way: GiveWay = alone
) -> Exchanged:
    """Do all that a welcomed request asks for, and return the signed answer."""
    head, status, taken = welcome.head, None, 0
    try:
        delivery = read(head, body, give_way)
        status = delivery.request.status
        if delivery.batch is not None:
            taken = take_in(store, delivery.batch, give_way)
        reply = answer(centre, store, head, delivery, slot_ms=welcome.slot_ms)
    except VuzolError as error:
        reply = _refusal(centre, error)
    return Exchanged(centre.reply(head, reply), reply.code, status, taken)


def take_in(store: Store, batch: Batch, give_way: GiveWay = alone) -> int:
    """Keep the rows that are not here yet; return how many those were. Raise `Gap`, `Forked`."""
    with store.read() as reader:
        have = inbox.cursor(reader, batch.stream, batch.lane).have
    if batch.last <= have:
        return store.write(keep, batch)  # it keeps nothing, but looks whether it is the same
    taken, start, size = 0, max(0, have - batch.after), StepSize()
    while start < len(batch.entries):
        give_way()
        part = first(batch, start, size.most)
        taken += size.write(store, keep, part)
        start += len(part.entries)
    return taken


def first(batch: Batch, start: int, most: int) -> Batch:
    """Return whole transactions of the batch from `start` on, of about `most` entries."""
    end = min(start + most, len(batch.entries))
    while end < len(batch.entries) and batch.entries[end].tx == batch.entries[end - 1].tx:
        end += 1
    return batch.part(start, end)


def keep(tx: Transaction, part: Batch) -> int:
    """Keep one part, if it continues what is here; return how many entries were new.

    Their rows are in the typed tables in the same transaction, unless older ones still wait.
    """
    here = inbox.cursor(tx, part.stream, part.lane)
    if part.after > here.have:
        raise Gap(here, part.after)
    if chain_of(tx, part, here) != here.chain:
        raise Forked(here)
    if part.last <= here.have:
        return 0
    inbox.append(tx, part.stream, part.lane, part.entries)  # it passes over what is here
    projection.follow(tx, part.stream, part.lane, part.entries)
    tx.announce("inbox")
    return part.last - here.have


def chain_of(tx: Transaction, part: Batch, here: Cursor) -> bytes:
    """Return the part's own chain value at our cursor, or our cursor's if only it can tell."""
    if here.have == part.after:
        return part.previous
    if here.have <= part.last:
        return part.entries[here.have - part.after - 1].chain
    ours = inbox.one(tx, part.stream, part.lane, part.last).chain
    return here.chain if ours == part.proof else part.proof


def answer(
    centre: Centre, store: Store, head: Head, delivery: Delivery, *, slot_ms: int = 0
) -> Reply:
    """Return the reply to a request whose rows, if any, are kept."""
    request, node = delivery.request, head.sender
    which = LANE_OF[head.lane]
    with store.read() as reader:
        news = confirms(reader, node, request.order)
    if news:
        store.write(grants.confirm, node, request.order)
    with store.read() as reader:
        order = grants.of(reader, node)
        told, waiting = _pages(reader, order, request.cursors, which)
        here = inbox.cursor(reader, head.stream, head.lane) if delivery.batch else None
        return Reply(
            centre_epoch=centre.epoch,
            have=here and here.have,
            safe=proved.safe(reader, head.stream, head.lane, here.have) if here else 0,
            chain=here.chain if here else b"",
            slot_ms=slot_ms,
            quarantined=projection.counts(reader, node=node)[1],
            standings=tuple(_standings(reader, node, request.questions)),
            pages=told,
            waiting=waiting,
            grants=order if order.order > request.order else None,
        )


def confirms(reader: Reader, node: int, order: int) -> bool:
    """Tell whether what the node says of its grants is news."""
    if order > grants.of(reader, node).order:
        return True
    return any(one.node == node and one.confirmed != order for one in grants.unconfirmed(reader))


def _pages(
    reader: Reader, order: Grants, cursors: Sequence[DownCursor], which: Wire
) -> tuple[tuple[bytes, ...], tuple[Lane, ...]]:
    """Return pages for the lanes of this wire, and the lanes where more waits."""
    told: list[bytes] = []
    waiting: dict[Lane, None] = {}
    room = PAGE_BYTES
    for cursor in sorted(cursors, key=lambda one: one.lane):
        if cursor.scope not in order.scopes:
            continue
        page = down.changes(
            reader,
            cursor.scope,
            cursor.lane,
            cursor.rev,
            max(room, 1),
            fingerprint=cursor.fingerprint,
            read_at=cursor.read_at,
        )
        if not moves(page, cursor):
            continue
        if LANE_OF[cursor.lane] is not which or room <= 0:
            waiting[cursor.lane] = None
            continue
        told.append(pages.written(cursor.scope, cursor.lane, page))
        room -= sum(down.OVERHEAD + len(row.body or b"") for row in page.rows)
        if not page.complete:
            waiting[cursor.lane] = None
    return tuple(told), tuple(waiting)


def moves(page: DownPage, cursor: DownCursor) -> bool:
    """Tell whether a page changes anything at the node."""
    if page.rows or page.kind is not PageKind.CHANGES or cursor.partial:
        return True
    return cursor.rev.epoch != page.upto.epoch


def _standings(reader: Reader, node: int, questions: Sequence[Question]) -> Iterator[Standing]:
    for asked in questions:
        stream = StreamId(node, asked.epoch)
        have, chain = inbox.cursor(reader, stream, asked.lane)
        safe = proved.safe(reader, stream, asked.lane, have)
        yield Standing(asked.epoch, asked.lane, have, safe, chain)


def _refusal(centre: Centre, error: VuzolError) -> Reply:
    code = CODES.get(error.code, Code.FAILED)
    at = error.at if isinstance(error, Gap | Forked) else None
    return Reply(centre.epoch, code=code, have=at and at.have, chain=at.chain if at else b"")


CODES: Final = {code.value: code for code in Code} | {
    inbox.ChainBroken.code: Code.FORKED,
    inbox.NotContiguous.code: Code.GAP,
}
