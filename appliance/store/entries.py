"""Log entries as values, and the hash chain over them.

Chain link = H(previous | stream | lane | lane_seq | table | op | key | hlc | schema | c) with
c = H(salt | body). The link binds c, not the body, so a body can be erased and the chain still
verifies. H is BLAKE2b (RFC 7693) with 16 bytes.
"""

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import cbor2

from appliance.store.ids import StreamId
from appliance.store.tables import Lane

DIGEST: Final = 16
GENESIS: Final = bytes(DIGEST)
"""The chain value before the first entry of a lane."""


class Op(IntEnum):
    """What an entry did to its row. The number is the one on the wire."""

    INSERT = 1  # body: array of the schema's columns in declared order
    UPDATE = 2  # body: map of column index to new value
    DELETE = 3  # no body
    ERASE = 4  # body: array of the erased rows' ids; never their values


class Entry(NamedTuple):
    """One change of one row, as it stands in a log, on the wire and in an inbox.

    A tuple, because a backlog is a hundred thousand of them: a frozen dataclass takes seven times
    as long to make.
    """

    lane_seq: int
    seq: int  # place in the whole stream; the id of an inserted row is (stream, seq)
    tx: int  # seq of the first entry of its transaction
    table: str
    op: Op
    key: bytes  # the row's id, 14 bytes
    schema: int
    hlc: int
    body: bytes | None  # deterministic CBOR (RFC 8949, section 4.2); None once erased or for DELETE
    salt: bytes | None  # 16 random bytes for tables marked `personal`
    commitment: bytes
    chain: bytes


class Proved(tuple[Entry, ...]):
    """Entries that follow each other, each with the chain value that follows from the one before.

    Promise of whoever makes one: every commitment and every chain value but the first's was worked
    out here, not believed. `sync.wire.decode` does so from bytes, `inbox.append` by looking. What
    the first one continues is for the reader of a `Proved` to check: `link` binds stream and lane.
    """

    __slots__ = ()

    def part(self, start: int, end: int | None = None) -> "Proved":
        """Return some of them that stand together: they are as proved as all are."""
        return Proved(self[start:end])


def commitment(salt: bytes | None, body: bytes | None) -> bytes:
    """Return c = H(salt | body)."""
    return hashlib.blake2b((salt or b"") + (body or b""), digest_size=DIGEST).digest()


def chained(previous: bytes, told: Sequence[object]) -> bytes:
    """Return the chain value after what `told` names, in the order that `link` gives it."""
    return hashlib.blake2b(previous + cbor2.dumps(list(told)), digest_size=DIGEST).digest()


def link(previous: bytes, stream: StreamId, lane: Lane, entry: Entry) -> bytes:
    """Return the chain value after `entry`; its own `chain` field is not looked at."""
    return Chain(stream, lane, previous).after(entry)


class Chain:
    """The chain of one lane of one stream as it grows; what all its entries say is written once.

    The bytes are those of `chained`: a property test holds the two together.
    """

    def __init__(self, stream: StreamId, lane: Lane, value: bytes) -> None:
        """Begin after the entry whose chain value is given."""
        self._begins = _ARRAY_OF_TEN + b"".join(map(_number, (*stream, int(lane))))
        self._kinds: dict[tuple[str, int, int], tuple[bytes, bytes]] = {}
        self.value = value

    def after(self, entry: Entry) -> bytes:
        """Grow by an entry and return the value then; its own `chain` field is not looked at."""
        lane_seq, _, _, table, op, key, schema, hlc, _, _, bound, _ = entry
        return self.grow(lane_seq, (table, int(op), schema), key, hlc, bound)

    def grow(
        self, lane_seq: int, kind: tuple[str, int, int], key: bytes, hlc: int, bound: bytes
    ) -> bytes:
        """Grow by an entry of a kind, which is its table, op and schema; return the value then."""
        said = self._kinds.get(kind)
        if said is None:
            table, op, schema = kind
            said = self._kinds[kind] = cbor2.dumps(table) + _number(op), _number(schema)
        told = (
            self.value, self._begins, _number(lane_seq), said[0], _bytes(key), _number(hlc),
            said[1], _bytes(bound),
        )  # fmt: skip
        self.value = hashlib.blake2b(b"".join(told), digest_size=DIGEST).digest()
        return self.value


_ARRAY_OF_TEN: Final = b"\x8a"
_WIDE: Final = 1 << 32
_NARROW: Final = 24
_BYTES: Final = tuple(bytes((0x40 + size,)) for size in range(_NARROW))


def _number(value: int) -> bytes:
    """Return a number as deterministic CBOR; the two widths that nearly all have go first."""
    if value >= _WIDE:
        return b"\x1b" + value.to_bytes(8, "big")
    if 0x100 <= value < 0x10000:  # noqa: PLR2004 - two bytes
        return b"\x19" + value.to_bytes(2, "big")
    return cbor2.dumps(int(value))


def _bytes(value: bytes) -> bytes:
    size = len(value)
    return _BYTES[size] + value if size < _NARROW else cbor2.dumps(value)
