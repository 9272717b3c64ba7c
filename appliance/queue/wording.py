"""The queue's words for people: states, purposes, and what each refusal means."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from babel.dates import format_date

from appliance.queue.model import Purpose, ServiceState, State
from appliance.web.error_pages import Saying
from appliance.web.i18n import Lazy, language, lazy
from appliance.web.i18n import gettext as _

PURPOSES: Final[Mapping[Purpose, Lazy]] = {
    Purpose.CONSULTATION: lazy("Порадитися"),
    Purpose.SUBMIT: lazy("Подати документи"),
    Purpose.COLLECT: lazy("Забрати готове"),
}
WHY_HINTS: Final[Mapping[Purpose, Lazy]] = {
    Purpose.CONSULTATION: lazy("запитати, що потрібно і як зробити"),
    Purpose.SUBMIT: lazy("заяву, довідки, копії"),
    Purpose.COLLECT: lazy("довідку чи документ, які вже зробили"),
}
STANDINGS: Final[Mapping[State, Lazy]] = {
    State.WAITING: lazy("чекає"),
    State.CALLED: lazy("вас запрошують"),
    State.SERVING: lazy("вас приймають"),
    State.COMPLETED: lazy("прийом завершено"),
    State.NO_SHOW: lazy("вас кликали, але ви не підійшли"),
    State.CANCELLED: lazy("ви відмовилися від талона"),
    State.CLOSED_EOD: lazy("талон закрито: день скінчився"),
}
CANCELLED_BY_STAFF: Final = lazy("талон скасували працівники")
STATES: Final[Mapping[State, Lazy]] = {
    State.WAITING: lazy("чекає"),
    State.CALLED: lazy("викликано"),
    State.SERVING: lazy("приймають"),
    State.COMPLETED: lazy("прийнято"),
    State.NO_SHOW: lazy("не підійшли"),
    State.CANCELLED: lazy("скасовано"),
    State.CLOSED_EOD: lazy("день скінчився"),
}
SERVICE_STATES: Final[Mapping[ServiceState, Lazy]] = {
    ServiceState.OPEN: lazy("видаємо талони"),
    ServiceState.CLOSED: lazy("зачинено, але видно"),
    ServiceState.RETIRED: lazy("знято з кіоску"),
}

ACTIONS: Final[Mapping[str, Lazy]] = {
    "queue.open_counter": lazy("Відкрили вікно"),
    "queue.close_counter": lazy("Зачинили вікно"),
    "queue.hand_out": lazy("Видали талон"),
    "queue.call": lazy("Викликали"),
    "queue.recall": lazy("Викликали ще раз"),
    "queue.start": lazy("Почали прийом"),
    "queue.finish": lazy("Завершили прийом"),
    "queue.no_show": lazy("Позначили, що не підійшли"),
    "queue.close_past_days": lazy("Закрили талони минулих днів"),
    "queue.add_service": lazy("Додали послугу"),
    "queue.change_service": lazy("Змінили послугу"),
    "queue.add_category": lazy("Додали право без черги"),
}
"""How the trail tells what staff did here."""

FACTS: Final[Mapping[str, Lazy]] = {
    "counter": lazy("вікно"),
    "tickets": lazy("талонів"),
    "scope": lazy("де"),
}

LOOK_AGAIN: Final = lazy("Подивіться, як є зараз, і натисніть ще раз.")
SAYINGS: Final[Mapping[str, Saying]] = {
    "service_unknown": Saying(
        lazy("Такої послуги тут немає"), lazy("Почніть спочатку й оберіть послугу зі списку.")
    ),
    "service_closed": Saying(
        lazy("Цю послугу зараз не надають"),
        lazy("Її щойно зачинили, талон не видано. Оберіть іншу або запитайте працівника."),
    ),
    "purpose_unknown": Saying(
        lazy("З цим на цю послугу не приймають"), lazy("Почніть спочатку й оберіть зі списку.")
    ),
    "category_unknown": Saying(
        lazy("Такого права в списку немає"), lazy("Почніть спочатку або запитайте працівника.")
    ),
    "bad_id": Saying(lazy("Такого тут немає"), lazy("Почніть спочатку й оберіть зі списку.")),
    "ticket_unknown": Saying(
        lazy("Такого талона немає"),
        lazy("Перевірте адресу: її треба відкрити повністю, як у QR-коді. Або візьміть новий."),
    ),
    "idempotency_key_missing": Saying(
        lazy("Сторінка застаріла"), lazy("Почніть спочатку: талон ще не видано.")
    ),
    "idempotency_key_reused": Saying(
        lazy("З цієї сторінки талон уже взято"), lazy("Почніть спочатку, щоб узяти інший.")
    ),
    "device_needed": Saying(
        lazy("Цей пристрій не під’єднано до черги"),
        lazy("Відкрийте на ньому /pair і назвіть код працівникові."),
    ),
    "wrong_moment": Saying(lazy("Талон %(ticket)s уже в іншому стані"), LOOK_AGAIN),
    "nobody_waiting": Saying(lazy("Ніхто не чекає"), lazy("Новий талон з’явиться на пульті сам.")),
    "counter_not_open": Saying(
        lazy("Вікно %(counter)s не відкрите"), lazy("Відкрийте вікно й почніть роботу.")
    ),
    "counter_taken": Saying(
        lazy("У вікні %(counter)s уже працює %(name)s"),
        lazy("Оберіть інше вікно або перейміть це, якщо так домовилися."),
    ),
    "counter_busy": Saying(
        lazy("Біля вікна ще талон %(ticket)s"), lazy("Спершу завершіть із ним.")
    ),
    "counter_idle": Saying(lazy("Біля вікна нікого немає"), lazy("Спершу викличте наступного.")),
    "another_was_faster": Saying(
        lazy("Тим часом біля вікна все змінилося, тому нічого не зроблено"), LOOK_AGAIN
    ),
    "bad_search": Saying(lazy("Пошук не зрозуміти"), lazy("Виправте поле й спробуйте ще раз.")),
    "bad_prefix": Saying(
        lazy("Літера «%(prefix)s» не годиться для номерів"),
        lazy("Здаля її читають інакше. Оберіть одну з: %(allowed)s."),
    ),
    "ticket_moved_on": Saying(
        lazy("Талон %(ticket)s тим часом змінився, тому нічого не попросили"),
        lazy("Подивіться, як є зараз, і попросіть ще раз."),
    ),
    "nothing_to_move": Saying(
        lazy("Талон %(ticket)s уже чекає саме на це"), lazy("Оберіть іншу послугу чи мету.")
    ),
    "already_asked": Saying(
        lazy("Про цей талон уже попросили, і село ще не відповіло"),
        lazy("Дочекайтеся відповіді або спершу відкличте те прохання."),
    ),
    "already_decided": Saying(
        lazy("Село вже відповіло, тому відкликати нема чого"),
        lazy("Відповідь стоїть на сторінці талона."),
    ),
    "command_unknown": Saying(
        lazy("Такого прохання тут немає"), lazy("Подивіться на сторінці талона.")
    ),
    "no_purpose": Saying(lazy("Послуга без мети звернення"), lazy("Позначте хоча б одну мету.")),
}


def standing_words(state: State, *, by_staff: bool) -> str:
    """Return how a visitor is told their ticket stands; it is said who has cancelled it."""
    staff = by_staff and state is State.CANCELLED
    return str(CANCELLED_BY_STAFF if staff else STANDINGS[state])


def past_day(label: date, today: date) -> str:
    """Return when a ticket of a past day was taken: учора, 14 листопада."""
    if today - label == timedelta(days=1):
        return _("учора")
    return format_date(label, "d\N{NO-BREAK SPACE}MMMM", locale=language())


def dated(day: date) -> str:
    """Return a service day's date as people say it: 17 листопада 2026."""
    return format_date(day, "d\N{NO-BREAK SPACE}MMMM y", locale=language())
