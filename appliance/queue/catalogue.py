"""The catalogue: what an office offers, and who may ask to be received out of turn.

Its rows are made at the centre and travel DOWN. A service is never removed, because the tickets of
past days name it; it is retired.
"""

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.people import audit
from appliance.queue.model import PREFIXES, Purpose, ServiceState
from appliance.queue.tables import CATEGORIES, SERVICES, tell
from appliance.store.ids import RowId
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction

EVERYWHERE: Final = "hromada"
"""The scope of what every office offers."""


class ServiceUnknown(VuzolError):
    """Somebody chose a service that this office does not have."""

    code: ClassVar[str] = "service_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("there is no such service here", next_step="choose one of the list")


class BadPrefix(VuzolError):
    """A letter cannot stand before ticket numbers."""

    code: ClassVar[str] = "bad_prefix"
    status_hint: ClassVar[int] = 422

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f"{prefix!r} cannot stand before numbers: it is read as something else from afar",
            next_step=f"one of {PREFIXES}",
        )
        self.prefix = prefix
        self.allowed = PREFIXES


class NoPurpose(VuzolError):
    """A service was described that nobody could come for."""

    code: ClassVar[str] = "no_purpose"
    status_hint: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("a service needs a purpose", next_step="tick at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A service as an administrator describes it."""

    prefix: str
    name_uk: str
    icon: str
    purposes: tuple[Purpose, ...]
    name_en: str = ""
    official_name: str = ""
    hint_uk: str = ""
    hint_en: str = ""
    prepare: tuple[str, ...] = ()
    state: ServiceState = ServiceState.OPEN
    nominal_minutes: int | None = None
    ordering: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One line of the catalogue."""

    id: RowId
    scope: str
    prefix: str
    name_uk: str
    name_en: str
    official_name: str
    hint_uk: str
    hint_en: str
    icon: str
    purposes: tuple[Purpose, ...]
    prepare: tuple[str, ...]
    state: ServiceState
    nominal_minutes: int | None
    ordering: int

    @property
    def is_open(self) -> bool:
        """Tell whether tickets are given for it."""
        return self.state is ServiceState.OPEN

    def name(self, language: str) -> str:
        """Return the name in the language; in Ukrainian where it has no other."""
        return (self.name_en if language == "en" else "") or self.name_uk

    def hint(self, language: str) -> str:
        """Return the second line, which tells in everyday words what the service covers."""
        return self.hint_en if language == "en" else self.hint_uk


@dataclass(frozen=True, slots=True)
class Category:
    """A legal ground to be received out of turn."""

    id: RowId
    name_uk: str
    name_en: str
    ground: str

    def name(self, language: str) -> str:
        """Return the name in the language; in Ukrainian where it has no other."""
        return (self.name_en if language == "en" else "") or self.name_uk


def scope_of(office: int) -> str:
    """Return the scope of catalogue rows that belong to one office."""
    return f"office:{office}"


def services(reader: Reader, office: int) -> list[Service]:
    """Return what the office offers, in the order of the catalogue."""
    rows = reader.all(
        """SELECT * FROM queue_service WHERE scope IN ('hromada', :scope) AND deleted = 0
           AND state <> 'RETIRED' ORDER BY ordering, name_uk""",
        scope=scope_of(office),
    )
    return [_service(row) for row in rows]


def catalogue(reader: Reader) -> list[Service]:
    """Return every service of every office that this node knows."""
    rows = reader.all("SELECT * FROM queue_service WHERE deleted = 0 ORDER BY scope, ordering")
    return [_service(row) for row in rows]


def service(reader: Reader, service_id: RowId, *, office: int) -> Service:
    """Return one service of the office; raise `ServiceUnknown` if it has none such."""
    row = reader.one(
        """SELECT * FROM queue_service WHERE id = :id AND deleted = 0
           AND scope IN ('hromada', :scope)""",
        id=service_id,
        scope=scope_of(office),
    )
    if row is None:
        raise ServiceUnknown
    return _service(row)


def service_names(reader: Reader) -> dict[RowId, Service]:
    """Return all services that ever were here, those struck off as well: old tickets name them."""
    rows = reader.all("SELECT * FROM queue_service WHERE deleted = 0")
    return {(found := _service(row)).id: found for row in rows}


def categories(reader: Reader) -> list[Category]:
    """Return the grounds to be received out of turn, in their order."""
    rows = reader.all("SELECT * FROM queue_category WHERE deleted = 0 ORDER BY ordering")
    return [
        Category(RowId.of(row["id"]), row["name_uk"], row["name_en"] or "", row["ground"])
        for row in rows
    ]


def add_service(tx: Transaction, described: Described, *, scope: str, actor: str) -> RowId:
    """Offer one more service, at one office or at all; the centre alone can."""
    added = tx.insert(SERVICES, _columns(described), scope=scope)
    tell(tx, tx.node)
    audit.record(tx, actor=actor, action="queue.add_service", subject=added, facts={"scope": scope})
    return added


def change_service(tx: Transaction, service_id: RowId, described: Described, *, actor: str) -> None:
    """Describe a service anew: open it, close it, retire it. Raise `ServiceUnknown`."""
    if not tx.update_where(SERVICES, {"id": service_id}, _columns(described)):
        raise ServiceUnknown
    tell(tx, tx.node)
    audit.record(
        tx,
        actor=actor,
        action="queue.change_service",
        subject=service_id,
        facts={"state": described.state},
    )


def add_category(
    tx: Transaction, *, name_uk: str, name_en: str, ground: str, ordering: int, actor: str
) -> RowId:
    """Let a ground to be received out of turn be claimed at every kiosk."""
    told = {"name_uk": name_uk, "name_en": name_en, "ground": ground, "ordering": ordering}
    added = tx.insert(CATEGORIES, told, scope=EVERYWHERE)
    audit.record(tx, actor=actor, action="queue.add_category", subject=added)
    return added


def _columns(described: Described) -> dict[str, str | int | None]:
    """Return what a row holds; raise for a description that could not be served."""
    if described.prefix not in tuple(PREFIXES):
        raise BadPrefix(described.prefix)
    if not described.purposes:
        raise NoPurpose
    return {
        "prefix": described.prefix,
        "name_uk": described.name_uk,
        "name_en": described.name_en or None,
        "official_name": described.official_name or None,
        "hint_uk": described.hint_uk or None,
        "hint_en": described.hint_en or None,
        "icon": described.icon,
        "purposes": ",".join(described.purposes),
        "prepare": "\n".join(described.prepare) or None,
        "state": described.state,
        "nominal_minutes": described.nominal_minutes,
        "ordering": described.ordering,
    }


PURPOSES: Final = frozenset(Purpose)
"""Those that this version knows; a purpose of a newer one is passed over."""


@lru_cache(maxsize=512)
def _service(row: sqlite3.Row) -> Service:
    """Return what a row says; the same row is read again with each ticket."""
    return Service(
        id=RowId.of(row["id"]),
        scope=row["scope"],
        prefix=row["prefix"],
        name_uk=row["name_uk"],
        name_en=row["name_en"] or "",
        official_name=row["official_name"] or "",
        hint_uk=row["hint_uk"] or "",
        hint_en=row["hint_en"] or "",
        icon=row["icon"],
        purposes=tuple(Purpose(one) for one in row["purposes"].split(",") if one in PURPOSES),
        prepare=tuple(one for one in (row["prepare"] or "").splitlines() if one.strip()),
        state=ServiceState(row["state"]),
        nominal_minutes=row["nominal_minutes"],
        ordering=row["ordering"],
    )
