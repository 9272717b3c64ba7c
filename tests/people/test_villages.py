"""A centre and its villages: what counts where while the link is down, and after it returns."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from appliance.people import access, queries, reissue, sealing, service, views
from appliance.people.model import Edition, Outcome, Role
from appliance.people.passwords import HashingThread
from appliance.people.sealing import SealBroken, SealedPassword
from appliance.people.tables import PASSWORD
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.failures import RuleBroken
from appliance.store.ids import RowId
from appliance.store.transaction import NotOurs
from appliance.web.app import create_surface
from appliance.web.surfaces import Surface
from provisioning.keys import public_text
from tests.people import staffing
from tests.people.carried import grant, send_down, send_up
from tests.people.staffing import PASSWORD as OLD
from tests.people.staffing import hashed, hire, sign_in

CENTRE = SigningKey(b"\x07" * 32)
NEW = "ліс дорога міст"
NEWER = "сіль мед криниця"
STAROSTA = frozenset({Role.STAROSTA})


@dataclass
class Hromada:
    """One centre and two villages, with a browser at each office."""

    centre: Store
    villages: dict[int, Store]
    browser: Callable[[int], FlaskClient]

    def store(self, node: int) -> Store:
        return self.villages.get(node, self.centre)

    def link(self, *nodes: int) -> None:
        """Carry everything both ways, with the centre's reissuer at work between."""
        for node in nodes or self.villages:
            send_up(self.villages[node], self.centre)
        reissue.open_waiting(self.centre, sealing.opener(CENTRE))
        for node in nodes or self.villages:
            send_down(self.centre, self.villages[node])

    def opens(self, node: int, password: str, login: str = "starosta") -> bool:
        answered = self.browser(node).post(
            "/api/sign-in", json={"login": login, "password": password}
        )
        assert answered.status_code in {200, 401}, answered.text
        return answered.status_code == 200


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def hromada(tmp_path: Path, clock: FixedClock, passwords: HashingThread) -> Iterator[Hromada]:
    centre = staffing.open_store(tmp_path, node=1, clock=clock)
    villages = {
        node: staffing.open_store(tmp_path, node=node, clock=clock, centre=False) for node in (2, 3)
    }
    told: dict[str, Any] = {"link": {"centre_key": public_text(CENTRE)}}
    apps = {
        store.node: create_surface(
            Surface.OFFICE,
            staffing.context_of(store, passwords, **told),
            [views.office],
            [access.guard],
        )
        for store in (centre, *villages.values())
    }
    for village in villages.values():
        grant(village)
    yield Hromada(centre, villages, lambda node: apps[node].test_client())
    for store in (centre, *villages.values()):
        store.close()


def change(hromada: Hromada, node: int, old: str, new: str) -> FlaskClient:
    client = hromada.browser(node)
    sign_in(client, "starosta", old)
    answered = client.post("/api/password", json={"current": old, "new": new})
    assert answered.status_code == 200, answered.text
    return client


def outcomes(hromada: Hromada) -> list[str]:
    with hromada.centre.read() as reader:
        return [row["outcome"] for row in reader.all("SELECT outcome FROM people_opened")]


# --- down ----------------------------------------------------------------------------------------


def test_a_person_made_at_the_centre_signs_in_at_a_village_with_the_link_down(
    hromada: Hromada,
) -> None:
    hire(hromada.centre, offices=[2])
    assert not hromada.opens(2, OLD)
    hromada.link(2, 3)
    assert hromada.opens(2, OLD)
    assert not hromada.opens(3, OLD)
    assert not hromada.opens(1, OLD)


def test_a_village_holds_no_secret_of_who_works_elsewhere(hromada: Hromada) -> None:
    hire(hromada.centre, offices=[1, 3])
    hromada.link()
    with hromada.villages[2].read() as reader:
        assert reader.value("SELECT count(*) FROM people_person") == 1
        assert reader.value("SELECT count(*) FROM people_credential") == 0


def test_a_dismissal_ends_sessions_in_a_village_as_soon_as_it_lands(hromada: Hromada) -> None:
    person = hire(hromada.centre, offices=[1, 2])
    hromada.link()
    here, there = hromada.browser(1), hromada.browser(2)
    sign_in(here)
    sign_in(there)
    hromada.centre.write(service.dismiss, person, by="system")
    assert here.get("/staff").status_code == 302
    assert there.get("/staff").status_code == 200  # the link is down
    hromada.link()
    assert there.get("/staff").status_code == 302
    assert not hromada.opens(2, OLD)


def test_a_person_moved_to_another_office_is_out_of_the_first(hromada: Hromada) -> None:
    person = hire(hromada.centre, offices=[2])
    hromada.link()
    client = hromada.browser(2)
    sign_in(client)
    hromada.centre.write(service.change_roles, person, {3: STAROSTA}, by="system")
    hromada.link()
    assert client.get("/staff").status_code == 302
    assert not hromada.opens(2, OLD)
    assert hromada.opens(3, OLD)


def test_staff_are_not_hired_in_a_village(hromada: Hromada) -> None:
    hire(hromada.centre, "admin", roles=[Role.ADMINISTRATOR], offices=[2])
    hromada.link()
    client = hromada.browser(2)
    sign_in(client, "admin")
    form = {"name": "Іван Ґудзь", "login": "i.gudz", "office-2": "administrator"}
    answered = client.post("/staff/new", data=form)
    assert answered.status_code == 409
    assert "Це роблять у центрі громади" in answered.text
    with pytest.raises(NotOurs):
        hire(hromada.villages[2], "i.gudz")


# --- a password set in a village -----------------------------------------------------------------


def test_a_password_set_in_a_village_counts_there_at_once_and_everywhere_after_the_link(
    hromada: Hromada,
) -> None:
    hire(hromada.centre, offices=[1, 2, 3])
    hromada.link()
    change(hromada, 2, OLD, NEW)
    assert hromada.opens(2, NEW)
    assert not hromada.opens(2, OLD)
    assert hromada.opens(1, OLD)
    assert hromada.opens(3, OLD)
    hromada.link(2)
    hromada.link(3)
    for node in (1, 2, 3):
        assert hromada.opens(node, NEW)
        assert not hromada.opens(node, OLD)
    assert outcomes(hromada) == [Outcome.ISSUED]


def test_the_session_that_changed_the_password_goes_on_after_the_centre_has_answered(
    hromada: Hromada,
) -> None:
    hire(hromada.centre, offices=[2])
    hromada.link()
    client = change(hromada, 2, OLD, NEW)
    hromada.link()
    assert client.get("/staff").status_code == 200


def test_a_village_forgets_its_own_copy_once_the_centre_has_answered(hromada: Hromada) -> None:
    hire(hromada.centre, offices=[2])
    hromada.link()
    change(hromada, 2, OLD, NEW)
    hromada.link()
    assert hromada.opens(2, NEW)
    with hromada.villages[2].read() as reader:
        assert reader.value("SELECT count(*) FROM people_local_password") == 0


def test_nothing_that_goes_up_shows_the_password_or_its_hash(
    hromada: Hromada, tmp_path: Path
) -> None:
    hire(hromada.centre, offices=[2])
    hromada.link()
    change(hromada, 2, OLD, NEW)
    with hromada.villages[2].read() as reader:
        own = reader.value("SELECT hash FROM people_local_password").rpartition("$")[2].encode()
        told = [bytes(row["sealed"]) for row in reader.all("SELECT sealed FROM people_password")]
        logged = reader.all("SELECT body FROM _log WHERE body IS NOT NULL")
    assert len(told) == 1
    assert not any(own in bytes(row["body"]) for row in logged)
    for path in tmp_path.glob("*.db*"):
        assert NEW.encode() not in path.read_bytes()


def test_the_last_of_two_villages_wins_everywhere(hromada: Hromada, clock: FixedClock) -> None:
    hire(hromada.centre, offices=[2, 3])
    hromada.link()
    change(hromada, 3, OLD, NEW)
    clock.advance(60)
    change(hromada, 2, OLD, NEWER)
    hromada.link(2)  # the newer one arrives first
    hromada.link(3)
    hromada.link()
    for node in (2, 3):
        assert hromada.opens(node, NEWER)
        assert not hromada.opens(node, NEW)
    assert sorted(outcomes(hromada)) == [Outcome.ISSUED, Outcome.SUPERSEDED]


def test_a_password_issued_at_the_centre_beats_one_set_meanwhile_in_a_village(
    hromada: Hromada,
) -> None:
    person = hire(hromada.centre, offices=[2])
    hromada.link()
    hromada.centre.write(service.issue_password, person, hashed=hashed("тимчасовий 1"), by="system")
    client = change(hromada, 2, OLD, NEW)
    hromada.link()
    assert client.get("/staff").status_code == 302
    assert hromada.opens(2, "тимчасовий 1")
    assert not hromada.opens(2, NEW)
    assert outcomes(hromada) == [Outcome.SUPERSEDED]


def test_a_village_cannot_speak_for_an_administrator_of_the_centre(hromada: Hromada) -> None:
    person = hire(hromada.centre, offices=[2])
    roles = {1: frozenset({Role.ADMINISTRATOR}), 2: STAROSTA}
    hromada.centre.write(service.change_roles, person, roles, by="system")
    hromada.link()
    change(hromada, 2, OLD, NEW)
    hromada.link()
    assert outcomes(hromada) == [Outcome.NOT_BY_A_VILLAGE]
    for node in (1, 2):
        assert hromada.opens(node, OLD)
        assert not hromada.opens(node, NEW)


def test_a_village_cannot_speak_for_who_works_elsewhere(hromada: Hromada) -> None:
    person = hire(hromada.centre, offices=[3])
    hromada.link()
    forge(hromada.villages[2], person, SealedPassword(person, hashed(NEW), Edition(9, 9)))
    hromada.link()
    assert outcomes(hromada) == [Outcome.NOT_THERE]
    assert hromada.opens(3, OLD)


@pytest.mark.parametrize("broken", ["noise", "moved", "cheap", "old key"])
def test_a_seal_that_is_not_ours_changes_nothing_and_is_looked_into_once(
    hromada: Hromada, broken: str
) -> None:
    person = hire(hromada.centre, offices=[2])
    other = hire(hromada.centre, "other", offices=[2])
    hromada.link()
    good = SealedPassword(person, hashed(NEW), Edition(9, 9))
    match broken:
        case "noise":
            forge(hromada.villages[2], person, b"noise")
        case "moved":
            forge(hromada.villages[2], other, good)
        case "cheap":
            cheap = hashed(NEW).replace("m=19456", "m=8")
            forge(hromada.villages[2], person, SealedPassword(person, cheap, Edition(9, 9)))
        case _:
            key = SigningKey(b"\x08" * 32).verify_key
            forge(hromada.villages[2], person, sealing.seal(key, good))
    hromada.link()
    hromada.link()
    assert outcomes(hromada) == [Outcome.UNREADABLE]
    assert hromada.opens(2, OLD)
    assert hromada.opens(2, OLD, "other")


@pytest.mark.parametrize("edition", [Edition(1 << 70, 9), Edition(9, (1 << 63) - 1)])
def test_an_edition_that_nothing_could_follow_holds_up_no_other_password(
    hromada: Hromada, edition: Edition
) -> None:
    """The database could not hold the first; after the second no password could be issued."""
    person = hire(hromada.centre, offices=[2])
    other = hire(hromada.centre, "other", offices=[2])
    hromada.link()
    forge(hromada.villages[2], person, SealedPassword(person, hashed(NEW), edition))
    forge(hromada.villages[2], other, SealedPassword(other, hashed(NEW), Edition(1, 1 << 52)))
    hromada.link()
    assert outcomes(hromada) == [Outcome.UNREADABLE, Outcome.ISSUED]
    hromada.centre.write(service.issue_password, person, hashed=hashed(NEWER), by="system")


def forge(village: Store, person: RowId, said: SealedPassword | bytes) -> None:
    sealed = said if isinstance(said, bytes) else sealing.seal(CENTRE.verify_key, said)
    values = {"person": person, "sealed": sealed, "resets": 9, "stamp": 9, "set_at": 0}
    village.write(lambda tx: tx.insert(PASSWORD, values))


def test_a_password_is_issued_once_however_often_it_is_looked_into(hromada: Hromada) -> None:
    person = hire(hromada.centre, offices=[2])
    hromada.link()
    change(hromada, 2, OLD, NEW)
    send_up(hromada.villages[2], hromada.centre)
    with hromada.centre.read() as reader:
        sealed = queries.unopened(reader, 10)[0]
    password = sealing.unseal(sealing.opener(CENTRE), sealed.sealed)
    assert password.person == person
    for _ in range(2):
        hromada.centre.write(
            service.reissue, sealed.id, person, hashed=password.hash, edition=password.edition
        )
    assert outcomes(hromada) == [Outcome.ISSUED]


def test_the_reissuer_wakes_by_itself(hromada: Hromada) -> None:
    hire(hromada.centre, offices=[1, 2])
    hromada.link()
    worker = reissue.Reissuer(hromada.centre, sealing.opener(CENTRE))
    change(hromada, 2, OLD, NEW)
    send_up(hromada.villages[2], hromada.centre)
    deadline = time.monotonic() + 20
    while not outcomes(hromada) and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    assert outcomes(hromada) == [Outcome.ISSUED]
    assert hromada.opens(1, NEW)


def test_a_village_without_its_centres_key_says_what_to_do(
    tmp_path: Path, passwords: HashingThread
) -> None:
    (tmp_path / "keyless").mkdir()
    store = staffing.open_store(tmp_path / "keyless", node=2)
    hire(store)
    app = create_surface(
        Surface.OFFICE, staffing.context_of(store, passwords), [views.office], [access.guard]
    )
    client = app.test_client()
    sign_in(client)
    answered = client.post("/api/password", json={"current": OLD, "new": NEW})
    assert (answered.status_code, answered.get_json()["code"]) == (503, "password_cannot_travel")
    store.close()


def test_a_seal_opens_with_its_key_alone() -> None:
    said = SealedPassword(RowId(2, 3, 4), hashed(NEW), Edition(1, 5))
    sealed = sealing.seal(CENTRE.verify_key, said)
    assert sealing.unseal(sealing.opener(CENTRE), sealed) == said
    with pytest.raises(SealBroken):
        sealing.unseal(sealing.opener(SigningKey(b"\x01" * 32)), sealed)


@given(st.binary(max_size=80))
def test_whatever_stands_in_a_seal_is_read_or_refused(told: bytes) -> None:
    with pytest.raises(SealBroken):
        sealing.unseal(lambda _sealed: told, b"")


# --- everything at once --------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["set 2", "set 3", "set 1", "issue", "link 2", "link 3"])),
    max_size=8,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_after_all_links_the_newest_password_counts_everywhere(
    steps: list[tuple[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is set where and in whichever order it travels, all offices agree in the end."""
    folder = tmp_path_factory.mktemp("hromada")
    clock = FixedClock()
    stores = {
        node: staffing.open_store(folder, node=node, clock=clock, centre=node == 1)
        for node in (1, 2, 3)
    }
    hromada = Hromada(stores[1], {2: stores[2], 3: stores[3]}, lambda _node: FlaskClient(None))
    person = hire(stores[1], offices=[1, 2, 3])
    for node in (2, 3):
        grant(stores[node])
    hromada.link()
    for place, (step,) in enumerate(steps):
        clock.advance(1)
        _do(hromada, person, step, f"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ${place:043}")
    hromada.link()
    hromada.link()
    found = set()
    for store in stores.values():
        with store.read() as reader:
            credential = queries.credential_of(reader, person)
            assert credential is not None
            found.add((credential.hash, credential.edition, credential.temporary))
    assert len(found) == 1
    for store in stores.values():
        store.close()


def _do(hromada: Hromada, person: RowId, step: str, hash_: str) -> None:
    what, _space, where = step.partition(" ")
    if what == "link":
        hromada.link(int(where))
        return
    store = hromada.store(int(where or 1))
    if what == "issue":
        store.write(service.issue_password, person, hashed=hash_, by="system")
        return
    with store.read() as reader:
        credential = queries.credential_of(reader, person)
    assert credential is not None
    edition = credential.edition.next_own(store.clock.wall())
    given: dict[str, Any] = {"hashed": hash_, "edition": edition, "keep": b"", "by": "system"}
    if store.node == 1:
        store.write(service.set_password, person, **given)
        return
    sealed = sealing.seal(CENTRE.verify_key, SealedPassword(person, hash_, edition))
    store.write(service.set_password_in_village, person, sealed=sealed, **given)


def test_a_village_row_that_breaks_our_rules_is_refused_where_it_is_made(
    hromada: Hromada,
) -> None:
    with pytest.raises(RuleBroken):
        hromada.villages[2].write(lambda tx: tx.insert(PASSWORD, {"person": None, "sealed": b""}))
