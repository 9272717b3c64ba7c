"""A restore is tried; only one that is whole moves what is told to be proved, and `safe`."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.store import log
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.tables import Lane
from sync.backup import proved, shelf
from sync.backup.maker import TRIAL, Maker
from tests.backup.shelves import DAY, NOON, Node, opened, rot, settings
from tests.faults.clerk import take
from tests.store import two_ends
from tests.store.two_ends import CENTRE, VILLAGE, carry


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Store]:
    store = two_ends.opened(tmp_path / "village.db", node=VILLAGE)
    for turn in range(20):
        store.write(take, 1, turn)
    yield store
    store.close()


@pytest.fixture
def centre(told: Config) -> Iterator[Node]:
    """Give a centre that keeps copies on another disk."""
    with opened(told, node=CENTRE) as node:
        yield node


def safe(centre: Node, village: Store, lane: Lane = Lane.TICKETS) -> int:
    with village.read() as reader:
        have = log.last(reader, village.stream, lane)
    with centre.store.read() as reader:
        return proved.safe(reader, village.stream, lane, have)


def test_restore_that_is_whole_moves_safe_to_what_the_copy_holds(
    centre: Node, village: Store
) -> None:
    carry(village, centre.store)
    assert safe(centre, village) == 0
    centre.copy()
    assert safe(centre, village) == 0  # a copy alone proves nothing
    assert centre.keeper.trial()
    assert safe(centre, village) == 40
    village.write(take, 1, 99)
    carry(village, centre.store)
    assert safe(centre, village) == 40  # what came after the copy is not in it
    assert centre.keeper.trial()
    assert safe(centre, village) == 42
    facts = centre.keeper.facts()
    assert facts["verified_at"] == NOON
    assert facts["trial_trouble"] == ""
    assert [one.verified_at for one in centre.keeper.shelf.copies()] == [None, NOON, NOON]  # type: ignore[union-attr]


def trial_of(node: Node, spoil: object) -> bool:
    """Try a restore of a copy that something happens to between its making and its trial."""
    made = node.keeper.copy

    def copied() -> object:
        copy = made()
        assert copy is not None
        assert node.keeper.shelf is not None
        spoil(node.keeper.shelf.database(copy))  # type: ignore[operator]
        return copy

    node.keeper.copy = copied  # type: ignore[method-assign, assignment]
    try:
        return node.keeper.trial()
    finally:
        node.keeper.copy = made  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(8))
def test_bit_that_rots_in_a_copy_is_found_and_safe_does_not_move(
    centre: Node, village: Store, seed: int
) -> None:
    carry(village, centre.store)
    chance = random.Random(seed)
    assert not trial_of(centre, lambda path: rot(path, chance, within=(0.0, 0.99)))
    assert safe(centre, village) == 0
    facts = centre.keeper.facts()
    assert "is not what was written" in facts["trial_trouble"]
    assert facts["verified_at"] is None
    (copy,) = centre.keeper.shelf.copies()  # type: ignore[union-attr]
    assert copy.damaged
    assert centre.keeper.trial()  # the next copy is whole
    assert safe(centre, village) == 40


def test_safe_that_moves_without_a_restore_is_found_out(
    centre: Node, village: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant: a copy that was written counts as proved, and nobody has looked at it."""
    monkeypatch.setattr(Maker, "_restored_whole", lambda *_: None)
    carry(village, centre.store)
    assert trial_of(centre, lambda path: rot(path, random.Random(0)))
    assert safe(centre, village) == 40  # what the tests above refuse


def sealed(node: Node, path: Path) -> None:
    """Let the card name the bytes as they are now: only a look at the content can tell."""
    on = node.keeper.shelf
    assert on is not None
    (copy,) = on.copies()
    written = {"sha256": shelf.digest(path), "size": path.stat().st_size}
    on.put_card(type(copy)(**{**{name: getattr(copy, name) for name in copy.__slots__}, **written}))


CHANGES = {
    "an entry of a village": "UPDATE _inbox SET body = x'8101' WHERE lane_seq = 7",
    "the time of an entry": "UPDATE _inbox SET hlc = hlc + 1 WHERE lane_seq = 7",
    "an entry that is gone": "DELETE FROM _inbox WHERE lane_seq = 7",
    "the last entry": "DELETE FROM _inbox WHERE lane_seq = 40",
    "a cursor": "UPDATE _inbox_cursor SET have = have - 1",
    "rows of a room": "DELETE FROM hall_service",
    "the value of a row": "UPDATE hall_service SET name = 'інша'",
    "a row that nobody wrote": "INSERT INTO _number VALUES ('Б', 9)",
}


@pytest.mark.parametrize("sql", CHANGES.values(), ids=CHANGES)
def test_copy_that_was_altered_is_found_by_its_content(
    centre: Node, village: Store, sql: str
) -> None:
    two_ends.settle(centre.store)
    centre.store.write(
        lambda tx: tx.insert(two_ends.SERVICE, {"name": "Довідка", "ordering": 1}, scope="hromada")
    )
    carry(village, centre.store)

    def altered(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            assert writer.execute(sql).rowcount > 0
        sealed(centre, path)

    assert not trial_of(centre, altered)
    assert safe(centre, village) == 0
    assert centre.keeper.facts()["trial_trouble"].startswith("the copy ")


def test_own_log_that_was_altered_is_found(told: Config) -> None:
    with opened(told) as node:
        node.take(20)

        def altered(path: Path) -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as writer:
                writer.execute("UPDATE hall_ticket SET holder = 'інший' WHERE number = 4")
            sealed(node, path)

        assert not trial_of(node, altered)


def test_copy_that_is_gone_proves_nothing(centre: Node, village: Store) -> None:
    carry(village, centre.store)
    assert not trial_of(centre, Path.unlink)
    assert safe(centre, village) == 0


def test_copy_on_the_disk_of_the_database_is_not_safe(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "medium"
    other.mkdir()
    source = two_ends.opened(tmp_path / "village.db", node=VILLAGE)
    source.write(take, 1, 1)
    with opened(settings(data, other), node=CENTRE) as node:
        carry(source, node.store)
        assert node.keeper.trial()  # it is whole, and it dies with the disk
        assert node.keeper.facts()["verified_at"] == NOON
        assert safe(node, source) == 0
    source.close()


def test_trial_leaves_nothing_on_the_disk_of_the_node(told: Config) -> None:
    with opened(told) as node:
        node.take(3)
        (node.config.node.data / TRIAL).write_bytes(b"cut off")
        assert node.keeper.trial()
        assert not list(node.config.node.data.glob("backup-trial*"))


def test_what_was_proved_is_known_after_a_restart(told: Config) -> None:
    with opened(told) as node:
        assert node.keeper.trial()
    with opened(told) as node:
        assert node.keeper.facts()["verified_at"] == NOON


def test_nights_without_a_proved_copy_are_counted(told: Config) -> None:
    clock = FixedClock(NOON)
    with opened(told, clock=clock) as node:
        assert node.keeper.nights_without() is None
        clock.set(NOON + 3 * DAY)
        assert node.keeper.nights_without() == 3
        assert node.keeper.trial()
        assert node.keeper.nights_without() is None


def test_file_that_is_put_back_does_not_say_more_than_it_holds(
    centre: Node, village: Store
) -> None:
    """What a copy tells to be safe was proved before the copy was made."""
    carry(village, centre.store)
    assert centre.keeper.trial()
    village.write(take, 1, 99)
    carry(village, centre.store)
    on = centre.keeper.shelf
    assert on is not None
    copy = centre.copy()
    with closing(sqlite3.connect(f"file:{on.database(copy)}?immutable=1", uri=True)) as reader:
        told = dict(reader.execute("SELECT lane, upto FROM sync_safe").fetchall())
        held = dict(reader.execute("SELECT lane, have FROM _inbox_cursor").fetchall())
    assert told[int(Lane.TICKETS)] == 40
    assert held[int(Lane.TICKETS)] == 42
