"""The verbs of people. Each is one transaction: `store.write(hire, login=..., by=...)`.

Hashing is slow and has a thread of its own, so a verb is given hashes, never passwords.
"""

from collections.abc import Mapping

from appliance.people import audit, queries
from appliance.people.audit import Acting
from appliance.people.errors import (
    LastAdministrator,
    LoginTaken,
    NoOffice,
    PersonDismissed,
    PersonWorks,
)
from appliance.people.model import Edition, Outcome, Role, Secret, Standing, roles_text
from appliance.people.tables import (
    CREDENTIAL,
    EMERGENCY_CODE,
    EVERYWHERE,
    LOCAL_PASSWORD,
    OPENED,
    PASSWORD,
    PERSON,
    SESSION,
    of_office,
)
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction

By = Acting | RowId | str
"""Who acts, for the audit trail."""

Offices = Mapping[int, frozenset[Role]]
"""What a person is in each office; an office with no role is one where they do not work."""


def hire(
    tx: Transaction,
    *,
    login: str,
    name: str,
    offices: Offices,
    hashed: str,
    by: By,
    temporary: bool = True,
) -> RowId:
    """Put a person on the staff list, with a credential of their own for each office."""
    if queries.login_exists(tx, login):
        raise LoginTaken(login)
    working = _working(offices)
    person = tx.insert(
        PERSON,
        {"login": login, "name": name, "state": Standing.ACTIVE, "changed_at": tx.now},
        scope=EVERYWHERE,
    )
    secret = Secret(hashed, Edition(0, 0).next_issued(tx.now), temporary)
    _issue(tx, person, working, secret)
    audit.record(
        tx, actor=by, action="people.hire", subject=person, facts={"offices": _told(working)}
    )
    return person


def change_roles(tx: Transaction, person: RowId, offices: Offices, *, by: By) -> None:
    """Let a person be in each office what `offices` says, and nothing anywhere else."""
    known = queries.person(tx, person)
    if known.state is Standing.DISMISSED:
        raise PersonDismissed
    working = _working(offices)
    _keep_an_administrator(tx, person, working)
    secret = queries.secret_of(tx, person)
    for office in known.offices.keys() - working.keys():
        tx.delete(CREDENTIAL, {"person": person, "office": office})
    new = {office: roles for office, roles in working.items() if office not in known.offices}
    _issue(tx, person, new, secret)
    for office in working.keys() & known.offices.keys():
        if known.offices[office] != working[office]:
            tx.update_where(
                CREDENTIAL,
                {"person": person, "office": office},
                {"roles": roles_text(working[office])},
            )
    audit.record(
        tx,
        actor=by,
        action="people.change_roles",
        subject=person,
        facts={"offices": _told(working)},
    )


def rename(tx: Transaction, person: RowId, name: str, *, by: By) -> None:
    """Correct how a person is called."""
    queries.person(tx, person)
    tx.update_where(PERSON, {"id": person}, {"name": name, "changed_at": tx.now})
    audit.record(tx, actor=by, action="people.rename", subject=person)


def dismiss(tx: Transaction, person: RowId, *, by: By) -> None:
    """End all that a person may do: here at once, in a village when the rows land there.

    The hashes go too, so what a stolen card still holds opens nothing.
    """
    if queries.person(tx, person).state is Standing.DISMISSED:
        raise PersonDismissed
    _keep_an_administrator(tx, person, {})
    tx.update_where(
        CREDENTIAL,
        {"person": person},
        {"state": Standing.DISMISSED, "hash": "", "roles": ""},
    )
    tx.update_where(PERSON, {"id": person}, {"state": Standing.DISMISSED, "changed_at": tx.now})
    tx.delete(SESSION, {"person": person})
    audit.record(tx, actor=by, action="people.dismiss", subject=person)


def reinstate(tx: Transaction, person: RowId, offices: Offices, *, hashed: str, by: By) -> None:
    """Take a dismissed person back under the same login, with a temporary password."""
    working = _working(offices)
    if queries.person(tx, person).state is Standing.ACTIVE:
        raise PersonWorks
    edition = queries.secret_of(tx, person).edition.next_issued(tx.now)
    tx.update_where(PERSON, {"id": person}, {"state": Standing.ACTIVE, "changed_at": tx.now})
    tx.delete(CREDENTIAL, {"person": person})
    _issue(tx, person, working, Secret(hashed, edition, temporary=True))
    audit.record(
        tx, actor=by, action="people.reinstate", subject=person, facts={"offices": _told(working)}
    )


def issue_password(tx: Transaction, person: RowId, *, hashed: str, by: By) -> None:
    """Issue a temporary password that beats all earlier ones, and end the person's sessions."""
    if queries.person(tx, person).state is Standing.DISMISSED:
        raise PersonDismissed
    edition = queries.secret_of(tx, person).edition.next_issued(tx.now)
    _reissue(tx, person, Secret(hashed, edition, temporary=True))
    tx.delete(SESSION, {"person": person})
    audit.record(tx, actor=by, action="people.issue_password", subject=person)


def set_password(
    tx: Transaction, person: RowId, *, hashed: str, edition: Edition, keep: bytes, by: By
) -> None:
    """Set a person's own password at the centre; only the session `keep` goes on."""
    _reissue(tx, person, Secret(hashed, edition, temporary=False))
    _end_other_sessions(tx, person, keep)
    audit.record(tx, actor=by, action="people.set_password", subject=person)


def set_password_in_village(
    tx: Transaction,
    person: RowId,
    *,
    hashed: str,
    sealed: bytes,
    edition: Edition,
    keep: bytes,
    by: By,
) -> None:
    """Set a person's own password where the centre is not: it counts here at once.

    It goes up sealed, and the centre issues it to all offices of the person.
    """
    tx.insert(
        PASSWORD,
        {
            "person": person,
            "sealed": sealed,
            "resets": edition.resets,
            "stamp": edition.stamp,
            "set_at": tx.now,
        },
    )
    tx.put(
        LOCAL_PASSWORD,
        {
            "person": person,
            "hash": hashed,
            "resets": edition.resets,
            "stamp": edition.stamp,
        },
    )
    _end_other_sessions(tx, person, keep)
    audit.record(tx, actor=by, action="people.set_password", subject=person)


def reissue(
    tx: Transaction, password: RowId, person: RowId, *, hashed: str, edition: Edition
) -> Outcome:
    """Give a password that was set in a village to all offices of its person, once.

    A village speaks only for who works there, and never for an administrator of the centre. For
    those the centre's own password is issued anew, so that the village forgets the other one.
    """
    if tx.one("SELECT 1 FROM people_opened WHERE password = :password", password=password):
        return Outcome.ISSUED
    outcome = _judged(tx, password.node, person, edition)
    if outcome is Outcome.ISSUED:
        _reissue(tx, person, Secret(hashed, edition, temporary=False))
    elif outcome is Outcome.NOT_BY_A_VILLAGE:
        _insist(tx, person)
    note_opened(tx, password, person, outcome)
    return outcome


def note_opened(tx: Transaction, password: RowId, person: RowId, outcome: Outcome) -> None:
    """Write down what became of a sealed password, so that it is looked into once."""
    tx.put(OPENED, {"password": password, "outcome": outcome, "at": tx.now})
    audit.record(
        tx,
        actor=audit.SYSTEM,
        action="people.reissue",
        subject=person,
        facts={"password": str(password), "outcome": outcome.value},
    )


def _judged(tx: Transaction, node: int, person: RowId, edition: Edition) -> Outcome:
    if node not in queries.offices_of(tx, person):
        return Outcome.NOT_THERE
    if person in queries.administrators(tx, tx.node):
        return Outcome.NOT_BY_A_VILLAGE
    if edition <= queries.secret_of(tx, person).edition:
        return Outcome.SUPERSEDED
    return Outcome.ISSUED


def _insist(tx: Transaction, person: RowId) -> None:
    """Issue the centre's password again, in an edition that beats what villages have set."""
    secret = queries.secret_of(tx, person)
    _reissue(tx, person, secret._replace(edition=secret.edition.next_issued(tx.now)))


def issue_codes(tx: Transaction, office: int, hashes: list[str], *, by: By) -> list[int]:
    """Issue emergency codes for an office; those issued before and not used stop counting."""
    for code in queries.emergency_codes(tx):
        if code.office == office and code.used_at is None:
            tx.delete(EMERGENCY_CODE, {"id": code.id})
    numbers = [tx.next_number(f"people_code.{office}") for _ in hashes]
    for number, hashed in zip(numbers, hashes, strict=True):
        tx.insert(
            EMERGENCY_CODE,
            {"office": office, "number": number, "hash": hashed, "issued_at": tx.now},
            scope=of_office(office),
        )
    audit.record(
        tx,
        actor=by,
        action="people.issue_codes",
        subject=of_office(office),
        facts={"numbers": [*numbers]},
    )
    return numbers


def _working(offices: Offices) -> dict[int, frozenset[Role]]:
    working = {office: roles for office, roles in sorted(offices.items()) if roles}
    if not working:
        raise NoOffice
    return working


def _told(offices: Offices) -> list[audit.Fact]:
    return [f"{office}: {roles_text(roles)}" for office, roles in offices.items()]


def _issue(tx: Transaction, person: RowId, offices: Offices, secret: Secret) -> None:
    for office, roles in offices.items():
        tx.insert(
            CREDENTIAL,
            {
                "person": person,
                "office": office,
                "roles": roles_text(roles),
                "state": Standing.ACTIVE,
                **_columns(tx, secret),
            },
            scope=of_office(office),
        )


def _reissue(tx: Transaction, person: RowId, secret: Secret) -> None:
    working = {"person": person, "state": Standing.ACTIVE}
    tx.update_where(CREDENTIAL, working, _columns(tx, secret))


def _columns(tx: Transaction, secret: Secret) -> dict[str, str | int]:
    return {
        "hash": secret.hash,
        "resets": secret.edition.resets,
        "stamp": secret.edition.stamp,
        "temporary": secret.temporary,
        "issued_at": tx.now,
    }


def _keep_an_administrator(tx: Transaction, person: RowId, offices: Offices) -> None:
    """Refuse to leave the centre, where this runs, without anybody who manages the staff."""
    if Role.ADMINISTRATOR in offices.get(tx.node, frozenset()):
        return
    if queries.administrators(tx, tx.node) == {person}:
        raise LastAdministrator


def _end_other_sessions(tx: Transaction, person: RowId, keep: bytes) -> None:
    for row in tx.all(
        "SELECT token_hash FROM people_session WHERE person = :person AND token_hash <> :keep",
        person=person,
        keep=keep,
    ):
        tx.delete(SESSION, {"token_hash": row["token_hash"]})
