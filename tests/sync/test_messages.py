"""Envelopes and pages: they come back as they were; any other bytes are refused."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.store.entries import DIGEST
from appliance.store.ids import LENGTH
from appliance.store.revisions import DownPage, DownRow, Grants, PageKind, Rev
from appliance.store.tables import Lane
from sync import pages, strict
from sync.messages import (
    BadMessage,
    DownCursor,
    NodeStatus,
    Question,
    Reply,
    Request,
    Standing,
)
from sync.pages import BadPage

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
numbers = st.one_of(st.integers(0, 300), st.integers(0, (1 << 48) - 1))
lanes = st.sampled_from(Lane)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
revs = st.builds(Rev, numbers, numbers)
digests = st.binary(min_size=DIGEST, max_size=DIGEST)
cursors = st.one_of(
    st.builds(DownCursor, words, lanes, revs, read_at=revs),
    st.builds(DownCursor, words, lanes, revs, fingerprint=digests),
)
statuses = st.builds(NodeStatus, words, words, numbers, numbers, st.one_of(st.none(), numbers))


def several(some: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(some, max_size=4).map(tuple)


requests = st.builds(
    Request,
    batch=st.binary(max_size=30),
    cursors=several(cursors),
    status=st.one_of(st.none(), statuses),
    questions=several(st.builds(Question, numbers, lanes)),
    order=numbers,
)
replies = st.builds(
    Reply,
    centre_epoch=numbers,
    code=words,
    have=st.one_of(st.none(), numbers),
    safe=numbers,
    chain=st.one_of(st.just(b""), digests),
    credit=numbers,
    slot_ms=numbers,
    quarantined=numbers,
    standings=several(st.builds(Standing, numbers, lanes, numbers, numbers, digests)),
    pages=several(st.binary(max_size=20)),
    waiting=several(lanes),
    grants=st.one_of(st.none(), st.builds(Grants, numbers, several(words))),
)


def _row(table: str, key: bytes, rev: Rev, schema: int, body: bytes | None) -> DownRow:
    return DownRow(table, key, rev, body is None, schema, body)


down_rows = st.builds(
    _row,
    st.sampled_from(["queue_service", "people_person"]),
    st.binary(min_size=LENGTH, max_size=LENGTH),
    revs,
    st.integers(0, 9),
    st.one_of(st.none(), st.binary(max_size=30)),
)
down_pages = st.builds(
    DownPage,
    rows=several(down_rows),
    upto=revs,
    complete=st.booleans(),
    kind=st.sampled_from(PageKind),
    after=revs,
    as_of=revs,
)


@QUICK
@given(requests)
def test_a_request_comes_back(request: Request) -> None:
    assert Request.read(request.body()) == request


@QUICK
@given(replies)
def test_a_reply_comes_back(reply: Reply) -> None:
    assert Reply.read(reply.payload()) == reply


@QUICK
@given(words, lanes, down_pages)
def test_a_page_comes_back(scope: str, lane: Lane, page: DownPage) -> None:
    assert pages.read(pages.written(scope, lane, page)) == (scope, lane, page)


def test_have_zero_is_told_and_no_have_is_not() -> None:
    assert Reply.read(Reply(1, have=0).payload()).have == 0
    assert Reply.read(Reply(1).payload()).have is None


def test_a_key_of_a_newer_program_is_passed_over() -> None:
    newer = {1: [["hromada", 1, 0, 0]], 77: ["anything", None]}
    written = strict.dumps(newer)
    found = Request.read(len(written).to_bytes(2, "big") + written)
    assert found == Request(cursors=(DownCursor("hromada", Lane.TICKETS, Rev(0, 0)),))
    assert Reply.read(strict.dumps({0: 5, 99: {1: 2}})) == Reply(5)


# Anything else


@QUICK
@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_refused_or_are_a_message(data: bytes) -> None:
    for read in (Request.read, Reply.read):
        try:
            read(data)
        except BadMessage:
            continue
    with pytest.raises(BadPage):
        pages.read(data)


def changed(sent: bytes, chance: Random) -> bytes:
    """Return the bytes with a few changed, or cut."""
    out = bytearray(sent)
    for _ in range(chance.randrange(1, 4)):
        out[chance.randrange(len(out))] = chance.choice([0, 1, 0x3B, 0x5B, 0x7F, 0xC2, 0xFF, 9])
    return bytes(out[: chance.choice([len(out), chance.randrange(len(out))])])


FULL_REQUEST = Request(
    b"batch",
    (DownCursor("office:3", Lane.STATE, Rev(5, 9), fingerprint=b"f" * DIGEST),),
    NodeStatus("0.1.0", "synchronised", 1_790_000_000_000, 4, None),
    (Question(77, Lane.ALARMS),),
    3,
)
FULL_REPLY = Reply(
    5, "gap", 7, 6, b"c" * DIGEST, 4096, 900, 1,
    (Standing(5, Lane.STATE, 1, 0, b"d" * DIGEST),), (b"page",), (Lane.STATE,),
    Grants(3, ("hromada",)),
)  # fmt: skip
FULL_PAGE = DownPage(
    (_row("queue_service", b"k" * LENGTH, Rev(5, 6), 1, b"\x81\x01"),),
    Rev(5, 6), complete=True, kind=PageKind.CHANGES, after=Rev(0, 0), as_of=Rev(5, 6),
)  # fmt: skip


def test_thousands_of_changed_messages_are_refused_or_are_one() -> None:
    chance = Random(7)
    page = b"\x20" + pages._unpacked(pages.written("office:3", Lane.STATE, FULL_PAGE))
    refused = 0
    for _ in range(1500):
        for read, sent in (
            (Request.read, FULL_REQUEST.body()),
            (Reply.read, FULL_REPLY.payload()),
            (pages.read, page),
        ):
            try:
                found: object = read(changed(sent, chance))
            except (BadMessage, BadPage):
                refused += 1
            else:
                assert isinstance(found, Request | Reply | tuple)
    assert refused > 2250


def enveloped(told: object) -> bytes:
    written = strict.dumps(told)
    return len(written).to_bytes(2, "big") + written


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"1": []},
        {1: 5},
        {1: [["hromada", 1, 0]]},
        {1: [["hromada", 9, 0, 0]]},
        {1: [["hromada", 1, -1, 0]]},
        {1: [["hromada", 1, 0, 1 << 63]]},
        {1: [[b"hromada", 1, 0, 0]]},
        {2: ["v", "c", 1, 2]},
        {2: ["v", "c", -1, 2, None]},
        {2: ["v", "c", 1.0, 2, None]},
        {3: [[5, 1]] * 257},
        {3: [[5, "tickets"]]},
        {4: -1},
    ],
)
def test_a_request_that_nobody_writes_is_refused(told: object) -> None:
    with pytest.raises(BadMessage):
        Request.read(enveloped(told))


def test_an_envelope_that_is_too_long_or_cut_is_refused() -> None:
    for body in (b"", b"\x00", (60_001).to_bytes(2, "big") + bytes(60_001), b"\x00\x05\xa0"):
        with pytest.raises(BadMessage):
            Request.read(body)


@pytest.mark.parametrize(
    "told",
    [
        [],
        {0: -1},
        {0: 1, 1: 5},
        {0: 1, 4: "chain"},
        {0: 1, 8: [[1, 1, 1, 1, b"short"]]},
        {0: 1, 9: ["page"]},
        {0: 1, 10: [7]},
        {0: 1, 11: [1]},
        {0: 1, 11: [1, [5]]},
    ],
)
def test_a_reply_that_nobody_writes_is_refused(told: object) -> None:
    with pytest.raises(BadMessage):
        Reply.read(strict.dumps(told))


GOOD_ROW = [0, b"k" * LENGTH, 5, 6, 1, b"\x81\x01"]
GOOD_PAGE = ["office:3", 2, 1, [0, 0], [5, 6], [5, 6], 1, ["queue_service"], [GOOD_ROW]]


def with_part(good: Sequence[object], place: int, value: object) -> list[object]:
    return [*good[:place], value, *good[place + 1 :]]


@pytest.mark.parametrize(
    "told",
    [
        GOOD_PAGE[:-1],
        with_part(GOOD_PAGE, 0, None),
        with_part(GOOD_PAGE, 1, 7),
        with_part(GOOD_PAGE, 2, 4),
        with_part(GOOD_PAGE, 3, [0]),
        with_part(GOOD_PAGE, 4, [5, -1]),
        with_part(GOOD_PAGE, 4, [1 << 48, 1]),
        with_part(GOOD_PAGE, 5, [5, 1 << 63]),
        with_part(GOOD_PAGE, 7, [5]),
        with_part(GOOD_PAGE, 7, []),
        with_part(GOOD_PAGE, 8, [GOOD_ROW[:-1]]),
        with_part(GOOD_PAGE, 8, [with_part(GOOD_ROW, 0, 1)]),
        with_part(GOOD_PAGE, 8, [with_part(GOOD_ROW, 1, b"short")]),
        with_part(GOOD_PAGE, 8, [with_part(GOOD_ROW, 3, (1 << 64) - 1)]),
        with_part(GOOD_PAGE, 8, [with_part(GOOD_ROW, 4, (1 << 64) - 1)]),
        with_part(GOOD_PAGE, 8, [with_part(GOOD_ROW, 5, "body")]),
    ],
)
def test_a_page_that_nobody_writes_is_refused(told: object) -> None:
    """Once a revision or a schema of more than 64 bits got as far as SQLite."""
    assert pages.read(b"\x20" + strict.dumps(GOOD_PAGE))[0] == "office:3"
    with pytest.raises(BadPage):
        pages.read(b"\x20" + strict.dumps(told))


def test_a_packed_page_tells_its_size_and_is_one_frame() -> None:
    plain = strict.dumps(GOOD_PAGE)
    frame = zstandard.ZstdCompressor().compress(plain)
    assert pages.read(b"\x21" + frame)[0] == "office:3"
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(plain)
    large = zstandard.ZstdCompressor().compress(bytes(pages.LARGEST + 1))
    for packed in (silent, large, frame + frame, frame[:-1], b""):
        with pytest.raises(BadPage):
            pages.read(b"\x21" + packed)
