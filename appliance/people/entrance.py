"""The verbs at the door: attempts, sessions, devices, emergency codes. All of them are local.

An attempt is counted before the password is looked at and given back when it was right, so many
guesses at once are no more than many guesses in turn.
"""

from appliance.people import audit, queries
from appliance.people.audit import Acting
from appliance.people.devices import making_room
from appliance.people.errors import (
    CodeUnknown,
    DeviceUnknown,
    PairingUnknown,
    TooManyAttempts,
)
from appliance.people.model import (
    FORGOTTEN_SECONDS,
    PAIRING_SECONDS,
    PATIENCE,
    AttemptKind,
    Attempts,
    DeviceKind,
    Moment,
    counted,
    is_over,
    session_is_over,
    wait_left,
)
from appliance.people.queries import Credential, EmergencyCode
from appliance.people.tables import ATTEMPT, CODE_USE, DEVICE, LOCAL_PASSWORD, PAIRING, SESSION
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction

Subjects = dict[AttemptKind, bytes]
"""Whose failures count: a login, an address; each as a hash."""


def begin_attempt(tx: Transaction, subjects: Subjects, *, now: Moment) -> None:
    """Count an attempt as failed until it proves right; raise `TooManyAttempts` to wait."""
    known = {kind: queries.attempts(tx, kind, subject) for kind, subject in subjects.items()}
    waits = [wait_left(found, now, PATIENCE[kind]) for kind, found in known.items() if found]
    if (longest := max(waits, default=0)) > 0:
        raise TooManyAttempts(int(longest) + 1)
    for kind, subject in subjects.items():
        _put_attempts(tx, kind, subject, counted(known[kind], now))
    _forget_attempts(tx, now)


def give_back_attempt(tx: Transaction, subjects: Subjects) -> None:
    """Uncount an attempt that was never looked at, or that was right."""
    for kind, subject in subjects.items():
        found = queries.attempts(tx, kind, subject)
        if found is None:
            continue
        if found.failures <= 1:
            tx.delete(ATTEMPT, {"kind": kind, "subject": subject})
        else:
            _put_attempts(tx, kind, subject, Attempts(found.failures - 1, found.last))


def note_failure(tx: Transaction, person: RowId | None, *, address: str) -> None:
    """Leave a wrong password in the audit trail; what was typed is written nowhere."""
    audit.record(
        tx,
        actor=audit.SYSTEM,
        action="people.sign_in_refused",
        subject=person or "unknown",
        facts={"address": address},
    )


def open_session(
    tx: Transaction,
    credential: Credential,
    *,
    token_hash: bytes,
    csrf: str,
    surface: str,
    subjects: Subjects,
    now: Moment,
    lifetime: int,
) -> None:
    """Let a person in whose password was right."""
    tx.delete(ATTEMPT, {"kind": AttemptKind.LOGIN, "subject": subjects[AttemptKind.LOGIN]})
    address = {AttemptKind.ADDRESS: subjects[AttemptKind.ADDRESS]}
    give_back_attempt(tx, address)
    _sweep(tx, now)
    tx.add(
        SESSION,
        {
            "token_hash": token_hash,
            "surface": surface,
            "node": tx.node,
            "person": credential.person,
            "code": None,
            "resets": credential.edition.resets,
            "csrf": csrf,
            "opened": str(now),
            "seen": str(now),
            "lifetime": lifetime,
        },
    )
    audit.record(tx, actor=credential.person, action="people.sign_in", subject=credential.person)


def touch_session(tx: Transaction, token_hash: bytes, *, now: Moment) -> None:
    """Note that a session is still in use."""
    tx.update_where(SESSION, {"token_hash": token_hash}, {"seen": str(now)})


def close_session(tx: Transaction, token_hash: bytes, *, by: Acting) -> None:
    """Let a person out."""
    if tx.delete(SESSION, {"token_hash": token_hash}):
        audit.record(tx, actor=by, action="people.sign_out", subject=by.actor)


def use_emergency_code(
    tx: Transaction,
    code: EmergencyCode,
    *,
    name: str,
    token_hash: bytes,
    csrf: str,
    surface: str,
    subjects: Subjects,
    now: Moment,
    lifetime: int,
) -> None:
    """Make the bearer of a sealed code the duty officer, once."""
    if queries.code_is_used(tx, code.id):
        raise CodeUnknown
    give_back_attempt(tx, subjects)
    use = tx.insert(CODE_USE, {"code": code.id, "name": name, "at": tx.now})
    _sweep(tx, now)
    tx.add(
        SESSION,
        {
            "token_hash": token_hash,
            "surface": surface,
            "node": tx.node,
            "person": None,
            "code": code.id,
            "resets": 0,
            "csrf": csrf,
            "opened": str(now),
            "seen": str(now),
            "lifetime": lifetime,
        },
    )
    audit.record(
        tx,
        actor=f"code:{code.id}",
        action="people.use_code",
        subject=code.id,
        facts={"number": code.number, "use": str(use)},
    )


def ask_pairing(
    tx: Transaction,
    kind: DeviceKind,
    *,
    token_hash: bytes,
    codes: list[str],
    address: str,
    now: Moment,
) -> str:
    """Let a device wait for staff; return the six digits that it shows.

    `codes` are drawn by the caller: the first that no other device shows is taken, and if all of
    them are shown, the last one changes hands.
    """
    every = queries.pairings(tx)
    waiting = [one for one in every if not is_over(one.opened, now, PAIRING_SECONDS)]
    leaving = [one for one in every if one not in waiting] + making_room(waiting, address, now)
    shown = {one.code for one in waiting}
    code = next((code for code in codes if code not in shown), codes[-1])
    leaving += [one for one in waiting if one.code == code]
    for one in leaving:
        tx.delete(PAIRING, {"token_hash": one.token_hash})
    tx.add(
        PAIRING,
        {
            "token_hash": token_hash,
            "code": code,
            "kind": kind,
            "opened": str(now),
            "address": address,
        },
    )
    return code


def pair_device(
    tx: Transaction, code: str, name: str, *, device_id: str, now: Moment, by: Acting
) -> DeviceKind:
    """Pair the device that shows the six digits; raise `PairingUnknown` if none does."""
    for waiting in queries.pairings(tx):
        if waiting.code == code and not is_over(waiting.opened, now, PAIRING_SECONDS):
            break
    else:
        raise PairingUnknown
    tx.delete(PAIRING, {"token_hash": waiting.token_hash})
    tx.add(
        DEVICE,
        {
            "id": device_id,
            "kind": waiting.kind,
            "token_hash": waiting.token_hash,
            "name": name,
            "paired_by": by.actor,
            "paired_at": tx.now,
            "seen_at": None,
            "revoked_at": None,
        },
    )
    audit.record(
        tx,
        actor=by,
        action="people.pair_device",
        subject=f"device:{device_id}",
        facts={"kind": waiting.kind.value},
    )
    return waiting.kind


def revoke_device(tx: Transaction, device_id: str, *, by: Acting) -> None:
    """Let a device in no more; raise `DeviceUnknown` if it is not on the list."""
    changed = tx.update_where(DEVICE, {"id": device_id, "revoked_at": None}, {"revoked_at": tx.now})
    if not changed:
        raise DeviceUnknown
    audit.record(tx, actor=by, action="people.revoke_device", subject=f"device:{device_id}")


def touch_device(tx: Transaction, device_id: str) -> None:
    """Note that a device is still there."""
    tx.update_where(DEVICE, {"id": device_id}, {"seen_at": tx.now})


def _put_attempts(tx: Transaction, kind: AttemptKind, subject: bytes, attempts: Attempts) -> None:
    tx.put(
        ATTEMPT,
        {
            "kind": kind,
            "subject": subject,
            "failures": attempts.failures,
            "last": str(attempts.last),
        },
    )


def _forget_attempts(tx: Transaction, now: Moment) -> None:
    for kind, subject, last in queries.all_attempts(tx):
        if is_over(last, now, FORGOTTEN_SECONDS):
            tx.delete(ATTEMPT, {"kind": kind, "subject": subject})


def _sweep(tx: Transaction, now: Moment) -> None:
    for token_hash, opened, seen, lifetime in queries.sessions(tx):
        if session_is_over(opened, seen, now, lifetime=lifetime):
            tx.delete(SESSION, {"token_hash": token_hash})
    for person in queries.answered_passwords(tx):
        tx.delete(LOCAL_PASSWORD, {"person": person})
