"""Signatures: what was changed in any bit, or was meant for another, is refused."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync import strict
from sync.signing import (
    METHOD,
    SCHEME,
    Head,
    Nonce,
    SignedHead,
    Unsigned,
    body_hash,
    open_reply,
    seal_reply,
)

NODE, CENTRE, STRANGER = (SigningKey(bytes([seed]) * 32) for seed in (3, 1, 9))
BODY = "талон А-042".encode()
HEAD = Head(
    hromada="tykhovody",
    stream=StreamId(3, 0x7F3A9C215B44),
    lane=Lane.TICKETS,
    after=1042,
    last=1060,
    recipient=1,
    centre_epoch=0xA1B2C3D4E5F6,
    nonce=Nonce(0x7F3A9C215B44, 0, 7),
    body_hash=body_hash(BODY),
)
HEADER = HEAD.header(NODE)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def read(path: str = HEAD.path, header: str = HEADER, method: str = METHOD) -> Head:
    return SignedHead.read(method, path, header).verified(NODE.verify_key)


heads = st.builds(
    Head,
    hromada=st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    stream=st.builds(StreamId, st.integers(0, (1 << 16) - 1), st.integers(0, (1 << 48) - 1)),
    lane=st.sampled_from(Lane),
    after=st.just(0),
    last=st.integers(0, 10**15 - 1),
    recipient=st.integers(0, 65535),
    centre_epoch=st.integers(0, (1 << 48) - 1),
    nonce=st.builds(Nonce, *[st.integers(0, (1 << 48) - 1)] * 3),
    body_hash=st.binary(min_size=32, max_size=32),
)


@QUICK
@given(heads)
def test_a_head_is_read_as_it_was_signed(head: Head) -> None:
    found = SignedHead.read(METHOD, head.path, head.header(NODE))
    assert found.verified(NODE.verify_key) == head


def test_a_key_of_another_node_is_refused() -> None:
    with pytest.raises(Unsigned):
        SignedHead.read(METHOD, HEAD.path, HEADER).verified(STRANGER.verify_key)


CHANGES: list[Callable[[Head], Head]] = [
    lambda head: replace(head, hromada="stavkove"),
    lambda head: replace(head, stream=StreamId(4, head.stream.epoch)),
    lambda head: replace(head, stream=StreamId(3, head.stream.epoch + 1)),
    lambda head: replace(head, lane=Lane.ALARMS),
    lambda head: replace(head, after=1041),
    lambda head: replace(head, last=1061),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_header_fits_one_path_only(change: Callable[[Head], Head]) -> None:
    with pytest.raises(Unsigned):
        read(change(HEAD).path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),  # version
        (1, 2),  # recipient
        (2, 0),  # the centre's epoch
        (3, 1),  # the nonce, three times
        (4, 1),
        (5, 8),
        (6, body_hash(b"another")),
        (7, bytes(64)),
        (7, b""),
        (6, bytes(31)),
        (1, -1),
        (1, "1"),
        (1, None),
    ],
)
def test_a_field_of_the_header_that_was_changed_is_refused(place: int, value: Any) -> None:
    fields: Any = strict.loads(base64.b64decode(HEADER[len(SCHEME) :]))
    fields[place] = value
    with pytest.raises(Unsigned):
        read(header=SCHEME + base64.b64encode(strict.dumps(fields)).decode())


def test_any_changed_bit_of_the_header_is_refused() -> None:
    raw = base64.b64decode(HEADER[len(SCHEME) :])
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsigned):
            read(header=SCHEME + base64.b64encode(changed).decode())


@QUICK
@given(st.integers(0, len(HEADER) - 1), st.characters(max_codepoint=0x250))
def test_any_changed_character_of_the_header_is_refused(place: int, character: str) -> None:
    changed = HEADER[:place] + character + HEADER[place + 1 :]
    if changed != HEADER:
        with pytest.raises(Unsigned):
            read(header=changed)


def test_the_base64_has_one_form() -> None:
    """Once the bits that a last character leaves over were not looked at."""
    head = replace(HEAD, recipient=1000)  # two bytes more: the last character has bits to spare
    header = head.header(NODE)
    assert header.endswith("=")
    stem = header.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(stem[-1]) ^ 1]
    changed = stem[:-1] + last + header[len(stem) :]
    assert base64.b64decode(changed[len(SCHEME) :]) == base64.b64decode(header[len(SCHEME) :])
    with pytest.raises(Unsigned):
        read(head.path, changed)


@QUICK
@given(st.text(max_size=80), st.text(max_size=120))
def test_any_other_words_are_refused(path: str, header: str) -> None:
    for one, other in ((path, HEADER), (HEAD.path, header), (HEAD.path, SCHEME + header)):
        with pytest.raises(Unsigned):
            read(one, other)


@pytest.mark.parametrize(
    "path",
    [
        "/sync/v1/tykhovody/s03.07f3a9m2xq/tickets/01-2",
        "/sync/v1/tykhovody/s3.07f3a9m2xq/tickets/1-2",
        "/sync/v1/tykhovody/s03.07f3a9m2xq/tickets/2-1",
        "/sync/v1/tykhovody/s03.07f3a9m2xq/nonsense/1-2",
        "/sync/v1/tykhovody/s03.zzzzzzzzzz/tickets/1-2",
        "/sync/v1/Tykhovody/s03.07f3a9m2xq/tickets/1-2",
        "/sync/v1/tykhovody/s03.07f3a9m2xq/tickets/1-2/",
        "/sync/v1/tykhovody/s03.07f3a9m2xq/tickets/1-2\n",
        "/sync/v1/tykhovody/s03.07f3a9m2xq/tickets/\u0661-2",
        "/sync/v2/tykhovody/s03.07f3a9m2xq/tickets/1-2",
    ],
)
def test_a_path_has_one_form(path: str) -> None:
    with pytest.raises(Unsigned):
        SignedHead.read(METHOD, path, HEADER)


@pytest.mark.parametrize("method", ["GET", "post", "PUT", ""])
def test_another_method_is_refused(method: str) -> None:
    with pytest.raises(Unsigned):
        read(method=method)


# Replies


@QUICK
@given(heads, st.binary(max_size=99), st.sampled_from([200, 409, 429, 503]))
def test_a_reply_comes_back(head: Head, payload: bytes, status: int) -> None:
    sealed = seal_reply(CENTRE, head, status, payload)
    assert open_reply(CENTRE.verify_key, head, status, sealed) == payload


def test_any_changed_bit_of_a_reply_is_refused() -> None:
    sealed = seal_reply(CENTRE, HEAD, 200, b"have 1060")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unsigned):
            open_reply(CENTRE.verify_key, HEAD, 200, bytes(changed))


OTHER_REQUESTS: list[Callable[[Head], Head]] = [
    *CHANGES,
    lambda head: replace(head, recipient=2),
    lambda head: replace(head, centre_epoch=0),
    lambda head: replace(head, nonce=replace(head.nonce, counter=8)),
    lambda head: replace(head, nonce=replace(head.nonce, connection=1)),
    lambda head: replace(head, nonce=replace(head.nonce, process=1)),
    lambda head: replace(head, body_hash=body_hash(b"another")),
]


@pytest.mark.parametrize("change", OTHER_REQUESTS)
def test_a_reply_to_another_request_is_refused(change: Callable[[Head], Head]) -> None:
    sealed = seal_reply(CENTRE, change(HEAD), 200, b"have 1060")
    with pytest.raises(Unsigned):
        open_reply(CENTRE.verify_key, HEAD, 200, sealed)


@pytest.mark.parametrize("key", [NODE, STRANGER])
def test_a_reply_that_another_signed_is_refused(key: SigningKey) -> None:
    with pytest.raises(Unsigned):
        open_reply(CENTRE.verify_key, HEAD, 200, seal_reply(key, HEAD, 200, b"have 1060"))


def test_a_reply_with_another_status_is_refused() -> None:
    with pytest.raises(Unsigned):
        open_reply(CENTRE.verify_key, HEAD, 200, seal_reply(CENTRE, HEAD, 409, b"have 1060"))


@QUICK
@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_reply(body: bytes) -> None:
    with pytest.raises(Unsigned):
        open_reply(CENTRE.verify_key, HEAD, 200, body)


def test_a_request_s_signature_is_none_of_a_reply() -> None:
    """The two say what they are, so one can't be passed off as the other."""
    signature = NODE.sign(HEAD.signed).signature
    with pytest.raises(Unsigned):
        open_reply(NODE.verify_key, HEAD, 200, signature + HEAD.signed)
