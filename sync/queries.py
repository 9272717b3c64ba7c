"""What the pages and the health facts of replication are read from."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from appliance.config import Member
from appliance.store import log, projection, streams
from appliance.store.clock import wall_of
from appliance.store.ids import StreamId
from appliance.store.log import Backlog
from appliance.store.reader import Reader
from appliance.store.tables import Lane
from sync.fleet import Heard, Node, State, state_of


def nodes(
    reader: Reader,
    members: Iterable[Member],
    *,
    heard: Mapping[int, Heard],
    now: int,
    silent_after: int,
) -> list[Node]:
    """Return every node that the centre knows, as it stands now.

    `heard` is what they said since the centre started; it is newer than what the file remembers.
    """
    kept = {row["node"]: _heard(row) for row in reader.all("SELECT * FROM sync_node")}
    said = {**kept, **heard}
    return [
        _node(reader, member, said.get(member.number), now=now, silent_after=silent_after)
        for member in members
    ]


def backlog(reader: Reader) -> dict[Lane, Backlog]:
    """Return the lanes that hold something the centre does not have yet."""
    return {lane: one for lane, one in log.backlog(reader).items() if one.count}


def unsent(reader: Reader) -> int:
    """Return how many entries the centre does not have yet."""
    return sum(one.count for one in log.backlog(reader).values())


def _node(
    reader: Reader, member: Member, heard: Heard | None, *, now: int, silent_after: int
) -> Node:
    waiting, quarantined = projection.counts(reader, node=member.number)
    state = state_of(heard, quarantined=quarantined, now=now, silent_after=silent_after)
    return Node(
        number=member.number,
        title=member.title,
        heard=heard,
        waiting=waiting,
        quarantined=quarantined,
        state=State.REVOKED if member.revoked else state,
    )


def _heard(row: sqlite3.Row) -> Heard:
    return Heard(
        at=row["contact_at"],
        address=row["address"],
        version=row["version"],
        clock=row["clock"],
        offset_ms=row["offset_ms"],
        unsent=row["unsent"],
        oldest_at=row["oldest_at"],
        compared_at=row["compared_at"],
        compared=row["compared"] or "",
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """How far one lane of one of our streams has come."""

    stream: StreamId
    lane: Lane
    last: int
    have: int
    safe: int


def cursors(reader: Reader) -> list[Sent]:
    """Return the lanes of all own streams that are not drained, and those of this start."""
    found = []
    for start in streams.starts(reader, open_only=True):
        for lane in Lane:
            last = log.last(reader, start.stream, lane)
            if last:
                at = log.cursor(reader, start.stream, lane)
                found.append(Sent(start.stream, lane, last, at.have, at.safe))
    return found


@dataclass(frozen=True, slots=True)
class Here:
    """What the centre has of one lane of a node, over all its starts."""

    lane: Lane
    have: int
    newest_at: int | None  # by the node's clock; None: it did not know the time


def lanes_here(reader: Reader, node: int) -> list[Here]:
    """Return the lanes of a node of which something has come, the most urgent first."""
    rows = reader.all(
        """SELECT c.lane, sum(c.have) AS have, max(i.hlc) AS newest
        FROM _inbox_cursor c JOIN _inbox i ON i.node = c.node AND i.epoch = c.epoch
          AND i.lane = c.lane AND i.lane_seq = c.have
        WHERE c.node = :node GROUP BY c.lane ORDER BY c.lane""",
        node=node,
    )
    return [Here(Lane(row["lane"]), row["have"], wall_of(row["newest"])) for row in rows]
