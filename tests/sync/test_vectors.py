"""The bytes of the protocol, as they were released: each vector is read and written."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from nacl.signing import VerifyKey

from appliance.store.entries import DIGEST, commitment, link
from sync import intake, pages, wire
from sync.messages import Reply, Request
from sync.signing import SignedHead, open_reply
from tests.sync import golden
from tests.sync.golden import Case

PACKED = {wire.PACKED, pages.PACKED}


def each(name: str) -> Callable[[Any], Any]:
    found = golden.cases(name)
    return pytest.mark.parametrize("told", found, ids=[case["what"] for case in found])


def unpacked(data: bytes) -> bytes:
    """Return the bytes behind the first; how zstd packs them is its own affair."""
    rest = data[1:]
    return zstandard.ZstdDecompressor().decompress(rest) if data[0] in PACKED else rest


def test_every_file_of_vectors_is_read() -> None:
    files = {path.stem for path in golden.FOLDER.glob("*.json")}
    assert files == set(golden.WRITERS)
    assert all(golden.cases(name) for name in files)


@each("chain")
def test_a_link_of_the_chain(told: Case) -> None:
    assert golden.written("chain", told) == {name: told[name] for name in golden._chain(told)}
    linked = bytes.fromhex(told["linked"])
    assert hashlib.blake2b(linked, digest_size=DIGEST).hexdigest() == told["chain"]
    assert told["entry"]["chain"] == told["chain"]
    assert told["entry"]["commitment"] == told["commitment"]


@each("batch")
def test_a_batch(told: Case) -> None:
    batch, plain = golden.batch(told["batch"]), bytes.fromhex(told["plain"])
    sent = bytes.fromhex(told["sent"])
    assert unpacked(sent) == plain
    assert wire.decode(sent) == batch
    assert wire.decode(bytes((wire.PLAIN,)) + plain) == batch
    assert wire.encode_plain(batch) == plain
    assert unpacked(wire.encode(batch)) == plain


@each("batch")
def test_the_entries_of_a_batch_are_chained_and_committed(told: Case) -> None:
    batch = golden.batch(told["batch"])
    chain = batch.previous
    for entry in batch.entries:
        chain = link(chain, batch.stream, batch.lane, entry)
        assert entry.chain == chain
        if entry.body is not None:
            assert entry.commitment == commitment(entry.salt, entry.body)


@each("request")
def test_a_request(told: Case) -> None:
    request, sent = golden.request(told["request"]), bytes.fromhex(told["sent"])
    assert Request.read(sent) == request
    assert request.body() == sent


@each("reply")
def test_a_reply(told: Case) -> None:
    reply, sent = golden.reply(told["reply"]), bytes.fromhex(told["sent"])
    assert Reply.read(sent) == reply
    assert reply.payload() == sent


@each("page")
def test_a_page(told: Case) -> None:
    scope, lane, page = golden.page(told["page"])
    sent = bytes.fromhex(told["sent"])
    assert pages.read(sent) == (scope, lane, page)
    assert unpacked(pages.written(scope, lane, page)) == unpacked(sent)


@each("signature")
def test_a_signed_request_and_its_reply(told: Case) -> None:
    assert golden.written("signature", told) == {n: told[n] for n in golden._signed(told)}
    head = golden.head(told["head"])
    node, centre = (VerifyKey(bytes.fromhex(told[f"{one}_public"])) for one in ("node", "centre"))
    assert SignedHead.read("POST", told["path"], told["authorization"]).verified(node) == head
    payload = open_reply(centre, head, told["status"], bytes.fromhex(told["sent"]))
    assert payload.hex() == told["payload"]
    delivery = intake.read(head, bytes.fromhex(told["body"]))
    assert (delivery.batch is not None) is (head.last > head.after)


def test_the_vectors_show_each_way_of_writing() -> None:
    sent = [case["sent"][:2] for name in ("batch", "page") for case in golden.cases(name)]
    assert {int(one, 16) for one in sent} >= {wire.PLAIN, wire.PACKED, pages.PACKED}
