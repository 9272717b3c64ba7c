"""Batches that no store here has written: any tables, any values, the chain in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from hypothesis import strategies as st

from appliance.store.entries import GENESIS, Entry, Op, commitment, link
from appliance.store.ids import EPOCH_LIMIT, NODE_LIMIT, RowId, StreamId
from appliance.store.tables import Lane, Value
from appliance.store.values import encode_changes, encode_ids, encode_row
from sync.wire import Batch

STREAM: Final = StreamId(3, 0x7F3A9C215B44)
NOON: Final = 1_790_000_000_000
TICK: Final = 16


@dataclass(frozen=True)
class Told:
    """One entry before it has a place: what is left out follows from the place."""

    table: str
    op: Op
    body: bytes | None
    key: bytes | None = None  # None: it is the birth of its own row
    schema: int = 1
    salt: bytes | None = None
    erased: bool = False
    later: int = 1  # seq less the one before
    joins: bool = False  # the transaction of the one before
    at: int = NOON
    tick: int = 0


def batch_of(
    told: Sequence[Told],
    *,
    stream: StreamId = STREAM,
    lane: Lane = Lane.TICKETS,
    after: int = 0,
    previous: bytes = GENESIS,
) -> Batch:
    """Return the entries as a log would hold them."""
    entries: list[Entry] = []
    seq = tx = after
    chain = previous
    for lane_seq, one in enumerate(told, after + 1):
        seq += one.later
        tx = tx if one.joins and entries else seq
        bare = Entry(
            lane_seq=lane_seq,
            seq=seq,
            tx=tx,
            table=one.table,
            op=one.op,
            key=one.key or RowId(*stream, seq).blob,
            schema=one.schema,
            hlc=one.at << TICK | one.tick,
            body=None if one.erased else one.body,
            salt=None if one.erased else one.salt,
            commitment=commitment(one.salt, one.body),
            chain=b"",
        )
        chain = link(chain, stream, lane, bare)
        entries.append(bare._replace(chain=chain))
    return Batch(stream, lane, after, previous, tuple(entries))


def rows(table: str, *values: Sequence[Value]) -> list[Told]:
    """Return the birth of rows with these values."""
    return [Told(table, Op.INSERT, encode_row(row)) for row in values]


# What hypothesis draws

row_ids = st.builds(
    RowId,
    st.integers(0, NODE_LIMIT - 1),
    st.sampled_from([0, 5, EPOCH_LIMIT - 1]),
    st.integers(1, 1 << 40),
)
small = st.integers(-3, 300)
whole = st.integers(-(1 << 63), (1 << 63) - 1)
moments = st.integers(NOON - 5000, NOON + 5000)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
nfc = texts.map(lambda text: normalize("NFC", text))
scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    small,
    whole,
    moments,
    texts,
    nfc,
    st.binary(max_size=20),
    st.floats(allow_nan=False),
    row_ids.map(lambda one: one.blob),
    row_ids.map(str),
)


@dataclass(frozen=True)
class Column:
    """What a column's values are drawn from."""

    values: st.SearchStrategy[Value]


@st.composite
def columns(draw: st.DrawFn) -> Column:
    """Give what one column draws from: one kind, a few choices, or anything; null among them."""
    kinds = [small, whole, moments, nfc, st.binary(min_size=16, max_size=16)]
    some = draw(st.lists(scalars, min_size=1, max_size=4))
    blobs, named = row_ids.map(lambda one: one.blob), row_ids.map(str)
    column: st.SearchStrategy[Value] = draw(
        st.sampled_from([*kinds, blobs, named, scalars, st.sampled_from(some)])
    )
    return Column(draw(st.sampled_from([column, st.one_of(st.none(), column)])))


@dataclass(frozen=True)
class Shape:
    """A table as the strategy sees it."""

    name: str
    schema: int
    personal: bool
    columns: tuple[Column, ...]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    return Shape(
        name=draw(st.sampled_from(["queue_ticket", "queue_event", "people_audit", "hall_стан"])),
        schema=draw(st.integers(1, 3)),
        personal=draw(st.booleans()),
        columns=tuple(draw(st.lists(columns(), max_size=5))),
    )


@st.composite
def tolds(draw: st.DrawFn, shape: Shape) -> Told:
    op = draw(st.sampled_from([Op.INSERT, Op.INSERT, Op.INSERT, Op.UPDATE, Op.DELETE, Op.ERASE]))
    body: bytes | None = None
    if op is Op.INSERT:
        body = encode_row([draw(column.values) for column in shape.columns])
    elif op is Op.UPDATE:
        body = encode_changes({n: draw(one.values) for n, one in enumerate(shape.columns) if n % 2})
    elif op is Op.ERASE:
        body = encode_ids([draw(row_ids).blob])
    salted = shape.personal and body is not None
    return Told(
        table=shape.name,
        op=op,
        body=body,
        key=draw(st.one_of(st.none(), row_ids.map(lambda one: one.blob))),
        schema=shape.schema,
        salt=draw(st.binary(min_size=16, max_size=16)) if salted else None,
        erased=op in (Op.INSERT, Op.UPDATE) and draw(st.integers(0, 5)) == 0,
        later=draw(st.integers(1, 3)),
        joins=draw(st.booleans()),
        at=draw(moments),
        tick=draw(st.integers(0, 2)),
    )


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Draw entries of several tables, schemas and kinds, mixed as they come."""
    known = draw(st.lists(shapes(), min_size=1, max_size=3))
    told = draw(st.lists(st.sampled_from(known).flatmap(tolds), max_size=24))
    return batch_of(
        told,
        stream=StreamId(draw(st.integers(1, NODE_LIMIT - 1)), draw(st.integers(0, (1 << 48) - 1))),
        lane=draw(st.sampled_from(Lane)),
        after=draw(st.sampled_from([0, 1, 41, 1 << 40])),
        previous=draw(st.binary(min_size=16, max_size=16)),
    )
