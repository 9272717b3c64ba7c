"""The centre's end: the door judges by the head, and only what continues the chain is kept."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from nacl.signing import SigningKey

from appliance.store import inbox
from appliance.store.database import Store
from appliance.store.entries import GENESIS
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync import intake, wire
from sync.messages import Code, NodeStatus, Question, Reply, Request
from sync.receiver import LARGEST_BODY, Centre, Gone, Knock, Left, Refused, State, Welcome
from sync.signing import METHOD, Head, Nonce, body_hash, open_reply
from sync.wire import Batch
from tests.store.two_ends import CENTRE, opened, quick_folder
from tests.sync.forged import STREAM, Told, batch_of, rows

NODE_KEY, OTHER_KEY, CENTRE_KEY = (SigningKey(bytes([seed]) * 32) for seed in (3, 4, 1))
EPOCH = 0xA1B2C3D4E5F6
DOOR = Centre(
    hromada="tykhovody",
    number=CENTRE,
    key=CENTRE_KEY,
    epoch=EPOCH,
    members={3: NODE_KEY.verify_key, 4: OTHER_KEY.verify_key},
)
LOG = batch_of(rows("hall_ticket", *([n, None] for n in range(1, 41))))
FORK = batch_of(rows("hall_ticket", *([n, "інший" if n > 9 else None] for n in range(1, 41))))


@pytest.fixture
def store() -> Iterator[Store]:
    with quick_folder() as folder:
        store = opened(folder / "centre.db", node=CENTRE)
        yield store
        store.close()


def part(after: int, last: int, log: Batch = LOG) -> Batch:
    """Return the entries after < lane_seq <= last."""
    previous = log.entries[after - 1].chain if after else GENESIS
    return Batch(log.stream, log.lane, after, previous, log.entries[after:last])


def head_of(batch: Batch | None = None, body: bytes = b"", counter: int = 1, **told: Any) -> Head:
    found = Head(
        hromada="tykhovody",
        stream=batch.stream if batch else STREAM,
        lane=batch.lane if batch else Lane.TICKETS,
        after=batch.after if batch else 0,
        last=batch.last if batch else 0,
        recipient=CENTRE,
        centre_epoch=EPOCH,
        nonce=Nonce(STREAM.epoch, 0, counter),
        body_hash=body_hash(body),
    )
    return replace(found, **told)


def knock(head: Head, key: SigningKey = NODE_KEY, length: int = 100) -> Knock:
    return Knock(METHOD, head.path, head.header(key), length)


def asked(head: Head, key: SigningKey = NODE_KEY, state: State | None = None) -> Refused | Welcome:
    _, action = DOOR.step(state or State(), knock(head, key), 0.0)
    assert not isinstance(action, Gone)
    return action


def told(head: Head, response: Any) -> Reply:
    """Return what a signed response says."""
    payload = open_reply(CENTRE_KEY.verify_key, head, response.status, response.body)
    return Reply.read(payload)


def brought(store: Store, batch: Batch, head: Head | None = None) -> Reply:
    """Bring a batch through the whole exchange, and return the verified reply."""
    body = Request(wire.encode(batch)).body()
    head = head or head_of(batch, body)
    return exchanged(store, replace(head, body_hash=body_hash(body)), body)


def exchanged(store: Store, head: Head, body: bytes) -> Reply:
    welcome = asked(head)
    assert isinstance(welcome, Welcome)
    return told(head, intake.exchange(DOOR, store, welcome, body).response)


def here(store: Store, batch: Batch = LOG) -> tuple[int, bytes]:
    with store.read() as reader:
        return inbox.cursor(reader, batch.stream, batch.lane)


# The door


@pytest.mark.parametrize(
    ("head", "key"),
    [
        (head_of(), OTHER_KEY),
        (head_of(), CENTRE_KEY),
        (head_of(stream=StreamId(4, STREAM.epoch)), NODE_KEY),
        (head_of(stream=StreamId(9, STREAM.epoch)), NODE_KEY),
        (head_of(recipient=2), NODE_KEY),
        (head_of(hromada="stavkove"), NODE_KEY),
    ],
)
def test_a_stranger_gets_no_word_of_ours(head: Head, key: SigningKey) -> None:
    before = State()
    after, answer = DOOR.step(before, knock(head, key), 0.0)
    assert isinstance(answer, Refused)
    assert (answer.response.status, answer.response.body, answer.node) == (401, b"", None)
    assert after == before


@pytest.mark.parametrize("epoch", [0, 1, EPOCH - 1, EPOCH + 1])
def test_who_names_another_start_learns_the_present_one_and_nothing_else(epoch: int) -> None:
    head = head_of(centre_epoch=epoch)
    state, _ = DOOR.step(State(), knock(head_of(counter=900)), 0.0)
    after, answer = DOOR.step(state, knock(head), 0.0)
    assert isinstance(answer, Refused)
    assert answer.response.status == 409
    assert told(head, answer.response) == Reply(EPOCH, code=Code.NEW_CENTRE)
    assert after == state


@pytest.mark.parametrize("counter", [1, 6, 7])
def test_a_counter_that_was_passed_is_refused(counter: int) -> None:
    state, first = DOOR.step(State(), knock(head_of(counter=7)), 0.0)
    assert isinstance(first, Welcome)
    head = head_of(counter=counter)
    answer = asked(head, state=state)
    assert isinstance(answer, Refused)
    assert told(head, answer.response) == Reply(EPOCH, code=Code.REPLAYED)


@pytest.mark.parametrize(
    "nonce",
    [Nonce(STREAM.epoch, 0, 8), Nonce(STREAM.epoch, 1, 1), Nonce(STREAM.epoch + 1, 0, 1)],
)
def test_each_start_and_connection_of_a_node_counts_by_itself(nonce: Nonce) -> None:
    state, _ = DOOR.step(State(), knock(head_of(counter=7)), 0.0)
    assert isinstance(asked(head_of(nonce=nonce), state=state), Welcome)


def test_nodes_count_by_themselves() -> None:
    state, _ = DOOR.step(State(), knock(head_of(counter=7)), 0.0)
    other = head_of(stream=StreamId(4, STREAM.epoch), counter=7)
    assert isinstance(asked(other, OTHER_KEY, state), Welcome)


def test_a_counter_that_was_refused_for_room_is_used_up() -> None:
    long = head_of(counter=7)
    state, answer = DOOR.step(State(), knock(long, length=LARGEST_BODY + 1), 0.0)
    assert isinstance(answer, Refused)
    assert answer.response.status == 413
    assert told(long, answer.response).code == Code.TOO_LARGE
    assert isinstance(asked(long, state=state), Refused)


def test_a_full_house_names_a_slot() -> None:
    state = State()
    for counter in (1, 2):
        state, answer = DOOR.step(state, knock(head_of(counter=counter)), 0.0)
        assert isinstance(answer, Welcome)
    third = head_of(counter=3)
    refused = asked(third, state=state)
    assert isinstance(refused, Refused)
    assert refused.response.status == 429
    reply = told(third, refused.response)
    assert (reply.code, reply.slot_ms) == (Code.BUSY, 2000)
    assert refused.response.retry_after == 2
    state, gone = DOOR.step(state, Left(answer), 1.0)
    assert isinstance(gone, Gone)
    assert isinstance(asked(third, state=state), Welcome)


# What is kept


def test_a_batch_is_kept_and_its_reply_says_how_far(store: Store) -> None:
    reply = brought(store, LOG)
    assert (reply.code, reply.have, reply.chain) == ("", 40, LOG.proof)
    assert reply.safe == 0
    assert here(store) == (40, LOG.proof)


def test_a_batch_may_come_twice_and_overlap(store: Store) -> None:
    for after, last, have in ((0, 20, 20), (0, 20, 20), (5, 15, 20), (10, 30, 30), (0, 40, 40)):
        reply = brought(store, part(after, last))
        assert (reply.code, reply.have) == ("", have)
        assert here(store) == (have, LOG.entries[have - 1].chain) == (reply.have, reply.chain)


def test_a_gap_is_refused_and_what_is_here_is_named(store: Store) -> None:
    brought(store, part(0, 10))
    reply = brought(store, part(11, 20))
    assert (reply.code, reply.have, reply.chain) == (Code.GAP, 10, LOG.entries[9].chain)
    assert here(store) == (10, LOG.entries[9].chain)


def test_a_first_batch_that_begins_later_is_a_gap(store: Store) -> None:
    reply = brought(store, part(3, 9))
    assert (reply.code, reply.have) == (Code.GAP, 0)


@pytest.mark.parametrize(
    ("after", "last"), [(0, 40), (9, 15), (20, 30), (0, 15), (10, 40), (20, 40)]
)
def test_another_log_under_the_same_name_is_a_fork(store: Store, after: int, last: int) -> None:
    brought(store, part(0, 20))
    reply = brought(store, part(after, last, FORK))
    assert (reply.code, reply.have, reply.chain) == (Code.FORKED, 20, LOG.entries[19].chain)
    assert here(store) == (20, LOG.entries[19].chain)


def test_the_part_that_both_logs_share_is_no_fork(store: Store) -> None:
    brought(store, part(0, 20))
    assert brought(store, part(0, 9, FORK)).code == ""


def test_a_node_speaks_for_its_own_streams_only(store: Store) -> None:
    foreign = replace(LOG, stream=StreamId(4, STREAM.epoch))
    rebuilt = batch_of(rows("hall_ticket", [1, None]), stream=foreign.stream)
    body = Request(wire.encode(rebuilt)).body()
    reply = exchanged(store, head_of(None, body, last=1), body)
    assert reply.code == Code.BAD_BATCH
    assert here(store, rebuilt) == (0, GENESIS)


@pytest.mark.parametrize(
    "change", [{"last": 41}, {"after": 1, "last": 41}, {"lane": Lane.ALARMS}, {"last": 39}]
)
def test_a_batch_that_is_not_what_the_path_names_is_refused(store: Store, change: dict) -> None:
    reply = brought(store, LOG, replace(head_of(LOG), **change))
    assert reply.code == Code.BAD_BATCH
    assert here(store) == (0, GENESIS)


def test_a_body_that_was_not_signed_is_refused(store: Store) -> None:
    body = Request(wire.encode(LOG)).body()
    reply = exchanged(store, head_of(LOG, b"another"), body)
    assert reply.code == Code.BAD_MESSAGE
    assert here(store) == (0, GENESIS)


def test_rows_that_are_named_and_not_brought_are_refused(store: Store) -> None:
    body = Request().body()
    assert exchanged(store, head_of(LOG, body), body).code == Code.BAD_MESSAGE


@pytest.mark.parametrize("batch", [b"\x10", b"\x11rubbish", b"\x99"])
def test_a_batch_that_is_none_is_refused(store: Store, batch: bytes) -> None:
    body = Request(batch).body()
    assert exchanged(store, head_of(LOG, body), body).code == Code.BAD_BATCH


def test_an_erased_entry_is_kept_as_its_commitment(store: Store) -> None:
    erased = batch_of([Told("hall_person", wire.bodies.Op.INSERT, b"\x81\x01", erased=True)])
    assert brought(store, erased).have == 1
    with store.read() as reader:
        kept = inbox.one(reader, erased.stream, erased.lane, 1)
    assert kept == erased.entries[0]


def test_a_question_is_answered_from_what_is_here(store: Store) -> None:
    brought(store, part(0, 10))
    asks = tuple(Question(STREAM.epoch + n, lane) for n in (0, 1) for lane in (Lane.TICKETS, 0))
    body = Request(questions=asks[:3], status=NodeStatus("1", "unknown", 5, 0, None)).body()
    reply = exchanged(store, head_of(None, body), body)
    assert [one.have for one in reply.standings] == [10, 0, 0]
    assert [one.chain for one in reply.standings] == [LOG.entries[9].chain, GENESIS, GENESIS]
    assert all(one.safe == 0 for one in reply.standings)


@pytest.mark.parametrize("seed", range(6))
def test_have_never_falls_and_never_leaves_the_chain(store: Store, seed: int) -> None:
    """Whatever comes, in whatever order, cut, doubled, forked: the centre holds a whole prefix."""
    chance = Random(seed)
    have = 0
    for _ in range(40):
        after, last = sorted(chance.sample(range(41), 2))
        log = FORK if chance.random() < 0.3 else LOG
        after = min(after, have) if chance.random() < 0.7 else after
        reply = brought(store, part(after, last, log))
        now, chain = here(store)
        assert now >= have
        if reply.have is not None:
            assert (reply.have, reply.chain) == (now, chain)
        have = now
        if have:
            chains = {one.entries[have - 1].chain for one in (LOG, FORK)}
            assert chain in chains
    with store.read() as reader:
        kept = inbox.entries(reader, STREAM, Lane.TICKETS, after=0, max_bytes=1 << 20)
    assert tuple(kept) in {LOG.entries[:have], FORK.entries[:have]}


def test_parts_are_of_whole_transactions() -> None:
    told = [replace(one, joins=n % 700 != 0) for n, one in enumerate(rows("t", *[[1]] * 1600))]
    batch = batch_of(told)
    found = [intake.first(batch, start, 500) for start in (0, 700, 1400)]
    assert [len(one.entries) for one in found] == [700, 700, 200]
    assert found[-1].last == 1600
    assert [one.previous for one in found] == [GENESIS, found[0].proof, found[1].proof]
