"""Words for what the link can meet: each names what happened, and none of them blames a person."""

from collections.abc import Mapping
from typing import Final

from appliance.store.quarantine import Reason
from appliance.store.tables import Lane
from appliance.web.i18n import Lazy, lazy
from sync.events import Kind
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
}
WARNINGS: Final[Mapping[str, Lazy]] = {
    Kind.REFUSED: lazy("Центр відмовився прийняти записи"),
    Kind.FORKED: lazy("Записи центру й вузла розійшлися: покличте техніка"),
    Kind.RESTORED: lazy("Вузол відновлено з копії: у центрі записів більше, ніж тут"),
    Kind.UNREAD: lazy("Записи центру прийшли в невідомому вигляді: оновіть програму"),
    Kind.HELD: lazy("Центр зберіг, але ще не зміг застосувати записів цього вузла"),
    Kind.WEDGED: lazy("Передавання стояло: з’єднання відкрито наново"),
}
REASONS: Final[Mapping[Reason, Lazy]] = {
    Reason.WAITING: lazy("Чекає на запис, на який посилається"),
    Reason.BEHIND: lazy("Чекає: раніша зміна цього запису ще не застосована"),
    Reason.READY: lazy("Зараз спробуємо ще раз"),
    Reason.UNKNOWN_TABLE: lazy("Такого виду записів тут ще не знають"),
    Reason.NEWER_SCHEMA: lazy("Вузол має новішу версію програми"),
    Reason.NEWER_VALUE: lazy("Значення з новішої версії програми"),
    Reason.NOT_ITS_OWN: lazy("Вузол змінив те, що йому не належить"),
    Reason.UNREADABLE: lazy("Запис не читається"),
    Reason.FAILED: lazy("Записати не вдалося"),
    Reason.ERASED: lazy("Прийшов уже без вмісту: його стерто"),
}
"""Why a received entry cannot be applied yet."""

UPGRADE: Final = lazy("Оновіть програму центру: тоді застосується сам")
PATIENCE: Final = lazy("Нічого: застосується сам")
CALL: Final = lazy("Покличте техніка: хтось може мати ключ цього вузла")
REPORT: Final = lazy("Покажіть техніку, тоді спробуйте ще раз")
ADVICE: Final[Mapping[Reason, Lazy]] = {
    Reason.WAITING: PATIENCE,
    Reason.BEHIND: PATIENCE,
    Reason.READY: PATIENCE,
    Reason.UNKNOWN_TABLE: UPGRADE,
    Reason.NEWER_SCHEMA: UPGRADE,
    Reason.NEWER_VALUE: UPGRADE,
    Reason.NOT_ITS_OWN: CALL,
    Reason.UNREADABLE: REPORT,
    Reason.FAILED: REPORT,
    Reason.ERASED: PATIENCE,
}
ACTIONS: Final[Mapping[str, Lazy]] = {
    "sync.call": lazy("Покликали центр"),
    "sync.replay": lazy("Спробували ще раз записи, що чекали"),
}
"""How the trail tells what staff did here."""

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

OUTCOMES: Final[Mapping[str, Lazy]] = {
    "asked": lazy("звіряємо"),
    "equal": lazy("збігаються"),
    "forked": lazy("розійшлися"),
    "broken": lazy("пошкоджено на вузлі"),
}
"""How the nightly comparison of chains came out."""

CLOCKS: Final[Mapping[str, Lazy]] = {
    "synchronised": lazy("точний"),
    "holding": lazy("іде сам, ще точний"),
    "unknown": lazy("може помилятися"),
}


def trouble(code: str) -> str:
    """Return the sentence for a failure; an unknown one is told with its code."""
    return str(TROUBLES[code]) if code in TROUBLES else f"{OTHER} ({code})"


def warning(kind: str, detail: str) -> str:
    """Return the sentence for what a person should know although the centre answers."""
    told = str(WARNINGS[kind]) if kind in WARNINGS else kind
    return f"{told} ({detail})" if detail else told


def reason(why: Reason) -> str:
    """Return why a received entry cannot be applied yet."""
    return str(REASONS[why])


def advice(why: Reason) -> str:
    """Return what to do about an entry that cannot be applied yet."""
    return str(ADVICE[why])


def outcome(compared: str) -> str | None:
    """Return the words for a comparison's outcome; None for one that is not known here."""
    return str(OUTCOMES[compared]) if compared in OUTCOMES else None


def clock(quality: str) -> str | None:
    """Return the words for a clock's quality; None for one that this version does not know."""
    return str(CLOCKS[quality]) if quality in CLOCKS else None
