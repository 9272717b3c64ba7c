"""A bundle: what a stick carries between a node and its centre, as files that stand alone.

    magic      8 bytes
    head       its length in two bytes, then deterministic CBOR: who to whom, which part of what
    sealed     a sealed box of the recipient's key: the SHA-256 of the head, then the pieces
    signature  of the sender, over everything before it
    check      BLAKE2b of everything before it: whoever carries the file can tell that it is whole

Promise: whoever finds the stick learns two node numbers and a size. A file of which one bit is not
as it was written is refused whole, and so is one that another node has signed or was meant for.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from appliance.errors import VuzolError
from appliance.store.ids import NODE_LIMIT, node_name
from sync import strict

MAGIC: Final = b"VUZOLVZB"
VERSION: Final = 1
DOMAIN: Final = "vuzol bundle 1"
SIGNATURE: Final = 64
CHECK: Final = 16
HASH: Final = 32
ID_BYTES: Final = 6
LENGTH: Final = 4
"""Bytes in which a piece tells how long it is."""

LONGEST_HEAD: Final = 400
PART_BYTES: Final = 4 << 20
"""Pieces that one file holds, about: far below what FAT32 takes, and little to have in memory."""

LARGEST_FILE: Final = 32 << 20
"""A larger file is none of ours: one piece may be as large as a batch."""

MOST_PARTS: Final = 1000
SUFFIX: Final = ".vzb"
HALF: Final = ".tmp"
SHAPE: Final = (int, int, str, int, int, bytes, int, int)
NAME: Final = re.compile(
    r"vuzol-(s[0-9]{2,5})-to-(s[0-9]{2,5})-[0-9a-f]{12}-[0-9]{3}\.(?:vzb|tmp)", re.IGNORECASE
)


class BadBundle(VuzolError):
    """A file that came as a bundle is none, or is not what was written."""

    code: ClassVar[str] = "bad_bundle"
    status_hint: ClassVar[int] = 422

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the bundle is damaged or forged: {reason}",
            next_step="nothing of it was taken; write it again where it comes from",
        )
        self.reason = reason


class ForeignBundle(VuzolError):
    """A bundle is whole, as far as can be seen, and meant for another node."""

    code: ClassVar[str] = "foreign_bundle"
    status_hint: ClassVar[int] = 409

    def __init__(self, head: "Head") -> None:
        super().__init__(
            f"the bundle goes to {node_name(head.recipient)} of {head.hromada}",
            next_step="carry it there; it was left as it is",
        )


class Kind(IntEnum):
    """Which way a bundle goes. The number is the one in the file."""

    ROWS = 1  # a node's rows, and what it asks
    ANSWER = 2  # the centre's word on them, and its own rows


KINDS: Final = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says of itself to everybody."""

    kind: Kind
    hromada: str
    sender: int
    recipient: int
    bundle: bytes  # drawn at random; all parts have the same
    part: int  # from 1
    last: bool

    @property
    def name(self) -> str:
        """Return the name of the file: small letters and digits, as every file system takes."""
        return f"{prefix(self.sender, self.recipient)}{self.bundle.hex()}-{self.part:03}{SUFFIX}"

    def written(self) -> bytes:
        """Return the head as bytes."""
        ends = [self.hromada, self.sender, self.recipient]
        told = [VERSION, int(self.kind), *ends, self.bundle, self.part, int(self.last)]
        return strict.dumps(told)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file as it came: nobody has looked at its signature or into it yet."""

    head: Head
    box: bytes
    signature: bytes
    signed: bytes  # the bytes that the signature covers

    def opened(self, sender: VerifyKey, own: SigningKey) -> tuple[bytes, ...]:
        """Return the pieces, if `sender` has signed them for `own`; raise `BadBundle` if not."""
        try:
            sender.verify(self.signed, self.signature)
        except (BadSignatureError, ValueError):
            raise BadBundle("it is not as its sender has signed it") from None
        try:
            plain = SealedBox(own.to_curve25519_private_key()).decrypt(self.box)
        except (CryptoError, ValueError, TypeError):
            raise BadBundle("it was sealed to another key") from None
        if plain[:HASH] != hashlib.sha256(self.head.written()).digest():
            raise BadBundle("what is in it belongs to another file")
        return tuple(_pieces(plain[HASH:]))


def prefix(sender: int, recipient: int | None = None) -> str:
    """Return how the names of all files begin that a node writes, to all or to one."""
    return f"vuzol-{node_name(sender)}-to-" + (f"{node_name(recipient)}-" if recipient else "")


def is_name(name: str) -> bool:
    """Tell whether a file is named as ours are: whole, or left half written."""
    return NAME.fullmatch(name) is not None


def seal(head: Head, pieces: Iterable[bytes], *, key: SigningKey, recipient: VerifyKey) -> bytes:
    """Return the whole file."""
    written = head.written()
    told = b"".join(len(piece).to_bytes(LENGTH, "big") + piece for piece in pieces)
    plain = hashlib.sha256(written).digest() + told
    box = SealedBox(recipient.to_curve25519_public_key()).encrypt(plain)
    data = MAGIC + len(written).to_bytes(2, "big") + written + box
    data += key.sign(_signed(data)).signature
    return data + _check(data)


def read(data: bytes) -> Sealed:
    """Return the parts of a file, none of them believed yet; raise `BadBundle` if it is none."""
    start = len(MAGIC) + 2
    data, check = data[:-CHECK], data[-CHECK:]
    if data[: len(MAGIC)] != MAGIC or not start <= len(data) <= LARGEST_FILE:
        raise BadBundle("it does not begin as a bundle does, or is too large")
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if check != _check(data) or end > start + LONGEST_HEAD or len(data) < end + SIGNATURE:
        raise BadBundle("it is cut, or bytes of it have changed")
    signed = _signed(data[:-SIGNATURE])
    return Sealed(_head(data[start:end]), data[end:-SIGNATURE], data[-SIGNATURE:], signed)


def parts(pieces: Iterable[bytes], size: int = PART_BYTES) -> Iterator[tuple[list[bytes], bool]]:
    """Cut pieces into files of about `size` bytes: give those of each file, and whether it is last.

    A bundle has one file at least, and a piece is never cut.
    """
    held: list[bytes] = []
    weight = 0
    for piece in pieces:
        if held and weight + len(piece) > size:
            yield held, False
            held, weight = [], 0
        held.append(piece)
        weight += LENGTH + len(piece)
    yield held, True


def _check(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECK).digest()


def _signed(data: bytes) -> bytes:
    return strict.dumps([DOMAIN, hashlib.sha256(data).digest()])


def _head(data: bytes) -> Head:
    try:
        told: Any = strict.loads(data)
    except strict.BadCbor as error:
        raise BadBundle(error.cause) from None
    if not isinstance(told, list) or [*map(type, told)] != [*SHAPE]:
        raise BadBundle("its head is not made as we make it")
    version, kind, hromada, sender, recipient, bundle, part, last = told
    if version != VERSION or kind not in KINDS:
        raise BadBundle("it is of another version; update the older side")
    if not _in_range(told[3:]):
        raise BadBundle("its head is out of range")
    return Head(KINDS[kind], hromada, sender, recipient, bundle, part, bool(last))


def _in_range(told: Sequence[Any]) -> bool:
    sender, recipient, bundle, part, last = told
    ends = 0 < sender < NODE_LIMIT and 0 < recipient < NODE_LIMIT
    return ends and len(bundle) == ID_BYTES and 0 < part <= MOST_PARTS and last in (0, 1)


def _pieces(plain: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(plain):
        end = at + LENGTH + int.from_bytes(plain[at : at + LENGTH], "big")
        if end > len(plain):
            raise BadBundle("a piece of it is cut")
        yield plain[at + LENGTH : end]
        at = end
