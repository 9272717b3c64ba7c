"""The centre's door: a pure machine that judges a request by its head.

    knock --signed, new, for us, place free--> Welcome --body--> `sync.intake` --> Left

Promise: what is not signed by the node that its path names gets no word of ours; what names another
epoch of this centre learns the present one and nothing else; a nonce counts once. The nonces are
remembered in memory only: a new start of the centre has a new epoch, so older requests are past.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from nacl.signing import SigningKey, VerifyKey

from sync import admission
from sync.admission import Admitted
from sync.lanes import LANES, Wire
from sync.messages import Code, Reply
from sync.signing import Head, SignedHead, Unsigned, seal_reply

LARGEST_BODY: Final = 2 << 20
STATUS: Final[Mapping[Code, int]] = {
    Code.NEW_CENTRE: 409,
    Code.REPLAYED: 409,
    Code.GAP: 409,
    Code.FORKED: 409,
    Code.BAD_MESSAGE: 400,
    Code.BAD_BATCH: 422,
    Code.TOO_LARGE: 413,
    Code.BUSY: 429,
    Code.FAILED: 503,
}
UNSIGNED: Final = 401


@dataclass(frozen=True, slots=True)
class Response:
    """What to send back. `retry_after` is a header for others; nodes read the signed slot."""

    status: int
    body: bytes
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Knock:
    """A request line and its header have come; `length` is what Content-Length says."""

    method: str
    path: str
    authorization: str
    length: int


@dataclass(frozen=True, slots=True)
class Left:
    """A welcomed request is over, however it ended."""

    welcome: "Welcome"


Event = Knock | Left


@dataclass(frozen=True, slots=True)
class Welcome:
    """Read the body, then let `intake.exchange` answer."""

    head: Head
    ticket: Admitted
    slot_ms: int = 0  # others wait, so the node's next bulk request has a slot, too


@dataclass(frozen=True, slots=True)
class Refused:
    """Send this back; do not read the body."""

    response: Response
    code: str
    node: int | None = None  # None: nobody knows who asked


@dataclass(frozen=True, slots=True)
class Gone:
    """The place is free again."""


Action = Welcome | Refused | Gone


@dataclass(frozen=True, slots=True)
class Centre:
    """Who the centre is in this start, and which key speaks for each node."""

    hromada: str
    number: int
    key: SigningKey
    epoch: int
    members: Mapping[int, VerifyKey]

    def reply(self, head: Head, reply: Reply) -> Response:
        """Return a signed reply."""
        status = STATUS[Code(reply.code)] if reply.code else 200
        wait = -(-reply.slot_ms // 1000) if reply.code == Code.BUSY else None
        return Response(status, seal_reply(self.key, head, status, reply.payload()), wait)

    def step(self, state: "State", event: Event, now: float) -> tuple["State", Action]:
        """Return the state after the event, and what to do."""
        if isinstance(event, Left):
            places = admission.left(state.places, event.welcome.ticket, now=now)
            return replace(state, places=places), Gone()
        try:
            head = self._known(event)
        except Unsigned as error:
            return state, Refused(Response(UNSIGNED, b""), error.code)
        return self._judged(state, head, event.length, now)

    def _known(self, knock: Knock) -> Head:
        """Return who asks; raise `Unsigned`."""
        signed = SignedHead.read(knock.method, knock.path, knock.authorization)
        head = signed.head
        key = self.members.get(head.sender)
        if key is None or (head.hromada, head.recipient) != (self.hromada, self.number):
            raise Unsigned("the request is for another centre, or its node is not one of ours")
        return signed.verified(key)

    def _judged(
        self, state: "State", head: Head, length: int, now: float
    ) -> tuple["State", Action]:
        if head.centre_epoch != self.epoch:
            return state, self._refused(head, Code.NEW_CENTRE)
        nonces = state.after(head)
        if nonces is None:
            return state, self._refused(head, Code.REPLAYED)
        state = replace(state, nonces=nonces)
        if length > LARGEST_BODY:
            return state, self._refused(head, Code.TOO_LARGE)
        urgent = head.lane in LANES[Wire.URGENT]
        places, answer = admission.admit(state.places, head.sender, urgent=urgent, now=now)
        if not isinstance(answer, Admitted):
            slot_ms = round(answer.seconds * 1000)
            return replace(state, places=places), self._refused(head, Code.BUSY, slot_ms=slot_ms)
        slot_ms = 0
        if not urgent and admission.crowded(places):
            places, at = admission.reserve(places, head.sender, now=now)
            slot_ms = round((at - now) * 1000)
        return replace(state, places=places), Welcome(head, answer, slot_ms)

    def _refused(self, head: Head, code: Code, *, slot_ms: int = 0) -> Refused:
        reply = Reply(self.epoch, code=code, slot_ms=slot_ms)
        return Refused(self.reply(head, reply), code, head.sender)


Nonces = Mapping[int, Mapping[tuple[int, int], int]]
NO_NONCES: Final[Nonces] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class State:
    """The highest counter of each node's (start, connection), and who is inside."""

    nonces: Nonces = field(default_factory=lambda: NO_NONCES)
    places: admission.State = field(default_factory=admission.State)

    def after(self, head: Head) -> Nonces | None:
        """Return the nonces with the head's own, or None if it, or a later one, has been here."""
        place = (head.nonce.process, head.nonce.connection)
        of_node = self.nonces.get(head.sender, {})
        if head.nonce.counter <= of_node.get(place, 0):
            return None
        return {**self.nonces, head.sender: {**of_node, place: head.nonce.counter}}
