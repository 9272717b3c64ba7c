"""The tables of people: who works where, what opens the door, and what was done.

Keys hold no personal data. A person's name stands in one table, their secrets in others, and the
audit trail speaks of ids.
"""

from collections.abc import Sequence
from typing import Final

from appliance.people import chain
from appliance.people.model import AttemptKind, DeviceKind, Outcome, Standing
from appliance.store.ids import RowId
from appliance.store.quarantine import NotItsOwn
from appliance.store.tables import (
    Lane,
    Owner,
    Row,
    Table,
    blob,
    integer,
    moment,
    one_of,
    reference,
    text,
)
from appliance.store.transaction import Transaction

EVERYWHERE: Final = "hromada"
"""The scope of rows that each node holds."""


def of_office(office: int) -> str:
    """Return the scope of rows that one office's node holds."""
    return f"office:{office}"


PERSON: Final = Table(
    "people_person",
    owner=Owner.DOWN,
    lane=Lane.TICKETS,
    personal=True,
    columns=(
        text("login"),
        text("name"),
        one_of("state", Standing),
        integer("changed_at"),
    ),
    unique=(("login",),),
    indexes=(("login",),),
)

CREDENTIAL: Final = Table(
    "people_credential",
    owner=Owner.DOWN,
    lane=Lane.TICKETS,
    columns=(
        reference("person", "people_person"),
        integer("office"),
        text("roles"),
        text("hash"),  # argon2id; empty once dismissed
        integer("resets"),
        integer("stamp"),
        integer("temporary"),  # 1: it only serves to set an own one
        one_of("state", Standing),
        integer("issued_at"),
    ),
    indexes=(("person",), ("office",)),
)

PASSWORD: Final = Table(
    "people_password",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    columns=(
        reference("person", "people_person"),
        blob("sealed"),  # only the centre's key opens it
        integer("resets"),
        integer("stamp"),
        moment("set_at"),
    ),
    project=lambda tx, _rows: tx.announce("people"),  # the centre's reissuer listens
)

EMERGENCY_CODE: Final = Table(
    "people_emergency_code",
    owner=Owner.DOWN,
    lane=Lane.TICKETS,
    columns=(
        integer("office"),
        integer("number"),  # the first group of the code: which of them it is
        text("hash"),
        integer("issued_at"),
    ),
    indexes=(("office", "number"),),
)


def _of_its_office(tx: Transaction, uses: Sequence[Row]) -> None:
    """Refuse that a village uses up the code of another office: its own door would be shut.

    A code that was replaced meanwhile has lost its values, but never its scope.
    """
    for use in uses:
        scope = tx.value("SELECT scope FROM people_emergency_code WHERE id = :id", id=use["code"])
        if scope != of_office(RowId.of(use["id"]).node):
            raise NotItsOwn("the code is of another office")


CODE_USE: Final = Table(
    "people_code_use",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    personal=True,
    append_only=True,
    columns=(
        reference("code", "people_emergency_code"),
        text("name"),  # who said they were using it
        moment("at"),
    ),
    unique=(("code",),),
    blanks=("name",),  # the code stays used
    project=_of_its_office,
)

AUDIT_LINK: Final = Table(
    "people_audit_link",
    owner=Owner.LOCAL,
    key=("row",),
    columns=(blob("row"), blob("stream"), integer("place"), blob("chain")),
    indexes=(("stream", "place"),),
)


def _linked(tx: Transaction, rows: Sequence[Row]) -> None:
    """Append the rows to their streams' chains: the same fold here and at the centre."""
    heads: dict[bytes, tuple[int, bytes]] = {}
    links = []
    for row in rows:
        stream = chain.stream_key(row["id"])
        place, previous = heads.get(stream) or _head(tx, stream)
        link = chain.link(previous, chain.told(row))
        heads[stream] = (place + 1, link)
        links.append({"row": row["id"], "stream": stream, "place": place + 1, "chain": link})
    tx.add_all(AUDIT_LINK, links)


def _head(tx: Transaction, stream: bytes) -> tuple[int, bytes]:
    last = tx.one(
        "SELECT place, chain FROM people_audit_link WHERE stream = :stream"
        " ORDER BY place DESC LIMIT 1",
        stream=stream,
    )
    return (last["place"], last["chain"]) if last else (0, chain.genesis(stream))


AUDIT: Final = Table(
    "people_audit",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(
        text("actor"),  # the id of a person, `device:…`, `code:…`, `system`
        text("action"),
        text("subject"),
        text("facts"),  # deterministic JSON; ids and small values, never personal data
        moment("at"),
    ),
    indexes=(("at",), ("actor",), ("action",)),
    project=_linked,
)

LOCAL_PASSWORD: Final = Table(
    "people_local_password",
    owner=Owner.LOCAL,
    key=("person",),
    columns=(blob("person"), text("hash"), integer("resets"), integer("stamp")),
)

OPENED: Final = Table(
    "people_opened",
    owner=Owner.LOCAL,
    key=("password",),
    columns=(blob("password"), one_of("outcome", Outcome), integer("at")),
)

SESSION: Final = Table(
    "people_session",
    owner=Owner.LOCAL,
    key=("token_hash",),
    columns=(
        blob("token_hash"),
        text("surface"),
        integer("node"),
        blob("person", null=True),
        blob("code", null=True),  # the emergency code that opened it, where one did
        integer("resets"),
        text("csrf"),
        text("opened"),  # a Moment
        text("seen"),  # a Moment
        integer("lifetime"),
    ),
    indexes=(("person",),),
)

ATTEMPT: Final = Table(
    "people_attempt",
    owner=Owner.LOCAL,
    key=("kind", "subject"),
    columns=(
        one_of("kind", AttemptKind),
        blob("subject"),  # a hash: people type passwords where the login belongs
        integer("failures"),
        text("last"),  # a Moment
    ),
)

DEVICE: Final = Table(
    "people_device",
    owner=Owner.LOCAL,
    key=("id",),
    columns=(
        text("id"),
        one_of("kind", DeviceKind),
        blob("token_hash"),
        text("name"),
        text("paired_by"),
        integer("paired_at"),
        integer("seen_at", null=True),
        integer("revoked_at", null=True),
    ),
    unique=(("token_hash",),),
)

PAIRING: Final = Table(
    "people_pairing",
    owner=Owner.LOCAL,
    key=("token_hash",),
    columns=(
        blob("token_hash"),
        text("code"),
        one_of("kind", DeviceKind),
        text("opened"),  # a Moment
        text("address", null=True, since=2),
    ),
    unique=(("code",),),
)

TABLES: Final = (
    PERSON,
    CREDENTIAL,
    PASSWORD,
    EMERGENCY_CODE,
    CODE_USE,
    AUDIT,
    AUDIT_LINK,
    LOCAL_PASSWORD,
    OPENED,
    SESSION,
    ATTEMPT,
    DEVICE,
    PAIRING,
)
