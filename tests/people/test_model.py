"""Rules of people, for every series of events and every clock that could be thought of."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.people import model
from appliance.people.errors import BadLogin, BadPassword, PasswordProblem
from appliance.people.model import (
    FORGOTTEN_SECONDS,
    IDLE_SECONDS,
    PATIENCE,
    AttemptKind,
    Attempts,
    Edition,
    Moment,
    Permission,
    Role,
)

HOUR = 3600
walls = st.integers(0, 4_000_000_000_000)
moments = st.builds(
    Moment,
    wall=walls,
    ticks=st.integers(0, 10**9),
    epoch=st.integers(1, 2),
    sure=st.booleans(),
)
patiences = st.sampled_from(list(PATIENCE.values()))


def at(seconds: float, *, epoch: int = 1, sure: bool = True, jump: int = 0) -> Moment:
    """Return a moment so long after the start of a process; `jump` moves the wall clock alone."""
    ticks = int(seconds * 1000)
    return Moment(1_790_000_000_000 + ticks + jump * 1000, ticks, epoch, sure)


# --- moments -------------------------------------------------------------------------------------


@given(moments)
def test_a_moment_is_read_as_it_was_written(moment: Moment) -> None:
    assert Moment.parse(str(moment)) == moment


@given(moments, moments)
def test_time_never_passes_backwards(since: Moment, now: Moment) -> None:
    gone = model.passed(since, now)
    assert gone is None or gone >= 0


@given(moments, moments, st.integers(1, 10**7))
def test_nothing_ends_across_a_restart_while_either_clock_was_bad(
    since: Moment, now: Moment, seconds: int
) -> None:
    if since.epoch != now.epoch and not (since.sure and now.sure):
        assert not model.is_over(since, now, seconds)


@given(st.floats(0, 10 * HOUR), st.integers(-(10**9), 10**9), st.booleans())
def test_a_clock_that_jumps_neither_ends_nor_prolongs_a_session(
    seconds: float,
    jump: int,
    sure: bool,  # noqa: FBT001 - drawn
) -> None:
    opened, now = at(0), at(seconds, jump=jump, sure=sure)
    ended = model.session_is_over(opened, opened, now, lifetime=12 * HOUR)
    assert ended == (int(seconds * 1000) >= IDLE_SECONDS * 1000)


def test_a_session_ends_by_age_however_busy_it_is() -> None:
    opened, now = at(0), at(12 * HOUR)
    assert model.session_is_over(opened, now, now, lifetime=12 * HOUR)
    assert not model.session_is_over(opened, now, now, lifetime=12 * HOUR + 1)


def test_a_session_that_nobody_uses_ends_before_its_age() -> None:
    opened, seen = at(0), at(HOUR)
    assert model.session_is_over(opened, seen, at(HOUR + IDLE_SECONDS), lifetime=12 * HOUR)
    assert not model.session_is_over(opened, seen, at(HOUR + IDLE_SECONDS - 1), lifetime=12 * HOUR)


def test_a_session_outlives_a_restart_and_is_then_judged_by_the_wall_clock() -> None:
    opened = at(0, epoch=1)
    after = Moment(opened.wall + 13 * HOUR * 1000, 5, 2, sure=True)
    assert model.session_is_over(opened, opened, after, lifetime=12 * HOUR)
    assert not model.session_is_over(
        opened, opened, after._replace(wall=opened.wall - 1), lifetime=12 * HOUR
    )


# --- failures to sign in -------------------------------------------------------------------------


@given(st.integers(0, 10_000), patiences)
def test_a_wait_grows_and_never_becomes_endless(failures: int, patience: model.Patience) -> None:
    wait, longer = model.wait_after(failures, patience), model.wait_after(failures + 1, patience)
    assert wait <= longer <= patience.longest
    assert (wait == 0) == (failures < patience.free)


@given(st.integers(1, 10_000), moments, moments, patiences)
def test_nobody_is_ever_locked_out_for_good(
    failures: int, last: Moment, now: Moment, patience: model.Patience
) -> None:
    left = model.wait_left(Attempts(failures, last), now, patience)
    assert 0 <= left <= patience.longest
    if last.epoch == now.epoch:
        later = now._replace(ticks=last.ticks + patience.longest * 1000)
        assert model.wait_left(Attempts(failures, last), later, patience) == 0


@given(st.lists(st.integers(0, 400), max_size=60))
def test_a_guesser_gets_few_guesses_an_hour(pauses: list[int]) -> None:
    """However the pauses are chosen, guesses are bounded by the free ones and the longest wait."""
    patience, known, clock, guesses = PATIENCE[AttemptKind.LOGIN], None, 0.0, 0
    for pause in pauses:
        clock += pause
        if known is None or model.wait_left(known, at(clock), patience) == 0:
            known = model.counted(known, at(clock))
            guesses += 1
    assert guesses <= patience.free + 7 + clock / patience.longest


def test_failures_are_forgotten_after_a_day() -> None:
    many = Attempts(50, at(0))
    assert model.counted(many, at(FORGOTTEN_SECONDS)).failures == 1
    assert model.counted(many, at(FORGOTTEN_SECONDS - 1)).failures == 51


def test_a_clock_set_back_by_a_year_lets_one_attempt_through_and_then_waits_again() -> None:
    patience = PATIENCE[AttemptKind.LOGIN]
    known = Attempts(9, at(100, epoch=1))
    now = Moment(known.last.wall - 365 * 24 * HOUR * 1000, 10, 2, sure=True)
    assert model.wait_left(known, now, patience) == 0
    known = model.counted(known, now)
    assert model.wait_left(known, now, patience) > 0


# --- roles ---------------------------------------------------------------------------------------


def test_every_role_has_its_line_and_every_permission_somebody() -> None:
    assert set(model.MAY) == set(Role)
    assert frozenset().union(*model.MAY.values()) == set(Permission)


def test_only_the_administrator_manages_staff() -> None:
    able = {role for role in Role if model.may(frozenset({role}), Permission.MANAGE_STAFF)}
    assert able == {Role.ADMINISTRATOR}


@given(st.frozensets(st.sampled_from(Role)))
def test_roles_are_read_as_they_were_written(roles: frozenset[Role]) -> None:
    assert model.roles_of(model.roles_text(roles)) == roles


def test_a_role_of_a_newer_version_gives_nothing() -> None:
    assert model.roles_of("emperor starosta") == {Role.STAROSTA}


# --- the staff list ------------------------------------------------------------------------------


@given(walls, walls, st.booleans(), st.integers(1, 60))
def test_a_list_is_too_old_only_on_a_good_clock_and_past_its_limit(
    confirmed: int,
    now: int,
    sure: bool,  # noqa: FBT001 - drawn
    limit: int,
) -> None:
    days = model.days_too_old(confirmed, now, sure=sure, limit_days=limit)
    assert (days is not None) == (sure and now - confirmed >= limit * 24 * HOUR * 1000)


def test_a_list_that_is_made_here_has_no_age() -> None:
    assert model.days_too_old(None, 10**13, sure=True, limit_days=14) is None


def test_only_starosta_and_duty_officer_come_in_with_an_old_list() -> None:
    able = {role for role in Role if model.opens_with_an_old_list(frozenset({role}))}
    assert able == {Role.STAROSTA, Role.DUTY_OFFICER}


# --- passwords -----------------------------------------------------------------------------------


@given(st.tuples(st.integers(0, 3), walls), walls)
def test_a_new_password_is_always_newer_whatever_the_clock_says(
    told: tuple[int, int], now: int
) -> None:
    edition = Edition(*told)
    assert edition.next_own(now) > edition
    assert edition.next_issued(now) > edition.next_own(now)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("дев’ять00", PasswordProblem.SHORT),
        ("б" * 64 + "абвг" * 17, PasswordProblem.LONG),
        ("вода чиста\x00 тут", PasswordProblem.CONTROL),
        ("o.melnychuk", PasswordProblem.LOGIN),
        ("O.Melnychuk2026", PasswordProblem.LOGIN),
        ("o.melnychuko.melnychuk", PasswordProblem.LOGIN),
        ("Qwerty12345", PasswordProblem.SILLY),
        ("Пароль1234", PasswordProblem.SILLY),
        ("абабабабабаб", PasswordProblem.SILLY),
    ],
)
def test_a_bad_password_is_told_which_rule_it_breaks(
    password: str, problem: PasswordProblem
) -> None:
    with pytest.raises(BadPassword) as refused:
        model.check_password(password, login="o.melnychuk")
    assert refused.value.problem is problem


def test_two_keyboards_type_the_same_password() -> None:
    composed, decomposed = "Їжак і йогурт", "І\u0308жак і и\u0306огурт"
    assert model.check_password(composed, login="x") == model.check_password(decomposed, login="x")


@pytest.mark.parametrize(
    "login", ["", "a", "ab", "-oks", "оксана", "a b c", "a" * 33, "<b>", "a\x00b"]
)
def test_a_login_that_nobody_can_type_is_refused(login: str) -> None:
    with pytest.raises(BadLogin):
        model.check_login(login)


def test_a_login_is_the_same_in_capitals() -> None:
    assert model.check_login("  O.Melnychuk ") == "o.melnychuk"


# --- codes ---------------------------------------------------------------------------------------


@given(st.integers(1, 9999), st.binary(min_size=12, max_size=12))
def test_a_code_is_read_as_it_was_printed(number: int, entropy: bytes) -> None:
    letters = model.secret_letters(entropy)
    printed = model.written_code(number, letters)
    assert model.read_code(printed) == (number, letters)
    assert model.read_code(f" {printed.lower().replace('-', ' ')} ") == (number, letters)
    assert model.read_code(printed.replace("0", "O").replace("1", "l")) == (number, letters)


@given(st.text(alphabet=string.printable + "–Ж²", max_size=60))
def test_anything_may_be_typed_as_a_code(text: str) -> None:
    read = model.read_code(text)
    assert read is None or (read[0] >= 0 and len(read[1]) == model.SECRET_LENGTH)
