"""How it is said what the centre asked of a ticket and what its office answered, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from appliance.commands.model import Reason, Standing, Story
from appliance.queue.afar import target_of
from appliance.queue.catalogue import Service
from appliance.queue.model import Event, State
from appliance.queue.wording import PURPOSES, STATES
from appliance.store.ids import RowId
from appliance.web import formats
from appliance.web.context import current
from appliance.web.i18n import Lazy, language, lazy
from appliance.web.i18n import gettext as _

CANCEL: Final[Mapping[Standing, Lazy]] = {
    Standing.ASKED: lazy("Попросили скасувати о %(asked)s — село ще не підтвердило"),
    Standing.OVERDUE: lazy(
        "Попросили скасувати о %(asked)s, строк минув о %(expires)s. Село не відповіло: чи"
        " скасовано — невідомо"
    ),
    Standing.WITHDRAWING: lazy(
        "Прохання скасувати відкликали о %(withdrawn)s — село ще не підтвердило"
    ),
    Standing.WAITING: lazy(
        "Попросили скасувати о %(asked)s. Село отримало й чекає: його годинник не звірено, тому"
        " строк не перевірити"
    ),
    Standing.DONE: lazy("Скасовано на прохання центру о %(answered)s"),
    Standing.DONE_ALL_THE_SAME: lazy(
        "Відкликали о %(withdrawn)s, але село вже скасувало о %(answered)s"
    ),
    Standing.REFUSED: lazy("Село не скасувало: %(reason)s"),
    Standing.EXPIRED: lazy("Село не скасувало: строк прохання минув раніше, ніж воно дійшло"),
    Standing.WITHDRAWN: lazy("Прохання скасувати відкликано: село його не виконало"),
}
MOVE: Final[Mapping[Standing, Lazy]] = {
    Standing.ASKED: lazy(
        "Попросили перевести на «%(target)s» о %(asked)s — село ще не підтвердило"
    ),
    Standing.OVERDUE: lazy(
        "Попросили перевести на «%(target)s» о %(asked)s, строк минув о %(expires)s. Село не"
        " відповіло: чи переведено — невідомо"
    ),
    Standing.WITHDRAWING: lazy(
        "Прохання перевести на «%(target)s» відкликали о %(withdrawn)s — село ще не підтвердило"
    ),
    Standing.WAITING: lazy(
        "Попросили перевести на «%(target)s» о %(asked)s. Село отримало й чекає: його годинник не"
        " звірено, тому строк не перевірити"
    ),
    Standing.DONE: lazy("Переведено на «%(target)s» на прохання центру о %(answered)s"),
    Standing.DONE_ALL_THE_SAME: lazy(
        "Відкликали о %(withdrawn)s, але село вже перевело на «%(target)s» о %(answered)s"
    ),
    Standing.REFUSED: lazy("Село не перевело на «%(target)s»: %(reason)s"),
    Standing.EXPIRED: lazy("Село не перевело: строк прохання минув раніше, ніж воно дійшло"),
    Standing.WITHDRAWN: lazy("Прохання перевести відкликано: село його не виконало"),
}
SENTENCES: Final[Mapping[str, Mapping[Standing, Lazy]]] = {Event.CANCEL: CANCEL, Event.MOVE: MOVE}

REASONS: Final[Mapping[str, Lazy]] = {
    Reason.UNKNOWN: lazy("програма там старіша і ще не вміє цього"),
    Reason.NO_SUCH_OBJECT: lazy("такого талона там немає"),
    Reason.FAILED: lazy("там сталася помилка, техніку видно її в журналі"),
    "service_closed": lazy("цю послугу там щойно зачинили"),
    "service_unknown": lazy("такої послуги там немає"),
    "purpose_unknown": lazy("з цим на цю послугу не приймають"),
    "nothing_to_move": lazy("талон уже там"),
    "wrong_moment": lazy("талон уже не чекає"),
}
LOOKS: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.ASKED: ("wait", "clock"),
    Standing.OVERDUE: ("old", "unknown"),
    Standing.WITHDRAWING: ("wait", "clock"),
    Standing.WAITING: ("old", "clock"),
    Standing.DONE: ("ok", "done"),
    Standing.DONE_ALL_THE_SAME: ("old", "warning"),
    Standing.REFUSED: ("bad", "warning"),
    Standing.EXPIRED: ("bad", "warning"),
    Standing.WITHDRAWN: ("asof", "back"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One story as a page tells it: a word, a shape and a colour."""

    story: Story
    text: str
    kind: str
    symbol: str


def saying(story: Story, names: Mapping[RowId, Service]) -> Said:
    """Return what may truthfully be said of a command now, by this node's clock."""
    clock = current().clock
    standing = story.standing(now=clock.wall(), good_clock=clock.quality().good)
    kind, symbol = LOOKS[standing]
    sentence = str(SENTENCES.get(story.command.verb, CANCEL)[standing])
    text = sentence % _facts(story, names)
    if story.answer is not None and story.over and not story.answer.sure:
        text = _("%(said)s (час — за годинником села, якого не звірено)", said=text)
    return Said(story, text, kind, symbol)


def _facts(story: Story, names: Mapping[RowId, Service]) -> dict[str, str]:
    command, answer = story.command, story.answer
    target = target_of(command)
    service = names.get(target.service) if target else None
    why = PURPOSES[target.purpose] if target else ""
    named = service.name(language()) if service else _("невідома послуга")
    return {
        "asked": formats.moment(command.asked_at),
        "expires": _when(command.expires_at),
        "withdrawn": _when(command.withdrawn_at),
        "answered": _when(answer.at if answer else None),
        "reason": _reason(story),
        "target": f"{named}: {why}",
    }


def _reason(story: Story) -> str:
    answer = story.answer
    if answer is None or answer.reason is None:
        return ""
    if answer.reason == Reason.CHANGED:
        word = STATES[State(answer.state)] if answer.state in set(State) else answer.state
        return _("талон тим часом змінився, тепер: %(state)s", state=word)
    known = REASONS.get(answer.reason)
    return str(known) if known is not None else _("відповідь «%(code)s»", code=answer.reason)


def _when(at: int | None) -> str:
    return _("невідомо коли") if at is None else formats.moment(at)
