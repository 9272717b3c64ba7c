"""What travels from the centre to a node: state by scope and lane, never history.

A revision names one state of one row for ever: the epoch of the centre's file and the number of
the log entry that made it. Numbers go on growing through the epochs of one file, so revisions of
one line of epochs are ordered by number alone.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple


class Rev(NamedTuple):
    """(centre epoch, centre seq)."""

    epoch: int
    seq: int


NEVER: Final = Rev(0, 0)
"""The cursor of a node that has nothing yet."""


class PageKind(IntEnum):
    """How a page is to be taken. The number is the one on the wire."""

    CHANGES = 1  # rows that changed after `after`
    SNAPSHOT = 2  # the first page of everything: what does not come with it is gone
    SAME = 3  # another epoch, the same rows: only the cursor moves


class Outcome(IntEnum):
    """What a node did with a page."""

    PASSED_OVER = 0  # not granted, or not an answer to what the node asks now
    STAGED = 1  # kept, not visible: the rest is still to come
    VISIBLE = 2  # everything up to `upto` became visible at once


@dataclass(frozen=True, slots=True)
class DownRow:
    """One row of a DOWN table as it stands at the centre."""

    table: str
    id: bytes  # 14 bytes
    rev: Rev
    deleted: bool
    schema: int
    body: bytes | None  # deterministic CBOR array of the schema's columns; None if deleted


@dataclass(frozen=True, slots=True)
class DownPage:
    """Part of what changed in one scope and lane; visible only once `complete`."""

    rows: tuple[DownRow, ...]
    upto: Rev  # where to ask on from; the centre's head if complete
    complete: bool
    kind: PageKind
    after: Rev  # what was asked: a page that answers another question is passed over
    as_of: Rev  # the centre's head when the page was read: pages go forward in time only


@dataclass(frozen=True, slots=True)
class Grants:
    """Which scopes one node may hold. `order` only grows; a node confirms the one it obeys."""

    order: int
    scopes: tuple[str, ...]
