"""What the pages of people share: the blueprints, the session's cookie, forms, offices."""

from typing import Final

from flask import Blueprint, Response, request

from appliance.config import Config
from appliance.errors import VuzolError
from appliance.people.access import staff
from appliance.people.errors import AtTheCentreOnly, BadField
from appliance.people.model import Permission
from appliance.people.sign_in import Opened, is_centre
from appliance.people.wording import SAYINGS
from appliance.web import error_pages, navigation
from appliance.web.context import current
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry
from appliance.web.safety import BadText, caller, clean_text
from appliance.web.surfaces import Surface, cookie_is_secure, cookie_name

HOME: Final = "/"
LONGEST_PATH: Final = 500

office = Blueprint("people_office", __name__, template_folder="templates")
kiosk = Blueprint("people_kiosk", __name__, template_folder="templates")
staff_pages = Blueprint("staff", __name__)  # these three are parts of `office`, one for each
device_pages = Blueprint("devices", __name__)  # entry in the header
audit_pages = Blueprint("audit", __name__)
error_pages.explain(office, SAYINGS)
error_pages.explain(kiosk, SAYINGS)

FormErrors = list[tuple[str, str]]
"""What is wrong with a form: the field and the sentence."""


def _may(permission: Permission) -> bool:
    person = staff()
    return person is not None and person.may(permission)


def _has_password() -> bool:
    person = staff()
    return person is not None and person.id is not None


navigation.declare(
    office,
    Entry(
        lazy("Працівники"),
        "people_office.staff.staff_list",
        order=70,
        shown=lambda: _may(Permission.SEE_STAFF),
    ),
    Entry(
        lazy("Пристрої"),
        "people_office.devices.device_list",
        order=75,
        shown=lambda: _may(Permission.PAIR_DEVICES),
    ),
    Entry(
        lazy("Журнал"),
        "people_office.audit.audit_trail",
        order=80,
        shown=lambda: _may(Permission.READ_AUDIT),
    ),
    Entry(lazy("Мій пароль"), "people_office.password_page", order=90, shown=_has_password),
)


def field(name: str, longest: int) -> str:
    """Return a cleaned text of the form; raise `BadField` for what cannot be shown."""
    try:
        return clean_text(request.form.get(name, ""), longest)
    except BadText as error:
        raise BadField(name, longest, error.reason) from error


def address() -> str:
    """Return where the request came from."""
    return caller()


def safe_next(path: str) -> str:
    """Return a path of this very surface to go on to; anything else becomes the first page."""
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if own and "\\" not in path and len(path) <= LONGEST_PATH else HOME


def with_session(response: Response, opened: Opened, on: Surface) -> Response:
    """Give the browser the session's token; it lasts as long as the browser's window."""
    config = current().config
    response.set_cookie(
        cookie_name(on, config.node.number),
        opened.token,
        httponly=True,
        samesite="Strict",
        secure=cookie_is_secure(config, on),
    )
    return response


def without_session(response: Response, on: Surface) -> Response:
    """Take the session's token from the browser."""
    config = current().config
    response.delete_cookie(
        cookie_name(on, config.node.number),
        httponly=True,
        samesite="Strict",
        secure=cookie_is_secure(config, on),
    )
    return response


def offices(config: Config) -> dict[int, str]:
    """Return the offices of the hromada that this appliance knows, by number."""
    known = {config.node.number: config.node.title}
    known.update((member.number, member.title) for member in config.centre.nodes)
    return dict(sorted(known.items()))


def demand_centre() -> None:
    """Raise `AtTheCentreOnly` in a village."""
    if not is_centre(current()):
        raise AtTheCentreOnly


def asking_again(error: VuzolError) -> dict[str, str]:
    """Return the headers that go with a form shown again."""
    retry_after = getattr(error, "retry_after", None)
    return {} if retry_after is None else {"Retry-After": str(retry_after)}
