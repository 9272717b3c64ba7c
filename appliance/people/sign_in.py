"""Signing in, step by step: count the attempt, check the password, open a session.

The slow step is not a verb: hashing runs in its own thread, between two short transactions.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, cast

from appliance.people import entrance, model, queries
from appliance.people.access import moment, token_hash
from appliance.people.entrance import Subjects
from appliance.people.errors import (
    BadPassword,
    CodeUnknown,
    PasswordCannotTravel,
    PasswordProblem,
    StaffListOld,
    TooManySignIns,
    WrongPassword,
)
from appliance.people.model import EMERGENCY_SECONDS, AttemptKind
from appliance.people.passwords import HashingThread
from appliance.people.queries import Credential
from appliance.people.sealing import SealedPassword, seal
from appliance.people.service import By, set_password, set_password_in_village
from appliance.store.ids import RowId
from appliance.web.context import Context
from appliance.web.safety import clean_text
from appliance.web.surfaces import Surface

TOKEN_BYTES: Final = 32
LONGEST_TYPED: Final = 4 * model.LONGEST_PASSWORD
"""What is typed as a password and is longer is none; nothing is hashed for it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just been opened: the token is for the cookie, and is kept nowhere."""

    token: str
    csrf_token: str
    credential: Credential | None  # None: an emergency code

    @property
    def must_change(self) -> bool:
        """Tell whether the password was issued only to be changed."""
        return self.credential is not None and self.credential.temporary


def hashing(context: Context) -> HashingThread:
    """Return the thread that hashes passwords."""
    return cast(HashingThread, context.passwords)


def sign_in(context: Context, login: str, password: str, *, address: str, on: Surface) -> Opened:
    """Open a session for a login and its password.

    Raise `WrongPassword`, `TooManyAttempts`, `TooManySignIns` or `StaffListOld`.
    """
    login = model.tidy_login(login)
    subjects = subjects_of(login, address)
    context.store.write(entrance.begin_attempt, subjects, now=moment(context))
    with context.store.read() as reader:
        credential = queries.credential_for_login(reader, login)
    right = _verified(context, credential.hash if credential else None, password, subjects)
    if credential is None or not right:
        person = credential.person if credential else None
        context.store.write(entrance.note_failure, person, address=address)
        raise WrongPassword
    _demand_a_fresh_list(context, credential, subjects)
    opened = _new(credential)
    context.store.write(
        entrance.open_session,
        credential,
        token_hash=token_hash(opened.token),
        csrf=opened.csrf_token,
        surface=on,
        subjects=subjects,
        now=moment(context),
        lifetime=context.config.people.session_hours * model.HOUR,
    )
    return opened


def sign_in_with_code(
    context: Context, typed: str, name: str, *, address: str, on: Surface
) -> Opened:
    """Open a short session of a duty officer for an emergency code, which is spent by that."""
    name = model.check_name(clean_text(name, model.LONGEST_NAME))
    subjects = {AttemptKind.ADDRESS: _hashed(f"code {address}")}
    context.store.write(entrance.begin_attempt, subjects, now=moment(context))
    read = model.read_code(typed)
    with context.store.read() as reader:
        code = queries.sealed_code(reader, read[0]) if read else None
    right = _verified(context, code.hash if code else None, read[1] if read else "", subjects)
    if code is None or not right:
        context.store.write(entrance.note_failure, None, address=address)
        raise CodeUnknown
    opened = _new(None)
    context.store.write(
        entrance.use_emergency_code,
        code,
        name=name,
        token_hash=token_hash(opened.token),
        csrf=opened.csrf_token,
        surface=on,
        subjects=subjects,
        now=moment(context),
        lifetime=EMERGENCY_SECONDS,
    )
    return opened


def change_password(
    context: Context,
    person: RowId,
    *,
    current: str,
    new: str,
    repeated: str,
    address: str,
    keep: bytes,
    by: By,
) -> None:
    """Set a person's own password, here and now; raise what is wrong with it."""
    with context.store.read() as reader:
        credential = queries.credential_of(reader, person)
    if credential is None:
        raise WrongPassword
    tidy = _checked(new, repeated, current, login=credential.login)
    subjects = subjects_of(credential.login, address)
    context.store.write(entrance.begin_attempt, subjects, now=moment(context))
    if not _verified(context, credential.hash, current, subjects):
        raise WrongPassword
    context.store.write(entrance.give_back_attempt, subjects)
    hashed = hashing(context).hash(tidy)
    edition = credential.edition.next_own(context.clock.wall())
    if is_centre(context):
        context.store.write(set_password, person, hashed=hashed, edition=edition, keep=keep, by=by)
        return
    context.store.write(
        set_password_in_village,
        person,
        hashed=hashed,
        sealed=_sealed(context, SealedPassword(person, hashed, edition)),
        edition=edition,
        keep=keep,
        by=by,
    )


def is_centre(context: Context) -> bool:
    """Tell whether this appliance makes the staff list."""
    return context.config.node.role == "centre"


def list_days_too_old(context: Context) -> int | None:
    """Return the age of the staff list in days if it is past its limit, else None."""
    return model.days_too_old(
        context.truth().staff_list_at,
        context.clock.wall(),
        sure=context.clock.quality().good,
        limit_days=context.config.people.staff_max_age_days,
    )


def subjects_of(login: str, address: str) -> Subjects:
    """Return whose failures an attempt counts for."""
    return {AttemptKind.LOGIN: _hashed(login), AttemptKind.ADDRESS: _hashed(address)}


def _checked(new: str, repeated: str, current: str, *, login: str) -> str:
    tidy = model.check_password(new, login=login)
    if model.tidy_password(repeated) != tidy:
        raise BadPassword(PasswordProblem.DIFFERENT)
    if model.tidy_password(current) == tidy:
        raise BadPassword(PasswordProblem.SAME)
    return tidy


def _verified(context: Context, encoded: str | None, password: str, subjects: Subjects) -> bool:
    """Check a password; an attempt that nobody had time for is given back."""
    typed = password if len(password) <= LONGEST_TYPED else ""
    try:
        return hashing(context).verify(encoded, typed)
    except TooManySignIns:
        context.store.write(entrance.give_back_attempt, subjects)
        raise


def _demand_a_fresh_list(context: Context, credential: Credential, subjects: Subjects) -> None:
    days = list_days_too_old(context)
    if days is not None and not model.opens_with_an_old_list(credential.roles):
        context.store.write(entrance.give_back_attempt, subjects)
        raise StaffListOld(days)


def _new(credential: Credential | None) -> Opened:
    token, csrf = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    return Opened(token, csrf, credential)


def _sealed(context: Context, password: SealedPassword) -> bytes:
    from base64 import b64decode  # noqa: PLC0415 - and PyNaCl, for those who need them

    from nacl.signing import VerifyKey  # noqa: PLC0415

    key = context.config.link.centre_key
    if not key:
        raise PasswordCannotTravel
    return seal(VerifyKey(b64decode(key)), password)


def _hashed(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
