"""Whether a copy is whole: its pages, the chain of every lane, its rows.

It looks at the copy alone and believes nothing that the copy says of itself: each commitment and
each chain value is worked out anew, and what it holds is compared with what was there when it was
made. A log or inbox that was cut at its beginning is checked from the cut on.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Final

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
    breathe: Callable[[], None],
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


def _look(
    path: Path, reader: Reader, expected: Inventory | None, breathe: Callable[[], None]
) -> None:
    told = reader.value("PRAGMA integrity_check(1)")
    if told != "ok":
        raise CopyDamaged(path, f"its pages: {told}")
    for name, stream, lane, after, entries in _lanes(reader):
        broken = _broken(stream, lane, after, entries, breathe)
        if broken:
            raise CopyDamaged(path, f"{name} {stream} {lane.label}: entry {broken}")
    found = inventory.taken(reader)
    if expected is not None and found != expected:
        raise CopyDamaged(path, _difference(found, expected))


def _lanes(reader: Reader) -> Iterator[tuple[str, StreamId, Lane, int, Entries]]:
    """Give each lane of the log and of the inbox, with the number before its first entry."""
    first = "SELECT epoch, lane, min(lane_seq) - 1 AS cut FROM _log GROUP BY epoch, lane"
    for row in reader.all(first):
        stream, lane = StreamId(reader.node, row["epoch"]), Lane(row["lane"])
        yield "log", stream, lane, row["cut"], _of_log(reader, stream, lane)
    first = "SELECT node, epoch, lane, min(lane_seq) - 1 AS cut FROM _inbox GROUP BY 1, 2, 3"
    for row in reader.all(first):
        stream, lane = StreamId(row["node"], row["epoch"]), Lane(row["lane"])
        yield "inbox", stream, lane, row["cut"], _of_inbox(reader, stream, lane)


def _of_log(reader: Reader, stream: StreamId, lane: Lane) -> Entries:
    return lambda after: log.entries(reader, stream, lane, after, PART)


def _of_inbox(reader: Reader, stream: StreamId, lane: Lane) -> Entries:
    return lambda after: inbox.entries(reader, stream, lane, after=after, max_bytes=PART)


def _broken(
    stream: StreamId, lane: Lane, cut: int, entries: Entries, breathe: Callable[[], None]
) -> int:
    """Return the number of the first entry that is not what was chained; 0 if all are."""
    chain: Chain | None = None if cut else Chain(stream, lane, inbox.NOTHING.chain)
    at = cut
    while part := entries(at):
        for entry in part:
            if entry.lane_seq != at + 1 or not holds(chain, entry):
                return at + 1
            chain = chain or Chain(stream, lane, entry.chain)
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
