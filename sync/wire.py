"""A batch: entries of one lane of one stream, as the fewest bytes that give the same entries back.

    byte 0      0x10 plain, 0x11 packed with zstd; then
    head        its length, then deterministic CBOR (`FIELDS`); tail: the bytes of its columns

What can be worked out is not sent: the lane's numbers, ids of own inserts, commitments, and all
chain values but the last. A reader works them out, and the last chain value proves that the entries
are the ones that were logged, none left out. docs/replication.md tells every byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import zstandard

from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store.clock import COUNTER_BITS
from appliance.store.entries import DIGEST, Chain, Entry, Proved, commitment
from appliance.store.ids import EPOCH_LIMIT, NODE_LIMIT, SEQ_LIMIT, RowId, StreamId
from appliance.store.tables import Lane
from sync import bodies, column_reader, column_writer, integers, strict
from sync.columns import Pieces, Spec, Tail
from sync.integers import Malformed

PLAIN: Final = 0x10
PACKED: Final = 0x11
LARGEST: Final = 8 << 20
"""Bytes that a batch may have once it is unpacked."""

LARGEST_HEAD: Final = 1 << 20
MOST_ENTRIES: Final = 1 << 15
MOST_GROUPS: Final = 256
MOST_SHAPES: Final = 64
"""With more kinds than this in one batch, the bodies of further ones are not taken apart."""

BREATH: Final = 200
"""Entries after which reading lets others go before it."""

LEVEL: Final = 12
TICKS: Final = (1 << COUNTER_BITS) - 1
STREAM_WIDTH: Final = 8
FIELDS: Final = (
    ("node", int, NODE_LIMIT),
    ("epoch", int, EPOCH_LIMIT),
    ("lane", int, len(Lane)),
    ("after", int, SEQ_LIMIT),
    ("count", int, MOST_ENTRIES + 1),
    ("previous", bytes, DIGEST),  # the chain value at `after`
    ("proof", bytes, DIGEST),  # the chain value after the last entry
    ("groups", list, MOST_GROUPS + 1),
    ("kinds", list, None),  # which group each entry is of
    ("offsets", list, None),  # seq less the number in the lane
    ("places", list, None),  # seq less the seq of the transaction's first entry
    ("walls", list, None),  # milliseconds of the hybrid clock
    ("ticks", list, None),  # its counter
)
"""The head, in order: name, type, and the limit of a number or the length of bytes."""


class BadBatch(VuzolError):
    """Bytes that came as a batch are none, or are not what was logged."""

    code: ClassVar[str] = "bad_batch"
    status_hint: ClassVar[int] = 422

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the batch was refused: {reason}", next_step="nothing of it was stored; send it again"
        )
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries after `after`, of which the first continues the chain value `previous`."""

    stream: StreamId
    lane: Lane
    after: int
    previous: bytes
    entries: tuple[Entry, ...]

    @property
    def last(self) -> int:
        """Return the number of the last entry."""
        return self.after + len(self.entries)

    @property
    def proof(self) -> bytes:
        """Return the chain value after the last entry."""
        return self.entries[-1].chain if self.entries else self.previous

    def part(self, start: int, end: int) -> "Batch":
        """Return the batch of some of the entries; what is `Proved` stays so."""
        cut = self.entries[start:end]
        if isinstance(self.entries, Proved):
            cut = self.entries.part(start, end)
        previous = self.entries[start - 1].chain if start else self.previous
        return Batch(self.stream, self.lane, self.after + start, previous, cut)


# Writing


def encode(batch: Batch) -> bytes:
    """Return the batch as bytes; equal batches give equal bytes before they are packed."""
    plain = encode_plain(batch)
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(plain)
    if len(packed) < len(plain):
        return bytes((PACKED,)) + packed
    return bytes((PLAIN,)) + plain


def encode_plain(batch: Batch) -> bytes:
    """Return head and tail, not packed."""
    out = Pieces()
    entries = batch.entries
    walls = [entry.hlc >> COUNTER_BITS for entry in entries]
    kinds: dict[bodies.Kind, int] = {}
    numbers, cells = [], []
    for entry in entries:
        kind, values = bodies.taken_apart(batch.stream, entry, whole=len(kinds) >= MOST_SHAPES)
        numbers.append(kinds.setdefault(kind, len(kinds)))
        cells.append(values)
    columns = [
        numbers,
        [entry.seq - entry.lane_seq for entry in entries],
        [entry.seq - entry.tx for entry in entries],
        walls,
        [entry.hlc & TICKS for entry in entries],
    ]
    nothing = [0] * len(entries)
    specs = [column_writer.encode(column, nothing, out) for column in columns]
    groups: list[Spec] = []
    for number, kind in enumerate(kinds):
        at = [place for place, own in enumerate(numbers) if own == number]
        of_kind, their_cells = [entries[place] for place in at], [cells[place] for place in at]
        their_walls = [walls[place] for place in at]
        groups.append(bodies.write_group(kind, of_kind, their_cells, their_walls, out))
    told = [*batch.stream, int(batch.lane), batch.after, len(entries), batch.previous, batch.proof]
    head = strict.dumps([*told, groups, *specs])
    return integers.pack((len(head),)) + head + out.joined()


# Reading


def decode(data: bytes, give_way: GiveWay = alone) -> Batch:
    """Return the batch, its chain worked out and `Proved`; raise `BadBatch` for anything else.

    Promise: the memory it takes is bounded, whatever the bytes are. `give_way` is called every few
    milliseconds.
    """
    try:
        return _decoded(_unpacked(data), give_way)
    except (Malformed, strict.BadCbor) as error:
        raise BadBatch(str(error)) from None


def _unpacked(data: bytes) -> bytes:
    kind, rest = data[:1], data[1:]
    if kind == bytes((PLAIN,)) and len(rest) <= LARGEST:
        return rest
    if kind != bytes((PACKED,)):
        raise Malformed("its version is unknown, or it is too large")
    try:
        size = zstandard.get_frame_parameters(rest).content_size
        if not 0 < size <= LARGEST:  # an unknown size reads as the largest number there is
            raise Malformed("it does not tell its size, or it is too large")
        return zstandard.ZstdDecompressor(max_window_size=LARGEST).decompress(
            rest, max_output_size=LARGEST, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise Malformed(f"it does not unpack: {error}") from None


def _decoded(plain: bytes, give_way: GiveWay) -> Batch:
    tail = Tail(plain)
    head = _head(strict.loads(tail.piece(LARGEST_HEAD)))
    count, stream = head["count"], StreamId(head["node"], head["epoch"])
    nothing = [0] * count
    kinds = _numbers(head["kinds"], nothing, tail, len(head["groups"]))
    offsets = _numbers(head["offsets"], nothing, tail, SEQ_LIMIT)
    places = _numbers(head["places"], nothing, tail, SEQ_LIMIT)
    walls = _numbers(head["walls"], nothing, tail, 1 << 47)
    ticks = _numbers(head["ticks"], nothing, tail, TICKS + 1)
    groups = []
    for number, told in enumerate(head["groups"]):
        moments = [wall for wall, kind in zip(walls, kinds, strict=True) if kind == number]
        give_way()
        groups.append(bodies.read_group(told, moments, tail))
    tail.end()
    rows = zip(kinds, offsets, places, walls, ticks, strict=True)
    entries = []
    for entry in _chained(head, stream, groups, rows):
        entries.append(entry)
        if not len(entries) % BREATH:
            give_way()
    batch = Batch(stream, Lane(head["lane"]), head["after"], head["previous"], Proved(entries))
    if batch.proof != head["proof"]:
        raise Malformed("its entries are not the ones that its proof is of")
    return batch


def _head(told: object) -> dict[str, Any]:
    if not isinstance(told, list) or len(told) != len(FIELDS):
        raise Malformed("its head is not made as we make it")
    for value, (name, kind, limit) in zip(told, FIELDS, strict=True):
        if type(value) is not kind or not _within(value, limit):
            raise Malformed(f"its {name} is out of range")
    return {name: value for value, (name, _, _) in zip(told, FIELDS, strict=True)}


def _within(value: Any, limit: int | None) -> bool:  # noqa: ANN401 - one of three types
    if limit is None:
        return True
    if isinstance(value, bytes):
        return len(value) == limit
    return 0 <= (value if isinstance(value, int) else len(value)) < limit


def _numbers(spec: object, nothing: Sequence[int], tail: Tail, limit: int) -> list[int]:
    found = column_reader.decode(spec, nothing, tail)
    if {*map(type, found)} - {int}:
        raise Malformed("numbers were expected")
    return integers.bounded(found, 0, limit)  # type: ignore[arg-type]


def _chained(
    head: dict[str, Any],
    stream: StreamId,
    groups: Sequence[tuple[bodies.Kind, Iterator[bodies.Group]]],
    rows: Iterator[tuple[int, int, int, int, int]],
) -> Iterator[Entry]:
    """Give the entries with all that was worked out; raise `Malformed` when they get too large."""
    chain = Chain(stream, Lane(head["lane"]), head["previous"])
    before = RowId(*stream, 0).blob[:STREAM_WIDTH]
    size = 0
    told = [
        ((kind.table, kind.op, kind.schema), bodies.OPS[kind.op], left) for kind, left in groups
    ]
    for lane_seq, (number, offset, place, wall, tick) in enumerate(rows, head["after"] + 1):
        kind, op, left = told[number]
        key, salt, body, bound = next(left)
        seq, hlc = lane_seq + offset, wall << COUNTER_BITS | tick
        if not place < seq < SEQ_LIMIT:
            raise Malformed("a number is out of range")
        key = key or before + seq.to_bytes(6, "big")
        bound = bound or commitment(salt, body)
        size += len(body or b"")
        if size > bodies.LARGEST_BODIES:
            raise Malformed("its bodies are too large")
        yield Entry(
            lane_seq, seq, seq - place, kind[0], op, key, kind[2], hlc, body, salt, bound,
            chain.grow(lane_seq, kind, key, hlc, bound),
        )  # fmt: skip
