"""A request that comes twice is done once.

The key belongs to the device that sent it. The reply is stored inside the verb's own transaction,
so there is no moment at which one exists without the other, and a repeated request gets the same
reply for 48 hours. Another body under the same key is refused.

    asked = Asked.of_request(device="kiosk-1")
    reply = store.write(once, asked, lambda tx: Reply.of(201, service.take_ticket(tx, ...)))
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from flask import Response, request

from appliance.errors import VuzolError
from appliance.store.clock import ClockQuality
from appliance.store.ids import RowId
from appliance.store.tables import Owner, Table, blob, integer, text

if TYPE_CHECKING:
    from appliance.store.erasures import Erasure
    from appliance.store.transaction import Transaction

KEPT_MS: Final = 48 * 3600 * 1000
REPLY: Final = json.JSONEncoder(ensure_ascii=False)
LONGEST_KEY: Final = 200
CLEARED_AT_ONCE: Final = 20
ERASED: Final = ""
"""The kept reply to a request whose rows were erased since."""


def _forget(tx: "Transaction", erased: "Erasure") -> None:
    """Empty the kept replies that name an erased row, or say word for word what stood in it.

    The request stays known, so that it is still not done twice.
    """
    named = [f'"{RowId.of(key)}"' for key in erased.ids]
    for told in (*named, *map(REPLY.encode, erased.texts)):
        found = tx.all("SELECT place FROM web_reply WHERE instr(reply, :told)", told=told)
        if found:
            places = [row["place"] for row in found]
            tx.update_where(REPLIES, {"place": places}, {"reply": ERASED})


REPLIES: Final = Table(
    "web_reply",
    owner=Owner.LOCAL,
    columns=(
        integer("place"),  # in the order in which they came, so that the oldest is the first
        blob("asked"),
        blob("body_hash"),
        integer("status"),
        text("reply"),
        integer("stored_at"),
    ),
    key=("place",),
    unique=(("asked",),),  # narrow: of random keys this index alone is written here and there
    forget=_forget,
)
TABLES: Final = (REPLIES,)


class KeyMissing(VuzolError):
    """A request that must not be done twice came without a key."""

    code: ClassVar[str] = "idempotency_key_missing"
    status_hint: ClassVar[int] = 400

    def __init__(self) -> None:
        super().__init__(
            f"the header Idempotency-Key is missing or not 1 to {LONGEST_KEY} plain characters",
            next_step="send a new random key with each new request, the same one when repeating",
        )


class KeyReused(VuzolError):
    """Another request was sent under a key that already has its reply."""

    code: ClassVar[str] = "idempotency_key_reused"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key came before with another request",
            next_step="send a new key with a new request",
        )


class ReplyErased(VuzolError):
    """A request was repeated, and what it was answered has been erased since."""

    code: ClassVar[str] = "reply_erased"
    status_hint: ClassVar[int] = 410

    def __init__(self) -> None:
        super().__init__(
            "this request was done, and what it was about has been erased since",
            next_step="nothing: it is not done a second time",
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: a status and a JSON text."""

    status: int
    text: str

    @classmethod
    def of(cls, status: int, told: Mapping[str, Any]) -> Self:
        """Make a reply of what is told."""
        return cls(status, REPLY.encode(told))

    @property
    def told(self) -> dict[str, Any]:
        """Return what was told."""
        told: dict[str, Any] = json.loads(self.text)
        return told

    def response(self) -> Response:
        """Return the reply as an HTTP response."""
        return Response(self.text, self.status, content_type="application/json")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as its device means it: the same key and body are the same request."""

    name: bytes  # a digest of the device, then its key: keys that grow stand side by side
    body_hash: bytes

    @classmethod
    def of(cls, device: str, key: str, what: str, body: bytes) -> Self:
        """Name the request; `what` is its method and path. Raise `KeyMissing` for an unfit key."""
        if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise KeyMissing
        sender = hashlib.blake2b(device.encode(), digest_size=8).digest()
        told = hashlib.blake2b(f"{what}\n".encode() + body, digest_size=16).digest()
        return cls(sender + key.encode(), told)

    @classmethod
    def of_request(cls, device: str) -> Self:
        """Name the current request by its `Idempotency-Key`; raise `KeyMissing` without one."""
        return cls.of(
            device,
            request.headers.get("Idempotency-Key", ""),
            f"{request.method} {request.path}",
            request.get_data(cache=True),
        )


def once(tx: "Transaction", asked: Asked, answer: Callable[["Transaction"], Reply]) -> Reply:
    """Answer and keep the reply; or return the kept one. Raise `KeyReused` for another body.

    What `answer` raises is not kept: nothing has happened, so the request may be repeated.
    """
    known, oldest = _found(tx, asked)
    if known:
        tx.repeat()
        return known
    reply = answer(tx)
    if oldest is not None and _is_over(tx, oldest):
        _clear(tx)
    tx.add(
        REPLIES,
        {
            "asked": asked.name,
            "body_hash": asked.body_hash,
            "status": reply.status,
            "reply": reply.text,
            "stored_at": tx.now,
        },
    )
    return reply


def _found(tx: "Transaction", asked: Asked) -> tuple[Reply | None, int | None]:
    """Return the kept reply, and when the oldest of all was stored: one question for both."""
    row = tx.one(
        """SELECT first.stored_at AS oldest, r.body_hash, r.status, r.reply
           FROM (SELECT stored_at FROM web_reply ORDER BY place LIMIT 1) AS first
           LEFT JOIN web_reply r ON r.asked = :asked""",
        asked=asked.name,
    )
    if row is None or row["reply"] is None:
        return None, row["oldest"] if row else None
    if row["body_hash"] != asked.body_hash:
        raise KeyReused
    if row["reply"] == ERASED:
        raise ReplyErased
    return Reply(row["status"], row["reply"]), row["oldest"]


def _is_over(tx: "Transaction", stored_at: int) -> bool:
    """Tell whether a reply is past its time, or from a time that a clock only dreamt of."""
    return tx.clock_quality is not ClockQuality.UNKNOWN and abs(tx.now - stored_at) > KEPT_MS


def _clear(tx: "Transaction") -> None:
    """Forget a few replies that are past their time, the oldest first."""
    oldest = tx.all(
        "SELECT place, stored_at FROM web_reply ORDER BY place LIMIT :few", few=CLEARED_AT_ONCE
    )
    over = [row["place"] for row in oldest if _is_over(tx, row["stored_at"])]
    tx.delete(REPLIES, {"place": over})
