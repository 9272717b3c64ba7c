"""The catalogue at the centre: what each office offers, described by an administrator."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from appliance.config import Role as Part
from appliance.people.access import require_staff, requires, staff
from appliance.people.errors import AtTheCentreOnly
from appliance.people.model import Role
from appliance.queue import catalogue
from appliance.queue.catalogue import EVERYWHERE, Described, Service, ServiceUnknown, scope_of
from appliance.queue.model import PREFIXES, Purpose, ServiceState
from appliance.queue.tickets_views import office_titles
from appliance.queue.wording import PURPOSES, SERVICE_STATES
from appliance.store.ids import RowId
from appliance.web.context import current
from appliance.web.i18n import Lazy, lazy
from appliance.web.i18n import gettext as _
from appliance.web.navigation import Entry, declare
from appliance.web.safety import BadText, clean_text

room: Final = Blueprint("queue_catalogue", "appliance.queue", template_folder="templates")

ICONS: Final[Mapping[str, Lazy]] = {
    "document": lazy("аркуш"),
    "home": lazy("дім"),
    "heart": lazy("серце"),
    "land": lazy("паросток"),
    "stamp": lazy("печатка"),
    "speech": lazy("розмова"),
    "people": lazy("люди"),
    "book": lazy("книга"),
    "shield": lazy("щит"),
    "phone": lazy("телефон"),
    "bus": lazy("автобус"),
    "star": lazy("зірка"),
}
LONGEST: Final[Mapping[str, int]] = {
    "name_uk": 80,
    "name_en": 80,
    "official_name": 300,
    "hint_uk": 100,
    "hint_en": 100,
    "prepare": 800,
}
LARGEST_NUMBER: Final = 999
REFUSED: Final = 422


def _at_the_centre() -> bool:
    return current().config.node.role is Part.CENTRE


def _may_describe() -> bool:
    person = staff()
    return person is not None and Role.ADMINISTRATOR in person.roles and _at_the_centre()


declare(room, Entry(lazy("Послуги"), "queue_catalogue.services", order=60, shown=_may_describe))


@room.before_request
def _only_at_the_centre() -> None:
    if not _at_the_centre():
        raise AtTheCentreOnly


@room.get("/queue/services")
@requires(Role.ADMINISTRATOR)
def services() -> str:
    """Show the catalogue of every office."""
    with current().store.read() as reader:
        found = catalogue.catalogue(reader)
    return render_template(
        "queue/services.html",
        services=found,
        scopes=_scopes(),
        states=SERVICE_STATES,
        purposes=PURPOSES,
    )


@room.get("/queue/services/new")
@requires(Role.ADMINISTRATOR)
def new_service() -> str:
    """Show an empty description."""
    blank = {"prefix": PREFIXES[0], "icon": "document", "state": "OPEN", "scope": EVERYWHERE}
    return _form(MultiDict({**blank, "ordering": "50"}), None, {})


@room.post("/queue/services/new")
@requires(Role.ADMINISTRATOR)
def add_service() -> Response:
    """Offer one more service."""
    described, errors = _described(request.form)
    scope = request.form.get("scope", "")
    if scope not in dict(_scopes()):
        errors["scope"] = _("Оберіть зі списку.")
    if errors or described is None:
        return make_response(_form(request.form, None, errors), REFUSED)
    current().store.write(
        catalogue.add_service, described, scope=scope, actor=require_staff().actor
    )
    return redirect(url_for(".services"), 303)


@room.get("/queue/services/<service_id>")
@requires(Role.ADMINISTRATOR)
def service(service_id: str) -> str:
    """Show the description of a service."""
    found = _found(service_id)
    return _form(_as_form(found), found, {})


@room.post("/queue/services/<service_id>")
@requires(Role.ADMINISTRATOR)
def change_service(service_id: str) -> Response:
    """Describe a service anew: open it, close it, retire it."""
    found = _found(service_id)
    described, errors = _described(request.form)
    if errors or described is None:
        return make_response(_form(request.form, found, errors), REFUSED)
    current().store.write(
        catalogue.change_service, found.id, described, actor=require_staff().actor
    )
    return redirect(url_for(".services"), 303)


def _found(service_id: str) -> Service:
    asked = RowId.parse(service_id)
    with current().store.read() as reader:
        found = catalogue.service_names(reader).get(asked)
    if found is None:
        raise ServiceUnknown
    return found


def _scopes() -> list[tuple[str, str]]:
    offices = [(scope_of(number), title) for number, title in office_titles().items()]
    return [(EVERYWHERE, _("уся громада")), *offices]


def _form(values: Mapping[str, Any], found: Service | None, errors: Mapping[str, str]) -> str:
    ticked = values.getlist("purposes") if isinstance(values, MultiDict) else []
    return render_template(
        "queue/service.html",
        values={name: values.get(name, "") for name in FIELDS},
        ticked=ticked,
        found=found,
        errors=errors,
        scopes=_scopes(),
        prefixes=[(letter, letter) for letter in PREFIXES],
        icons=list(ICONS.items()),
        states=list(SERVICE_STATES.items()),
        purposes=PURPOSES,
    )


FIELDS: Final = (*LONGEST, "prefix", "icon", "state", "scope", "nominal_minutes", "ordering")


def _as_form(found: Service) -> MultiDict[str, str]:
    form = MultiDict(
        {
            "prefix": found.prefix,
            "name_uk": found.name_uk,
            "name_en": found.name_en,
            "official_name": found.official_name,
            "hint_uk": found.hint_uk,
            "hint_en": found.hint_en,
            "prepare": "\n".join(found.prepare),
            "icon": found.icon,
            "state": str(found.state),
            "scope": found.scope,
            "nominal_minutes": str(found.nominal_minutes or ""),
            "ordering": str(found.ordering),
        }
    )
    form.setlist("purposes", [str(one) for one in found.purposes])
    return form


def _described(form: MultiDict[str, str]) -> tuple[Described | None, dict[str, str]]:
    """Return what the form describes; or what is wrong, by field."""
    texts, errors = _texts(form)
    if not texts["name_uk"] and "name_uk" not in errors:
        errors["name_uk"] = _("Напишіть назву, якою послугу звуть люди.")
    for name, allowed in (("prefix", PREFIXES), ("icon", ICONS), ("state", ServiceState)):
        if form.get(name, "") not in tuple(allowed):
            errors[name] = _("Оберіть зі списку.")
    purposes = tuple(one for one in Purpose if one in form.getlist("purposes"))
    if not purposes:
        errors["purposes"] = _("Позначте хоча б одну мету.")
    minutes, ordering = _number(form, "nominal_minutes"), _number(form, "ordering")
    for name, number in (("nominal_minutes", minutes), ("ordering", ordering)):
        if number is not None and not 0 <= number <= LARGEST_NUMBER:
            errors[name] = _("Число від 0 до %(most)s.", most=LARGEST_NUMBER)
    if errors:
        return None, errors
    return _built(form, texts, purposes, minutes, ordering), {}


def _built(
    form: MultiDict[str, str],
    texts: Mapping[str, str],
    purposes: tuple[Purpose, ...],
    minutes: int | None,
    ordering: int | None,
) -> Described:
    return Described(
        prefix=form["prefix"],
        name_uk=texts["name_uk"],
        name_en=texts["name_en"],
        official_name=texts["official_name"],
        hint_uk=texts["hint_uk"],
        hint_en=texts["hint_en"],
        icon=form["icon"],
        purposes=purposes,
        prepare=tuple(line.strip() for line in texts["prepare"].splitlines() if line.strip()),
        state=ServiceState(form["state"]),
        nominal_minutes=minutes,
        ordering=ordering or 0,
    )


def _texts(form: MultiDict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    texts, errors = dict.fromkeys(LONGEST, ""), {}
    for name, longest in LONGEST.items():
        try:
            texts[name] = clean_text(form.get(name, ""), longest, lines=name == "prepare")
        except BadText:
            errors[name] = _(
                "Не більше ніж %(longest)s звичайних знаків, без прихованих.", longest=longest
            )
    return texts, errors


def _number(form: MultiDict[str, str], name: str) -> int | None:
    """Return the number of a field; None if it is empty, -1 if it is no number."""
    told = form.get(name, "").strip()
    if not told:
        return None
    return int(told) if told.isascii() and told.isdigit() and len(told) < len("12345") else -1
