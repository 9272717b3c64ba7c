"""What a node asks by a bundle, and what the centre tells in answer.

A bundle is no live request: it may come late, twice, or after others that were written later. So an
ack says of which start of the centre the node's cursor was when it asked. A cursor that another
start of the centre has signed since then is not moved by it (`sync.village_bundles`).

    ask    byte 30, then CBOR [epoch, number, at, envelope, [[epoch, lane, known], ...]]
    told   byte 40, then CBOR [at, payload of a reply, [known, ...]]
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

from appliance.errors import VuzolError
from appliance.store.ids import EPOCH_LIMIT, SEQ_LIMIT
from appliance.store.tables import Lane
from sync import strict
from sync.messages import LARGEST, Reply, Request

ASK: Final = b"\x30"
TOLD: Final = b"\x40"
MOST_ASKED: Final = 4096
"""How many lanes of streams a bundle may ask about; those of the newest starts count first."""

LANES: Final = {int(lane): lane for lane in Lane}


class BadAsk(VuzolError):
    """What a bundle asks or tells is signed, and yet not what was agreed on."""

    code: ClassVar[str] = "bad_ask"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "the bundle asks or tells what this version does not know",
            next_step="update the older side",
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """How far is the centre with this lane; `known` is the start of it that told last, or 0."""

    epoch: int
    lane: Lane
    known: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What a node says once in each bundle, beside its rows."""

    epoch: int  # the present start of the node
    number: int  # the last number of its log: of one start, the greater ask is the later one
    at: int  # its wall time, ms; the answer says it again
    request: Request  # cursors, status and order; neither rows nor questions
    asked: tuple[Asked, ...]

    def written(self) -> bytes:
        """Return the ask as a piece of a bundle."""
        asked = [[one.epoch, int(one.lane), one.known] for one in self.asked]
        return ASK + strict.dumps([self.epoch, self.number, self.at, self.request.body(), asked])

    @classmethod
    def read(cls, piece: bytes) -> Self:
        """Read what `written` wrote; raise `BadAsk` or `BadMessage` for anything else."""
        epoch, number, at, body, asked = _fields(piece, ASK, (int, int, int, bytes, list))
        if not (0 <= epoch < EPOCH_LIMIT and 0 <= number < SEQ_LIMIT and 0 <= at < LARGEST):
            raise BadAsk
        if len(asked) > MOST_ASKED:
            raise BadAsk
        request = replace(Request.read(body), batch=b"", questions=())
        return cls(epoch, number, at, request, tuple(_asked(one) for one in asked))


@dataclass(frozen=True, slots=True)
class Told:
    """What the centre says once in each answer, before its pages."""

    at: int  # the `at` of the ask
    reply: Reply  # standings and grants; the pages are pieces of their own
    known: tuple[int, ...]  # what the ask said, one for each standing

    def written(self) -> bytes:
        """Return it as a piece of a bundle."""
        return TOLD + strict.dumps([self.at, self.reply.payload(), list(self.known)])

    @classmethod
    def read(cls, piece: bytes) -> Self:
        """Read what `written` wrote; raise `BadAsk` or `BadMessage` for anything else."""
        at, payload, known = _fields(piece, TOLD, (int, bytes, list))
        reply = Reply.read(payload)
        if len(known) != len(reply.standings) or not all(_is_epoch(one) for one in known):
            raise BadAsk
        return cls(at, replace(reply, pages=()), tuple(known))


def _fields(piece: bytes, mark: bytes, shape: tuple[type, ...]) -> list[Any]:
    try:
        told: Any = strict.loads(piece[1:])
    except strict.BadCbor:
        raise BadAsk from None
    if piece[:1] != mark or not isinstance(told, list) or tuple(map(type, told)) != shape:
        raise BadAsk
    return told


def _asked(told: Any) -> Asked:  # noqa: ANN401 - checked here
    if not isinstance(told, list) or [*map(type, told)] != [int, int, int]:
        raise BadAsk
    epoch, lane, known = told
    if not (_is_epoch(epoch) and _is_epoch(known) and lane in LANES):
        raise BadAsk
    return Asked(epoch, LANES[lane], known)


def _is_epoch(value: object) -> bool:
    return type(value) is int and 0 <= value < EPOCH_LIMIT
