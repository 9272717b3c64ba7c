"""Bytes to a column of values: the very values that were written, or `Malformed`.

Promise: exactly one value for each entry comes out, so the memory that a column takes is bounded by
the count and by the bytes that came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from appliance.store import values as body
from appliance.store.ids import EPOCH_LIMIT, NODE_LIMIT, SEQ_LIMIT, RowId, StreamId
from appliance.store.tables import Value
from sync import integers, strict
from sync.columns import MOST_CHOICES, MOST_STREAMS, Coding, Spec, Tail
from sync.integers import Malformed

STREAM_WIDTH: Final = 8


def decode(spec: object, moments: Sequence[int], tail: Tail) -> list[Value]:
    """Return one value for each of `moments`; raise `Malformed`."""
    if not isinstance(spec, list) or not spec or type(spec[0]) is not int:
        raise Malformed("a column has no coding")
    reader = DECODERS.get(spec[0])
    if reader is None or len(spec) != reader[0]:
        raise Malformed("a column has a coding that nobody knows")
    return reader[1](spec, moments, tail)


def _read_constant(spec: Spec, moments: Sequence[int], _tail: Tail) -> list[Value]:
    return [_scalar(spec[1])] * len(moments)


def _read_steps(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    return [*integers.bounded(integers.sums(_signed(tail, len(moments))))]


def _read_plain(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    return [*integers.bounded(_signed(tail, len(moments)))]


def _read_moments(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    offsets = _signed(tail, len(moments))
    return [*integers.bounded([a + b for a, b in zip(offsets, moments, strict=True)])]


def _read_choices(spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    count = spec[1]
    if type(count) is not int or not 0 <= count <= min(MOST_CHOICES, len(moments)):
        raise Malformed("a list of choices is too long")
    choices = decode(spec[2], [0] * count, tail)
    places = integers.bounded(integers.unpack(tail.piece(), len(moments)), 0, count)
    return [choices[place] for place in places]


def _read_texts(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    try:
        return [piece.decode() for piece in _cut(tail, len(moments))]
    except UnicodeDecodeError:
        raise Malformed("a text is no UTF-8") from None


def _read_blobs(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    return [*_cut(tail, len(moments))]


def _read_fixed(spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    width, joined = spec[1], tail.piece()
    if type(width) is not int or width < 0 or len(joined) != width * len(moments):
        raise Malformed("a column of one width has another")
    return [joined[width * place : width * (place + 1)] for place in range(len(moments))]


def _read_ids(spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    before = [RowId(*stream, 0).blob[:STREAM_WIDTH] for stream in _streams(spec[1])]
    return [
        before[place] + seq.to_bytes(6, "big") for place, seq in _row_ids(before, moments, tail)
    ]


def _read_id_texts(spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    before = [str(RowId(*stream, 0)).removesuffix("0") for stream in _streams(spec[1])]
    return [f"{before[place]}{seq}" for place, seq in _row_ids(before, moments, tail)]


def _row_ids(
    streams: Sequence[object], moments: Sequence[int], tail: Tail
) -> Iterable[tuple[int, int]]:
    """Return for each id the place of its stream and its number."""
    count = len(moments)
    places = integers.unpack(tail.piece(), count) if len(streams) > 1 else [0] * count
    integers.bounded(places, 0, len(streams))
    numbers = integers.sums(_signed(tail, count))
    return zip(places, integers.bounded(numbers, 0, SEQ_LIMIT), strict=True)


def _streams(told: object) -> list[StreamId]:
    """Read [[node, epoch], ...]."""
    if not isinstance(told, list) or len(told) > MOST_STREAMS:
        raise Malformed("streams are no list")
    for stream in told:
        if not isinstance(stream, list) or [*map(type, stream)] != [int, int]:
            raise Malformed("a stream is no pair of numbers")
        if not (0 <= stream[0] < NODE_LIMIT and 0 <= stream[1] < EPOCH_LIMIT):
            raise Malformed("a stream is out of range")
    return [StreamId(*stream) for stream in told]


def _signed(tail: Tail, count: int) -> list[int]:
    return integers.unfold(integers.unpack(tail.piece(), count))


def _scalar(value: object) -> Value:
    """Return the value if a body may hold it."""
    if value is None or isinstance(value, str | bytes | float):
        return value
    if type(value) is int and -integers.LIMIT <= value < integers.LIMIT:
        return value
    raise Malformed("a value is none that a row can hold")


def _cut(tail: Tail, count: int) -> list[bytes]:
    lengths, joined = integers.unpack(tail.piece(), count), tail.piece()
    ends = integers.sums(lengths)
    if (ends[-1] if ends else 0) != len(joined):
        raise Malformed("a column of texts has another length")
    return [joined[end - size : end] for end, size in zip(ends, lengths, strict=True)]


def _read_parted(spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    count, packed = len(moments), tail.piece()
    number = int.from_bytes(packed, "little")
    if len(packed) != (count + 7) // 8 or number >> count:
        raise Malformed("the bits of a column have another length")
    marks = f"{number:0{count}b}"[::-1] if count else ""
    halves = []
    for mark, half in (("1", spec[1]), ("0", spec[2])):
        own = [moment for moment, bit in zip(moments, marks, strict=True) if bit == mark]
        halves.append(iter(decode(half, own, tail)))
    first, second = halves
    return [next(first) if bit == "1" else next(second) for bit in marks]


def _read_mixed(_spec: Spec, moments: Sequence[int], tail: Tail) -> list[Value]:
    piece = tail.piece()
    try:
        found = strict.loads(piece, encoded=_written_mixed)
    except strict.BadCbor as error:
        raise Malformed(error.cause) from None
    if not isinstance(found, list) or len(found) != len(moments):
        raise Malformed("a mixed column has another length")
    return [_scalar(value) for value in found]


def _written_mixed(found: object) -> bytes:
    """Return how a column of these values is written; nothing that is no column is."""
    return body.encode_row(found) if isinstance(found, list) else b""


DECODERS: Final[
    Mapping[int, tuple[int, Callable[[Spec, Sequence[int], Tail], list[Value]]]]
] = {  # length of the spec, and who reads it
    Coding.CONSTANT: (2, _read_constant),
    Coding.STEPS: (1, _read_steps),
    Coding.PLAIN: (1, _read_plain),
    Coding.MOMENTS: (1, _read_moments),
    Coding.CHOICES: (3, _read_choices),
    Coding.TEXTS: (1, _read_texts),
    Coding.BLOBS: (1, _read_blobs),
    Coding.FIXED: (2, _read_fixed),
    Coding.IDS: (2, _read_ids),
    Coding.ID_TEXTS: (2, _read_id_texts),
    Coding.PARTED: (3, _read_parted),
    Coding.MIXED: (1, _read_mixed),
}
