"""The hash chain over the audit trail: each link binds a row to all rows before it.

A stream (one start of one node) has a chain of its own. The link is not sent: both ends fold the
rows that they have with this code, so it costs nothing on the wire and agrees at both ends.
"""

import hashlib
from typing import Final

import cbor2

from appliance.store.ids import LENGTH
from appliance.store.tables import Row

DIGEST: Final = 16
STREAM_LENGTH: Final = 8
COLUMNS: Final = ("actor", "action", "subject", "facts", "at")


def stream_key(row: bytes) -> bytes:
    """Return node and epoch of the stream that the row of this id was born in."""
    return row[:STREAM_LENGTH]


def genesis(stream: bytes) -> bytes:
    """Return the chain's value before the first row of a stream."""
    return hashlib.blake2b(stream, digest_size=DIGEST, person=b"vuzol.audit").digest()


def told(row: Row) -> bytes:
    """Return what a row says, as the chain binds it: deterministic CBOR (RFC 8949)."""
    return cbor2.dumps(
        [bytes(row["id"])[:LENGTH], *(row[name] for name in COLUMNS)], canonical=True
    )


def link(previous: bytes, said: bytes) -> bytes:
    """Return the chain's value after a row."""
    return hashlib.blake2b(previous + said, digest_size=DIGEST).digest()
