"""What must hold in every run, whatever the faults were. Each raises `AssertionError`.

I1  every acknowledged write is at the centre, exactly once
I2  the centre's copy of each lane is contiguous, in order, and its chain is the node's
I3  nothing is at the centre that no node has logged
I4  after the quiet every node shows the DOWN rows that it was granted, and no others
I5  no transaction of the centre is ever seen in part
I6  every queue is empty after the quiet, nothing is held or quarantined
I7  what an answer promises is on the disk; cursors never fall within an epoch of the centre
I8  `integrity_check` is ok everywhere
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.store import grants, inbox, log, projection, streams
from appliance.store.database import Store
from appliance.store.entries import GENESIS, Entry, link
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Quarantined
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Table
from sync.intake import Exchanged
from sync.messages import Reply
from sync.receiver import Welcome
from sync.signing import SIGNATURE
from tests.sync.simulation import rooms
from tests.sync.simulation.village import Village, integrity

if TYPE_CHECKING:
    from tests.sync.simulation.world import World

ALL = 1 << 40


def logged(reader: Reader) -> Iterator[tuple[StreamId, Lane, Entry]]:
    """Give every entry of a file's log."""
    for start in streams.starts(reader):
        for lane in Lane:
            for entry in log.entries(reader, start.stream, lane, 0, ALL):
                yield start.stream, lane, entry


def promise_is_kept(world: "World", welcome: Welcome, done: Exchanged) -> None:
    """I7: `have` is durable before anybody hears of it."""
    reply = Reply.read(done.response.body[SIGNATURE:])
    if reply.have is not None and not reply.code:
        durable = world.centre.durable(welcome.head.stream, welcome.head.lane)
        assert reply.have <= durable, f"I7: have {reply.have} was promised, {durable} is durable"


def cursors_never_fall(world: "World", village: Village) -> None:
    """I7: within one epoch of the centre a node's cursor only grows."""
    assert village.store is not None
    with village.store.read() as reader:
        rows = reader.all("SELECT epoch, lane, have, centre_epoch FROM _cursor")
    for row in rows:
        place = (village.name, StreamId(village.node, row["epoch"]), Lane(row["lane"]))
        epoch, have = world.have.get(place, (0, 0))
        if epoch == row["centre_epoch"]:
            assert row["have"] >= have, f"I7: the cursor of {place} fell to {row['have']}"
        world.have[place] = (row["centre_epoch"], row["have"])


def nothing_is_torn(village: Village) -> None:
    """I5: both halves of a pair have one version, and either both are there or none."""
    assert village.store is not None
    with village.store.read() as reader:
        rows = reader.all(
            "SELECT scope, pair, count(*) AS n, min(version) AS low, max(version) AS high"
            " FROM sim_notice WHERE deleted = 0 GROUP BY scope, pair"
        )
    for row in rows:
        assert row["n"] % 2 == 0, f"I5: half of a pair is shown at {village.name}"
        assert row["low"] == row["high"], f"I5: a pair is torn at {village.name}"


def all_is_well(world: "World") -> None:
    """Check all that must hold at the end."""
    centre = world.centre.store
    assert centre is not None
    while centre.write(projection.step, 1000):
        pass
    for village in world.machines:
        assert village.store is not None
        world.note_log(village.store)
    _queues_are_empty(world, centre)
    _all_arrived(world, centre)
    _copies_are_equal(world, centre)
    _rows_are_equal(world, centre)
    for village in world.machines:
        _shows_what_is_granted(village, centre)
    for machine in world.all_machines:
        assert integrity(machine.path) == "ok", "I8"


def _queues_are_empty(world: "World", centre: Store) -> None:
    for village in world.machines:
        assert village.unsent() == 0, f"I6: {village.unsent()} entries of {village.name} are stuck"
    with centre.read() as reader:
        held = [one for one in projection.quarantined(reader) if not _has_two_authors(world, one)]
        assert not held, f"I6: held: {held}"
        assert projection.remaining(reader) == 0, "I6: not projected"
        pending = grants.unconfirmed(reader)
        assert not pending, f"I6: grants are not confirmed: {pending}"


def _has_two_authors(world: "World", held: Quarantined) -> bool:
    """Tell whether a change waits for a row that another machine with the same card deleted."""
    return held.stream.node in world.copied and held.table == rooms.DESK.name


def _all_arrived(world: "World", centre: Store) -> None:
    with centre.read() as reader:
        here: set[RowId] = set()
        for table in rooms.UP:
            found = [RowId.of(row["id"]) for row in reader.all(f"SELECT id FROM {table.name}")]
            assert len(found) == len(set(found)), "I1: a row is at the centre twice"
            here.update(found)
        born = {RowId.of(row["key"]) for row in reader.all("SELECT key FROM _inbox WHERE op = 1")}
        gone = {RowId.of(row["key"]) for row in reader.all("SELECT key FROM _inbox WHERE op = 3")}
    for name, rows in world.owed.items():
        missing = rows - born
        assert not missing, f"I1: {name} was told that {sorted(missing)[0]} is kept; it is lost"
        assert rows - gone <= here, f"I1: rows of {name} are not projected"


def _copies_are_equal(world: "World", centre: Store) -> None:
    with centre.read() as reader:
        for lane in inbox.streams(reader):
            chain = GENESIS
            entries = inbox.entries(reader, lane.stream, lane.lane, after=0, max_bytes=ALL)
            for place, entry in enumerate(entries, 1):
                assert entry.lane_seq == place, f"I2: {lane.stream} has a gap at {place}"
                known = world.logged.get((lane.stream, lane.lane, place))
                assert known is not None, f"I3: nobody has logged {lane.stream} {place}"
                assert entry == known, f"I3: {lane.stream} {place} is not what was logged"
                chain = link(chain, lane.stream, lane.lane, entry)
                assert entry.chain == chain, f"I2: the chain of {lane.stream} breaks at {place}"
            assert lane.have == len(entries), f"I2: {lane.stream} says {lane.have}"
            assert lane.chain == chain, f"I2: {lane.stream} says another chain value"


def _rows_are_equal(world: "World", centre: Store) -> None:
    """I1: what the centre shows of each row is what its node shows, folds included.

    Two machines from one card both change the rows that they share, so there only births count.
    """
    for village in world.machines:
        assert village.store is not None
        changing = () if village.node in world.copied else (rooms.DESK, rooms.TALLY)
        for table in (rooms.VISIT, rooms.STEP, *changing):
            theirs, ours = _shown(village.store, table), _shown(centre, table)
            for key, row in theirs.items():
                assert ours.get(key) == row, f"I1: {table.name} {key!r} differs: {ours.get(key)}"


def _shows_what_is_granted(village: Village, centre: Store) -> None:
    assert village.store is not None
    with centre.read() as reader:
        scopes = grants.of(reader, village.node).scopes
    for table in rooms.DOWN:
        there = {key: row for key, row in _shown(centre, table).items() if row["scope"] in scopes}
        assert _shown(village.store, table) == there, f"I4: {table.name} differs at {village.name}"


def _shown(store: Store, table: Table) -> dict[Any, dict[str, Any]]:
    """Return the declared columns of the visible rows by key."""
    key, names = ("id", [c.name for c in table.columns]) if table.replicated else ("visit", [])
    names = names or [c.name for c in table.columns]
    living = " WHERE deleted = 0" if table in rooms.DOWN else ""
    if table in rooms.DOWN:
        names = [*names, "scope"]
    with store.read() as reader:
        rows = reader.all(f"SELECT * FROM {table.name}{living}")
        return {row[key]: {name: row[name] for name in names} for row in rows}


def fingerprints(world: "World") -> Iterator[str]:
    """Give a hash over all that stands in each file: two runs of a seed must agree in them."""
    for machine in world.all_machines:
        yield f"{machine.folder.name} {contents(machine.path)}"


def contents(path: Path) -> str:
    """Return a hash over every row of every table of a file."""
    told = hashlib.sha256()
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        for (name,) in names.fetchall():
            rows = connection.execute(f"SELECT * FROM {name}").fetchall()
            told.update(repr((name, sorted(map(repr, rows)))).encode())
    return told.hexdigest()
