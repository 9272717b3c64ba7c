"""Whether a copy is whole: its pages, the chain of every lane, its rows.

It looks at the copy alone and believes nothing that the copy says of itself: each commitment and
each chain value is worked out anew, and what it holds is compared with what was there when it was
made. A log or inbox that was cut at its beginning is checked from the cut on.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from appliance.errors import VuzolError
from appliance.store import inbox, inventory, log, pragmas
from appliance.store.entries import Chain, Entry, commitment
from appliance.store.ids import StreamId
from appliance.store.inventory import Inventory
from appliance.store.reader import Reader
from appliance.store.registry import Registry
from appliance.store.tables import Lane, Table

PART: Final = 256 * 1024
"""Bytes of entries that are looked at in one go."""

Entries = Callable[[int], list[Entry]]
"""Returns entries after a number."""

Breathe = Callable[[], None]
"""Called between two parts, so that others get on."""

LOG, INBOX = "log", "inbox"


class CopyDamaged(VuzolError):
    """A copy does not hold what it should."""

    code: ClassVar[str] = "copy_damaged"
    status_hint: ClassVar[int] = 500

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"the copy {path} is damaged ({cause})",
            next_step="use an older copy, and put a new medium in place of this one",
        )
        self.path = path
        self.reason = cause


def check(
    path: Path,
    tables: Iterable[Table],
    *,
    node: int,
    expected: Inventory | None,
    breathe: Breathe,
) -> None:
    """Look at all of a copy; raise `CopyDamaged` for the first thing that is not as it was.

    Where nobody has told what to expect, its rows cannot be compared; its pages and chains are.
    """
    try:
        with closing(pragmas.open_copy(path)) as connection:
            _look(path, Reader(connection, node=node, tables=Registry(tables)), expected, breathe)
    except sqlite3.Error as error:
        raise CopyDamaged(path, str(error)) from error
    except CopyDamaged:
        raise
    except VuzolError as error:
        raise CopyDamaged(path, error.cause) from error


def first_broken(read: Callable[[], AbstractContextManager[Reader]], breathe: Breathe) -> str:
    """Return the first lane of a file in use that is not as it was chained; empty: all are.

    Each part is read in a transaction of its own, so that no checkpoint waits for it.
    """
    with read() as reader:
        found = list(_lanes(reader))
    for lane in found:
        broken = _broken(lane, _afresh(read, lane), breathe)
        if broken:
            return f"{lane.told}: entry {broken}"
    return ""


def _look(path: Path, reader: Reader, expected: Inventory | None, breathe: Breathe) -> None:
    told = reader.value("PRAGMA integrity_check(1)")
    if told != "ok":
        raise CopyDamaged(path, f"its pages: {told}")
    for lane in _lanes(reader):
        broken = _broken(lane, lambda after, its=lane: its.entries(reader, after), breathe)  # type: ignore[misc]
        if broken:
            raise CopyDamaged(path, f"{lane.told}: entry {broken}")
    found = inventory.taken(reader)
    if expected is not None and found != expected:
        raise CopyDamaged(path, _difference(found, expected))


class _Lane(NamedTuple):
    """A lane of the log or of the inbox, and the number before its first entry here."""

    name: str
    stream: StreamId
    lane: Lane
    cut: int

    @property
    def told(self) -> str:
        return f"{self.name} {self.stream} {self.lane.label}"

    def entries(self, reader: Reader, after: int) -> list[Entry]:
        if self.name == LOG:
            return log.entries(reader, self.stream, self.lane, after, PART)
        return inbox.entries(reader, self.stream, self.lane, after=after, max_bytes=PART)


def _lanes(reader: Reader) -> Iterator[_Lane]:
    """Give each lane of the log and of the inbox."""
    first = "SELECT epoch, lane, min(lane_seq) - 1 AS cut FROM _log GROUP BY epoch, lane"
    for row in reader.all(first):
        yield _Lane(LOG, StreamId(reader.node, row["epoch"]), Lane(row["lane"]), row["cut"])
    first = "SELECT node, epoch, lane, min(lane_seq) - 1 AS cut FROM _inbox GROUP BY 1, 2, 3"
    for row in reader.all(first):
        yield _Lane(INBOX, StreamId(row["node"], row["epoch"]), Lane(row["lane"]), row["cut"])


def _afresh(read: Callable[[], AbstractContextManager[Reader]], lane: _Lane) -> Entries:
    def entries(after: int) -> list[Entry]:
        with read() as reader:
            return lane.entries(reader, after)

    return entries


def _broken(lane: _Lane, entries: Entries, breathe: Breathe) -> int:
    """Return the number of the first entry that is not what was chained; 0 if all are."""
    chain = None if lane.cut else Chain(lane.stream, lane.lane, inbox.NOTHING.chain)
    at = lane.cut
    while part := entries(at):
        for entry in part:
            if entry.lane_seq != at + 1 or not holds(chain, entry):
                return at + 1
            chain = chain or Chain(lane.stream, lane.lane, entry.chain)
            at += 1
        breathe()
    return 0


def holds(chain: Chain | None, entry: Entry) -> bool:
    """Tell whether an entry follows; without a chain, at a cut, only its body can be judged."""
    if chain is not None and chain.after(entry) != entry.chain:
        return False
    if entry.body is None and entry.op in inbox.WITH_BODY:
        return True  # erased: c alone is left of it
    return entry.commitment == commitment(entry.salt, entry.body)


def _difference(found: Inventory, expected: Inventory) -> str:
    """Return the first thing that differs, in words."""
    for name in sorted(found.tables.keys() | expected.tables.keys()):
        here, there = found.tables.get(name, (0, "")), expected.tables.get(name, (0, ""))
        if here[0] != there[0]:
            return f"{name} has {here[0]} rows, and {there[0]} were copied"
        if here != there:
            return f"the newest rows of {name} are others than were copied"
    return "a lane of the log or of the inbox ends elsewhere than it did"
