"""Words for what a stick can meet: what happened, and what to do next."""

from collections.abc import Mapping
from typing import Final

from appliance.web.error_pages import Saying
from appliance.web.i18n import Lazy, lazy

SAYINGS: Final[Mapping[str, Saying]] = {
    "stick_full": Saying(
        lazy("На флешці немає місця: її не записано"),
        lazy("Звільніть місце або візьміть іншу. Тут нічого не загублено."),
    ),
    "stick_locked": Saying(
        lazy("На флешку не можна писати або її не можна читати"),
        lazy("Зніміть захист від запису або візьміть іншу. Тут нічого не загублено."),
    ),
    "stick_gone": Saying(
        lazy("Флешки немає або її витягли"),
        lazy("Вставте її знову й почніть спочатку. Тут нічого не загублено."),
    ),
    "stick_lies": Saying(
        lazy("Флешка повертає не те, що на неї записали: вона зламана"),
        lazy("Візьміть іншу й запишіть знову. Тут нічого не загублено."),
    ),
    "courier_busy": Saying(
        lazy("Саме записується або читається інша флешка"),
        lazy("Зачекайте, доки це скінчиться, і натисніть ще раз."),
    ),
    "courier_stopped": Saying(
        lazy("Вузол зупинили, і флешку не закінчено"),
        lazy("Зробіть це ще раз. Тут нічого не загублено."),
    ),
    "nobody_asked": Saying(
        lazy("Відповідати нікому: файлів із сіл ще не читали"),
        lazy("Спершу прочитайте флешку, яку привезли із села."),
    ),
    "no_centre_key": Saying(
        lazy("Цей вузол не знає свого центру"),
        lazy("Покличте техніка: потрібен ключ центру в налаштуваннях."),
    ),
}
"""What stopped the whole job."""

OF_THE_NODE: Final[Mapping[str, Saying]] = {
    "disk_full": Saying(
        lazy("На диску вузла немає місця: флешку прочитано не всю"),
        lazy("Покличте техніка звільнити місце, тоді прочитайте її знову. Нічого не загублено."),
    ),
}
REFUSED: Final[Mapping[str, Lazy]] = {
    "bad_bundle": lazy("файл пошкоджено або підроблено; запишіть його знову там, звідки він"),
    "gap": lazy("бракує файлів, що йдуть перед ним; привезіть їх"),
    "forked": lazy("записи центру й вузла розійшлися; покличте техніка"),
}
"""Why one file was refused while others were taken."""

OTHER: Final = lazy("файл не вдалося прочитати; оновіть програму на обох вузлах")
UNFORESEEN: Final = Saying(
    lazy("Флешку не закінчено через помилку вузла"), lazy("Покличте техніка: що саме, каже журнал.")
)
ACTIONS: Final[Mapping[str, Lazy]] = {
    "sync.export": lazy("Почали записувати флешку"),
    "sync.import": lazy("Почали читати флешку"),
}
"""How the trail tells what staff did here."""


def failure(code: str) -> Saying:
    """Return what to say of a job that came to nothing."""
    return SAYINGS.get(code) or OF_THE_NODE.get(code, UNFORESEEN)


def refusal(code: str) -> str:
    """Return why a file was refused."""
    return str(REFUSED.get(code, OTHER))
