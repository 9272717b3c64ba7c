"""What both ends of the stick have in common: what goes out, what was taken, and who does it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from nacl.signing import SigningKey, VerifyKey

from sync.bundles import Kind, Sealed

Tell = Callable[[int], None]
"""Is told how many rows more are packed; it may raise to break off."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One bundle that is to be written."""

    recipient: int
    key: VerifyKey  # it is sealed to this one
    rows: int
    pieces: Callable[[Tell], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of reading bundles."""

    rows: int = 0  # new here
    acks: int = 0  # lanes of which the centre has told how far it is
    pages: int = 0  # of the centre's rows, taken
    late: int = 0  # acks and pages that came after newer ones, or answer another question

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.rows + other.rows,
            self.acks + other.acks,
            self.pages + other.pages,
            self.late + other.late,
        )


NOTHING: Final = Taken()


class Cargo(Protocol):
    """What one end puts into bundles and takes out of them."""

    @property
    def kind(self) -> Kind:
        """Return which way its bundles go."""

    @property
    def hromada(self) -> str:
        """Return the hromada that both ends are of."""

    @property
    def number(self) -> int:
        """Return the node that writes."""

    @property
    def key(self) -> SigningKey:
        """Return the key that it signs with."""

    def outgoing(self) -> Iterator[Outgoing]:
        """Give what is to be written now."""

    def take(self, sealed: Sealed) -> Taken:
        """Take in what a file holds; twice is as good as once."""
