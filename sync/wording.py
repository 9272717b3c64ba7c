"""Words for what the link can meet: each names what happened, and none of them blames a person."""

from collections.abc import Mapping
from typing import Final

from appliance.store.tables import Lane
from appliance.web.i18n import Lazy, lazy
from sync.transport import Failure

TROUBLES: Final[Mapping[str, Lazy]] = {
    Failure.NO_ADDRESS: lazy("Адреси центру ще не знаємо"),
    Failure.NO_NAME: lazy("Назву центру в мережі не знайдено"),
    Failure.REFUSED: lazy("За адресою центру ніхто не відповідає"),
    Failure.UNREACHABLE: lazy("До центру немає дороги: мережі немає"),
    Failure.SILENT: lazy("Центр не відповів вчасно"),
    Failure.CUT: lazy("З’єднання обірвалося"),
    Failure.CERTIFICATE: lazy("Сертифікат центру не підтверджено"),
    Failure.PLAIN: lazy("Адреса центру без шифрування: туди не передаємо"),
    Failure.GARBLED: lazy("Відповів не центр"),
    Failure.ABORTED: lazy("Передавання поступилося терміновому"),
    "unsigned": lazy("Відповідь без підпису центру: їй не віримо"),
    "busy": lazy("Центр приймає інших і назвав нам час"),
    "refused": lazy("Центр відмовився прийняти записи"),
    "forked": lazy("Записи центру й вузла розійшлися: покличте техніка"),
    "restored": lazy("Вузол відновлено з копії: у центрі записів більше, ніж тут"),
    "wedged": lazy("Передавання стояло: з’єднання відкрито наново"),
}

OTHER: Final = lazy("Запит до центру не вдався")

LANES: Final[Mapping[Lane, Lazy]] = {
    Lane.ALARMS: lazy("Тривоги"),
    Lane.TICKETS: lazy("Талони, журнал дій"),
    Lane.STATE: lazy("Стан приладів"),
    Lane.READINGS: lazy("Показники"),
    Lane.SIGHTINGS: lazy("Спостереження камер"),
    Lane.MEDIA: lazy("Фото"),
    Lane.BACKUP: lazy("Резервні копії"),
}

CLOCKS: Final[Mapping[str, Lazy]] = {
    "synchronised": lazy("точний"),
    "holding": lazy("іде сам, ще точний"),
    "unknown": lazy("може помилятися"),
}


def trouble(code: str) -> str:
    """Return the sentence for a failure; an unknown one is told with its code."""
    return str(TROUBLES[code]) if code in TROUBLES else f"{OTHER} ({code})"


def clock(quality: str) -> str | None:
    """Return the words for a clock's quality; None for one that this version does not know."""
    return str(CLOCKS[quality]) if quality in CLOCKS else None
