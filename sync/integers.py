"""Runs of whole numbers as bytes: LEB128 with the sign folded in.

`pack` writes seven bits a byte, the least significant first, the high bit set on all but the last
byte of a number. A signed number n is first folded: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import sub
from typing import Final

CONTINUES: Final = 0x80
SEVEN: Final = 0x7F
WIDEST_SHIFT: Final = 63
LIMIT: Final = 1 << 63
WIDTHS: Final = tuple(max(1, -(-bits // 7)) for bits in range(2 * WIDEST_SHIFT))
"""How many bytes a number of so many bits takes."""


class Malformed(ValueError):
    """A run of numbers does not read back; the codec turns it into an error of its own."""


def pack(numbers: Iterable[int]) -> bytes:
    """Return the numbers, none of them negative, one after another."""
    try:
        run = bytes(numbers := list(numbers))
    except ValueError:
        return _pack_wide(numbers)
    return run if not run or max(run) < CONTINUES else _pack_wide(run)


def _pack_wide(numbers: Iterable[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        while number >= CONTINUES:
            out.append(number & SEVEN | CONTINUES)
            number >>= 7  # noqa: PLW2901 - what is left to write
        out.append(number)
    return bytes(out)


def packed_size(numbers: Iterable[int]) -> int:
    """Return how many bytes `pack` would make of the numbers."""
    return sum(map(WIDTHS.__getitem__, map(int.bit_length, numbers)))


def unpack(data: bytes, count: int) -> list[int]:
    """Return exactly `count` numbers that fill `data`; raise `Malformed` for anything else."""
    if len(data) < count:
        raise Malformed("a run of numbers is cut")
    if len(data) == count:
        if data and max(data) >= CONTINUES:
            raise Malformed("a run of numbers is cut")
        return list(data)
    return _unpack_wide(data, count)


def _unpack_wide(data: bytes, count: int) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in data:
        if byte < CONTINUES:
            if not byte and shift:
                raise Malformed("a number is longer than it has to be")
            numbers.append(number | byte << shift)
            number = shift = 0
        else:
            number |= (byte & SEVEN) << shift
            shift += 7
            if shift > WIDEST_SHIFT:
                raise Malformed("a number is too wide")
    if shift or len(numbers) != count:
        raise Malformed("a run of numbers has another length")
    return numbers


def fold(numbers: Iterable[int]) -> list[int]:
    """Return signed numbers as ones that are not negative, small staying small."""
    return [number << 1 if number >= 0 else ~number << 1 | 1 for number in numbers]


def unfold(numbers: Iterable[int]) -> list[int]:
    """Undo `fold`."""
    return [number >> 1 ^ -(number & 1) for number in numbers]


def steps(numbers: Sequence[int]) -> list[int]:
    """Return each number less the one before it, the first less zero."""
    return list(map(sub, numbers, [0, *numbers[:-1]]))


def sums(steps_: Iterable[int]) -> list[int]:
    """Undo `steps`."""
    return list(accumulate(steps_))


def bounded(numbers: list[int], low: int = -LIMIT, high: int = LIMIT) -> list[int]:
    """Return the numbers if all lie in low <= n < high; raise `Malformed` if not."""
    if numbers and not (low <= min(numbers) and max(numbers) < high):
        raise Malformed("a number is out of range")
    return numbers
