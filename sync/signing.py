"""Who speaks: Ed25519 signatures over every request and every reply.

A request is signed over method, path, hromada, sender, recipient, the centre's epoch it knows, the
SHA-256 of its body and a nonce; all of that stands in the path and in one header, so a receiver
knows who asks before it reads the body. A reply is signed over the hash of what the request signed,
its own status and body, so it fits one request only. No rule here looks at a clock.

    POST /sync/v1/tykhovody/s03.07f3a9m2xq/tickets/1042-1060
    Authorization: Vuzol <base64 of deterministic CBOR>
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from appliance.errors import VuzolError
from appliance.store.ids import BadId, StreamId
from appliance.store.tables import Lane
from sync import strict

SCHEME: Final = "Vuzol "
METHOD: Final = "POST"
VERSION: Final = 1
REQUEST_DOMAIN: Final = "vuzol request 1"
REPLY_DOMAIN: Final = "vuzol reply 1"
SIGNATURE: Final = 64
LONGEST_HEADER: Final = 400
LANES: Final = {lane.label: lane for lane in Lane}
SHAPE: Final = (int, int, int, int, int, int, bytes, bytes)
PATH: Final = re.compile(
    r"/sync/v1/([a-z0-9-]{1,64})/(s[0-9]{2,5}\.[0-9a-z]{10})/([a-z]{1,16})/([0-9]{1,15})-([0-9]{1,15})"
)


class Unsigned(VuzolError):
    """A request or a reply does not carry the signature of who should have sent it."""

    code: ClassVar[str] = "unsigned"
    status_hint: ClassVar[int] = 401

    def __init__(self, reason: str) -> None:
        super().__init__(reason, next_step="nothing of it was read; check the keys of both ends")


@dataclass(frozen=True, slots=True)
class Nonce:
    """Never the same twice: the start of the process, its connection, a counter that grows."""

    process: int
    connection: int
    counter: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a request says of itself before its body: the path and the one header."""

    hromada: str
    stream: StreamId
    lane: Lane
    after: int
    last: int
    recipient: int
    centre_epoch: int  # the one that the sender knows; 0: none yet
    nonce: Nonce
    body_hash: bytes

    @property
    def sender(self) -> int:
        """Return the node that speaks: it speaks for its own streams only."""
        return self.stream.node

    @property
    def path(self) -> str:
        """Return the path that the head stands in."""
        return f"/sync/v1/{self.hromada}/{self.stream}/{self.lane.label}/{self.after}-{self.last}"

    @property
    def signed(self) -> bytes:
        """Return the bytes that the sender's signature covers."""
        nonce = [self.nonce.process, self.nonce.connection, self.nonce.counter]
        return strict.dumps(
            [
                REQUEST_DOMAIN,
                METHOD,
                self.path,
                self.hromada,
                self.sender,
                self.recipient,
                self.centre_epoch,
                self.body_hash,
                nonce,
            ]
        )

    @property
    def mark(self) -> bytes:
        """Return the hash by which a reply names its request."""
        return hashlib.sha256(self.signed).digest()

    def header(self, key: SigningKey) -> str:
        """Return the value of the `Authorization` header, signed."""
        written = strict.dumps(
            [
                VERSION,
                self.recipient,
                self.centre_epoch,
                self.nonce.process,
                self.nonce.connection,
                self.nonce.counter,
                self.body_hash,
                key.sign(self.signed).signature,
            ]
        )
        return SCHEME + base64.b64encode(written).decode("ascii")


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head as it came, with a signature that nobody has checked yet."""

    head: Head
    signature: bytes

    @classmethod
    def read(cls, method: str, path: str, header: str) -> Self:
        """Read the request line and the header; raise `Unsigned` for anything but what we write."""
        found = PATH.fullmatch(path)
        if method != METHOD or found is None or found[3] not in LANES:
            raise Unsigned("this is no path of replication")
        try:
            stream = StreamId.parse(found[2])
        except BadId as error:
            raise Unsigned(error.cause) from None
        fields = _fields(header)
        head = Head(
            hromada=found[1],
            stream=stream,
            lane=LANES[found[3]],
            after=int(found[4]),
            last=int(found[5]),
            recipient=fields[1],
            centre_epoch=fields[2],
            nonce=Nonce(*fields[3:6]),
            body_hash=fields[6],
        )
        if head.path != path or head.last < head.after:
            raise Unsigned("the path is not written as we write it")
        return cls(head, fields[7])

    def verified(self, key: VerifyKey) -> Head:
        """Return the head if `key` has signed it; raise `Unsigned` if not."""
        try:
            key.verify(self.head.signed, self.signature)
        except (BadSignatureError, ValueError):
            raise Unsigned("the signature is not of the node that the path names") from None
        return self.head


def body_hash(body: bytes) -> bytes:
    """Return the hash of a body as sent."""
    return hashlib.sha256(body).digest()


def seal_reply(key: SigningKey, head: Head, status: int, payload: bytes) -> bytes:
    """Return the reply's body: the signature, then the payload."""
    return key.sign(_reply_signed(head, status, payload)).signature + payload


def open_reply(key: VerifyKey, head: Head, status: int, body: bytes) -> bytes:
    """Return the payload if `key` has signed it in answer to `head`; raise `Unsigned` if not."""
    signature, payload = body[:SIGNATURE], body[SIGNATURE:]
    try:
        key.verify(_reply_signed(head, status, payload), signature)
    except (BadSignatureError, ValueError):
        raise Unsigned("the reply is not signed by the centre") from None
    return payload


def _reply_signed(head: Head, status: int, payload: bytes) -> bytes:
    told = [head.hromada, head.recipient, head.sender, head.mark, status, body_hash(payload)]
    return strict.dumps([REPLY_DOMAIN, *told])


def _fields(header: str) -> Sequence[Any]:
    if not header.startswith(SCHEME) or len(header) > LONGEST_HEADER:
        raise Unsigned("there is no signature of ours")
    written = header[len(SCHEME) :]
    try:
        decoded = base64.b64decode(written, validate=True)
        fields: Any = strict.loads(decoded)
    except (binascii.Error, ValueError, strict.BadCbor):
        raise Unsigned("the signature does not decode") from None
    if base64.b64encode(decoded).decode("ascii") != written:
        raise Unsigned("the signature is not written as we write it")
    if not isinstance(fields, list) or [type(field) for field in fields] != list(SHAPE):
        raise Unsigned("the signature is not made as we make it")
    if (
        fields[0] != VERSION
        or min(fields[1:6]) < 0
        or len(fields[6]) != hashlib.sha256().digest_size
    ):
        raise Unsigned("the signature is of another version")
    return list(fields)
