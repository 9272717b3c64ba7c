"""What programs are told of commands for tickets, and what they say to ask for one."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, fields

from appliance.commands.model import Story
from appliance.queue import afar
from appliance.queue.model import Purpose
from appliance.web import formats
from appliance.web.context import current
from appliance.web.fields import Choice, Id, Whole

LARGEST_STEP: Final = 10_000
LONGEST_HOURS: Final = 72


class CancelAsked(Schema):
    """What is said to have a waiting ticket cancelled: at which step it was seen."""

    step = Whole(0, LARGEST_STEP, required=True)
    valid_hours = Whole(1, LONGEST_HOURS)


class MoveAsked(CancelAsked):
    """What is said to have a waiting ticket moved."""

    service = Id(required=True)
    purpose = Choice(*Purpose, required=True)


class CommandTold(Schema):
    """What was asked of a ticket's office, and what it has answered as far as is known here."""

    id = Id(required=True)
    ticket = Id(required=True)
    node = fields.Integer(required=True)
    verb = fields.String(required=True)
    standing = fields.String(
        required=True,
        metadata={
            "description": "asked, overdue, withdrawing and waiting are not confirmed;"
            " done, done_all_the_same, refused, expired and withdrawn are"
        },
    )
    reason = fields.String(allow_none=True)
    ticket_state = fields.String(allow_none=True)
    asked_at = fields.String(required=True)
    expires_at = fields.String(allow_none=True)
    withdrawn_at = fields.String(allow_none=True)
    answered_at = fields.String(allow_none=True)


class CommandsTold(Schema):
    """What was asked about one ticket, the newest first."""

    commands = fields.List(fields.Nested(CommandTold), required=True)


def command_told(story: Story) -> dict[str, Any]:
    """Return a command as programs are told; what nobody has confirmed is told as such."""
    command, answer = story.command, story.answer
    clock = current().clock
    standing = story.standing(now=clock.wall(), good_clock=clock.quality().good)
    return {
        "id": str(command.id),
        "ticket": str(command.object),
        "node": command.home,
        "verb": command.verb,
        "standing": str(standing),
        "reason": answer.reason if answer else None,
        "ticket_state": answer.state if answer else None,
        "asked_at": formats.machine(command.asked_at),
        "expires_at": _when(command.expires_at),
        "withdrawn_at": _when(command.withdrawn_at),
        "answered_at": _when(answer.at if answer else None),
    }


def hours(told: Mapping[str, Any]) -> int:
    """Return how long it is worth doing, as asked or as usual."""
    return int(told.get("valid_hours", afar.USUAL_HOURS))


def _when(at: int | None) -> str | None:
    return None if at is None else formats.machine(at)
