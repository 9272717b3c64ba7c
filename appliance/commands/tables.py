"""What is asked goes DOWN, what is answered goes UP; how a command stands is folded from both ends.

Both travel in the lane of the tickets: a person waits for the answer.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from appliance.commands.model import Answer, Outcome, folded
from appliance.people.tables import of_office
from appliance.store.ids import RowId
from appliance.store.quarantine import NotItsOwn
from appliance.store.tables import (
    Lane,
    Owner,
    Row,
    Table,
    blob,
    integer,
    moment,
    one_of,
    row_id,
    text,
)
from appliance.store.transaction import Transaction

Record = Row | sqlite3.Row
"""A row as it was written, or as it was read."""

TOPIC: Final = "commands"
ARGUMENTS: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
LONGEST: Final = 2000


def arguments_of(told: str) -> Mapping[str, str]:
    """Read what a column holds: an object of texts; raise `ValueError` for anything else."""
    if len(told) > LONGEST:
        raise ValueError("too long for the arguments of a command")
    found = json.loads(told)
    if not isinstance(found, dict) or not all(type(one) is str for one in found.values()):
        raise ValueError("no object of texts")
    return found


def is_arguments(told: str) -> bool:
    """Tell whether this version can read the arguments of a command."""
    try:
        arguments_of(told)
    except (ValueError, RecursionError):
        return False
    return True


def _answered(tx: Transaction, answers: Sequence[Row]) -> None:
    """Fold what homes have said; a village speaks only for what was asked of its own office."""
    for row in answers:
        home = RowId.of(row["id"]).node
        asked = tx.value("SELECT scope FROM commands_command WHERE id = :id", id=row["command"])
        if asked is not None and asked != of_office(home):
            raise NotItsOwn("the command is of another office")
        place = {"command": row["command"], "home": home}
        known = tx.one(
            "SELECT * FROM commands_answered WHERE command = :command AND home = :home", **place
        )
        stands = folded(answer_of(known) if known else None, answer_of(row))
        tx.put(ANSWERED, {**place, **columns(stands)})
    tx.announce(TOPIC)


def answer_of(row: Record) -> Answer:
    """Read a row of `commands_answer` or of `commands_answered`."""
    return Answer(
        step=row["step"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        state=row["state"],
        at=row["at"],
        sure=bool(row["sure"]),
    )


def columns(answer: Answer) -> dict[str, str | int | None]:
    """Return an answer as its columns hold it."""
    return {
        "step": answer.step,
        "outcome": answer.outcome,
        "reason": answer.reason,
        "state": answer.state,
        "at": answer.at,
        "sure": answer.sure,
    }


COMMANDS: Final = Table(
    "commands_command",
    owner=Owner.DOWN,
    lane=Lane.TICKETS,
    columns=(
        integer("home"),  # the node that decides; the scope is that of its office
        text("service"),
        text("verb"),
        row_id("object"),
        text("arguments", reads=is_arguments),  # a JSON object of texts, with sorted keys
        integer("seen_step"),
        text("seen_state"),
        text("asked_by"),  # as the audit names them
        moment("asked_at"),
        moment("expires_at", null=True),  # null: the clock here was not good enough to tell
        moment("withdrawn_at", null=True),
        moment("settled_at", null=True),  # the answer is here
    ),
    indexes=(("object",), ("settled_at",)),
)

ANSWERS: Final = Table(
    "commands_answer",
    owner=Owner.UP,
    lane=Lane.TICKETS,
    append_only=True,
    columns=(
        row_id("command"),  # no reference: a centre restored to before it keeps what was done
        integer("step"),
        one_of("outcome", Outcome),
        text("reason", null=True),  # a code
        text("state", null=True),  # where the object stood, in the service's own word
        moment("at"),
        integer("sure"),  # 1: by a clock that may judge deadlines
    ),
    unique=(("command", "step"),),
    project=_answered,
)

ANSWERED: Final = Table(
    "commands_answered",
    owner=Owner.LOCAL,
    key=("command", "home"),  # of a command that is not known here anybody may have spoken
    columns=(
        blob("command"),
        integer("home"),
        integer("step"),
        one_of("outcome", Outcome),
        text("reason", null=True),
        text("state", null=True),
        integer("at"),
        integer("sure"),
    ),
)

TABLES: Final = (COMMANDS, ANSWERS, ANSWERED)
