"""Batches: rows to columns and back to the very same bytes; nothing else is let in."""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.store.entries import GENESIS, Entry, Op, link
from appliance.store.ids import RowId
from appliance.store.tables import Value
from appliance.store.values import encode_changes, encode_row
from sync import bodies, integers, strict, wire
from sync.columns import Coding, Pieces
from sync.wire import BadBatch, Batch
from tests.sync.forged import NOON, STREAM, Told, batch_of, batches, row_ids, rows, scalars, whole

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
MANY = settings(QUICK, max_examples=100)
MEGABYTE = 1 << 20


def ids(count: int, *, epochs: int = 1) -> list[RowId]:
    return [RowId(3, 5 + place % epochs, place * 7 + 1) for place in range(count)]


def coded(values: Sequence[Value]) -> tuple[int, Batch, bytes]:
    """Return the coding of a table's one column, the batch and its bytes before they are packed."""
    batch = batch_of(rows("t", *([value] for value in values)))
    plain = wire.encode_plain(batch)
    head = strict.loads(wire.Tail(plain).piece())
    assert isinstance(head, list)
    groups: list = head[7]
    return groups[0][8][0][0], batch, plain


# There and back


@QUICK
@given(batches())
def test_a_batch_comes_back_with_its_chain_and_gives_the_same_bytes_again(batch: Batch) -> None:
    sent = wire.encode(batch)
    received = wire.decode(sent)
    assert received == batch
    assert wire.encode(received) == sent
    chain = batch.previous
    for entry in received.entries:
        chain = link(chain, batch.stream, batch.lane, entry)
        assert entry.chain == chain


@MANY
@given(st.lists(scalars, min_size=1, max_size=40))
def test_a_column_of_any_values_comes_back(values: list[Value]) -> None:
    _, batch, _ = coded(values)
    assert wire.decode(wire.encode(batch)) == batch


@MANY
@given(st.lists(scalars, min_size=1, max_size=5), st.integers(0, 9))
def test_a_column_of_a_few_choices_comes_back(some: list[Value], seed: int) -> None:
    _, batch, _ = coded(Random(seed).choices(some, k=20))
    assert wire.decode(wire.encode(batch)) == batch


@MANY
@given(st.binary(max_size=40), st.sampled_from(Op))
def test_a_body_of_any_bytes_travels_as_it_is(body: bytes, op: Op) -> None:
    batch = batch_of([Told("t", op, body, key=ids(1)[0].blob)])
    assert wire.decode(wire.encode(batch)) == batch


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([None] * 9, Coding.CONSTANT),
        (["А-042"] * 9, Coding.CONSTANT),
        ([*range(1 << 40, (1 << 40) + 99)], Coding.STEPS),
        ([-1, 0, 1, 2, 60, -60], Coding.PLAIN),
        ([NOON + at for at in (5, -9, 44, 0, 31)], Coding.MOMENTS),
        ([f"довідка про реєстрацію {place % 2}" for place in range(9)], Coding.CHOICES),
        (["м" * 99] * 9, Coding.CHOICES),
        (["а", "бб", "", "г"], Coding.TEXTS),
        ([b"", b"1", b"22"], Coding.BLOBS),
        ([b"12", b"34", b"56"], Coding.FIXED),
        ([one.blob for one in ids(9, epochs=2)], Coding.IDS),
        ([str(one) for one in ids(9)], Coding.ID_TEXTS),
        ([None, 5, 6, None, 7], Coding.PARTED),
        ([1.5, -0.0, 0.0, 1.0, 1], Coding.MIXED),
        ([1, "1", b"1"], Coding.MIXED),
        ([float("inf"), float("-inf")], Coding.MIXED),
    ],
)
def test_each_coding_is_taken_where_it_fits(values: Sequence[Value], coding: Coding) -> None:
    taken, batch, plain = coded(values)
    assert taken == coding
    received = wire.decode(bytes((wire.PLAIN,)) + plain)
    assert [entry.body for entry in received.entries] == [encode_row([value]) for value in values]
    assert received == batch


@pytest.mark.parametrize(
    "values",
    [
        [None, *(one.blob for one in ids(3, epochs=3))] * 4,
        [None, *map(str, ids(2))] * 4,
        [None, "x", *map(str, ids(9))],
        [None, "x", *map(str, ids(9, epochs=3))] * 4,
        [None, None, None, "x", *map(str, [*ids(2)] * 9), "y"],
    ],
)
def test_nullable_references_to_a_few_rows_travel(values: Sequence[Value]) -> None:
    """Once refused: the head of such a batch is nested deeper than was read."""
    _, batch, _ = coded(values)
    assert wire.decode(wire.encode(batch)) == batch


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 70])
def test_a_number_that_no_column_holds_leaves_its_body_whole(number: int) -> None:
    """Once written as a column that no reader took."""
    told = [
        Told("t", Op.INSERT, encode_row([number])),
        Told("t", Op.UPDATE, encode_changes({0: number}), key=ids(1)[0].blob),
        Told("t", Op.UPDATE, encode_changes({number: 0}), key=ids(1)[0].blob),
    ]
    batch = batch_of(told)
    assert wire.decode(wire.encode(batch)) == batch


def test_a_text_stays_in_the_form_that_was_logged() -> None:
    composed, apart = "їжак", "ї\u0306жак"
    batch = batch_of(rows("t", [composed], [apart]))
    assert [entry.body for entry in wire.decode(wire.encode(batch)).entries] == [
        encode_row([composed]),
        encode_row([apart]),
    ]


def test_an_erased_entry_travels_as_its_commitment_alone() -> None:
    body = encode_row(["Одарка Коваленко"])
    told = Told("people_note", Op.INSERT, body, salt=b"s" * 16, erased=True)
    batch = batch_of([*rows("t", [1]), told, *rows("t", [2])])
    sent = wire.encode_plain(batch)
    assert "Одарка".encode() not in sent
    assert b"s" * 16 not in sent
    received = wire.decode(wire.encode(batch))
    assert received == batch
    assert (received.entries[1].body, received.entries[1].salt) == (None, None)


def test_more_kinds_than_a_batch_takes_apart_travel_whole() -> None:
    told = [
        one
        for width in range(wire.MOST_SHAPES + 9)
        for one in rows("t", [*range(width)], [*range(width)])
    ]
    batch = batch_of(told)
    assert wire.decode(wire.encode(batch)) == batch


def test_a_batch_without_entries_comes_back() -> None:
    batch = Batch(STREAM, wire.Lane.STATE, 7, b"p" * 16, ())
    assert wire.decode(wire.encode(batch)) == batch
    assert (batch.last, batch.proof) == (7, b"p" * 16)


def test_ticket_events_take_a_few_bytes_each() -> None:
    chance = Random(5)
    tickets = ids(400)
    moves = ["CALLED", "SERVING", "COMPLETED", "NO_SHOW"]
    told = []
    at = NOON
    for _ in range(4000):
        at += chance.randrange(90_000)
        row = [chance.choice(tickets).blob, chance.choice(moves), at, chance.choice([1, 2, None])]
        told.append(Told("queue_event", Op.INSERT, encode_row(row), at=at))
    sent = wire.encode(batch_of(told))
    assert len(sent) < 7 * len(told)


# Nothing else is let in


def same_but_places(one: Entry) -> Entry:
    """Return the entry without what the chain does not bind; the request's signature does."""
    return one._replace(seq=0, tx=0)


@MANY
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x10", b"\x11"]))
def test_arbitrary_bytes_are_refused(data: bytes, version: bytes) -> None:
    with pytest.raises(BadBatch):
        wire.decode(version + data)


@QUICK
@given(batches(), st.data())
def test_changed_bytes_are_refused_or_say_the_same(batch: Batch, data: st.DataObject) -> None:
    sent = bytearray(bytes((wire.PLAIN,)) + wire.encode_plain(batch))
    for _ in range(data.draw(st.integers(1, 3))):
        sent[data.draw(st.integers(0, len(sent) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = wire.decode(bytes(sent))
    except BadBatch:
        return
    assert [*map(same_but_places, found.entries)] == [*map(same_but_places, batch.entries)]
    assert batch.entries == () or (found.lane, found.after) == (batch.lane, batch.after)


def test_thousands_of_changed_batches_are_refused_or_say_the_same() -> None:
    chance = Random(20)
    batch = batch_of(
        [
            *rows("t", *([n, "ї" * n, None, str(one)] for n, one in enumerate(ids(6)))),
            *(Told("u", Op.UPDATE, encode_changes({1: one.blob, 3: 1.5})) for one in ids(4)),
            Told("u", Op.DELETE, None, key=ids(1)[0].blob),
            Told("p", Op.INSERT, encode_row([None]), salt=b"s" * 16),
            Told("p", Op.INSERT, encode_row([7]), salt=b"z" * 16, erased=True),
        ]
    )
    bare = [*map(same_but_places, batch.entries)]
    sent = bytes((wire.PLAIN,)) + wire.encode_plain(batch)
    taken = 0
    for _ in range(3000):
        changed = _changed(sent, chance)
        try:
            found = wire.decode(changed)
        except BadBatch:
            continue
        taken += 1
        assert [*map(same_but_places, found.entries)] == bare
    assert taken < 300


def _changed(sent: bytes, chance: Random) -> bytes:
    """Return the bytes with some changed, cut, doubled or put in."""
    at, to = sorted((chance.randrange(len(sent)), chance.randrange(len(sent) + 1)))
    piece = chance.randbytes(chance.randrange(1, 5))
    return chance.choice(
        [
            sent[:at] + piece + sent[at + len(piece) :],
            sent[:at] + piece + sent[at:],
            sent[:at] + sent[to:],
            sent[:to] + sent[at:],
            sent[:at],
        ]
    )


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_batch_that_leaves_an_entry_out_is_refused(place: int) -> None:
    batch = batch_of(rows("t", *([n] for n in range(6))))
    left = [one for at, one in enumerate(batch.entries) if at != place]
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(replace(batch, entries=tuple(left))))


@pytest.mark.parametrize("piece", [b"\x0e", b"\xf6", b"\x60", b"\xa0", b"\x81\x80", b"\x80"])
def test_a_mixed_column_that_is_no_list_of_values_is_refused(piece: bytes) -> None:
    """Once a number in its place ended in another exception."""
    _, _, plain = coded([1.5])
    sent = plain.replace(b"\x0a\x81\xfb", integers.pack((len(piece),)) + piece + b"\xfb")
    cut = sent[: sent.index(b"\xfb", len(sent) - 12)]
    with pytest.raises(BadBatch):
        wire.decode(bytes((wire.PLAIN,)) + cut)


def test_a_batch_that_leaves_out_its_last_entries_is_one_of_fewer_entries() -> None:
    batch = batch_of(rows("t", *([n] for n in range(6))))
    shorter = replace(batch, entries=batch.entries[:4])
    assert wire.decode(wire.encode(shorter)).last == 4


def _without_place(entry: Entry, other: Entry) -> Entry:
    return other._replace(lane_seq=entry.lane_seq, seq=entry.seq, tx=entry.tx)


def test_reordered_entries_are_refused() -> None:
    batch = batch_of(rows("t", *([n] for n in range(6))))
    first, second, *others, last = batch.entries
    swapped = (_without_place(first, second), _without_place(second, first), *others, last)
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(replace(batch, entries=swapped)))


FIELDS: dict[str, Callable[[Entry], Entry]] = {
    "table": lambda one: one._replace(table="u"),
    "op": lambda one: one._replace(op=Op.UPDATE, body=encode_changes({0: 1})),
    "key": lambda one: one._replace(key=RowId(9, 9, 9).blob),
    "schema": lambda one: one._replace(schema=2),
    "hlc": lambda one: one._replace(hlc=one.hlc + 1),
    "body": lambda one: one._replace(body=encode_row([99])),
    "salt": lambda one: one._replace(salt=b"z" * 16),
    "chain": lambda one: one,
}


@pytest.mark.parametrize("field", FIELDS)
def test_an_entry_that_is_not_the_logged_one_is_refused(field: str) -> None:
    batch = batch_of([Told("t", Op.INSERT, encode_row([n]), salt=b"s" * 16) for n in range(3)])
    first, middle, last = batch.entries
    changed = FIELDS[field](middle)
    last = last._replace(chain=bytes(16)) if field == "chain" else last
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(replace(batch, entries=(first, changed, last))))


@pytest.mark.parametrize("told", [{"previous": b"x" * 16}, {"after": 1}, {"lane": wire.Lane.STATE}])
def test_a_batch_for_another_place_is_refused(told: dict) -> None:
    batch = replace(batch_of(rows("t", [1], [2])), **told)
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(batch))


def test_an_erased_entry_with_another_commitment_is_refused() -> None:
    batch = batch_of([Told("t", Op.INSERT, encode_row([1]), erased=True), *rows("t", [1])])
    forged = batch.entries[0]._replace(commitment=bytes(16))
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(replace(batch, entries=(forged, batch.entries[1]))))


@pytest.mark.parametrize(
    "told",
    [
        {"schema": 1 << 31},
        {"schema": (1 << 64) - 1},
        {"table": "t" * 129},
        {"salt": b"s" * 17},
        {"salt": b""},
    ],
)
def test_what_the_store_cannot_hold_is_refused(told: dict) -> None:
    """Once a schema of more than 64 bits got as far as SQLite, and so did a name of megabytes."""
    with pytest.raises(BadBatch):
        wire.decode(wire.encode(batch_of([replace(rows("t", [1])[0], **told)])))


# Memory


def head(count: int, groups: Sequence[object], after: int = 0) -> bytes:
    """Return a head whose five columns of numbers are constants."""
    zero, one = [0, 0], [0, 1]
    told = [3, 7, 1, after, count, GENESIS, GENESIS, groups, zero, zero, zero, one, zero]
    written = strict.dumps(told)
    return integers.pack((len(written),)) + written


def packed(plain: bytes, *, level: int = 3) -> bytes:
    return bytes((wire.PACKED,)) + zstandard.ZstdCompressor(level=level).compress(plain)


def wide_rows() -> bytes:
    width = bodies.MOST_COLUMNS
    group = ["t", 1, 1, 1, int(bodies.Form.ROW), [width], None, [0, None], [[0, "x" * 32]] * width]
    return packed(head(wire.MOST_ENTRIES, [group]))


def one_text_for_all() -> bytes:
    out = Pieces()
    for piece in (integers.pack((MEGABYTE * 7,)), bytes(MEGABYTE * 7), bytes(wire.MOST_ENTRIES)):
        out.add(piece)
    choices = [int(Coding.CHOICES), 1, [int(Coding.TEXTS)]]
    group = ["t", 1, 1, 1, int(bodies.Form.ROW), [1], None, [0, None], [choices]]
    return packed(head(wire.MOST_ENTRIES, [group]) + out.joined())


def declared_size() -> bytes:
    frame = zstandard.ZstdCompressor(write_content_size=True).compress(bytes(64 * MEGABYTE))
    return bytes((wire.PACKED,)) + frame


def no_size() -> bytes:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64 * MEGABYTE))
    return bytes((wire.PACKED,)) + frame


def two_frames() -> bytes:
    frame = wire.encode(batch_of(rows("t", *(["довідка"] for _ in range(99)))))
    assert frame[0] == wire.PACKED
    return frame + frame[1:]


def long_strings() -> bytes:
    return bytes((wire.PLAIN,)) + b"\x0c" + bytes.fromhex("8d5bffffffffffffffff0102")


def nested() -> bytes:
    return bytes((wire.PLAIN,)) + integers.pack((9999,)) + b"\x81" * 9999


def plain_too_large() -> bytes:
    return bytes((wire.PLAIN,)) + bytes(wire.LARGEST + 1)


@pytest.mark.parametrize(
    "bomb",
    [
        wide_rows,
        one_text_for_all,
        declared_size,
        no_size,
        two_frames,
        long_strings,
        nested,
        plain_too_large,
    ],
)
def test_no_bytes_can_take_more_memory_than_is_allowed(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    tracemalloc.start()
    try:
        with pytest.raises(BadBatch):
            wire.decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80 * MEGABYTE


# Runs of numbers


@MANY
@given(st.lists(whole))
def test_numbers_fold_and_step_and_come_back(numbers: list[int]) -> None:
    steps = integers.fold(integers.steps(numbers))
    written = integers.pack(steps)
    assert integers.packed_size(steps) == len(written)
    assert integers.sums(integers.unfold(integers.unpack(written, len(numbers)))) == numbers


@MANY
@given(st.binary(max_size=30), st.integers(0, 30))
def test_a_run_is_the_one_way_to_write_its_numbers(data: bytes, count: int) -> None:
    try:
        numbers = integers.unpack(data, count)
    except integers.Malformed:
        return
    assert len(numbers) == count
    assert integers.pack(numbers) == data


@given(st.lists(row_ids, max_size=8))
@QUICK
def test_keys_of_other_rows_travel(keys: list[RowId]) -> None:
    batch = batch_of([Told("t", Op.DELETE, None, key=one.blob) for one in keys])
    assert wire.decode(wire.encode(batch)) == batch
