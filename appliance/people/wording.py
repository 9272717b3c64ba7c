"""How people's own words for roles, devices, actions and refusals read on a page."""

from collections.abc import Mapping
from typing import Final

from appliance.errors import VuzolError
from appliance.people.errors import BadPassword, PasswordProblem
from appliance.people.model import DeviceKind, Outcome, Role
from appliance.web.error_pages import Saying
from appliance.web.i18n import Lazy, lazy

ROLES: Final[Mapping[Role, Lazy]] = {
    Role.ADMINISTRATOR: lazy("адміністратор"),
    Role.STAROSTA: lazy("староста"),
    Role.HEAD: lazy("голова громади"),
    Role.TECHNICIAN: lazy("технік"),
    Role.DUTY_OFFICER: lazy("черговий"),
}

KINDS: Final[Mapping[DeviceKind, Lazy]] = {
    DeviceKind.KIOSK: lazy("кіоск"),
    DeviceKind.DISPLAY: lazy("табло"),
}

ACTIONS: Final[Mapping[str, Lazy]] = {
    "people.hire": lazy("Прийняли на роботу"),
    "people.change_roles": lazy("Змінили ролі"),
    "people.rename": lazy("Виправили ім’я"),
    "people.dismiss": lazy("Звільнили"),
    "people.reinstate": lazy("Повернули на роботу"),
    "people.issue_password": lazy("Видали тимчасовий пароль"),
    "people.set_password": lazy("Змінили свій пароль"),
    "people.reissue": lazy("Центр розглянув пароль із села"),
    "people.issue_codes": lazy("Видали коди на надзвичайний випадок"),
    "people.use_code": lazy("Увійшли за кодом на надзвичайний випадок"),
    "people.sign_in": lazy("Увійшли"),
    "people.sign_in_refused": lazy("Не змогли увійти"),
    "people.sign_out": lazy("Вийшли"),
    "people.pair_device": lazy("Під’єднали пристрій"),
    "people.revoke_device": lazy("Від’єднали пристрій"),
    "store.restored": lazy("Базу відновили з копії"),
    "store.thinned": lazy("Звільнили місце на диску"),
}

FACTS: Final[Mapping[str, Lazy]] = {
    "offices": lazy("де й ким"),
    "kind": lazy("що це"),
    "numbers": lazy("номери"),
    "number": lazy("номер"),
    "address": lazy("звідки"),
    "outcome": lazy("рішення"),
    "password": lazy("пароль"),
    "use": lazy("використання"),
}

OUTCOMES: Final[Mapping[Outcome, Lazy]] = {
    Outcome.ISSUED: lazy("видано всім старостатам"),
    Outcome.SUPERSEDED: lazy("є новіший"),
    Outcome.NOT_THERE: lazy("людина там не працює"),
    Outcome.NOT_BY_A_VILLAGE: lazy("пароль адміністратора міняють у центрі"),
    Outcome.UNREADABLE: lazy("не вдалося прочитати"),
}

WORDS: Final[Mapping[str, Lazy]] = {
    word.value: said for word, said in (*ROLES.items(), *KINDS.items(), *OUTCOMES.items())
}
"""What stands in facts as a word of ours, and how people say it."""

PASSWORDS: Final[Mapping[PasswordProblem, Lazy]] = {
    PasswordProblem.SHORT: lazy("Пароль закороткий: треба щонайменше 10 знаків"),
    PasswordProblem.LONG: lazy("Пароль задовгий: можна щонайбільше 128 знаків"),
    PasswordProblem.LOGIN: lazy("Пароль не може бути вашим логіном"),
    PasswordProblem.SILLY: lazy("Такий пароль вгадають першим: візьміть три різні слова"),
    PasswordProblem.CONTROL: lazy("У паролі є знак, якого не можна набрати на клавіатурі"),
    PasswordProblem.SAME: lazy("Новий пароль такий самий, як старий"),
    PasswordProblem.DIFFERENT: lazy("Паролі не збігаються: повторіть новий пароль ще раз"),
}

SAYINGS: Final[Mapping[str, Saying]] = {
    "wrong_password": Saying(
        lazy("Такого логіна з таким паролем немає"),
        lazy("Перевірте мову клавіатури й спробуйте ще раз. Забули — попросіть адміністратора."),
    ),
    "too_many_attempts": Saying(
        lazy("Забагато неправильних паролів"),
        lazy("Спробуйте ще раз за %(retry_after)s с. Пароль не заблоковано."),
    ),
    "too_many_sign_ins": Saying(
        lazy("Зараз входить забагато людей"), lazy("Спробуйте ще раз за кілька секунд.")
    ),
    "staff_list_old": Saying(
        lazy("Список працівників застарілий: йому %(days)s дн."),
        lazy("Зараз входять лише староста й черговий. Решта — щойно буде зв’язок із центром."),
    ),
    "sign_in_needed": Saying(lazy("Потрібно увійти"), lazy("Увійдіть і повторіть те, що робили.")),
    "not_allowed": Saying(
        lazy("Ваша роль цього не дозволяє"), lazy("Попросіть адміністратора громади.")
    ),
    "password_must_change": Saying(
        lazy("Цей пароль тимчасовий"), lazy("Спершу задайте власний пароль.")
    ),
    "bad_password": Saying(lazy("Такий пароль не підходить"), lazy("Придумайте інший.")),
    "password_cannot_travel": Saying(
        lazy("Вузол не знає ключа центру"),
        lazy("Попросіть техніка записати link.centre_key або змініть пароль у центрі."),
    ),
    "at_the_centre_only": Saying(
        lazy("Це роблять у центрі громади"), lazy("Попросіть адміністратора громади.")
    ),
    "bad_login": Saying(
        lazy("Логін має 3–32 знаки: малі латинські літери, цифри, крапка, дефіс"),
        lazy("Наприклад, o.melnychuk"),
    ),
    "bad_name": Saying(lazy("Напишіть ім’я та прізвище"), lazy("Від 2 до 120 літер.")),
    "bad_field": Saying(
        lazy("Цей текст задовгий або має знаки, яких не можна показати"),
        lazy("Не більше ніж %(longest)s звичайних знаків, без прихованих."),
    ),
    "no_office": Saying(
        lazy("Оберіть хоча б одну роль"), lazy("Людина має ким-небудь десь працювати.")
    ),
    "login_taken": Saying(
        lazy("Логін %(login)s уже зайнятий"), lazy("Придумайте інший: логін не дають двічі.")
    ),
    "person_unknown": Saying(lazy("Такої людини у списку немає"), lazy("Оновіть список.")),
    "person_dismissed": Saying(lazy("Цю людину звільнено"), lazy("Спершу поверніть її на роботу.")),
    "person_works": Saying(lazy("Ця людина вже працює"), lazy("Змініть її ролі.")),
    "last_administrator": Saying(
        lazy("Це останній адміністратор центру"),
        lazy("Спершу зробіть адміністратором когось іншого."),
    ),
    "code_unknown": Saying(
        lazy("Такого коду немає або його вже використано"),
        lazy("Перевірте літери або відкрийте наступний конверт."),
    ),
    "pairing_unknown": Saying(
        lazy("Жоден пристрій не показує такого коду"),
        lazy("Подивіться на екран пристрою ще раз: код діє 10 хвилин."),
    ),
    "too_many_pairings": Saying(
        lazy("Звідси щойно просили цифри для кількох пристроїв"),
        lazy("Спробуйте за десять секунд."),
    ),
    "device_unknown": Saying(lazy("Такого пристрою немає"), lazy("Оновіть список.")),
    "device_needed": Saying(
        lazy("Цей пристрій не під’єднано"), lazy("Відкрийте на ньому сторінку /pair.")
    ),
}


def sentence(error: VuzolError) -> str:
    """Return what a form says beside the field that the error is about."""
    if isinstance(error, BadPassword):
        return str(PASSWORDS[error.problem])
    saying = SAYINGS.get(error.code)
    if saying is None:
        return str(error)
    facts = vars(error)
    parts = [str(saying.happened), str(saying.next_step)]
    first, then = (part % facts if "%(" in part else part for part in parts)
    return f"{first.rstrip('.')}. {then}"


def roles_sentence(roles: frozenset[Role]) -> str:
    """Return roles as people say them: «адміністратор, черговий»."""
    return ", ".join(str(ROLES[role]) for role in Role if role in roles)
