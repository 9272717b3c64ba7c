"""The codings of one column of values, and the bytes behind the head of a batch.

A coded column is a `spec` (plain CBOR that stands in the head of the batch) and bytes that stand in
its tail. Values are what a body may hold: integers of 64 bits, texts, bytes, null, float. Which
coding is taken follows from the values alone, so equal rows give equal bytes.

`column_writer` chooses and writes, `column_reader` reads.
"""

from enum import IntEnum
from typing import Any, Final

from sync import integers
from sync.integers import Malformed


class Coding(IntEnum):
    """How a column is written. The number is the one on the wire, first in the spec."""

    CONSTANT = 0  # [0, value]: nothing in the tail
    STEPS = 1  # [1]: each integer less the one before
    PLAIN = 2  # [2]: each integer as it is
    MOMENTS = 3  # [3]: each integer less the wall time of its entry's clock
    CHOICES = 4  # [4, count, spec]: a column of the choices, then the place of each value in it
    TEXTS = 5  # [5]: lengths, then UTF-8
    BLOBS = 6  # [6]: lengths, then bytes
    FIXED = 7  # [7, width]: bytes of one width
    IDS = 8  # [8, [[node, epoch]]]: ids, by stream and number
    ID_TEXTS = 9  # [9, [[node, epoch]]]: ids in their text form
    PARTED = 10  # [10, spec, spec]: a bit for each value says which spec holds it
    MIXED = 11  # [11]: one CBOR array, floats of 64 bits


Spec = list[Any]
MOST_CHOICES: Final = 1 << 12
MOST_STREAMS: Final = 64
LENGTH_SHIFT: Final = 28  # a length takes five bytes at most


class Tail:
    """The bytes behind the head, read piece by piece; each piece is preceded by its length."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def piece(self, most: int = 1 << 30) -> bytes:
        """Return the next piece; raise `Malformed` when it is not whole or larger than `most`."""
        size = shift = 0
        while True:
            if self._at >= len(self._data) or shift > LENGTH_SHIFT:
                raise Malformed("the tail is cut")
            byte = self._data[self._at]
            self._at += 1
            size |= (byte & integers.SEVEN) << shift
            shift += 7
            if byte < integers.CONTINUES:
                break
        piece = self._data[self._at : self._at + size]
        if len(piece) != size or size > most:
            raise Malformed("the tail is cut")
        self._at += size
        return piece

    def end(self) -> None:
        """Raise `Malformed` unless all was read."""
        if self._at != len(self._data):
            raise Malformed("bytes are left over")


class Pieces:
    """The tail of a batch while it is written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Append one piece with its length."""
        self._parts += (integers.pack((len(piece),)), piece)

    def joined(self) -> bytes:
        """Return all pieces."""
        return b"".join(self._parts)
