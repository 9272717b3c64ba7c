"""Entries of one kind as columns: those that share table, op, schema and shape of body.

A body is taken apart only if putting it together again gives the very same bytes; any other body
travels as it is. So commitments and chain values come out the same at the other end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from appliance.store import values as body
from appliance.store.entries import DIGEST, Entry, Op
from appliance.store.ids import LENGTH, RowId, StreamId
from appliance.store.tables import Value
from sync.column_reader import decode
from sync.column_writer import encode
from sync.columns import Pieces, Spec, Tail
from sync.integers import LIMIT, Malformed

MOST_COLUMNS: Final = 128
LARGEST_BODIES: Final = 8 << 20
"""Bytes that the bodies of one batch may have together."""

SALT: Final = 16
LONGEST_NAME: Final = 128
LATEST_SCHEMA: Final = 1 << 31
OPS: Final = {int(op): op for op in Op}


class Form(IntEnum):
    """How the bodies of a group are written. The number is the one on the wire."""

    ROW = 0  # arrays: a column for each place
    CHANGES = 1  # maps with the same keys: a column for each key
    OPAQUE = 2  # one column of the bodies themselves, null where there is none
    ERASED = 3  # no body any more: one column of commitments


class Kind(NamedTuple):
    """What the entries of a group have in common."""

    table: str
    op: int
    schema: int
    own: int  # 1: the key is the id that (stream, seq) gives
    form: int
    shape: tuple[int, ...]  # the keys of CHANGES; the number of columns of ROW


Group = tuple[bytes | None, bytes | None, bytes | None, bytes | None]
"""What is known of one entry before its place in the lane is: key, None if it is its own; salt;
body; commitment, None if it is to be worked out from salt and body."""


# Writing


def taken_apart(
    stream: StreamId, entry: Entry, *, whole: bool = False
) -> tuple[Kind, tuple[Value, ...]]:
    """Return the kind of an entry and the values of its columns; `whole`: leave its body whole."""
    form, shape, cells = _form(entry, whole=whole)
    own = entry.key == RowId(*stream, entry.seq).blob
    return Kind(entry.table, int(entry.op), entry.schema, int(own), int(form), shape), cells


def _form(entry: Entry, *, whole: bool) -> tuple[Form, tuple[int, ...], tuple[Value, ...]]:
    if entry.body is None and entry.op in (Op.INSERT, Op.UPDATE):
        return Form.ERASED, (), (entry.commitment,)
    if whole or entry.body is None:
        return Form.OPAQUE, (), (entry.body,)
    if entry.op is Op.INSERT:
        row = _same(entry.body, body.decode_row, body.encode_row)
        if row is not None and len(row) <= MOST_COLUMNS:
            return Form.ROW, (len(row),), tuple(row)
    if entry.op is Op.UPDATE:
        changes = _same(entry.body, body.decode_changes, body.encode_changes)
        if changes is not None and len(changes) <= MOST_COLUMNS:
            return Form.CHANGES, tuple(changes), tuple(changes.values())
    return Form.OPAQUE, (), (entry.body,)


def _same(told: bytes, decoded: Callable[[bytes], Any], encoded: Callable[[Any], bytes]) -> Any:  # noqa: ANN401
    """Return the decoded body if its numbers fit a column and encoding gives it back, else None."""
    try:
        found = decoded(told)
    except body.WrongBody:
        return None
    values = [*found, *found.values()] if isinstance(found, dict) else found
    if any(type(value) is int and not -LIMIT <= value < LIMIT for value in values):
        return None
    return found if encoded(found) == told else None


def write_group(
    kind: Kind,
    entries: Sequence[Entry],
    cells: Sequence[Sequence[Value]],
    moments: Sequence[int],
    out: Pieces,
) -> Spec:
    """Write the columns of a group and return its head."""
    keys = None if kind.own else encode([entry.key for entry in entries], moments, out)
    salts = encode([entry.salt for entry in entries], moments, out)
    columns = [encode(column, moments, out) for column in zip(*cells, strict=True)]
    return [*kind[:-1], list(kind.shape), keys, salts, columns]


# Reading


def read_group(told: object, moments: Sequence[int], tail: Tail) -> tuple[Kind, Iterator[Group]]:
    """Return the kind of a group and its entries, one for each moment; raise `Malformed`."""
    if not isinstance(told, list) or len(told) != 9 or not isinstance(told[8], list):  # noqa: PLR2004
        raise Malformed("a group is not made as we make it")
    kind = _kind(told)
    keys: Sequence[Value] = [None] * len(moments)
    if not kind.own:
        keys = decode(told[6], moments, tail)
        _check(keys, LENGTH)
    salts = decode(told[7], moments, tail)
    _check([salt for salt in salts if salt is not None], SALT)
    columns = [decode(spec, moments, tail) for spec in told[8]]
    # Bodies are made one by one as they are asked for: a constant can stand for a great many bytes.
    bodies, commitments = READERS[Form(kind.form)](kind, columns, len(moments))
    return kind, zip(keys, salts, bodies, commitments, strict=True)  # type: ignore[arg-type]


def _kind(told: Sequence[Any]) -> Kind:
    types = [*map(type, told[:6])]
    if types != [str, int, int, int, int, list] or {*map(type, told[5])} - {int}:
        raise Malformed("a group is not made as we make it")
    table, op, schema, own, form, shape = told[:6]
    kind = Kind(table, op, schema, own, form, tuple(shape))
    if kind.op not in OPS or kind.own not in (0, 1) or kind.form not in (*Form,):
        raise Malformed("a group is of a kind that nobody knows")
    if len(table) > LONGEST_NAME or not 0 <= schema < LATEST_SCHEMA:
        raise Malformed("a group's table or schema is out of range")
    if len(told[8]) != _width(kind) or len(told[8]) > MOST_COLUMNS:
        raise Malformed("a group has another number of columns")
    return kind


def _width(kind: Kind) -> int:
    if kind.form == Form.ROW:
        return kind.shape[0] if len(kind.shape) == 1 else -1
    if kind.form == Form.CHANGES:
        return len(kind.shape)
    return 1 if not kind.shape else -1


Parts = tuple[Iterable[bytes | None], Iterable[bytes | None]]
"""Bodies and commitments of a group, one of each for an entry."""


def _read_rows(_kind: Kind, columns: Sequence[Sequence[Value]], count: int) -> Parts:
    rows: Iterable[tuple[Value, ...]] = zip(*columns, strict=True) if columns else [()] * count
    return map(body.encode_row, rows), [None] * count


def _read_changes(kind: Kind, columns: Sequence[Sequence[Value]], count: int) -> Parts:
    rows: Iterable[tuple[Value, ...]] = zip(*columns, strict=True) if columns else [()] * count
    told = (body.encode_changes(dict(zip(kind.shape, row, strict=True))) for row in rows)
    return told, [None] * count


def _read_opaque(_kind: Kind, columns: Sequence[Sequence[Value]], count: int) -> Parts:
    _check([value for value in columns[0] if value is not None])
    return columns[0], [None] * count  # type: ignore[return-value]


def _read_erased(_kind: Kind, columns: Sequence[Sequence[Value]], count: int) -> Parts:
    _check(columns[0], DIGEST)
    return [None] * count, columns[0]  # type: ignore[return-value]


READERS: Final[Mapping[Form, Callable[[Kind, Sequence[Sequence[Value]], int], Parts]]] = {
    Form.ROW: _read_rows,
    Form.CHANGES: _read_changes,
    Form.OPAQUE: _read_opaque,
    Form.ERASED: _read_erased,
}


def _check(values: Sequence[Value], length: int | None = None) -> None:
    """Raise `Malformed` unless all are bytes, of the length if one is given."""
    if not all(type(value) is bytes for value in values):
        raise Malformed("bytes were expected")
    if length is not None and any(len(value) != length for value in values):  # type: ignore[arg-type]
        raise Malformed("bytes of another length were expected")
