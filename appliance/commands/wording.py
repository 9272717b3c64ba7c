"""How the trail tells what was asked and answered."""

from collections.abc import Mapping
from typing import Final

from appliance.web.i18n import Lazy, lazy

ACTIONS: Final[Mapping[str, Lazy]] = {
    "commands.ask": lazy("Попросили інший офіс"),
    "commands.withdraw": lazy("Відкликали прохання"),
    "commands.answer": lazy("Відповіли на прохання"),
}
FACTS: Final[Mapping[str, Lazy]] = {
    "command": lazy("прохання"),
    "verb": lazy("що зробити"),
    "home": lazy("офіс"),
    "outcome": lazy("відповідь"),
    "reason": lazy("причина"),
}
