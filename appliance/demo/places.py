"""The three appliances of the demonstration: who they are, where they listen, what they are told.

Each has a loopback address of its own, because cookies know no ports: one browser can be signed
in at all three.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from appliance.config import Role, Surfaces
from appliance.errors import VuzolError

HROMADA: Final = ("tykhovody", "Тиховодська громада")
PORTS: Final = {"office": 8080, "kiosk": 8081, "guest": 8082, "hub": 8083}
POLL_SECONDS: Final = 20
"""Nodes call more often than in life, so the overview shows within a minute who is silent."""

EVENTS: Final = Surfaces().events_offset
OFFICES: Final = (
    (1, "centre", Role.CENTRE, "ЦНАП Тиховодської громади"),
    (2, "verboliz", Role.VILLAGE, "Старостат села Верболіз"),
    (3, "kamianka", Role.VILLAGE, "Старостат села Кам’янка"),
)


class NoRoomForDemo(VuzolError):
    """The demonstration cannot listen where it was told to."""

    code: ClassVar[str] = "no_room_for_demo"

    def __init__(self, where: str, cause: str, *, is_taken: bool = False) -> None:
        choose = "choose others with --address 127.0.0.21"
        super().__init__(
            f"the demonstration cannot listen at {where} ({cause})",
            next_step=f"stop what listens there, or {choose}" if is_taken else choose,
        )
        self.where = where


class NoFolderForDemo(VuzolError):
    """The demonstration cannot keep its data where it was told to."""

    code: ClassVar[str] = "no_folder_for_demo"

    def __init__(self, where: Path, cause: str) -> None:
        super().__init__(
            f"the demonstration cannot keep its data in {where} ({cause})",
            next_step="choose a folder that can be made and written with --data",
        )
        self.where = where


@dataclass(frozen=True, slots=True)
class Place:
    """One appliance of the demonstration."""

    number: int
    word: str  # the name of its folder
    role: Role
    title: str
    address: str

    @property
    def urls(self) -> dict[str, str]:
        """Return the address of each surface."""
        return {surface: f"http://{self.address}:{port}" for surface, port in PORTS.items()}

    @property
    def listening(self) -> tuple[int, ...]:
        """Return every port that it listens at, live events included."""
        return (*PORTS.values(), *(port + EVENTS for port in PORTS.values()))


def places(first: str) -> tuple[Place, ...]:
    """Return the centre and the villages at `first` and the addresses after it."""
    try:
        start = ipaddress.IPv4Address(first)
        good = all((start + step).is_loopback for step in range(len(OFFICES)))
    except ValueError:
        good = False
    if not good:
        raise NoRoomForDemo(first, "it needs three loopback addresses: this one and the next two")
    return tuple(
        Place(number, word, role, title, str(start + step))
        for step, (number, word, role, title) in enumerate(OFFICES)
    )


def node_toml(place: Place, all_places: tuple[Place, ...], keys: Mapping[int, str]) -> str:
    """Return the settings of one appliance; `keys` are the public keys by node number."""
    centre = next(one for one in all_places if one.role is Role.CENTRE)
    lines = [
        *_section("node", number=place.number, title=place.title, role=place.role, data="."),
        *_section("hromada", id=HROMADA[0], name=HROMADA[1]),
        *_section("surfaces", address=place.address, **PORTS),
        *_section("clock", source="trusted"),
        *_section("demo", link_switch=True, ends_with_parent=True),
    ]
    if place is centre:
        lines += _section("link", poll_seconds=POLL_SECONDS, discover=False)
        for village in all_places:
            if village is not centre:
                member = {"number": village.number, "title": village.title}
                lines += _section("[centre.nodes]", **member, key=keys[village.number])
    else:
        found = {"centre": centre.urls["hub"], "centre_number": centre.number, "discover": False}
        found |= {"centre_key": keys[centre.number], "poll_seconds": POLL_SECONDS}
        lines += _section("link", **found)
    return "\n".join(lines)


def folder(data: Path, place: Place) -> Path:
    """Return where this appliance keeps everything it has."""
    return data / place.word


def _section(name: str, /, **values: object) -> list[str]:
    # A JSON string, number or boolean is written the same in TOML.
    told = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return [f"[{name}]", *told, ""]
