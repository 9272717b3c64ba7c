"""The staff list at the centre: hiring, roles, dismissal, and what is refused."""

import re

import pytest
from flask.testing import FlaskClient

from appliance.people import queries, service
from appliance.people.errors import LastAdministrator, LoginTaken, NoOffice, PersonDismissed
from appliance.people.model import Edition, Role, Standing
from appliance.store.database import Store
from appliance.store.ids import RowId
from tests.people.staffing import PASSWORD, hashed, hire, sign_in

STAROSTA = frozenset({Role.STAROSTA})
DUTY = frozenset({Role.DUTY_OFFICER})
HOSTILE = ["<script>alert(1)</script>", "a\u202eb", "a\x00b", "a\x07b", "x" * 5000]


@pytest.fixture
def admin(store: Store, office: FlaskClient) -> FlaskClient:
    hire(store, "admin", name="Богдан Ковальчук", roles=[Role.ADMINISTRATOR])
    sign_in(office, "admin")
    return office


def secret(store: Store, person: RowId) -> tuple[str, Edition, bool]:
    with store.read() as reader:
        return queries.secret_of(reader, person)


def everybody(store: Store) -> dict[str, queries.Person]:
    with store.read() as reader:
        return {person.login: person for person in queries.staff_list(reader)}


# --- verbs ---------------------------------------------------------------------------------------


def test_a_person_has_one_credential_for_each_office_and_one_secret(store: Store) -> None:
    person = hire(store, offices=[1, 2, 3])
    assert everybody(store)["starosta"].offices == dict.fromkeys((1, 2, 3), STAROSTA)
    with store.read() as reader:
        rows = reader.all("SELECT scope, office, hash FROM people_credential ORDER BY office")
        names = reader.all("SELECT scope FROM people_person")
    assert [row["scope"] for row in rows] == ["office:1", "office:2", "office:3"]
    assert {row["hash"] for row in rows} == {hashed()}
    assert [row["scope"] for row in names] == ["hromada"]
    assert secret(store, person)[0] == hashed()


def test_roles_move_between_offices_and_the_password_goes_along(store: Store) -> None:
    person = hire(store, offices=[1, 2])
    store.write(service.change_roles, person, {2: DUTY, 3: STAROSTA}, by="system")
    assert everybody(store)["starosta"].offices == {2: DUTY, 3: STAROSTA}
    with store.read() as reader:
        hashes = reader.all("SELECT hash FROM people_credential WHERE deleted = 0")
    assert {row["hash"] for row in hashes} == {hashed()}
    store.write(service.change_roles, person, {1: STAROSTA}, by="system")
    assert everybody(store)["starosta"].offices == {1: STAROSTA}


def test_a_dismissed_person_leaves_no_hash_behind(store: Store) -> None:
    person = hire(store, offices=[1, 2])
    store.write(service.dismiss, person, by="system")
    with store.read() as reader:
        rows = reader.all("SELECT hash, state, roles FROM people_credential")
        assert queries.credential_for_login(reader, "starosta") is None
    assert {(row["hash"], row["state"], row["roles"]) for row in rows} == {("", "dismissed", "")}
    with pytest.raises(PersonDismissed):
        store.write(service.dismiss, person, by="system")
    with pytest.raises(PersonDismissed):
        store.write(service.issue_password, person, hashed=hashed(), by="system")


def test_a_person_taken_back_gets_a_new_secret_under_the_old_login(store: Store) -> None:
    person = hire(store)
    before = secret(store, person)[1]
    store.write(service.dismiss, person, by="system")
    store.write(service.reinstate, person, {1: DUTY}, hashed=hashed("знову тут 1"), by="system")
    found = everybody(store)["starosta"]
    assert (found.state, dict(found.offices)) == (Standing.ACTIVE, {1: DUTY})
    assert secret(store, person)[1] > before
    assert secret(store, person)[2] is True


def test_a_login_is_never_given_twice(store: Store) -> None:
    person = hire(store)
    store.write(service.dismiss, person, by="system")
    with pytest.raises(LoginTaken):
        hire(store)


def test_nobody_is_hired_to_do_nothing(store: Store) -> None:
    with pytest.raises(NoOffice):
        hire(store, roles=[])
    assert everybody(store) == {}


def test_the_centre_keeps_an_administrator(store: Store) -> None:
    person = hire(store, "admin", roles=[Role.ADMINISTRATOR])
    with pytest.raises(LastAdministrator):
        store.write(service.dismiss, person, by="system")
    with pytest.raises(LastAdministrator):
        store.write(service.change_roles, person, {1: DUTY}, by="system")
    hire(store, "other", roles=[Role.ADMINISTRATOR])
    store.write(service.dismiss, person, by="system")


# --- pages ---------------------------------------------------------------------------------------


def test_the_list_shows_who_works_where(store: Store, admin: FlaskClient) -> None:
    hire(store, name="Ганна Їжакевич", offices=[1, 2], roles=[Role.STAROSTA, Role.DUTY_OFFICER])
    page = admin.get("/staff").text
    assert "Ганна Їжакевич" in page
    assert "Старостат села Верболіз: староста, черговий" in page


def test_a_new_person_gets_a_password_that_is_shown_once_and_works(
    store: Store, admin: FlaskClient
) -> None:
    form = {"name": "Іван Ґудзь", "login": "I.Gudz", "office-1": ["starosta", "emperor"]}
    page = admin.post("/staff/new", data=form)
    assert page.status_code == 200
    found = re.search(r"<dd>([0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4})</dd>", page.text)
    assert found is not None
    assert everybody(store)["i.gudz"].offices == {1: STAROSTA}
    answered = admin.post("/api/sign-in", json={"login": "i.gudz", "password": found[1]})
    assert answered.get_json()["must_change"] is True


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"name": "Іван Ґудзь", "login": "i.gudz"}, 422, "Оберіть хоча б одну роль"),
        ({"name": "", "login": "i.gudz", "office-1": "starosta"}, 422, "Напишіть ім’я"),
        ({"name": "Іван Ґудзь", "login": "іван", "office-1": "starosta"}, 422, "малі латинські"),
        ({"name": "Іван Ґудзь", "login": "admin", "office-1": "starosta"}, 409, "уже зайнятий"),
        ({"name": "Іван Ґудзь", "login": "i.gudz", "office-1": "emperor"}, 422, "Оберіть хоча б"),
    ],
)
def test_a_form_that_lacks_something_keeps_its_values_and_says_so(
    *,
    store: Store,
    admin: FlaskClient,
    form: dict[str, str],
    status: int,
    sentence: str,
) -> None:
    answered = admin.post("/staff/new", data=form)
    assert answered.status_code == status
    assert sentence in answered.text
    assert f'value="{form["name"]}"' in answered.text
    assert set(everybody(store)) == {"admin"}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["name", "login"])
def test_hostile_text_is_refused(store: Store, admin: FlaskClient, field: str, text: str) -> None:
    form = {"name": "Іван Ґудзь", "login": "i.gudz", "office-1": "starosta", field: text}
    answered = admin.post("/staff/new", data=form)
    assert "<script>alert" not in answered.text
    assert answered.status_code == 422
    assert f'id="{field}-error"' in answered.text
    assert set(everybody(store)) == {"admin"}


def test_markup_in_a_name_is_shown_as_text(store: Store, admin: FlaskClient) -> None:
    hire(store, "i.gudz", name=HOSTILE[0])  # by a program that is not ours
    page = admin.get("/staff").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_person_is_changed_reset_dismissed_and_taken_back_by_pages(
    store: Store, admin: FlaskClient
) -> None:
    person = hire(store)
    page = f"/staff/{person}"
    assert "Оксана Мельничук" in admin.get(page).text
    form = {"name": "Оксана Коваль", "office-2": "duty_officer"}
    assert admin.post(page, data=form).status_code == 303
    assert everybody(store)["starosta"].name == "Оксана Коваль"
    assert everybody(store)["starosta"].offices == {2: DUTY}
    assert "тимчасов" in admin.post(f"{page}/password").text.casefold()
    assert secret(store, person)[0] != hashed()
    assert admin.post(f"{page}/dismiss").status_code == 303
    assert everybody(store)["starosta"].state is Standing.DISMISSED
    again = admin.post(f"{page}/dismiss")
    assert again.status_code == 409
    assert "Цю людину звільнено" in again.text
    assert admin.post(f"{page}/reinstate", data={"office-1": "starosta"}).status_code == 200
    assert everybody(store)["starosta"].state is Standing.ACTIVE


def test_the_last_administrator_is_told_what_to_do_first(store: Store, admin: FlaskClient) -> None:
    person = everybody(store)["admin"].id
    answered = admin.post(f"/staff/{person}/dismiss")
    assert answered.status_code == 409
    assert "Спершу зробіть адміністратором когось іншого" in answered.text


@pytest.mark.parametrize("path", ["/staff/s01-0000000000-1", "/staff/x", "/staff/%00"])
def test_a_person_who_is_nobody_is_not_found(admin: FlaskClient, path: str) -> None:
    assert admin.get(path).status_code == 404
    assert admin.post(f"{path}/dismiss").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_an_administrator_changes_the_list(
    store: Store, office: FlaskClient, role: Role
) -> None:
    person = hire(store, "somebody", roles=[role])
    sign_in(office, "somebody")
    for path in ("/staff/new", f"/staff/{person}", "/staff/codes"):
        assert office.get(path).status_code == 403
    form = {"name": "Іван Ґудзь", "login": "i.gudz", "office-1": "administrator"}
    for path in ("/staff/new", f"/staff/{person}", f"/staff/{person}/password", "/staff/codes/1"):
        assert office.post(path, data=form).status_code == 403
    assert set(everybody(store)) == {"somebody"}


def test_a_stranger_is_told_to_sign_in(office: FlaskClient) -> None:
    assert office.post("/staff/new").status_code == 401
    assert office.get("/staff").status_code == 302


def test_the_page_of_a_password_is_kept_by_no_browser(admin: FlaskClient) -> None:
    form = {"name": "Іван Ґудзь", "login": "i.gudz", "office-1": "starosta"}
    assert admin.post("/staff/new", data=form).headers["Cache-Control"] == "no-store"


def test_nobody_signs_in_where_they_do_not_work(store: Store, office: FlaskClient) -> None:
    hire(store, "elsewhere", offices=[2])
    answered = office.post("/api/sign-in", json={"login": "elsewhere", "password": PASSWORD})
    assert answered.status_code == 401
