"""What a node puts into a bundle for its centre, and what it believes of the answer.

Promise: writing a bundle moves nothing, so a stick that is lost has cost a walk. A cursor moves by
an answer that the centre has signed for this node, and only if no other start of the centre has
spoken since the node asked: so an answer may come late, twice or never.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nacl.signing import SigningKey, VerifyKey

from appliance.courtesy import GiveWay, alone
from appliance.store import down, log, streams
from appliance.store.database import Store
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.revisions import Outcome
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import lanes, pages, wire
from sync.asks import MOST_ASKED, TOLD, Ask, Asked, Told
from sync.bundles import ForeignBundle, Kind, Sealed
from sync.cargo import Outgoing, Taken, Tell
from sync.events import Kind as Report
from sync.lanes import Ack, Answer, Plan, Wire
from sync.messages import Request

BATCH_BYTES: Final = 512 << 10
"""Bodies of rows in one batch, about: larger ones hardly pack better, and people wait for them."""

TOGETHER: Final = 200
"""Acks that are settled in one transaction."""

Place = tuple[StreamId, Lane]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Who writes to whom, and the keys that prove it."""

    hromada: str
    node: int
    key: SigningKey
    centre: int
    centre_key: VerifyKey


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of one lane of one stream that the centre lacks."""

    stream: StreamId
    lane: Lane
    after: int
    last: int


class VillageBundles:
    """A node's end of the stick."""

    kind: Final = Kind.ROWS

    def __init__(
        self,
        ends: Ends,
        store: Store,
        *,
        version: str,
        warn: Callable[[str, str], None],
        confirmed: Callable[[int], None],
        give_way: GiveWay = alone,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        """`warn` tells the page of the link what a person should know.

        `confirmed` is told as of which moment of this node's clock the centre has answered whole.
        """
        self.hromada, self.number, self.key = ends.hromada, ends.node, ends.key
        self._ends = ends
        self._store = store
        self._version = version
        self._warn = warn
        self._confirmed = confirmed
        self._give_way = give_way
        self._batch_bytes = batch_bytes

    def outgoing(self) -> Iterator[Outgoing]:
        """Give the one bundle for the centre: what it lacks now, and what this node asks."""
        with self._store.read() as reader:
            told = ask(reader, self._store, self._version)
            waiting = stretches(reader)
        rows = sum(one.last - one.after for one in waiting)

        def pieces(tell: Tell) -> Iterator[bytes]:
            yield told.written()
            for one in waiting:
                yield from self._batches(one, tell)

        yield Outgoing(self._ends.centre, self._ends.centre_key, rows, pieces)

    def take(self, sealed: Sealed) -> Taken:
        """Do what an answer says; raise `ForeignBundle` or `BadBundle` for anything else."""
        head, ends = sealed.head, self._ends
        wanted = (Kind.ANSWER, ends.hromada, ends.centre, ends.node)
        if (head.kind, head.hromada, head.sender, head.recipient) != wanted:
            raise ForeignBundle(head)
        taken, asked_at = Taken(), 0
        for piece in sealed.opened(ends.centre_key, ends.key):
            self._give_way()
            if piece[:1] == TOLD:
                told = Told.read(piece)
                asked_at = told.at
                taken += self._settle(told)
            else:
                taken += self._page(piece)
        if asked_at and head.last and not taken.late:  # in one file, and all of it was news
            self._confirmed(asked_at)
        return taken

    def _batches(self, one: Stretch, tell: Tell) -> Iterator[bytes]:
        after = one.after
        while after < one.last:
            self._give_way()
            with self._store.read() as reader:
                entries = log.entries(reader, one.stream, one.lane, after, self._batch_bytes)
                entries = entries[: min(wire.MOST_ENTRIES, one.last - after)]
                previous = log.chain_at(reader, one.stream, one.lane, after)
            yield wire.encode(wire.Batch(one.stream, one.lane, after, previous, tuple(entries)))
            after += len(entries)
            tell(len(entries))

    def _settle(self, told: Told) -> Taken:
        reply = told.reply
        acks = [
            (Ack(StreamId(self.number, one.epoch), one.lane, one.have, one.safe, one.chain), known)
            for one, known in zip(reply.standings, told.known, strict=True)
        ]
        taken = Taken()
        if reply.grants is not None:
            self._store.write(down.obey, reply.grants)
        for start in range(0, len(acks), TOGETHER):
            part = acks[start : start + TOGETHER]
            late, settled = self._store.write(settle, reply.centre_epoch, part)
            for ack in settled.forked:
                self._warn(str(Report.FORKED), f"{ack.stream} {ack.lane.label} {ack.have}")
            for ack in settled.ahead:
                self._warn(str(Report.RESTORED), f"{ack.stream} {ack.lane.label} {ack.have}")
            moved = len(part) - late - len(settled.forked)
            taken += Taken(acks=moved, late=late)
        return taken

    def _page(self, piece: bytes) -> Taken:
        try:
            told = pages.read(piece)
        except pages.BadPage as error:
            self._warn(str(Report.UNREAD), error.cause)
            return Taken(late=1)
        outcome = self._store.write(down.apply, *told)
        return Taken(late=1) if outcome is Outcome.PASSED_OVER else Taken(pages=1)


def ask(reader: Reader, store: Store, version: str) -> Ask:
    """Return what this node asks of its centre, as one moment shows it."""
    known = log.confirmed(reader)
    for start in streams.starts(reader, open_only=True):
        for lane in Lane:
            if log.last(reader, start.stream, lane):
                known.setdefault((start.stream, lane), 0)
    asked = [Asked(one.epoch, lane, said) for (one, lane), said in known.items()]
    plan = Plan(Wire.URGENT, tuple(Lane), centre_epoch=0, most_bytes=0)
    return Ask(
        epoch=store.epoch,
        number=log.head(reader),
        at=max(0, store.clock.wall()),
        request=Request(
            cursors=tuple(lanes.cursors_of(reader, plan)),
            status=lanes.status_of(reader, 0, version, store.clock),
            order=down.granted(reader).order,
        ),
        asked=tuple(asked[-MOST_ASKED:]),
    )


def stretches(reader: Reader) -> list[Stretch]:
    """Return what the centre lacks, the most urgent lane and the oldest stream first."""
    return [
        Stretch(stream, lane, log.cursor(reader, stream, lane).have, log.last(reader, stream, lane))
        for lane in Lane
        for stream in log.pending_streams(reader, lane)
    ]


def settle(
    tx: Transaction, centre_epoch: int, acks: Sequence[tuple[Ack, int]]
) -> tuple[int, lanes.Settlement]:
    """Believe the acks that are news; return how many were not, and what came of the others.

    One start of the centre never takes back what it said. What another start says counts only if
    the cursor is still of the start that it was of when the node asked.
    """
    told = log.confirmed(tx)
    starts = {start.stream for start in streams.starts(tx)}
    news = [
        ack
        for ack, known in acks
        if ack.stream in starts and told.get((ack.stream, ack.lane), 0) in {centre_epoch, known}
    ]
    return len(acks) - len(news), lanes.settle(tx, Answer(centre_epoch, tuple(news)))
