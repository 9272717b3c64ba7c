"""What is gathered for a request, and what an answer does to a real store."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.store import down, grants, log
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.entries import GENESIS
from appliance.store.failures import DiskFull
from appliance.store.ids import StreamId
from appliance.store.revisions import NEVER, Grants
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import lanes, pages, wire
from sync.lanes import LANES, Ack, Answer, Found, Plan, Wire
from sync.messages import Request
from tests.sync.simulation import rooms

EPOCH, LATER = 11, 12
VILLAGE = 3


def opened(path: Path, node: int = VILLAGE) -> Store:
    return Store.open(
        path, rooms.TABLES, node=node, clock=FixedClock(), centre=node == 1, inline=True
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a village in its second start, with rows of both."""
    first = opened(tmp_path / "node.db")
    for n in range(3):
        first.write(rooms.visit, n, 1, "перший")
    first.close()
    second = opened(tmp_path / "node.db")
    for n in range(2):
        second.write(rooms.visit, n, 0, "другий")
    second.write(rooms.desk, "вікно 1", 5)
    yield second
    second.close()


def starts(store: Store) -> list[StreamId]:
    with store.read() as reader:
        return log.pending_streams(reader, Lane.TICKETS)


def found(
    store: Store, which: Wire = Wire.URGENT, *, ready: lanes.Ready | None = None, **more: object
) -> Found:
    told = replace(Plan(which, LANES[which], EPOCH, 1 << 20), **more)  # type: ignore[arg-type]
    with store.read() as reader:
        return lanes.collect(reader, told, version="1", clock=store.clock, ready=ready)


def acked(store: Store, stream: StreamId, have: int, *, epoch: int = EPOCH) -> lanes.Settlement:
    with store.read() as reader:
        last = log.last(reader, stream, Lane.TICKETS)
        chain = log.chain_at(reader, stream, Lane.TICKETS, min(have, last))
    ack = Ack(stream, Lane.TICKETS, have, 0, chain)
    return store.write(lanes.settle, Answer(epoch, (ack,)))


def have(store: Store, stream: StreamId) -> int:
    with store.read() as reader:
        return log.cursor(reader, stream, Lane.TICKETS).have


def test_the_oldest_start_is_sent_first_and_its_batch_is_proved(store: Store) -> None:
    what = found(store)
    assert (what.stream, what.lane, what.after) == (starts(store)[0], Lane.TICKETS, 0)
    batch = wire.decode(Request.read(lanes.pack(what).body).batch)
    assert [entry.lane_seq for entry in batch.entries] == [1, 2, 3, 4, 5, 6]


def test_each_wire_carries_its_own_lanes(store: Store) -> None:
    assert found(store, Wire.BULK).lane is Lane.STATE
    assert set(LANES[Wire.URGENT]) | set(LANES[Wire.BULK]) == set(Lane)


def test_what_is_sent_does_not_count_as_unsent(store: Store) -> None:
    what = found(store)
    assert what.status.unsent == 9 - len(what.entries)


def test_a_batch_ends_with_a_transaction_however_small_it_should_be(store: Store) -> None:
    what = found(store, most_bytes=1)
    assert [entry.tx for entry in what.entries] == [1, 1]


def test_nothing_is_sent_to_a_centre_whose_epoch_is_unknown(store: Store) -> None:
    what = found(store, centre_epoch=0)
    assert (what.entries, what.cursors, what.questions) == ((), (), ())
    assert what.waits


def test_what_is_held_is_passed_over(store: Store) -> None:
    old, new = starts(store)
    assert found(store, skip=frozenset({(old.epoch, Lane.TICKETS)})).stream == new


def test_a_cursor_moves_by_an_answer_and_the_next_batch_follows_it(store: Store) -> None:
    old, new = starts(store)
    assert acked(store, old, 4) == lanes.Settlement()
    what = found(store)
    assert (what.after, what.previous) == (4, log_chain(store, old, 4))
    acked(store, old, 6)
    assert found(store).stream == new


def log_chain(store: Store, stream: StreamId, place: int) -> bytes:
    with store.read() as reader:
        return log.chain_at(reader, stream, Lane.TICKETS, place)


def test_an_ack_with_another_chain_is_told_and_moves_nothing(store: Store) -> None:
    old, _ = starts(store)
    forged = Ack(old, Lane.TICKETS, 4, 0, b"?" * 16)
    settled = store.write(lanes.settle, Answer(EPOCH, (forged,)))
    assert settled.forked == (forged,)
    assert have(store, old) == 0


def test_a_centre_that_knows_more_of_a_past_start_shows_that_we_were_restored(
    store: Store,
) -> None:
    old, new = starts(store)
    assert [ack.have for ack in acked(store, old, 50).ahead] == [50]
    assert have(store, old) == 6
    assert [ack.stream for ack in acked(store, new, 50).forked] == [new]
    assert have(store, new) == 0


def test_a_new_epoch_of_the_centre_is_asked_first_and_may_lower_the_cursor(store: Store) -> None:
    old, new = starts(store)
    acked(store, old, 6)
    acked(store, new, 1)
    what = found(store, centre_epoch=LATER)
    assert [(one.epoch, one.lane) for one in what.questions] == [
        (old.epoch, Lane.TICKETS),
        (new.epoch, Lane.TICKETS),
    ]
    assert what.entries == ()
    acked(store, old, 2, epoch=LATER)
    acked(store, new, 1, epoch=LATER)
    what = found(store, centre_epoch=LATER)
    assert (what.stream, what.after, what.questions) == (old, 2, ())


def test_within_one_epoch_of_the_centre_a_late_answer_lowers_nothing(store: Store) -> None:
    old, _ = starts(store)
    acked(store, old, 6)
    acked(store, old, 2)
    assert have(store, old) == 6


def test_rows_of_the_centre_come_by_grant_and_page_and_go_with_the_grant(
    store: Store, tmp_path: Path
) -> None:
    centre = opened(tmp_path / "centre.db", node=1)
    centre.write(rooms.pair_of_notices, 1, 7, rooms.EVERYWHERE)
    with centre.read() as reader:
        page = down.changes(reader, rooms.EVERYWHERE, Lane.STATE, NEVER, 1 << 20)
    centre.close()
    written = pages.written(rooms.EVERYWHERE, Lane.STATE, page)
    store.write(lanes.settle, Answer(EPOCH, grants=Grants(1, (rooms.EVERYWHERE,))))
    store.write(lanes.settle, Answer(EPOCH, pages=(written,)))
    assert notices(store) == [7, 7]
    told = {cursor.lane: cursor for cursor in found(store).cursors}
    assert told[Lane.STATE].rev == page.upto
    assert told[Lane.STATE].fingerprint, "another epoch gave these rows: a hash spares them"
    assert found(store).order == 1
    store.write(lanes.settle, Answer(EPOCH, grants=Grants(2, ())))
    assert notices(store) == []
    assert found(store).cursors == ()


def test_pages_that_a_restored_centre_has_forgotten_are_sent_anew(
    store: Store, tmp_path: Path
) -> None:
    """A row that was withdrawn when the first page was read is there again after the restore."""
    centre = opened(tmp_path / "centre.db", node=1)
    for pair in (1, 2):
        centre.write(rooms.pair_of_notices, pair, 5, rooms.EVERYWHERE)
    centre.close()
    copy = (tmp_path / "centre.db").read_bytes()
    centre = opened(tmp_path / "centre.db", node=1)
    centre.write(rooms.withdraw, 1, rooms.EVERYWHERE)
    store.write(lanes.settle, Answer(EPOCH, grants=Grants(1, (rooms.EVERYWHERE,))))
    fetch(store, centre, room=100)
    centre.close()
    (tmp_path / "centre.db").write_bytes(copy)
    centre = opened(tmp_path / "centre.db", node=1)
    for _ in range(5):
        fetch(store, centre, room=100)
    centre.close()
    assert notices(store) == [5, 5, 5, 5]


def fetch(store: Store, centre: Store, *, room: int) -> None:
    """Bring one page down, as `intake` answers a cursor."""
    (asked,) = (one for one in found(store).cursors if one.lane is Lane.STATE)
    with centre.read() as reader:
        page = down.changes(reader, asked.scope, asked.lane, asked.rev, room, read_at=asked.read_at)
    written = pages.written(asked.scope, asked.lane, page)
    store.write(lanes.settle, Answer(EPOCH, pages=(written,)))


def notices(store: Store) -> list[int]:
    with store.read() as reader:
        return [row["version"] for row in reader.all("SELECT version FROM sim_notice")]


def test_an_answer_is_one_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise DiskFull

    monkeypatch.setattr(down, "obey", no_room)
    old, _ = starts(store)
    ack = Ack(old, Lane.TICKETS, 2, 0, log_chain(store, old, 2))
    with pytest.raises(DiskFull):
        store.write(lanes.settle, Answer(EPOCH, (ack,), grants=Grants(9, ("x",))))
    assert have(store, old) == 0


def test_nothing_of_genesis_is_taken_for_a_chain(store: Store) -> None:
    old, _ = starts(store)
    settled = store.write(lanes.settle, Answer(EPOCH, (Ack(old, Lane.TICKETS, 3, 0, GENESIS),)))
    assert settled.forked


def test_a_confirmed_order_is_noted_once(tmp_path: Path) -> None:
    centre = opened(tmp_path / "centre.db", node=1)

    def give(tx: Transaction) -> None:
        grants.give(tx, VILLAGE, (rooms.EVERYWHERE,))

    centre.write(give)
    with centre.read() as reader:
        assert [one.node for one in grants.unconfirmed(reader)] == [VILLAGE]
    centre.write(grants.confirm, VILLAGE, 1)
    with centre.read() as reader:
        assert grants.unconfirmed(reader) == []
    centre.close()


def test_a_page_that_cannot_be_read_takes_no_ack_along(store: Store) -> None:
    """A newer centre's page once undid the acks of its reply, and the rows were sent for ever."""
    old, _ = starts(store)
    ack = Ack(old, Lane.TICKETS, 6, 0, log_chain(store, old, 6))
    newer = bytes((0x2F,)) + b"of a later version"
    settled = store.write(lanes.settle, Answer(EPOCH, (ack,), (newer,)))
    assert have(store, old) == 6
    assert settled.unread
    assert not settled.shown


def following(store: Store, what: Found) -> lanes.Ready | None:
    with store.read() as reader:
        return lanes.following(reader, what)


def test_what_is_made_ready_is_what_would_be_gathered(store: Store) -> None:
    old, _ = starts(store)
    first = found(store, most_bytes=150)
    ready = following(store, first)
    assert ready is not None
    acked(store, old, first.after + len(first.entries))
    plain, quick = found(store, most_bytes=150), found(store, most_bytes=150, ready=ready)
    assert quick.batch
    assert replace(quick, batch=b"") == plain
    assert lanes.pack(quick) == lanes.pack(plain)


def test_what_is_made_ready_is_forgotten_if_it_does_not_follow(store: Store) -> None:
    first = found(store, most_bytes=150)
    ready = following(store, first)
    assert not found(store, most_bytes=150, ready=ready).batch  # nothing was acknowledged since
    acked(store, starts(store)[0], first.after + len(first.entries))
    assert not found(store, most_bytes=1 << 20, ready=ready).batch  # it would fill no request now
    last = found(store)
    assert following(store, last) is None
