"""Log entries as values, and the hash chain over them.

Chain link = H(previous | stream | lane | lane_seq | table | op | key | hlc | schema | c) with
c = H(salt | body). The link binds c, not the body, so a body can be erased and the chain still
verifies. H is BLAKE2b (RFC 7693) with 16 bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one row, as it stands in a log, on the wire and in an inbox."""

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


def commitment(salt: bytes | None, body: bytes | None) -> bytes:
    """Return c = H(salt | body)."""
    return hashlib.blake2b((salt or b"") + (body or b""), digest_size=DIGEST).digest()


def chained(previous: bytes, told: Sequence[object]) -> bytes:
    """Return the chain value after what `told` names, in the order that `link` gives it."""
    return hashlib.blake2b(previous + cbor2.dumps(list(told)), digest_size=DIGEST).digest()


def link(previous: bytes, stream: StreamId, lane: Lane, entry: Entry) -> bytes:
    """Return the chain value after `entry`; its own `chain` field is not looked at."""
    return chained(
        previous,
        (
            stream.node,
            stream.epoch,
            int(lane),
            entry.lane_seq,
            entry.table,
            int(entry.op),
            entry.key,
            entry.hlc,
            entry.schema,
            entry.commitment,
        ),
    )
