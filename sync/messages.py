"""What a request and a reply say, apart from rows and signatures.

A request's body is the length of its envelope in two bytes, the envelope, then the batch or
nothing. A reply's payload is one envelope. Both are deterministic CBOR maps with small integers
for keys; an unknown key is passed over, so that either side may be the newer one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any, ClassVar, Final, Self, TypeVar

from appliance.errors import VuzolError
from appliance.store.entries import DIGEST
from appliance.store.revisions import NEVER, Grants, Rev
from appliance.store.tables import Lane
from sync import strict

LONGEST_ENVELOPE: Final = 60_000
T = TypeVar("T")
LARGEST: Final = 1 << 63
MOST_ASKED: Final = 256
"""How many streams one request may ask about."""


class Said(IntEnum):
    """The keys of a request's envelope."""

    CURSORS = 1
    STATUS = 2
    QUESTIONS = 3
    ORDER = 4
    COMPARED = 5


class Told(IntEnum):
    """The keys of a reply's envelope."""

    CENTRE_EPOCH = 0
    CODE = 1
    HAVE = 2
    SAFE = 3
    CHAIN = 4
    CREDIT = 5
    SLOT_MS = 6
    QUARANTINED = 7
    STANDINGS = 8
    PAGES = 9
    WAITING = 10
    GRANTS = 11


class Code(StrEnum):
    """Why a request was not taken. A signed reply names it; once released it never changes."""

    NEW_CENTRE = "new_centre"  # the request names another epoch of the centre than this one
    BUSY = "busy"  # come back at the slot
    GAP = "gap"  # the batch begins after what is here
    FORKED = "forked"  # the batch does not continue the chain that is here
    BAD_BATCH = "bad_batch"
    BAD_MESSAGE = "bad_message"
    REPLAYED = "replayed"  # the nonce was used before
    TOO_LARGE = "too_large"
    FAILED = "failed"  # the centre cannot write now


class BadMessage(VuzolError):
    """A request or a reply is signed, and yet not what was agreed on."""

    code: ClassVar[str] = "bad_message"
    status_hint: ClassVar[int] = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"the message is malformed: {reason}", next_step="update the older side")


@dataclass(frozen=True, slots=True)
class DownCursor:
    """How far a node has come in one lane of one scope."""

    scope: str
    lane: Lane
    rev: Rev
    read_at: Rev = NEVER  # the centre's newest when the pages were read that wait for their rest
    fingerprint: bytes = b""  # of the rows shown, where another epoch of the centre gave them

    @property
    def partial(self) -> bool:
        """Tell whether pages stand aside there and wait for the rest."""
        return self.read_at != NEVER


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What a node says of itself with every request."""

    version: str
    clock: str  # a value of ClockQuality
    at: int  # its wall time, ms
    unsent: int  # after what this request carries
    oldest_at: int | None
    compared_at: int | None = None  # the last comparison of chains, by its clock
    compared: str = ""  # a value of comparison.Outcome


@dataclass(frozen=True, slots=True)
class Question:
    """A node asks how far the centre has come with one lane of one of its streams."""

    epoch: int
    lane: Lane


@dataclass(frozen=True, slots=True)
class Standing:
    """The centre answers: durable here, covered by a verified backup, chain value at `have`."""

    epoch: int
    lane: Lane
    have: int
    safe: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """The body of a request."""

    batch: bytes = b""
    cursors: tuple[DownCursor, ...] = ()
    status: NodeStatus | None = None
    questions: tuple[Question, ...] = ()
    order: int = 0  # the grant order that the node obeys

    def body(self) -> bytes:
        """Return the bytes to send."""
        envelope: dict[int, object] = {}
        if self.cursors:
            envelope[Said.CURSORS] = [_written(cursor) for cursor in self.cursors]
        if self.status:
            told = self.status
            envelope[Said.STATUS] = [
                told.version,
                told.clock,
                told.at,
                told.unsent,
                told.oldest_at,
            ]
            if told.compared_at is not None:
                envelope[Said.COMPARED] = [told.compared_at, told.compared]
        if self.questions:
            envelope[Said.QUESTIONS] = [[asked.epoch, int(asked.lane)] for asked in self.questions]
        if self.order:
            envelope[Said.ORDER] = self.order
        written = strict.dumps(envelope)
        return len(written).to_bytes(2, "big") + written + self.batch

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read what `body()` wrote; raise `BadMessage` for anything else."""
        size = int.from_bytes(body[:2], "big")
        if len(body) < 2 + size or size > LONGEST_ENVELOPE:
            raise BadMessage("the envelope is cut")
        found = _envelope(body[2 : 2 + size])
        questions = _each(found.get(Said.QUESTIONS, []), _question)
        if len(questions) > MOST_ASKED:
            raise BadMessage("too many questions")
        return cls(
            batch=body[2 + size :],
            cursors=_each(found.get(Said.CURSORS, []), _cursor),
            status=_status(found) if Said.STATUS in found else None,
            questions=questions,
            order=_number(found.get(Said.ORDER, 0)),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """The payload of a signed reply."""

    centre_epoch: int
    code: str = ""  # why nothing was taken; empty: it was
    have: int | None = None
    safe: int = 0
    chain: bytes = b""  # the chain value at `have`
    credit: int = 0  # bytes that the next bulk request may have; 0: no limit
    slot_ms: int = 0  # the next bulk request is expected after this
    quarantined: int = 0  # entries of this node that the centre keeps but cannot apply
    standings: tuple[Standing, ...] = ()
    pages: tuple[bytes, ...] = ()  # DOWN rows, as sync.pages writes them
    waiting: tuple[Lane, ...] = ()  # lanes where more DOWN rows wait
    grants: Grants | None = None  # what the node may hold, where it has not confirmed that

    def payload(self) -> bytes:
        """Return the bytes to sign and send; what is empty is not written."""
        standings = [
            [told.epoch, int(told.lane), told.have, told.safe, told.chain]
            for told in self.standings
        ]
        fields: dict[Told, Any] = {
            Told.CENTRE_EPOCH: self.centre_epoch,
            Told.CODE: self.code,
            Told.SAFE: self.safe,
            Told.CHAIN: self.chain,
            Told.CREDIT: self.credit,
            Told.SLOT_MS: self.slot_ms,
            Told.QUARANTINED: self.quarantined,
            Told.STANDINGS: standings,
            Told.PAGES: list(self.pages),
            Told.WAITING: [int(lane) for lane in self.waiting],
            Told.GRANTS: self.grants and [self.grants.order, list(self.grants.scopes)],
        }
        written = {int(key): value for key, value in fields.items() if value}
        if self.have is not None:
            written[Told.HAVE] = self.have
        return strict.dumps(written)

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """Read what `payload()` wrote; raise `BadMessage` for anything else."""
        found = _envelope(payload)
        return cls(
            centre_epoch=_number(found.get(Told.CENTRE_EPOCH, 0)),
            code=_of(str, found.get(Told.CODE, "")),
            have=_number(found[Told.HAVE]) if Told.HAVE in found else None,
            safe=_number(found.get(Told.SAFE, 0)),
            chain=_of(bytes, found.get(Told.CHAIN, b"")),
            credit=_number(found.get(Told.CREDIT, 0)),
            slot_ms=_number(found.get(Told.SLOT_MS, 0)),
            quarantined=_number(found.get(Told.QUARANTINED, 0)),
            standings=_each(found.get(Told.STANDINGS, []), _standing),
            pages=_each(found.get(Told.PAGES, []), _page),
            waiting=_each(found.get(Told.WAITING, []), _lane),
            grants=_grants(found[Told.GRANTS]) if Told.GRANTS in found else None,
        )


def _envelope(data: bytes) -> Mapping[Any, Any]:
    try:
        found = strict.loads(data)
    except strict.BadCbor as error:
        raise BadMessage(error.cause) from None
    if not isinstance(found, dict) or not all(type(key) is int for key in found):
        raise BadMessage("the envelope is no map by number")
    return found


def _each(items: object, read: Callable[[object], T]) -> tuple[T, ...]:
    return tuple(read(item) for item in _of(list, items))


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise BadMessage(f"{kind.__name__} expected")
    return value


def _number(value: object) -> int:
    number = _of(int, value)
    if not 0 <= number < LARGEST:
        raise BadMessage("a number is out of range")
    return number


def _lane(value: object) -> Lane:
    try:
        return Lane(_of(int, value))
    except ValueError:
        raise BadMessage("no such lane") from None


def _fields(value: object, *counts: int) -> Sequence[Any]:
    fields: list[Any] = _of(list, value)
    if len(fields) not in counts:
        raise BadMessage("a list has another length")
    return fields


def _page(value: object) -> bytes:
    return _of(bytes, value)


def _written(cursor: DownCursor) -> list[object]:
    told: list[object] = [cursor.scope, int(cursor.lane), *cursor.rev]
    if cursor.partial:
        return [*told, list(cursor.read_at)]
    return [*told, cursor.fingerprint] if cursor.fingerprint else told


def _cursor(value: object) -> DownCursor:
    scope, lane, epoch, seq, *more = _fields(value, 4, 5)
    cursor = DownCursor(_text(scope), _lane(lane), Rev(_number(epoch), _number(seq)))
    if not more:
        return cursor
    if type(more[0]) is bytes:
        return replace(cursor, fingerprint=more[0])
    return replace(cursor, read_at=Rev(*map(_number, _fields(more[0], 2))))


def _grants(value: object) -> Grants:
    order, scopes = _fields(value, 2)
    return Grants(_number(order), _each(scopes, _text))


def _text(value: object) -> str:
    return _of(str, value)


def _question(value: object) -> Question:
    epoch, lane = _fields(value, 2)
    return Question(_number(epoch), _lane(lane))


def _status(found: Mapping[Any, Any]) -> NodeStatus:
    version, clock, at, unsent, oldest_at = _fields(found[Said.STATUS], 5)
    oldest = None if oldest_at is None else _number(oldest_at)
    status = NodeStatus(_text(version), _text(clock), _number(at), _number(unsent), oldest)
    if Said.COMPARED not in found:
        return status
    compared_at, compared = _fields(found[Said.COMPARED], 2)
    return replace(status, compared_at=_number(compared_at), compared=_text(compared))


def _standing(value: object) -> Standing:
    epoch, lane, have, safe, chain = _fields(value, 5)
    if len(_of(bytes, chain)) != DIGEST:
        raise BadMessage("a chain value has another length")
    return Standing(_number(epoch), _lane(lane), _number(have), _number(safe), chain)
