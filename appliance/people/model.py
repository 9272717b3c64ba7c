"""Who may do what, and when a secret stops counting: pure rules, with time passed in.

Nothing here expires on a bad clock. How long ago something was is asked of the monotonic clock as
long as one process lives, and of the wall clock only when both readings were good.
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Self

from appliance.people.errors import BadLogin, BadName, BadPassword, PasswordProblem

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
THOUSAND: Final = 1000  # milliseconds in a second

IDLE_SECONDS: Final = 4 * HOUR
"""A session that nobody used for this long has ended."""

TOUCH_SECONDS: Final = 10 * MINUTE
"""How often a live session's last use is written down; a card must not pay for each click."""

EMERGENCY_SECONDS: Final = 4 * HOUR
"""How long an emergency code makes its bearer the duty officer."""

PAIRING_SECONDS: Final = 10 * MINUTE
"""How long the six digits on a device's screen are good for."""

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 128


class Role(StrEnum):
    """What a member of staff is in an office."""

    ADMINISTRATOR = "administrator"
    STAROSTA = "starosta"
    HEAD = "head"
    TECHNICIAN = "technician"
    DUTY_OFFICER = "duty_officer"


class Permission(StrEnum):
    """What can be allowed."""

    SERVE_QUEUE = "serve_queue"
    SEE_QUEUE = "see_queue"
    SEE_STAFF = "see_staff"
    MANAGE_STAFF = "manage_staff"
    PAIR_DEVICES = "pair_devices"
    READ_AUDIT = "read_audit"
    SEE_NODES = "see_nodes"
    ASK_OFFICES = "ask_offices"  # to ask another office to do something with what is its own
    CARRY_STICKS = "carry_sticks"


MAY: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.STAROSTA: frozenset(Permission) - {Permission.MANAGE_STAFF, Permission.ASK_OFFICES},
    Role.HEAD: frozenset(
        {
            Permission.SEE_QUEUE,
            Permission.SEE_STAFF,
            Permission.READ_AUDIT,
            Permission.SEE_NODES,
        }
    ),
    Role.TECHNICIAN: frozenset(
        {Permission.PAIR_DEVICES, Permission.SEE_NODES, Permission.CARRY_STICKS}
    ),
    Role.DUTY_OFFICER: frozenset(
        {Permission.SERVE_QUEUE, Permission.SEE_QUEUE, Permission.SEE_STAFF}
    ),
}

TRUSTED_WITH_AN_OLD_LIST: Final = frozenset({Role.STAROSTA, Role.DUTY_OFFICER})
"""Who still signs in when the centre has not confirmed the staff list for too long."""


class Standing(StrEnum):
    """Whether a person works here."""

    ACTIVE = "active"
    DISMISSED = "dismissed"


class DeviceKind(StrEnum):
    """What is paired without a password."""

    KIOSK = "kiosk"
    DISPLAY = "display"


class AttemptKind(StrEnum):
    """Whose failures to sign in are counted."""

    LOGIN = "login"
    ADDRESS = "address"


class Outcome(StrEnum):
    """What the centre made of a password that was set in a village."""

    ISSUED = "issued"
    SUPERSEDED = "superseded"  # a newer one counts
    NOT_THERE = "not_there"  # the person does not work where the password was set
    NOT_BY_A_VILLAGE = "not_by_a_village"  # no village may speak for an administrator of the centre
    UNREADABLE = "unreadable"  # the seal, or what it held, is not what we write


def may(roles: frozenset[Role], permission: Permission) -> bool:
    """Tell whether any of the roles carries the permission."""
    return any(permission in MAY[role] for role in roles)


def roles_text(roles: frozenset[Role]) -> str:
    """Return roles as a table holds them: sorted, with spaces between."""
    return " ".join(sorted(roles))


def roles_of(text: str) -> frozenset[Role]:
    """Read what `roles_text` wrote; a role of a newer version is passed over."""
    known = set(Role)
    return frozenset(Role(word) for word in text.split() if word in known)


class Moment(NamedTuple):
    """When something happened, as one process saw it."""

    wall: int  # milliseconds since 1970
    ticks: int  # milliseconds of the monotonic clock, which means nothing in another process
    epoch: int  # the process: its store's epoch
    sure: bool  # whether the wall clock was good

    def __str__(self) -> str:
        return f"{self.wall} {self.ticks} {self.epoch} {int(self.sure)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote."""
        wall, ticks, epoch, sure = (int(word) for word in text.split())
        return cls(wall, ticks, epoch, bool(sure))


def passed(since: Moment, now: Moment) -> float | None:
    """Return the seconds between two moments; None if the clocks cannot tell."""
    if since.epoch == now.epoch:
        return max(0, now.ticks - since.ticks) / THOUSAND
    if since.sure and now.sure and now.wall >= since.wall:
        return (now.wall - since.wall) / THOUSAND
    return None


def is_over(since: Moment, now: Moment, seconds: float) -> bool:
    """Tell whether something that lasts so long is over; never on a clock that cannot tell."""
    gone = passed(since, now)
    return gone is not None and gone >= seconds


def session_is_over(opened: Moment, seen: Moment, now: Moment, *, lifetime: float) -> bool:
    """Tell whether a session has ended: by its age, or because nobody used it."""
    return is_over(opened, now, lifetime) or is_over(seen, now, IDLE_SECONDS)


# --- failures to sign in -------------------------------------------------------------------------


class Patience(NamedTuple):
    """How many failures are free, and how the wait grows after that."""

    free: int
    first: int = 10
    longest: int = 10 * MINUTE


PATIENCE: Final[Mapping[AttemptKind, Patience]] = {
    AttemptKind.LOGIN: Patience(free=5),
    AttemptKind.ADDRESS: Patience(free=20),  # an office may stand behind one address
}

FORGOTTEN_SECONDS: Final = DAY
"""Failures older than this count no more."""


class Attempts(NamedTuple):
    """What is known of one login or one address: failures in a row, and the last."""

    failures: int
    last: Moment


def wait_after(failures: int, patience: Patience) -> int:
    """Return how long to wait after so many failures: it doubles, and never gets endless."""
    over = failures - patience.free
    if over < 0:
        return 0
    return int(min(patience.longest, patience.first << min(over, 16)))


def wait_left(attempts: Attempts, now: Moment, patience: Patience) -> float:
    """Return the seconds until the next attempt is allowed; 0 means now.

    A clock that cannot tell how long ago the last failure was lets one attempt through, and that
    attempt is the new last one.
    """
    gone = passed(attempts.last, now)
    if gone is None or gone >= FORGOTTEN_SECONDS:
        return 0
    return max(0, wait_after(attempts.failures, patience) - gone)


def counted(attempts: Attempts | None, now: Moment) -> Attempts:
    """Return the attempts with one more; a day without any and the count starts again."""
    if attempts is None or is_over(attempts.last, now, FORGOTTEN_SECONDS):
        return Attempts(1, now)
    return Attempts(attempts.failures + 1, now)


# --- passwords -----------------------------------------------------------------------------------


class Edition(NamedTuple):
    """Which of a person's passwords is the newest: the larger wins, wherever it was set.

    `resets` counts what an administrator issued: such a password beats whatever people set
    themselves before. `stamp` is a time that only grows: a bad clock cannot make a password older
    than the one it replaces.
    """

    resets: int
    stamp: int

    def next_own(self, now: int) -> "Edition":
        """Return the edition of a password that the person sets now."""
        return Edition(self.resets, max(now, self.stamp + 1))

    def next_issued(self, now: int) -> "Edition":
        """Return the edition of a password that an administrator issues now."""
        return Edition(self.resets + 1, max(now, self.stamp + 1))


class Secret(NamedTuple):
    """What a credential holds: the same in all offices of a person."""

    hash: str
    edition: Edition
    temporary: bool


SILLY: Final = frozenset(
    """0123456789 1234567890 12345678910 123456789a 1q2w3e4r5t 1qaz2wsx3edc administrator
    admin12345 administratsiya football123 iloveyou123 letmein1234 password12 password123
    password1234 qwerty12345 qwerty123456 qwertyuiop qwertyuiop1 starosta12 starosta123
    ukraine2022 ukraine2024 ukraine2025 ukraine2026 vuzolvuzol welcome123
    йцукенгшщз пароль1234 пароль12345 староста12 староста123 україна2024 україна2025
    україна2026 слава_україні славаукраїні""".split()  # noqa: SIM905 - words read best as words
)
"""What a guesser tries first. The length rule keeps the rest of such lists out."""

FEWEST_DIFFERENT: Final = 4


def tidy_password(password: str) -> str:
    """Return the password as it is hashed: two keyboards may compose one letter differently."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, *, login: str) -> str:
    """Return the password as it is hashed; raise `BadPassword` with the rule it breaks."""
    tidy = tidy_password(password)
    problem = _password_problem(tidy, login)
    if problem is not None:
        raise BadPassword(problem)
    return tidy


def _password_problem(password: str, login: str) -> PasswordProblem | None:
    plain = password.casefold()
    if len(password) < SHORTEST_PASSWORD:
        return PasswordProblem.SHORT
    if len(password) > LONGEST_PASSWORD:
        return PasswordProblem.LONG
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in password):
        return PasswordProblem.CONTROL
    if login and (plain in {login * 2, login * 3} or plain.strip("0123456789!._-") == login):
        return PasswordProblem.LOGIN
    if plain in SILLY or len(set(plain)) < FEWEST_DIFFERENT:
        return PasswordProblem.SILLY
    return None


# --- codes that people type ----------------------------------------------------------------------

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: nobody mixes them up on paper
SECRET_LENGTH: Final = 12  # 60 bits
GROUP: Final = 4
CODES_OF_AN_OFFICE: Final = 3
LONGEST_CODE: Final = 40
MISREAD: Final = str.maketrans("OIL", "011")


def secret_letters(entropy: bytes) -> str:
    """Return letters for a secret that people type, one for each byte."""
    return "".join(LETTERS[byte & 31] for byte in entropy)


def grouped(letters: str) -> str:
    """Return the letters in groups of four: K7F3-A9M2-XQ4P."""
    return "-".join(letters[place : place + GROUP] for place in range(0, len(letters), GROUP))


def written_code(number: int, letters: str) -> str:
    """Return an emergency code as it stands in its envelope: 3-K7F3-A9M2-XQ4P."""
    return f"{number}-{grouped(letters)}"


def read_code(text: str) -> tuple[int, str] | None:
    """Return number and letters of a code as somebody typed it; None if it is no code."""
    if len(text) > LONGEST_CODE:
        return None
    tidy = text.upper().translate(MISREAD).replace("–", "-").replace(" ", "-")
    number, *groups = tidy.strip("-").split("-")
    letters = "".join(groups)
    if not (number.isascii() and number.isdigit() and len(number) < GROUP + 2):
        return None
    if len(letters) != SECRET_LENGTH or not set(letters) <= set(LETTERS):
        return None
    return int(number), letters


# --- the staff list ------------------------------------------------------------------------------

SHORTEST_NAME: Final = 2
LONGEST_NAME: Final = 120
LONGEST_TYPED_LOGIN: Final = 100
LOGIN: Final = re.compile(r"[a-z][a-z0-9.-]{1,30}[a-z0-9]")


def tidy_login(text: str) -> str:
    """Return a login as it is looked up: people may type capitals and spaces around it."""
    return text.strip().casefold()


def check_login(text: str) -> str:
    """Return a login for a new person; raise `BadLogin`."""
    login = tidy_login(text)
    if LOGIN.fullmatch(login) is None:
        raise BadLogin
    return login


def check_name(text: str) -> str:
    """Return a name that is neither empty nor endless; raise `BadName`."""
    if not SHORTEST_NAME <= len(text) <= LONGEST_NAME:
        raise BadName
    return text


def days_too_old(confirmed_at: int | None, now: int, *, sure: bool, limit_days: int) -> int | None:
    """Return the age of the staff list in days if it is past the limit; None if it may be used.

    Nothing is too old on a bad clock, and a list that is made here has no age.
    """
    if confirmed_at is None or not sure:
        return None
    days = (now - confirmed_at) // (DAY * THOUSAND)
    return days if days >= limit_days else None


def opens_with_an_old_list(roles: frozenset[Role]) -> bool:
    """Tell whether somebody signs in although the centre has not confirmed the list for long."""
    return bool(roles & TRUSTED_WITH_AN_OLD_LIST)
