"""Rows of people to test erasure on: some go, some are emptied, some are the centre's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from appliance.store import inbox, log, projection, streams
from appliance.store.database import Store
from appliance.store.entries import GENESIS, Entry, Op, link
from appliance.store.erasures import Erasure
from appliance.store.ids import RowId, StreamId
from appliance.store.tables import Lane, Owner, Row, Table, blob, integer, reference, text
from appliance.store.transaction import Transaction
from appliance.web import idempotency

VILLAGE, OTHER, CENTRE = 3, 4, 1


def _greeted(tx: Transaction, born: Sequence[Row]) -> None:
    tx.add_all(GREETING, [{"resident": one["id"], "words": one["name"]} for one in born])


def _not_greeted(tx: Transaction, erased: Erasure) -> None:
    if erased.table == RESIDENT.name:
        tx.delete(GREETING, {"resident": list(erased.ids)})


RESIDENT: Final = Table(
    "town_resident",
    owner=Owner.UP,
    lane=Lane.STATE,
    personal=True,
    columns=(text("name"), integer("age", null=True)),
    unique=(("name",),),
    project=_greeted,
)
VISITOR: Final = Table(
    "town_visitor",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    personal=True,
    append_only=True,
    blanks=("name", "phone"),
    columns=(text("name"), integer("number"), text("phone", null=True)),
    unique=(("number",),),
)
APPEAL: Final = Table(
    "town_appeal",
    owner=Owner.UP,
    lane=Lane.STATE,
    personal=True,
    blanks=("words",),
    columns=(text("words"), integer("answered")),
)
VISIT: Final = Table(
    "town_visit",
    owner=Owner.UP,
    lane=Lane.STATE,
    append_only=True,
    columns=(reference("visitor", "town_visitor"), integer("day")),
)
CLERK: Final = Table(
    "town_clerk",
    owner=Owner.DOWN,
    lane=Lane.STATE,
    personal=True,
    columns=(text("name"),),
    unique=(("name",),),
)
GREETING: Final = Table(
    "town_greeting",
    owner=Owner.LOCAL,
    key=("resident",),
    columns=(blob("resident"), text("words")),
    forget=_not_greeted,
)
TABLES: Final = (RESIDENT, VISITOR, APPEAL, VISIT, CLERK, GREETING, idempotency.REPLIES)


def raw(folder: Path) -> bytes:
    """Return all bytes of all files in a folder, as somebody with a card reader gets them."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def entries_of(store: Store) -> list[tuple[StreamId, Lane, list[Entry]]]:
    """Return all that the file has logged, as it would be sent now."""
    with store.read() as reader:
        return [
            (start.stream, lane, found)
            for start in streams.starts(reader)
            for lane in Lane
            if (found := log.entries(reader, start.stream, lane, 0, 1 << 30))
        ]


def verify_log(store: Store) -> None:
    """Work the chain of each lane out from the first entry."""
    for stream, lane, found in entries_of(store):
        _follow(stream, lane, found)


def verify_inbox(store: Store) -> None:
    """Work the chain of each received lane out from the first entry."""
    with store.read() as reader:
        for one in inbox.streams(reader):
            found = inbox.entries(reader, one.stream, one.lane, after=0, max_bytes=1 << 30)
            assert _follow(one.stream, one.lane, found) == one.chain


def _follow(stream: StreamId, lane: Lane, found: Sequence[Entry]) -> bytes:
    chain = GENESIS
    for number, entry in enumerate(found, start=1):
        assert entry.lane_seq == number
        chain = link(chain, stream, lane, entry)
        assert entry.chain == chain
        assert (entry.body is None) <= (entry.salt is None)
    return chain


def settle(centre: Store) -> None:
    """Project until a step finds nothing."""
    while centre.write(projection.step):
        pass


def bodies(found: Sequence[Entry]) -> Iterator[tuple[RowId, bool]]:
    """Tell of each birth or change whether its values are still there."""
    for entry in found:
        if entry.op in (Op.INSERT, Op.UPDATE):
            yield RowId.of(entry.key), entry.body is not None
