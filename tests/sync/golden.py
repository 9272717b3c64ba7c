"""The golden vectors as values: what stands in `vectors/*.json`, read and written.

Bytes are hexadecimal in the files. `python -m tests.sync.golden NAME` prints what this program
would write for the vectors of that name: to look at a difference, never to make one pass.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nacl.signing import SigningKey

from appliance.store.entries import Entry, Op, chained, commitment, link
from appliance.store.ids import StreamId
from appliance.store.revisions import DownPage, DownRow, Grants, PageKind, Rev
from appliance.store.tables import Lane
from sync import pages, strict, wire
from sync.messages import DownCursor, NodeStatus, Question, Reply, Request, Standing
from sync.signing import Head, Nonce, seal_reply
from sync.wire import Batch

FOLDER: Final = Path(__file__).parent / "vectors"
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    """Return the cases of one file."""
    found: list[Case] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def entry(told: Case) -> Entry:
    """Read an entry."""
    blobs = {name: _bytes(told[name]) for name in ("key", "body", "salt", "commitment", "chain")}
    return Entry(**{**told, **blobs, "op": Op(told["op"])})


def batch(told: Case) -> Batch:
    """Read what a batch says."""
    return Batch(
        StreamId(told["node"], told["epoch"]),
        Lane(told["lane"]),
        told["after"],
        bytes.fromhex(told["previous"]),
        tuple(map(entry, told["entries"])),
    )


def request(told: Case) -> Request:
    """Read what a request says."""
    status = told["status"]
    return Request(
        batch=bytes.fromhex(told["batch"]),
        cursors=tuple(map(_cursor, told["cursors"])),
        status=status and NodeStatus(**status),
        questions=tuple(Question(one["epoch"], Lane(one["lane"])) for one in told["questions"]),
        order=told["order"],
    )


def _cursor(told: Case) -> DownCursor:
    return DownCursor(
        told["scope"],
        Lane(told["lane"]),
        Rev(*told["rev"]),
        read_at=Rev(*told["read_at"]),
        fingerprint=bytes.fromhex(told["fingerprint"]),
    )


def reply(told: Case) -> Reply:
    """Read what a reply says; what it leaves out is as `Reply` has it."""
    exact: Mapping[str, Callable[[Any], object]] = {
        "chain": bytes.fromhex,
        "standings": lambda some: tuple(map(_standing, some)),
        "pages": lambda some: tuple(map(bytes.fromhex, some)),
        "waiting": lambda some: tuple(map(Lane, some)),
        "grants": lambda one: Grants(one["order"], tuple(one["scopes"])),
    }
    return Reply(**{name: exact.get(name, lambda v: v)(value) for name, value in told.items()})


def _standing(told: Case) -> Standing:
    chain = bytes.fromhex(told["chain"])
    return Standing(told["epoch"], Lane(told["lane"]), told["have"], told["safe"], chain)


def page(told: Case) -> tuple[str, Lane, DownPage]:
    """Read scope, lane and page."""
    found = DownPage(
        rows=tuple(_row(one) for one in told["rows"]),
        upto=Rev(*told["upto"]),
        complete=told["complete"],
        kind=PageKind(told["kind"]),
        after=Rev(*told["after"]),
        as_of=Rev(*told["as_of"]),
    )
    return told["scope"], Lane(told["lane"]), found


def _row(told: Case) -> DownRow:
    body = _bytes(told["body"])
    key, rev = bytes.fromhex(told["id"]), Rev(*told["rev"])
    return DownRow(told["table"], key, rev, body is None, told["schema"], body)


def head(told: Case) -> Head:
    """Read the head of a request."""
    return Head(
        hromada=told["hromada"],
        stream=StreamId(told["node"], told["epoch"]),
        lane=Lane(told["lane"]),
        after=told["after"],
        last=told["last"],
        recipient=told["recipient"],
        centre_epoch=told["centre_epoch"],
        nonce=Nonce(*told["nonce"]),
        body_hash=bytes.fromhex(told["body_hash"]),
    )


# Writing


def _chain(told: Case) -> Case:
    stream, lane = StreamId(told["node"], told["epoch"]), Lane(told["lane"])
    one = entry(told["entry"])
    said = (
        *stream, int(lane), one.lane_seq, one.table, int(one.op), one.key, one.hlc, one.schema,
        one.commitment,
    )  # fmt: skip
    previous = bytes.fromhex(told["previous"])
    assert chained(previous, said) == link(previous, stream, lane, one)
    bound = _bytes(told["salt"]), _bytes(told["body"])
    return {
        "commitment": commitment(*bound).hex(),
        "linked": (previous + strict.dumps(said)).hex(),
        "chain": link(previous, stream, lane, one).hex(),
    }


def _batch(told: Case) -> Case:
    plain = wire.encode_plain(batch(told["batch"]))
    sent = wire.encode(batch(told["batch"]))
    return {"plain": plain.hex(), "sent": sent.hex()}


def _page(told: Case) -> Case:
    return {"sent": pages.written(*page(told["page"])).hex()}


def _signed(told: Case) -> Case:
    said, node, centre = head(told["head"]), _key(told, "node"), _key(told, "centre")
    payload = bytes.fromhex(told["payload"])
    return {
        "node_public": node.verify_key.encode().hex(),
        "centre_public": centre.verify_key.encode().hex(),
        "path": said.path,
        "signed": said.signed.hex(),
        "authorization": said.header(node),
        "mark": said.mark.hex(),
        "sent": seal_reply(centre, said, told["status"], payload).hex(),
    }


def _key(told: Case, name: str) -> SigningKey:
    return SigningKey(bytes.fromhex(told[f"{name}_seed"]))


WRITERS: Final[Mapping[str, Callable[[Case], Case]]] = {
    "chain": _chain,
    "batch": _batch,
    "request": lambda told: {"sent": request(told["request"]).body().hex()},
    "reply": lambda told: {"sent": reply(told["reply"]).payload().hex()},
    "page": _page,
    "signature": _signed,
}


def written(name: str, told: Case) -> Case:
    """Return the fields of a case that this program works out from the others."""
    return WRITERS[name](told)


if __name__ == "__main__":
    for case in cases(sys.argv[1]):
        sys.stdout.write(json.dumps(written(sys.argv[1], case), indent=1) + "\n")
