"""A row's id: the node, the epoch of its file's owner, and the log entry that gave birth to it.

One value everywhere: 14 bytes in the database and on the wire, `s03-07f3a9m2xq-1042` in URLs and
JSON. It is never given twice: each start of an owner opens a new random epoch, so a restored or
cloned file cannot issue an old id again.
"""

import functools
import re
from typing import ClassVar, Final, NamedTuple, Self

from appliance.errors import VuzolError

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
DIGITS: Final = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""Its characters as those that `int` knows base 32 by."""

EPOCH_CHARACTERS: Final = 10
NODE_LIMIT: Final = 1 << 16
EPOCH_LIMIT: Final = 1 << 48
SEQ_LIMIT: Final = 1 << 48
LENGTH: Final = 14
WRITTEN: Final = re.compile(
    rf"s(0[0-9]|[1-9][0-9]{{1,4}})-([{ALPHABET}]{{{EPOCH_CHARACTERS}}})-([1-9][0-9]{{0,14}})"
)


class BadId(VuzolError):
    """A text that was given for a row's id is not one."""

    code: ClassVar[str] = "bad_id"
    status_hint: ClassVar[int] = 404

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:80]!r} is no id", next_step="an id looks like s03-07f3a9m2xq-42")


class StreamId(NamedTuple):
    """Whose log, and which of its starts: (node, epoch)."""

    node: int
    epoch: int

    def __str__(self) -> str:
        return f"{node_name(self.node)}.{epoch_name(self.epoch)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote; raise `BadId` for anything else."""
        node, dot, epoch = text.partition(".")
        parsed = RowId.parse(f"{node}-{epoch}-1") if dot else None
        if parsed is None:
            raise BadId(text)
        return cls(parsed.node, parsed.epoch)


class RowId(NamedTuple):
    """(node, epoch, seq): sorts by birth within one stream."""

    node: int
    epoch: int
    seq: int

    @property
    def blob(self) -> bytes:
        """Return the 14 bytes that stand in the database and on the wire."""
        return (self.node << 96 | self.epoch << 48 | self.seq).to_bytes(LENGTH, "big")

    @property
    def stream(self) -> StreamId:
        """Return the stream that the row was born in."""
        return StreamId(self.node, self.epoch)

    @classmethod
    def of(cls, blob: bytes) -> Self:
        """Read the 14 bytes; raise `BadId` for any other length."""
        if len(blob) != LENGTH:
            raise BadId(blob.hex())
        return cls(
            int.from_bytes(blob[:2], "big"),
            int.from_bytes(blob[2:8], "big"),
            int.from_bytes(blob[8:], "big"),
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote; raise `BadId` for anything else."""
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise BadId(text)
        epoch = int(found[2].translate(DIGITS), 32)
        node, seq = int(found[1]), int(found[3])
        if node >= NODE_LIMIT or epoch >= EPOCH_LIMIT or seq >= SEQ_LIMIT:
            raise BadId(text)
        return cls(node, epoch, seq)

    def __str__(self) -> str:
        return f"{node_name(self.node)}-{epoch_name(self.epoch)}-{self.seq}"


def node_name(node: int) -> str:
    """Return how a node is written for people: s03."""
    return f"s{node:02}"


@functools.lru_cache(maxsize=256)  # a node has written all its rows of today in one epoch
def epoch_name(epoch: int) -> str:
    """Return an epoch as ten characters of base 32."""
    return "".join(ALPHABET[epoch >> shift & 31] for shift in range(45, -1, -5))
