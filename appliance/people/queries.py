"""What is read about people. Nothing here writes, so a page may ask for it at any time."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from appliance.people.errors import PersonUnknown
from appliance.people.model import (
    AttemptKind,
    Attempts,
    DeviceKind,
    Edition,
    Moment,
    Role,
    Secret,
    Standing,
    roles_of,
)
from appliance.store.ids import RowId
from appliance.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens the door of this office for one person, as it counts here and now."""

    person: RowId
    login: str
    name: str
    roles: frozenset[Role]
    hash: str
    edition: Edition
    temporary: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A session's row, with what its person may do at this moment."""

    token_hash: bytes
    surface: str
    node: int
    csrf: str
    opened: Moment
    seen: Moment
    lifetime: int
    resets: int
    code: RowId | None
    credential: Credential | None  # None: an emergency code, or a person who is gone


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the staff list."""

    id: RowId
    login: str
    name: str
    state: Standing
    offices: Mapping[int, frozenset[Role]]


@dataclass(frozen=True, slots=True)
class PairedDevice:
    """A kiosk or a display that came in without a password."""

    id: str
    kind: DeviceKind
    name: str
    paired_by: str
    paired_at: int
    seen_at: int | None
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """A device that waits for staff to type its six digits."""

    token_hash: bytes
    code: str
    kind: DeviceKind
    opened: Moment
    address: str  # where it asks from


@dataclass(frozen=True, slots=True)
class EmergencyCode:
    """A sealed code, with whether somebody has opened it."""

    id: RowId
    office: int
    number: int
    hash: str
    issued_at: int
    used_at: int | None
    used_by: str | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A password that was set in a village and that the centre has not looked into yet."""

    id: RowId
    person: RowId
    sealed: bytes


CREDENTIALS_HERE = """
    SELECT p.id AS person, p.login, p.name, c.roles, c.hash, c.resets, c.stamp, c.temporary,
           l.hash AS own_hash, l.resets AS own_resets, l.stamp AS own_stamp
    FROM people_person p
    JOIN people_credential c ON c.person = p.id AND c.office = :office AND c.deleted = 0
    LEFT JOIN people_local_password l ON l.person = p.id
    WHERE p.deleted = 0 AND p.state = 'active' AND c.state = 'active'"""


SESSION = """
    SELECT s.token_hash, s.surface, s.node, s.csrf, s.opened, s.seen, s.lifetime, s.code,
           s.resets AS resets_then, c.person, p.login, p.name, c.roles, c.hash, c.resets, c.stamp,
           c.temporary, l.hash AS own_hash, l.resets AS own_resets, l.stamp AS own_stamp
    FROM people_session s
    LEFT JOIN people_person p ON p.id = s.person AND p.deleted = 0 AND p.state = 'active'
    LEFT JOIN people_credential c
      ON c.person = p.id AND c.office = :office AND c.deleted = 0 AND c.state = 'active'
    LEFT JOIN people_local_password l ON l.person = p.id
    WHERE s.token_hash = :token"""
"""One question for each request that comes with a cookie: whose it is, and what opens for them."""


def credential_for_login(reader: Reader, login: str) -> Credential | None:
    """Return what opens this office for a login; None if it is nobody's or they are dismissed."""
    row = reader.one(f"{CREDENTIALS_HERE} AND p.login = :login", office=reader.node, login=login)
    return _credential(row) if row else None


def credential_of(reader: Reader, person: RowId) -> Credential | None:
    """Return what opens this office for a person; None if they do not work here."""
    row = reader.one(f"{CREDENTIALS_HERE} AND p.id = :person", office=reader.node, person=person)
    return _credential(row) if row else None


def _credential(row: sqlite3.Row) -> Credential:
    """Let the newest password count: the one that was set here, or the one that was issued."""
    issued = Edition(row["resets"], row["stamp"])
    own = Edition(row["own_resets"], row["own_stamp"]) if row["own_hash"] else None
    counts_own = own is not None and own > issued
    return Credential(
        person=RowId.of(row["person"]),
        login=row["login"],
        name=row["name"],
        roles=roles_of(row["roles"]),
        hash=row["own_hash"] if counts_own else row["hash"],
        edition=own if counts_own and own is not None else issued,
        temporary=bool(row["temporary"]) and not counts_own,
    )


def answered_passwords(reader: Reader) -> list[RowId]:
    """Return whose own password, set in this village, counts no more: the centre has answered."""
    rows = reader.all(
        """SELECT l.person FROM people_local_password l
           LEFT JOIN people_credential c
             ON c.person = l.person AND c.office = :office AND c.deleted = 0 AND c.state = 'active'
           WHERE c.id IS NULL OR (c.resets, c.stamp) >= (l.resets, l.stamp)""",
        office=reader.node,
    )
    return [RowId.of(row["person"]) for row in rows]


def session(reader: Reader, token_hash: bytes) -> Session | None:
    """Return the session that a token opens, whatever has become of its person."""
    row = reader.one(SESSION, token=token_hash, office=reader.node)
    return None if row is None else _session(row)


@lru_cache(maxsize=256)
def _session(row: sqlite3.Row) -> Session:
    """Return what a row says; the same row is read again with each request of a session."""
    return Session(
        token_hash=row["token_hash"],
        surface=row["surface"],
        node=row["node"],
        csrf=row["csrf"],
        opened=Moment.parse(row["opened"]),
        seen=Moment.parse(row["seen"]),
        lifetime=row["lifetime"],
        resets=row["resets_then"],
        code=RowId.of(row["code"]) if row["code"] is not None else None,
        credential=_credential(row) if row["person"] is not None else None,
    )


def sessions(reader: Reader) -> list[tuple[bytes, Moment, Moment, int]]:
    """Return token hash, opening, last use and lifetime of each session, to find what is over."""
    rows = reader.all("SELECT token_hash, opened, seen, lifetime FROM people_session")
    return [
        (row["token_hash"], Moment.parse(row["opened"]), Moment.parse(row["seen"]), row["lifetime"])
        for row in rows
    ]


def attempts(reader: Reader, kind: AttemptKind, subject: bytes) -> Attempts | None:
    """Return the failures that are counted for a login or an address."""
    row = reader.one(
        "SELECT failures, last FROM people_attempt WHERE kind = :kind AND subject = :subject",
        kind=kind,
        subject=subject,
    )
    return Attempts(row["failures"], Moment.parse(row["last"])) if row else None


def all_attempts(reader: Reader) -> list[tuple[AttemptKind, bytes, Moment]]:
    """Return who has failures and since when, to find what is forgotten."""
    rows = reader.all("SELECT kind, subject, last FROM people_attempt")
    return [(AttemptKind(row["kind"]), row["subject"], Moment.parse(row["last"])) for row in rows]


def offices_of(reader: Reader, person: RowId) -> dict[int, frozenset[Role]]:
    """Return what a person is in each office that this node knows of."""
    rows = reader.all(
        """SELECT office, roles FROM people_credential
           WHERE person = :person AND state = 'active' AND deleted = 0 ORDER BY office""",
        person=person,
    )
    return {row["office"]: roles_of(row["roles"]) for row in rows}


def person(reader: Reader, row_id: RowId) -> Person:
    """Return a person of the staff list, dismissed or not; raise `PersonUnknown`."""
    row = reader.one("SELECT * FROM people_person WHERE id = :id AND deleted = 0", id=row_id)
    if row is None:
        raise PersonUnknown
    return _person(row, offices_of(reader, row_id))


def login_exists(reader: Reader, login: str) -> bool:
    """Tell whether a login is, or ever was, somebody's."""
    found = reader.one("SELECT 1 FROM people_person WHERE login = :login", login=login)
    return found is not None


def staff_list(reader: Reader) -> list[Person]:
    """Return everybody, those who work first, then by name."""
    offices: defaultdict[bytes, dict[int, frozenset[Role]]] = defaultdict(dict)
    for row in reader.all(
        """SELECT person, office, roles FROM people_credential
           WHERE state = 'active' AND deleted = 0 ORDER BY office"""
    ):
        offices[row["person"]][row["office"]] = roles_of(row["roles"])
    people = reader.all("SELECT * FROM people_person WHERE deleted = 0 ORDER BY state, name, id")
    return [_person(row, offices[row["id"]]) for row in people]


def _person(row: sqlite3.Row, offices: Mapping[int, frozenset[Role]]) -> Person:
    return Person(
        id=RowId.of(row["id"]),
        login=row["login"],
        name=row["name"],
        state=Standing(row["state"]),
        offices=offices,
    )


def names(reader: Reader) -> dict[str, str]:
    """Return the name of everybody by the id that the audit trail uses; who is erased has none."""
    rows = reader.all("SELECT id, name FROM people_person WHERE deleted = 0")
    return {str(RowId.of(row["id"])): row["name"] for row in rows}


def administrators(reader: Reader, office: int) -> set[RowId]:
    """Return who administers an office."""
    rows = reader.all(
        """SELECT person, roles FROM people_credential
           WHERE office = :office AND state = 'active' AND deleted = 0""",
        office=office,
    )
    return {RowId.of(row["person"]) for row in rows if Role.ADMINISTRATOR in roles_of(row["roles"])}


def secret_of(reader: Reader, person: RowId) -> Secret:
    """Return what the centre has last issued to a person; it is empty for who is dismissed."""
    row = reader.one(
        """SELECT hash, resets, stamp, temporary FROM people_credential
           WHERE person = :person AND deleted = 0 ORDER BY resets DESC, stamp DESC LIMIT 1""",
        person=person,
    )
    if row is None:
        return Secret("", Edition(0, 0), temporary=True)
    return Secret(row["hash"], Edition(row["resets"], row["stamp"]), bool(row["temporary"]))


def unopened(reader: Reader, limit: int) -> list[Sealed]:
    """Return sealed passwords that the centre has not looked into yet, oldest first."""
    rows = reader.all(
        """SELECT p.id, p.person, p.sealed FROM people_password p
           LEFT JOIN people_opened o ON o.password = p.id
           WHERE o.password IS NULL ORDER BY p.resets, p.stamp, p.id LIMIT :limit""",
        limit=limit,
    )
    return [Sealed(RowId.of(row["id"]), RowId.of(row["person"]), row["sealed"]) for row in rows]


def device_by_token(reader: Reader, token_hash: bytes) -> PairedDevice | None:
    """Return the device that a token belongs to, unless it was revoked."""
    row = reader.one(
        "SELECT * FROM people_device WHERE token_hash = :token AND revoked_at IS NULL",
        token=token_hash,
    )
    return _device(row) if row else None


def devices(reader: Reader) -> list[PairedDevice]:
    """Return all devices, those that work first."""
    rows = reader.all("SELECT * FROM people_device ORDER BY revoked_at IS NOT NULL, paired_at, id")
    return [_device(row) for row in rows]


def _device(row: sqlite3.Row) -> PairedDevice:
    return PairedDevice(
        id=row["id"],
        kind=DeviceKind(row["kind"]),
        name=row["name"],
        paired_by=row["paired_by"],
        paired_at=row["paired_at"],
        seen_at=row["seen_at"],
        revoked_at=row["revoked_at"],
    )


def pairings(reader: Reader) -> list[Pairing]:
    """Return the devices that wait to be paired."""
    return [_pairing(row) for row in reader.all("SELECT * FROM people_pairing ORDER BY code")]


def pairing_by_token(reader: Reader, token_hash: bytes) -> Pairing | None:
    """Return the waiting device that holds a token."""
    row = reader.one("SELECT * FROM people_pairing WHERE token_hash = :token", token=token_hash)
    return _pairing(row) if row else None


def _pairing(row: sqlite3.Row) -> Pairing:
    return Pairing(
        token_hash=row["token_hash"],
        code=row["code"],
        kind=DeviceKind(row["kind"]),
        opened=Moment.parse(row["opened"]),
        address=row["address"] or "",
    )


CODES = """
    SELECT e.id, e.office, e.number, e.hash, e.issued_at, u.at AS used_at, u.name AS used_by
    FROM people_emergency_code e LEFT JOIN people_code_use u ON u.code = e.id
    WHERE e.deleted = 0"""


def emergency_codes(reader: Reader) -> list[EmergencyCode]:
    """Return the codes of all offices that this node knows of."""
    return [_code(row) for row in reader.all(f"{CODES} ORDER BY e.office, e.number, e.id")]


def sealed_code(reader: Reader, number: int) -> EmergencyCode | None:
    """Return the code of this office with the number, if nobody has used it."""
    row = reader.one(
        f"{CODES} AND e.office = :office AND e.number = :number AND u.id IS NULL",
        office=reader.node,
        number=number,
    )
    return _code(row) if row else None


def code_is_used(reader: Reader, code: RowId) -> bool:
    """Tell whether somebody has used an emergency code."""
    row = reader.one("SELECT 1 FROM people_code_use WHERE code = :code", code=code)
    return row is not None


def _code(row: sqlite3.Row) -> EmergencyCode:
    return EmergencyCode(
        id=RowId.of(row["id"]),
        office=row["office"],
        number=row["number"],
        hash=row["hash"],
        issued_at=row["issued_at"],
        used_at=row["used_at"],
        used_by=row["used_by"],
    )
