"""What is read about commands: what was asked of an object, and what its home still has to do."""

from collections import defaultdict
from collections.abc import Collection
from typing import ClassVar, Final

from appliance.commands.model import Command, Outcome, Seen, Story
from appliance.commands.tables import Record, answer_of, arguments_of
from appliance.errors import VuzolError
from appliance.store.ids import RowId
from appliance.store.reader import Reader

AT_ONCE: Final = 100
STORY: Final = """SELECT c.*, a.step, a.outcome, a.reason, a.state, a.at, a.sure
  FROM commands_command c
  LEFT JOIN commands_answered a ON a.command = c.id AND a.home = c.home"""


class CommandUnknown(VuzolError):
    """Somebody named a command that is not here."""

    code: ClassVar[str] = "command_unknown"
    status_hint: ClassVar[int] = 404

    def __init__(self) -> None:
        super().__init__("nobody asked for that here", next_step="look at the object's page")


def story(reader: Reader, command: RowId) -> Story:
    """Return a command and what its home has said; raise `CommandUnknown`."""
    row = reader.one(f"{STORY} WHERE c.id = :id AND c.deleted = 0", id=command)
    if row is None:
        raise CommandUnknown
    return _story(row)


def stories(reader: Reader, objects: Collection[RowId]) -> dict[RowId, list[Story]]:
    """Return what was asked of each object, the newest first."""
    told: defaultdict[RowId, list[Story]] = defaultdict(list)
    asked = [one.blob for one in objects]
    for row in reader.among(f"({STORY} WHERE c.deleted = 0)", "object", asked) if asked else ():
        found = _story(row)
        told[found.command.object].append(found)
    return {one: sorted(said, key=_newest_first) for one, said in told.items()}


def still_open(reader: Reader, wanted: RowId) -> Story | None:
    """Return what its home may still do to the object, if anything."""
    asked = stories(reader, [wanted]).get(wanted, [])
    return next((one for one in asked if one.open), None)


def undecided(reader: Reader) -> list[RowId]:
    """Return the commands that this node, their home, has not decided, in the order of asking.

    All of them: one that has to wait must not stand before others.
    """
    rows = reader.all(
        """SELECT c.id FROM commands_command c
           LEFT JOIN commands_answered a ON a.command = c.id AND a.home = c.home
           WHERE c.home = :home AND c.deleted = 0 AND c.settled_at IS NULL
             AND (a.outcome IS NULL OR a.outcome = :waiting)
           ORDER BY c.asked_at, c.id""",
        home=reader.node,
        waiting=Outcome.WAITING,
    )
    return [RowId.of(row["id"]) for row in rows]


def unsettled(reader: Reader, *, at_most: int = AT_ONCE) -> list[RowId]:
    """Return the commands whose answer is here and whose home does not know that yet."""
    rows = reader.all(
        """SELECT c.id FROM commands_command c
           JOIN commands_answered a ON a.command = c.id AND a.home = c.home
           WHERE c.deleted = 0 AND c.settled_at IS NULL AND a.outcome <> :waiting
           ORDER BY c.id LIMIT :at_most""",
        waiting=Outcome.WAITING,
        at_most=at_most,
    )
    return [RowId.of(row["id"]) for row in rows]


def _newest_first(one: Story) -> tuple[int, bytes]:
    return -one.command.asked_at, one.command.id.blob


def _story(row: Record) -> Story:
    command = Command(
        id=RowId.of(row["id"]),
        home=row["home"],
        service=row["service"],
        verb=row["verb"],
        object=RowId.of(row["object"]),
        seen=Seen(row["seen_step"], row["seen_state"]),
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        arguments=arguments_of(row["arguments"]),
        withdrawn_at=row["withdrawn_at"],
        settled=row["settled_at"] is not None,
    )
    return Story(command, answer_of(row) if row["outcome"] else None)
