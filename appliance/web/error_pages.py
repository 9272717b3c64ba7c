"""What is told when something is refused or fails: a page for a person, JSON for a program.

A room explains its own errors once, beside its views:

    error_pages.explain(office, {"nobody_waiting": Saying(lazy("Ніхто не чекає"), lazy("..."))})

An original traceback goes to the log with a short reference; the reference stands on the page.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
)
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound
from werkzeug.routing import Rule

from appliance.errors import VuzolError
from appliance.store.ids import RowId
from appliance.web.context import surface
from appliance.web.i18n import Lazy, lazy
from appliance.web.surfaces import FACINGS

SAYINGS: Final = "vuzol.sayings"
LOG: Final = logging.getLogger("vuzol.web")
SERVER_FAILED: Final = 500
NOWHERE: Final = Rule("/", endpoint="nowhere")
"""What an address that leads to no view is said to have led to."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What happened and what to do, for people. `%(fact)s` stands for a fact of the error."""

    happened: Lazy
    next_step: Lazy


RELOAD: Final = lazy("Поверніться на крок назад і спробуйте ще раз.")
STATUSES: Final[Mapping[int, Saying]] = {
    400: Saying(lazy("Запит не вдалося прочитати"), RELOAD),
    401: Saying(lazy("Потрібно увійти"), lazy("Увійдіть і повторіть те, що робили.")),
    403: Saying(
        lazy("Сюди вам не можна"), lazy("Якщо це ваша робота, попросіть доступ у старости.")
    ),
    404: Saying(
        lazy("Такої сторінки немає"), lazy("Перевірте адресу або почніть із головної сторінки.")
    ),
    405: Saying(lazy("Так ця сторінка не працює"), lazy("Почніть із головної сторінки.")),
    409: Saying(
        lazy("Тим часом усе змінилося"), lazy("Оновіть сторінку: вона покаже, як є зараз.")
    ),
    413: Saying(
        lazy("Це завелике, щоб прийняти"), lazy("Зменште файл або текст і надішліть ще раз.")
    ),
    415: Saying(lazy("Такого виду даних тут не приймають"), RELOAD),
    421: Saying(
        lazy("За цією назвою вузол не відповідає"),
        lazy("Відкрийте його за числовою адресою або попросіть техніка додати цю назву."),
    ),
    422: Saying(lazy("У заповненому є помилка"), lazy("Виправте її та надішліть ще раз.")),
    429: Saying(lazy("Забагато запитів одночасно"), lazy("Зачекайте хвилину й спробуйте ще раз.")),
    431: Saying(lazy("Запит завеликий"), lazy("Закрийте вкладку й відкрийте сторінку знову.")),
    500: Saying(
        lazy("Щось зламалося в нас"),
        lazy("Спробуйте ще раз. Якщо не допоможе, скажіть працівникові номер помилки."),
    ),
    503: Saying(lazy("Вузол зараз не може відповісти"), lazy("Спробуйте ще раз за кілька секунд.")),
    507: Saying(
        lazy("На диску немає місця"),
        lazy("Нічого не збережено. Покличте техніка: потрібно звільнити місце."),
    ),
}
BY_CODE: Final[Mapping[str, Saying]] = {
    "wrong_csrf_token": Saying(
        lazy("Сторінка застаріла"), lazy("Оновіть сторінку й натисніть кнопку ще раз.")
    ),
    "strange_origin": Saying(
        lazy("Запит надіслала чужа сторінка"), lazy("Відкрийте цю службу й повторіть дію тут.")
    ),
    "loopback_only": Saying(
        lazy("Це можна лише на самому вузлі"), lazy("Зробіть це за екраном вузла.")
    ),
    "bad_text": Saying(
        lazy("У тексті є знаки, яких не можна показати"),
        lazy("Напишіть текст ще раз звичайними літерами."),
    ),
}


def explain(room: Blueprint, sayings: Mapping[str, Saying]) -> None:
    """Tell people what the room's errors mean, by code."""
    room.record(lambda state: state.app.extensions.setdefault(SAYINGS, {}).update(sayings))


def install(app: Flask) -> None:
    """Answer for every error of the surface."""
    app.register_error_handler(VuzolError, _refused)
    app.register_error_handler(HTTPException, _not_served)
    app.register_error_handler(Exception, _broken)
    app.view_functions[NOWHERE.endpoint] = _nowhere
    app.url_value_preprocessor(_led_nowhere)


def wants_json() -> bool:
    """Tell whether a program asked: an API path, or nothing but JSON accepted."""
    if request.path.startswith("/api/") or not FACINGS[surface()].layout:
        return True
    accepts = request.accept_mimetypes
    return bool(accepts) and not accepts.accept_html and accepts.accept_json


def _led_nowhere(endpoint: str | None, values: object) -> None:  # noqa: ARG001 - Flask's signature
    """Let the guards find who asks, as on any page: theirs are the places in its header."""
    if endpoint is None:
        request.url_rule = NOWHERE


def _nowhere() -> Response:
    """Stand where a view would: Flask answers what the address was refused with before it."""
    raise NotFound


def _refused(error: VuzolError) -> Response:
    response = _explained(error)
    if (seconds := getattr(error, "retry_after", None)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def _explained(error: VuzolError) -> Response:
    reference = ""
    if error.status_hint >= SERVER_FAILED:
        reference = _reference()
        LOG.error("[%s] %s %s: %s", reference, request.method, request.path, error, exc_info=error)
    facts = _facts(error)
    if wants_json():
        told = {"code": error.code, "cause": error.cause, "next_step": error.next_step}
        if reference:
            facts["reference"] = reference
        return make_response(jsonify({**facts, **told}), error.status_hint)
    sayings = {**BY_CODE, **current_app.extensions.get(SAYINGS, {})}
    saying = sayings.get(error.code) or _by_status(error.status_hint)
    return _page(saying, error.status_hint, facts=facts, reference=reference)


def _not_served(error: HTTPException) -> Response:
    original = error.get_response()
    if isinstance(original, Response) and error.response is not None:
        return original  # a view chose it: a redirect, a ready answer
    status = error.code or SERVER_FAILED
    kept = {name: value for name, value in original.headers if name in {"Allow", "Retry-After"}}
    if wants_json():
        code = error.name.lower().replace(" ", "_")
        told = {"code": code, "cause": error.name, "next_step": "see /api/openapi.json"}
        response = make_response(jsonify(told), status)
    else:
        response = _page(_by_status(status), status)
    response.headers.update(kept)
    return response


def _broken(error: Exception) -> Response:
    reference = _reference()
    LOG.error("[%s] %s %s failed", reference, request.method, request.path, exc_info=error)
    if wants_json():
        return make_response(
            jsonify(
                code="failed",
                cause="the node failed to answer",
                next_step="try again; then show a technician the reference",
                reference=reference,
            ),
            InternalServerError.code,
        )
    return _page(_by_status(SERVER_FAILED), SERVER_FAILED, reference=reference)


def _by_status(status: int) -> Saying:
    return STATUSES.get(status) or STATUSES[SERVER_FAILED if status >= SERVER_FAILED else 400]


def _page(
    saying: Saying, status: int, *, facts: Mapping[str, Any] | None = None, reference: str = ""
) -> Response:
    known = facts or {}
    page = render_template(
        "error.html",
        layout=FACINGS[surface()].layout,
        happened=_told(saying.happened, known),
        next_step=_told(saying.next_step, known),
        status=status,
        reference=reference,
    )
    return make_response(page, status)


def _told(text: Lazy, facts: Mapping[str, Any]) -> str:
    return str(text) % facts if "%(" in str(text) else str(text)


def _reference() -> str:
    return secrets.token_hex(4)


def _facts(error: VuzolError) -> dict[str, Any]:
    """Return what the error knows besides its sentence, as JSON can carry it."""
    hidden = {"cause", "next_step"}
    return {
        name: _plain(value)
        for name, value in vars(error).items()
        if name not in hidden and not name.startswith("_")
    }


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, RowId):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
