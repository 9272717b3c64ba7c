"""What the centre takes out of bundles of its nodes, and what it answers them.

Promise: rows go the same way as those of the wire (`sync.intake`): proved, appended to the inbox,
projected. What a node asked is remembered until it asks later, so the answer can be written to
another stick, and again if that one is lost.
"""

from collections.abc import Callable, Iterator
from typing import Final

from appliance.courtesy import GiveWay, alone
from appliance.store import down, grants, inbox, projection, staging
from appliance.store.database import Store
from appliance.store.ids import StreamId
from appliance.store.reader import Reader
from appliance.store.revisions import NEVER, Grants
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import intake, pages, wire
from sync.asks import ASK, Ask, Told
from sync.bundles import BadBundle, ForeignBundle, Kind, Sealed
from sync.cargo import Outgoing, Taken, Tell
from sync.messages import DownCursor, Reply, Standing
from sync.receiver import Centre
from sync.tables import ASKED


class CentreBundles:
    """The centre's end of the stick."""

    kind: Final = Kind.ANSWER

    def __init__(self, centre: Centre, store: Store, give_way: GiveWay = alone) -> None:
        self.hromada, self.number, self.key = centre.hromada, centre.number, centre.key
        self._members = centre.members
        self._store = store
        self._give_way = give_way

    def outgoing(self) -> Iterator[Outgoing]:
        """Give an answer for each node that has asked by a bundle."""
        with self._store.read() as reader:
            rows = reader.all("SELECT node, ask FROM sync_asked ORDER BY node")
        for row in rows:
            node = row["node"]
            if node in self._members:
                pieces = self._answer(node, Ask.read(row["ask"]))
                yield Outgoing(node, self._members[node], 0, pieces)

    def take(self, sealed: Sealed) -> Taken:
        """Keep the rows of a file; raise `ForeignBundle`, `BadBundle`, or what intake raises."""
        head = sealed.head
        wanted = (Kind.ROWS, self.hromada, self.number)
        if (head.kind, head.hromada, head.recipient) != wanted:
            raise ForeignBundle(head)
        sender = self._members.get(head.sender)
        if sender is None:
            raise BadBundle("its sender is no node of this hromada")
        taken = 0
        for piece in sealed.opened(sender, self.key):
            self._give_way()
            if piece[:1] == ASK:
                self._store.write(remember, head.sender, Ask.read(piece))
            else:
                taken += self._keep(head.sender, piece)
        return Taken(rows=taken)

    def _keep(self, sender: int, piece: bytes) -> int:
        batch = wire.decode(piece, self._give_way)
        if batch.stream.node != sender:
            raise BadBundle("it holds rows of another node than its sender")
        return intake.take_in(self._store, batch, self._give_way)

    def _answer(self, node: int, asked: Ask) -> Callable[[Tell], Iterator[bytes]]:
        def pieces(tell: Tell) -> Iterator[bytes]:
            with self._store.read() as reader:
                answer = list(answered(reader, node, asked))
            for piece in answer:
                tell(0)
                yield piece

        return pieces


def remember(tx: Transaction, node: int, ask: Ask) -> bool:
    """Note what a node asks, unless it has asked later; return whether that was noted."""
    before = tx.one("SELECT epoch, number FROM sync_asked WHERE node = :node", node=node)
    if before is not None and (before["epoch"] == ask.epoch and before["number"] > ask.number):
        return False
    row = {"node": node, "epoch": ask.epoch, "number": ask.number}
    tx.put(ASKED, {**row, "came_at": tx.now, "ask": ask.written()})
    if intake.confirms(tx, node, ask.request.order):
        grants.confirm(tx, node, ask.request.order)
    return True


def answered(reader: Reader, node: int, ask: Ask) -> Iterator[bytes]:
    """Give the pieces of an answer, as one moment of the centre shows it."""
    order = grants.of(reader, node)
    reply = Reply(
        centre_epoch=down.head(reader).epoch,
        quarantined=projection.counts(reader, node=node)[1],
        standings=tuple(_standings(reader, node, ask)),
        grants=order if order.order > ask.request.order else None,
    )
    yield Told(ask.at, reply, tuple(one.known for one in ask.asked)).written()
    cursors = {(one.scope, one.lane): one for one in ask.request.cursors}
    for place in _places(reader, order):
        yield from _pages(reader, cursors.get(place, DownCursor(*place, NEVER)))


def _standings(reader: Reader, node: int, ask: Ask) -> Iterator[Standing]:
    for one in ask.asked:
        have, chain = inbox.cursor(reader, StreamId(node, one.epoch), one.lane)
        yield Standing(one.epoch, one.lane, have, 0, chain)


def _places(reader: Reader, order: Grants) -> Iterator[tuple[str, Lane]]:
    """Give each scope that a node may hold with each lane that carries rows of the centre."""
    for scope in order.scopes:
        for lane in Lane:
            if staging.down_tables(reader, lane):
                yield scope, lane


def _pages(reader: Reader, cursor: DownCursor) -> Iterator[bytes]:
    """Give all that changed after a cursor, page by page, to the end."""
    scope, lane = cursor.scope, cursor.lane
    size = intake.PAGE_BYTES
    page = down.changes(
        reader,
        scope,
        lane,
        cursor.rev,
        size,
        fingerprint=cursor.fingerprint,
        read_at=cursor.read_at,
    )
    if not intake.moves(page, cursor):
        return
    yield pages.written(scope, lane, page)
    while not page.complete:
        page = down.changes(reader, scope, lane, page.upto, size, read_at=page.as_of)
        yield pages.written(scope, lane, page)
