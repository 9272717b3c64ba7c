"""Bundles: files come back as they were written, or are refused whole; nobody else reads them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from appliance.store.ids import EPOCH_LIMIT, SEQ_LIMIT
from appliance.store.revisions import Rev
from appliance.store.tables import Lane
from sync import bundles
from sync.asks import Ask, Asked, BadAsk, Told
from sync.bundles import BadBundle, Head, Kind
from sync.messages import BadMessage, DownCursor, NodeStatus, Reply, Request, Standing

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
NODE, CENTRE, OTHER = (SigningKey(bytes([n]) * 32) for n in (3, 1, 7))
HEAD = Head(Kind.ROWS, "tykhovody", 3, 1, b"\x01\x02\x03\x04\x05\x06", 1, last=True)

heads = st.builds(
    Head,
    kind=st.sampled_from(Kind),
    hromada=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True),
    sender=st.integers(1, (1 << 16) - 1),
    recipient=st.integers(1, (1 << 16) - 1),
    bundle=st.binary(min_size=6, max_size=6),
    part=st.integers(1, bundles.MOST_PARTS),
    last=st.booleans(),
)
epochs = st.integers(0, EPOCH_LIMIT - 1)
seqs = st.integers(0, SEQ_LIMIT - 1)
lanes = st.sampled_from(Lane)
asks = st.builds(
    Ask,
    epoch=epochs,
    number=seqs,
    at=st.integers(0, 1 << 50),
    request=st.builds(
        Request,
        cursors=st.lists(
            st.builds(
                DownCursor,
                scope=st.sampled_from(["hromada", "office:3"]),
                lane=lanes,
                rev=st.builds(Rev, epochs, seqs),
                fingerprint=st.just(b"") | st.binary(min_size=16, max_size=16),
            ),
            max_size=4,
        ).map(tuple),
        status=st.just(NodeStatus("0.1.0", "holding", 1_790_000_000_000, 5, None)),
        order=st.integers(0, 99),
    ),
    asked=st.lists(st.builds(Asked, epochs, lanes, epochs), max_size=6).map(tuple),
)


def sealed(
    pieces: Sequence[bytes] = (b"rows",),
    head: Head = HEAD,
    key: SigningKey = NODE,
    recipient: SigningKey = CENTRE,
) -> bytes:
    return bundles.seal(head, pieces, key=key, recipient=recipient.verify_key)


def opened(data: bytes) -> tuple[bytes, ...]:
    return bundles.read(data).opened(NODE.verify_key, CENTRE)


@QUICK
@given(heads, st.lists(st.binary(max_size=300), max_size=6))
def test_a_bundle_comes_back_as_it_was_written(head: Head, pieces: list[bytes]) -> None:
    read = bundles.read(sealed(pieces, head))
    assert read.head == head
    assert read.opened(NODE.verify_key, CENTRE) == tuple(pieces)


def test_a_bundle_with_any_bit_turned_is_refused() -> None:
    whole = sealed()
    assert opened(whole) == (b"rows",)
    for place in range(len(whole) * 8):
        spoiled = bytearray(whole)
        spoiled[place // 8] ^= 1 << place % 8
        with pytest.raises(BadBundle):
            opened(bytes(spoiled))


def test_a_bundle_that_was_cut_or_has_more_behind_it_is_refused() -> None:
    whole = sealed()
    for end in range(len(whole)):
        with pytest.raises(BadBundle):
            opened(whole[:end])
    with pytest.raises(BadBundle):
        opened(whole + b"\0")


@QUICK
@given(st.binary(max_size=400))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    for given_ in (data, bundles.MAGIC + data):
        with pytest.raises(BadBundle):
            opened(given_)


def test_a_bundle_that_somebody_else_has_signed_is_refused() -> None:
    with pytest.raises(BadBundle, match="signed"):
        opened(sealed(key=OTHER))


def test_whoever_finds_the_stick_cannot_read_it() -> None:
    told = b"\xd0\x90-017 " * 9
    data = sealed([told])
    assert told[:6] not in data
    for finder in (OTHER, NODE):
        with pytest.raises(BadBundle, match="another key"):
            bundles.read(data).opened(NODE.verify_key, finder)


def test_what_one_node_has_sealed_cannot_be_sent_as_anothers() -> None:
    theirs = bundles.read(sealed([b"rows of s03"]))
    mine = Head(Kind.ROWS, "tykhovody", 7, 1, HEAD.bundle, 1, last=True)
    written = mine.written()
    data = bundles.MAGIC + len(written).to_bytes(2, "big") + written + theirs.box
    data += OTHER.sign(bundles._signed(data)).signature
    with pytest.raises(BadBundle, match="belongs to another file"):
        bundles.read(data + bundles._check(data)).opened(OTHER.verify_key, CENTRE)


def test_a_file_of_a_newer_version_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "VERSION", 2)
    newer = sealed()
    monkeypatch.undo()
    with pytest.raises(BadBundle, match="version"):
        opened(newer)


@QUICK
@given(heads)
def test_a_name_fits_fat32_and_is_known_again(head: Head) -> None:
    assert len(head.name) <= 64
    assert set(head.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert bundles.is_name(head.name)
    assert bundles.is_name(head.name.upper())  # a FAT volume may give it back so
    assert head.name.startswith(bundles.prefix(head.sender, head.recipient))


@QUICK
@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(1, 120))
def test_parts_hold_every_piece_once_in_order_and_only_the_last_says_so(
    pieces: list[bytes], size: int
) -> None:
    cut = list(bundles.parts(pieces, size))
    assert [piece for part, _ in cut for piece in part] == pieces
    assert [last for _, last in cut] == [False] * (len(cut) - 1) + [True]
    for part, _ in cut:
        assert len(part) <= 1 or sum(len(one) + bundles.LENGTH for one in part) <= size + 4


@QUICK
@given(asks)
def test_an_ask_comes_back(ask: Ask) -> None:
    assert Ask.read(ask.written()) == ask


@QUICK
@given(asks)
def test_what_is_told_comes_back(ask: Ask) -> None:
    standings = tuple(Standing(one.epoch, one.lane, 5, 0, bytes(16)) for one in ask.asked)
    told = Told(ask.at, Reply(77, standings=standings), tuple(one.known for one in ask.asked))
    assert Told.read(told.written()) == told


@QUICK
@given(st.binary(max_size=80), asks)
def test_an_ask_of_other_bytes_is_refused(data: bytes, ask: Ask) -> None:
    for given_ in (data, b"\x30" + data, ask.written()[:-1], b"\x40" + ask.written()[1:]):
        with pytest.raises((BadAsk, BadMessage)):
            Ask.read(given_)
        with pytest.raises((BadAsk, BadMessage)):
            Told.read(given_)
