"""What can go wrong with people: each error has its cause, its next step and its facts."""

from enum import StrEnum
from typing import ClassVar

from appliance.errors import VuzolError


class WrongPassword(VuzolError):
    """The login is not known here, or the password is not its own: nobody is told which."""

    code: ClassVar[str] = "wrong_password"
    status_hint: ClassVar[int] = 401

    def __init__(self) -> None:
        super().__init__(
            "no such login with such a password",
            next_step="check the keyboard's language and try again, or ask the administrator",
        )


class TooManyAttempts(VuzolError):
    """Too many wrong passwords came for this login or from this address."""

    code: ClassVar[str] = "too_many_attempts"
    status_hint: ClassVar[int] = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong passwords", next_step=f"try again in {retry_after} s")
        self.retry_after = retry_after


class TooManySignIns(VuzolError):
    """More people sign in at this second than one thread can check."""

    code: ClassVar[str] = "too_many_sign_ins"
    status_hint: ClassVar[int] = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many people sign in now", next_step=f"try again in {retry_after} s")
        self.retry_after = retry_after


class StaffListOld(VuzolError):
    """The centre has not confirmed the staff list for so long that not everybody is let in."""

    code: ClassVar[str] = "staff_list_old"
    status_hint: ClassVar[int] = 403

    def __init__(self, days: int) -> None:
        super().__init__(
            f"the staff list is {days} days old: only the starosta and the duty officer sign in",
            next_step="restore the link to the centre, or ask the starosta",
        )
        self.days = days


class SignInNeeded(VuzolError):
    """Nobody is signed in, or the session has ended."""

    code: ClassVar[str] = "sign_in_needed"
    status_hint: ClassVar[int] = 401

    def __init__(self) -> None:
        super().__init__("nobody is signed in", next_step="sign in, then do it again")


class NotAllowed(VuzolError):
    """The person's role does not allow this."""

    code: ClassVar[str] = "not_allowed"
    status_hint: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__("your role does not allow this", next_step="ask the administrator")


class PasswordMustChange(VuzolError):
    """The password was issued by an administrator and only serves to set an own one."""

    code: ClassVar[str] = "password_must_change"
    status_hint: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__("this password is temporary", next_step="set your own at /password")


class PasswordProblem(StrEnum):
    """Which rule a new password breaks."""

    SHORT = "short"
    LONG = "long"
    LOGIN = "login"
    SILLY = "silly"
    CONTROL = "control"
    SAME = "same"
    DIFFERENT = "different"


class BadPassword(VuzolError):
    """A new password breaks a rule."""

    code: ClassVar[str] = "bad_password"
    status_hint: ClassVar[int] = 422

    def __init__(self, problem: PasswordProblem) -> None:
        super().__init__(f"the new password is refused: {problem}", next_step="choose another")
        self.problem = problem


class PasswordCannotTravel(VuzolError):
    """A village does not know its centre's key, so nobody could ever open the new password."""

    code: ClassVar[str] = "password_cannot_travel"
    status_hint: ClassVar[int] = 503

    def __init__(self) -> None:
        super().__init__(
            "this node does not know the centre's key",
            next_step="set link.centre_key in node.toml, or change the password at the centre",
        )


class AtTheCentreOnly(VuzolError):
    """What only the centre of the hromada decides was asked of a village."""

    code: ClassVar[str] = "at_the_centre_only"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("this is done at the centre", next_step="open the centre's office page")


class BadLogin(VuzolError):
    """A login for a new person cannot be used."""

    code: ClassVar[str] = "bad_login"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "a login is 3 to 32 small Latin letters, digits, dots and dashes",
            next_step="write it like o.melnychuk",
        )


class BadName(VuzolError):
    """A name was left out or cannot be one."""

    code: ClassVar[str] = "bad_name"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("a name has 2 to 120 letters", next_step="write it in full")


class BadField(VuzolError):
    """A field of a form holds a text that is too long or cannot be shown."""

    code: ClassVar[str] = "bad_field"
    status_hint: ClassVar[int] = 422

    def __init__(self, field: str, longest: int, reason: str) -> None:
        super().__init__(f"{field} {reason}", next_step="write it again with plain letters")
        self.field = field
        self.longest = longest


class NoOffice(VuzolError):
    """A person was given no role in any office."""

    code: ClassVar[str] = "no_office"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("no role in any office was chosen", next_step="choose at least one")


class LoginTaken(VuzolError):
    """Somebody else has this login, or had it: it is never given twice."""

    code: ClassVar[str] = "login_taken"
    status_hint: ClassVar[int] = 409

    def __init__(self, login: str) -> None:
        super().__init__(f"the login {login} is taken", next_step="choose another")
        self.login = login


class PersonUnknown(VuzolError):
    """Somebody asked for a person who is not on the list."""

    code: ClassVar[str] = "person_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("no such person is on the staff list", next_step="look at the list again")


class PersonDismissed(VuzolError):
    """What was asked is not done for somebody who is dismissed."""

    code: ClassVar[str] = "person_dismissed"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("this person is dismissed", next_step="give them roles to take them back")


class PersonWorks(VuzolError):
    """Somebody who works here cannot be taken back."""

    code: ClassVar[str] = "person_works"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__("this person works here", next_step="change their roles instead")


class LastAdministrator(VuzolError):
    """Nobody would be left to manage the staff."""

    code: ClassVar[str] = "last_administrator"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "this is the last administrator of the centre",
            next_step="first make somebody else an administrator there",
        )


class CodeUnknown(VuzolError):
    """An emergency code is wrong, used or withdrawn: nobody is told which."""

    code: ClassVar[str] = "code_unknown"
    status_hint: ClassVar[int] = 401

    def __init__(self) -> None:
        super().__init__(
            "this emergency code is wrong or has been used", next_step="open the next envelope"
        )


class PairingUnknown(VuzolError):
    """No device here shows these six digits."""

    code: ClassVar[str] = "pairing_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__(
            "no device shows this code", next_step="read the digits on the device again"
        )


class TooManyPairings(VuzolError):
    """Too many devices ask to be paired from one address, one right after the other."""

    code: ClassVar[str] = "too_many_pairings"
    status_hint: ClassVar[int] = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "devices at this address ask for digits too often",
            next_step=f"try again in {retry_after} s",
        )
        self.retry_after = retry_after  # seconds


class DeviceUnknown(VuzolError):
    """A device is not on the list, or has been revoked already."""

    code: ClassVar[str] = "device_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("no such device is paired", next_step="look at the list again")


class DeviceNeeded(VuzolError):
    """A kiosk's call came neither from the appliance itself nor from a paired device."""

    code: ClassVar[str] = "device_needed"
    status_hint: ClassVar[int] = 401

    def __init__(self) -> None:
        super().__init__("this device is not paired", next_step="open /pair on it")
