"""Whole batches that are not what they should be, over HTTP: told why, and stored nowhere."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.store import log, projection
from appliance.store.entries import GENESIS, Entry, link
from appliance.store.ids import StreamId
from appliance.store.quarantine import Reason
from appliance.store.tables import Lane
from sync import wire
from sync.messages import Code, Reply, Request
from sync.signing import Head, Nonce, body_hash, open_reply
from sync.wire import Batch
from tests.store.forging import Forger
from tests.sync_link.pair import HROMADA, KEYS, HubServer, until
from tests.sync_link.rows import STEPS, VISITS, numbers, open_store, visit
from tests.sync_link.test_hub import answered, sent

LANE = Lane.TICKETS
HERE = 6
"""Entries that the centre has: three visits, each with its step."""


@pytest.fixture
def written(tmp_path: Path) -> Batch:
    """Give all that a village has written: six visits, twelve entries."""
    store = open_store(tmp_path / "village.db", 2, centre=False)
    for n in range(6):
        store.write(visit, n)
    with store.read() as reader:
        entries = log.entries(reader, store.stream, LANE, 0, 1 << 20)
    stream = store.stream
    store.close()
    return Batch(stream, LANE, 0, GENESIS, tuple(entries))


@pytest.fixture(params=[True, False], ids=["gate", "no gate"])
def centre(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HubServer]:
    opened = HubServer(tmp_path, gated=request.param)
    yield opened
    opened.stop()


class Sender:
    """The village's own key and nonces, and whatever a body may hold."""

    def __init__(self, centre: HubServer) -> None:
        self.centre = centre
        self.counter = 0

    def send(
        self, batch: Batch, *, key: int = 2, body: bytes = b"", signed: bytes = b"", **told: Any
    ) -> tuple[int, Reply | None]:
        """Send a batch, or another body; return the status and what the centre signed."""
        self.counter += 1
        content = body or Request(batch=wire.encode(batch)).body()
        named = {"after": batch.after, "last": batch.last, **told}
        head = Head(
            hromada=HROMADA,
            stream=batch.stream,
            lane=batch.lane,
            recipient=1,
            centre_epoch=self.centre.store.epoch,
            nonce=Nonce(99, 0, self.counter),
            body_hash=body_hash(signed or content),
            **named,
        )
        lines = (
            f"POST {head.path} HTTP/1.1\r\nHost: hub\r\nAuthorization: {head.header(KEYS[key])}"
            f"\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        status, _, reply = answered(sent(self.centre, lines.encode(), content))
        if not reply:
            return status, None
        return status, Reply.read(open_reply(KEYS[1].verify_key, head, status, reply))


def part(batch: Batch, after: int, last: int) -> Batch:
    previous = batch.entries[after - 1].chain if after else GENESIS
    return Batch(batch.stream, batch.lane, after, previous, batch.entries[after:last])


def relinked(batch: Batch, previous: bytes, entries: tuple[Entry, ...]) -> Batch:
    """Return a batch that is sound in itself, over another history."""
    chain, made = previous, []
    for entry in entries:
        chain = link(chain, batch.stream, batch.lane, entry)
        made.append(entry._replace(chain=chain))
    return Batch(batch.stream, batch.lane, batch.after, previous, tuple(made))


def rewritten(batch: Batch) -> Batch:
    """Return all of it, with the body of the third entry told in another way."""
    third = batch.entries[2]
    moved = third._replace(hlc=third.hlc + 1)
    return relinked(batch, GENESIS, (*batch.entries[:2], moved, *batch.entries[3:]))


def wrong_signature(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    return sender.send(part(batch, HERE, 12), key=3)


def altered_body(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    """Turn one bit of the body after it was signed."""
    whole = Request(batch=wire.encode(part(batch, HERE, 12))).body()
    spoilt = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    return sender.send(part(batch, HERE, 12), body=spoilt, signed=whole)


def broken_batch(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    """Let the node itself sign what cannot be read."""
    whole = Request(batch=wire.encode(part(batch, HERE, 12))).body()
    return sender.send(part(batch, HERE, 12), body=whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])


def other_rows(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    """Name more in the path than the batch holds."""
    return sender.send(part(batch, HERE, 10), last=12)


def gap(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    return sender.send(part(batch, 8, 12))


def fork_at_the_end(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    """Follow where the centre is, and another history than its own."""
    follows = part(batch, HERE, 12)
    return sender.send(relinked(follows, b"\1" * len(GENESIS), follows.entries))


def fork_in_the_past(sender: Sender, batch: Batch) -> tuple[int, Reply | None]:
    return sender.send(rewritten(batch))


Spoil = Callable[[Sender, Batch], tuple[int, Reply | None]]
REFUSED: list[tuple[Spoil, int, str]] = [
    (wrong_signature, 401, ""),
    (altered_body, 400, Code.BAD_MESSAGE),
    (broken_batch, 422, Code.BAD_BATCH),
    (other_rows, 422, Code.BAD_BATCH),
    (gap, 409, Code.GAP),
    (fork_at_the_end, 409, Code.FORKED),
    (fork_in_the_past, 409, Code.FORKED),
]


def everything(centre: HubServer) -> dict[str, list[tuple[object, ...]]]:
    """Return each row of each table of the centre's file."""
    with centre.store.read() as reader:
        tables = reader.all("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            row["name"]: [tuple(one) for one in reader.all(f"SELECT * FROM {row['name']}")]
            for row in tables
        }


def unprojected(centre: HubServer) -> int:
    with centre.store.read() as reader:
        return projection.remaining(reader)


@pytest.mark.parametrize(
    ("spoil", "status", "code"), REFUSED, ids=lambda one: getattr(one, "__name__", "")
)
def test_a_spoiled_batch_is_told_why_and_stored_nowhere(
    centre: HubServer, written: Batch, spoil: Spoil, status: int, code: str
) -> None:
    sender = Sender(centre)
    first, _ = sender.send(part(written, 0, HERE))
    assert first == 200
    until(lambda: centre.seen() == [0, 1, 2] and not unprojected(centre))
    before = everything(centre)
    got, reply = spoil(sender, written)
    assert got == status
    assert (reply.code if reply else "") == code
    if reply and code in {Code.GAP, Code.FORKED}:
        assert (reply.have, reply.chain) == (HERE, written.entries[HERE - 1].chain)
    assert everything(centre) == before
    good, told = sender.send(part(written, HERE, 12))  # and the true rest is taken
    assert (good, told and told.have) == (200, 12)
    until(lambda: centre.seen() == list(range(6)))


def test_a_signed_batch_moves_nothing_of_another_office(centre: HubServer) -> None:
    """The key of a village may be stolen: it is taken in, told to be held, and shown."""
    visit_of_the_centre = centre.store.write(visit, 1)
    forged = Forger(StreamId(2, 77), LANE)
    forged.insert(STEPS, [visit_of_the_centre.blob, "скасовано"])
    forged.insert(VISITS, [2, "своє"])
    batch = Batch(forged.stream, LANE, 0, GENESIS, tuple(forged.entries))
    status, reply = Sender(centre).send(batch)
    assert (status, reply and reply.have) == (200, 2)

    def held() -> list[Reason]:
        with centre.store.read() as reader:
            return [one.reason for one in projection.quarantined(reader)]

    until(lambda: held() == [Reason.NOT_ITS_OWN])
    with centre.store.read() as reader:
        assert reader.value("SELECT count(*) FROM trial_step") == 1
        assert numbers(reader) == [1, 2]
