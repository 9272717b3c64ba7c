"""Who works in the offices of the demonstration. All of them are invented.

They share one password, which the demonstration prints: it is for a loopback address, and whoever
tries the appliance should not have to copy seven of them.
"""

from dataclasses import dataclass
from typing import Final

from appliance.people.model import Role

PASSWORD: Final = "tykha-voda-26"  # noqa: S105 - printed by the demonstration


@dataclass(frozen=True, slots=True)
class Member:
    """One member of staff and what they are in each office."""

    login: str
    name: str
    offices: dict[int, frozenset[Role]]
    duty: str  # in Ukrainian, for the printed page
    duty_en: str


def _in(*offices: int, role: Role) -> dict[int, frozenset[Role]]:
    return dict.fromkeys(offices, frozenset({role}))


STAFF: Final = (
    Member(
        "o.hrytsenko", "Олена Гриценко", _in(1, role=Role.ADMINISTRATOR),
        "адміністраторка ЦНАП", "administrator of the centre",
    ),
    Member(
        "t.levchenko", "Тарас Левченко", _in(1, role=Role.HEAD),
        "голова громади", "head of the hromada",
    ),
    Member(
        "i.savchuk", "Ігор Савчук", _in(1, 2, 3, role=Role.TECHNICIAN),
        "технік усіх вузлів", "technician of all nodes",
    ),
    Member(
        "o.melnychuk", "Оксана Мельничук", _in(2, role=Role.STAROSTA),
        "староста Верболоза", "starosta of Verboliz",
    ),
    Member(
        "p.hnatiuk", "Петро Гнатюк", _in(2, role=Role.DUTY_OFFICER),
        "черговий, Верболіз", "duty officer, Verboliz",
    ),
    Member(
        "n.tkachenko", "Надія Ткаченко", _in(3, role=Role.STAROSTA),
        "староста Кам’янки", "starosta of Kamianka",
    ),
    Member(
        "s.koval", "Степан Коваль", _in(3, role=Role.DUTY_OFFICER),
        "черговий, Кам’янка", "duty officer, Kamianka",
    ),
)  # fmt: skip

WELCOMES: Final = {1: "o.hrytsenko", 2: "o.melnychuk", 3: "n.tkachenko"}
"""Whom to sign in as at each appliance, to see most of it."""
