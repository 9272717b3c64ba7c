"""Everything that `node.toml` can say, as frozen dataclasses.

A new setting is one line in one class below. Its help, its default and its bounds are declared on
that line and nowhere else: `vuzol check`, docs/configuration.md and the tests read them here. The
environment overrides the file: `VUZOL_<SECTION>_<KEY>`. Nothing is read while modules are imported.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from appliance import setting_values as values
from appliance.options import BadConfig, option, parsed, read, refuse_unknown

PREFIX: Final = "VUZOL_"
LARGEST_NODE: Final = 65535
LARGEST_PORT: Final = 65535


class Role(StrEnum):
    """What an appliance is in its hromada."""

    VILLAGE = "village"
    CENTRE = "centre"


class ClockSource(StrEnum):
    """What tells that the machine's clock is right."""

    SYSTEM = "system"  # ask the kernel whether time is synchronised
    TRUSTED = "trusted"  # somebody vouches for it: a battery-backed clock, or a demo


class LinkKind(StrEnum):
    """What the link to the centre is made of, and so what a byte over it costs."""

    ETHERNET = "ethernet"
    WIFI = "wifi"
    GSM = "gsm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Who this appliance is."""

    number: int = option("number of the node in its hromada", at_least=1, at_most=LARGEST_NODE)
    title: str = option("name of the office, as people say it", check=values.named)
    role: Role = option("village, or centre of the hromada", default=Role.VILLAGE)
    data: Path = option(
        "folder of the database and the keys", default=Path("/var/lib/vuzol"), check=values.path
    )
    second_medium: str = option(
        "folder on a second disk or card; empty: there is none", default="", check=values.path
    )
    timezone: str = option("time zone of the office", default="Europe/Kyiv", check=values.timezone)
    day_starts: str = option(
        "hour when a new service day starts", default="04:00", check=values.hour
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hromada:
    """The hromada that the node belongs to."""

    id: str = option("short name of the hromada on the wire", check=values.word)
    name: str = option("name of the hromada, as people say it", check=values.named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """Where the node listens; each surface has a port of its own."""

    address: str = option("address to listen at", default="127.0.0.1", check=values.address)
    office: int = option("port for staff", default=8080, at_least=1, at_most=LARGEST_PORT)
    kiosk: int = option(
        "port for kiosk and display", default=8081, at_least=1, at_most=LARGEST_PORT
    )
    guest: int = option("port for residents", default=8082, at_least=1, at_most=LARGEST_PORT)
    hub: int = option("port for replication", default=8083, at_least=1, at_most=LARGEST_PORT)
    events_offset: int = option(
        "a surface's live events come from its port plus this", default=100, at_least=1
    )
    office_url: str = option(
        "address of the office from outside, when a proxy carries it", default="", check=values.url
    )
    kiosk_url: str = option(
        "address of the kiosk from outside, when a proxy carries it", default="", check=values.url
    )
    guest_url: str = option(
        "address for residents from outside, when a proxy carries it", default="", check=values.url
    )
    hub_url: str = option(
        "address for nodes from outside, when a proxy carries it", default="", check=values.url
    )
    guest_interface: str = option(
        "network interface of the residents' Wi-Fi: no node is looked for there", default=""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How the node reaches the centre."""

    centre: str = option(
        "address of the centre; empty: look for it nearby", default="", check=values.secure_url
    )
    centre_number: int = option("node number of the centre", default=1, at_least=1)
    centre_key: str = option("public key of the centre", default="", check=values.key)
    authority: str = option(
        "file of certificates to believe for the centre; empty: the system's", default=""
    )
    poll_seconds: int = option("ask the centre for news this often", default=300, at_least=1)
    sticks: str = option(
        "folder under which USB sticks are mounted; empty: none are looked for",
        default="/run/vuzol-sticks",
        check=values.path,
    )
    discover: bool = option("look for the centre on the local network", default=True)
    kind: LinkKind = option(
        "ethernet, wifi, or gsm, which is paid for by the byte", default=LinkKind.ETHERNET
    )
    daily_megabytes: int = option(
        "megabytes a day over the link, alarms not counted; 0: no limit, over gsm 20",
        default=0,
        at_least=0,
        at_most=1_000_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that the centre knows, and the only key that may speak for it."""

    number: int = option("number of the node", at_least=1, at_most=LARGEST_NODE)
    title: str = option("name of its office", check=values.named)
    key: str = option("public key of the node", check=values.key)
    revoked: bool = option(
        "the node was stolen or given up: nothing of it is taken any more", default=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """What only the centre needs."""

    nodes: tuple[Member, ...] = option("the nodes of the hromada", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Staff and their sessions."""

    staff_max_age_days: int = option(
        "older than this, the staff list lets in only starosta and duty officer",
        default=14,
        at_least=1,
    )
    session_hours: int = option("a session ends after this", default=12, at_least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The kiosk and the hall display."""

    idle_seconds: int = option(
        "a kiosk left alone starts again after this", default=60, at_least=10
    )
    warning_seconds: int = option("and warns this long before", default=20, at_least=5)
    ticket_seconds: int = option(
        "a ticket stays on the kiosk's screen this long", default=30, at_least=5
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How far the machine's clock is believed."""

    source: ClockSource = option("system, or trusted", default=ClockSource.SYSTEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Copies of the database on the second medium."""

    copy_minutes: int = option(
        "a copy goes to the second medium this often", default=60, at_least=1
    )
    tail_seconds: int = option(
        "what was logged since follows it there this often", default=5, at_least=1
    )
    trial_at: str = option(
        "hour when a restore of a copy is tried every night", default="03:30", check=values.hour
    )
    most_megabytes: int = option(
        "what all copies together may take; the oldest go first", default=4096, at_least=16
    )
    sftp: str = option(
        "server for an off-site replica, over a real link; empty: it stays on the medium",
        default="",
        check=values.sftp,
    )
    sftp_key: str = option("file of the private key for that server", default="", check=values.path)
    sftp_host_key: str = option("public key of that server", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What a demonstration may do and a working node may not."""

    link_switch: bool = option("let loopback cut the link by POST /demo/link", default=False)
    ends_with_parent: bool = option("stop when whoever started the node is gone", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One node's settings."""

    node: Node
    hromada: Hromada
    surfaces: Surfaces
    link: Link
    centre: Centre
    people: People
    queue: Queue
    clock: Clock
    backup: Backup
    demo: Demo


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the file and the environment; raise `BadConfig` at the first key that is refused."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(str(path), f"cannot be read ({error.strerror})") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise BadConfig(str(path), f"is not TOML ({error})") from error
    return of(told, environ, folder=path.absolute().parent)


def of(told: Mapping[str, Any], environ: Mapping[str, str], *, folder: Path) -> Config:
    """Make the settings out of parsed TOML; paths are relative to `folder`."""
    kinds = get_type_hints(Config)
    refuse_unknown("", told, set(kinds))
    overridden = _overridden(told, environ, kinds)
    config = Config(
        **{
            name: read(kind, f"{name}.", overridden.get(name, {}), folder=folder)
            for name, kind in kinds.items()
        }
    )
    _fits_together(config)
    return config


def _overridden(
    told: Mapping[str, Any], environ: Mapping[str, str], kinds: Mapping[str, type]
) -> dict[str, Any]:
    merged = {
        name: dict(given) if isinstance(given, dict) else given for name, given in told.items()
    }
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
        if section not in kinds:
            continue  # somebody else's variable
        hints = get_type_hints(kinds[section])
        if key not in hints:
            raise BadConfig(variable, f"is unknown; {section} has {', '.join(sorted(hints))}")
        given = merged.setdefault(section, {})
        if isinstance(given, dict):
            given[key] = parsed(hints[key], environ[variable])
    return merged


def _fits_together(config: Config) -> None:
    """Refuse settings that are each possible and together are not."""
    surfaces = config.surfaces
    ports = [surfaces.office, surfaces.kiosk, surfaces.guest, surfaces.hub]
    listening = ports + [port + surfaces.events_offset for port in ports]
    if len(set(listening)) < len(listening):
        raise BadConfig("surfaces", f"must have a port for each; two of {sorted(listening)} meet")
    if max(listening) > LARGEST_PORT:
        raise BadConfig("surfaces.events_offset", f"must leave ports below {LARGEST_PORT + 1}")
    numbers = [member.number for member in config.centre.nodes]
    if len(set(numbers)) < len(numbers) or config.node.number in numbers:
        raise BadConfig("centre.nodes", f"must name each other node once, not {sorted(numbers)}")
    _data_can_be_a_folder(config.node.data)
    if config.queue.warning_seconds >= config.queue.idle_seconds:
        raise BadConfig("queue.warning_seconds", "must be less than queue.idle_seconds")


def _data_can_be_a_folder(data: Path) -> None:
    """Refuse a path on which something else than a folder stands; a path may be still to make."""
    there = next((path for path in (data, *data.parents) if os.path.lexists(path)), data)
    if os.path.lexists(there) and not os.path.isdir(there):  # noqa: PTH112 - Path.is_dir raises
        raise BadConfig("node.data", f"must be a folder, not {str(data)!r} ({there} is none)")


def settings() -> dict[str, tuple[str, str]]:
    """Return each setting with its default, as it is written, and its help."""
    return {
        key: told
        for section, kind in get_type_hints(Config).items()
        for key, told in _settings_of(kind, f"{section}.")
    }


def _settings_of(kind: Any, prefix: str) -> Iterator[tuple[str, tuple[str, str]]]:  # noqa: ANN401 - a section's class
    hints = get_type_hints(kind)
    for one in fields(kind):
        default = "must be given" if one.default is MISSING else _written(one.default)
        yield f"{prefix}{one.name}", (default, one.metadata["help"])
        for listed in get_args(hints[one.name]):
            if is_dataclass(listed):
                yield from _settings_of(listed, f"{prefix}{one.name}[].")


def _written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if default not in ("", ()) else "empty"
