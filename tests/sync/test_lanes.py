"""What a node gathers, and what it makes of the centre's word."""

from pathlib import Path

from appliance.store import log
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync import lanes
from sync.lanes import LANES, Ack, Answer, Found, Plan, Settlement, Wire
from tests.sync_link.rows import open_store, visit

FIRST, RESTORED = 100, 200  # epochs of the centre


def gathered(node: Store, *, skip: frozenset[tuple[int, Lane]] = frozenset()) -> Found:
    plan = Plan(Wire.URGENT, LANES[Wire.URGENT], RESTORED, 100_000, skip)
    with node.read() as reader:
        return lanes.collect(reader, plan, version="1", clock=node.clock)


def settled(node: Store, stream: StreamId, chain: bytes, *, epoch: int) -> Settlement:
    told = Ack(stream, Lane.TICKETS, have=2, safe=0, chain=chain)
    return node.write(lanes.settle, Answer(epoch, (told,)))


def test_a_lane_that_forked_is_neither_asked_about_nor_waited_for_while_it_is_held(
    tmp_path: Path,
) -> None:
    """The node asked about it without a pause, and sent nothing else on that wire ever again."""
    path = tmp_path / "node.db"
    node = open_store(path, 2, FixedClock())
    stream = node.stream
    for n in range(3):
        node.write(visit, n)
    with node.read() as reader:
        chain = log.chain_at(reader, stream, Lane.TICKETS, 2)
    assert not settled(node, stream, chain, epoch=FIRST).forked
    node.close()

    node = open_store(path, 2, FixedClock())
    node.write(visit, 9)
    assert [one.epoch for one in gathered(node).questions] == [stream.epoch]
    assert settled(node, stream, bytes(16), epoch=RESTORED).forked
    after = gathered(node, skip=frozenset({(stream.epoch, Lane.TICKETS)}))
    node.close()
    assert not after.questions
    assert after.stream == node.stream
    assert after.entries
