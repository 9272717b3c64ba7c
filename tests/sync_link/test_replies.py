"""A reply counts only if the centre has signed it for this very request."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.queries import cursors, unsent
from tests.faults.wire import BadWire, Harm
from tests.sync_link.lines import answer, request_on, serving
from tests.sync_link.pair import KEYS, HubServer, Village, until
from tests.sync_link.rows import NOTICES, notice, numbers, visit


def standing(village: Village) -> tuple[int, list[tuple[int, int]], list[int]]:
    """Return what a reply could change: what is unsent, the cursors, the notices."""
    with village.store.read() as reader:
        moved = [(one.last, one.have) for one in cursors(reader)]
        return unsent(reader), moved, numbers(reader, NOTICES)


def test_centre_with_another_key_is_a_stranger(tmp_path: Path) -> None:
    centre = HubServer(tmp_path)
    centre.store.write(notice, 1, "hromada")
    village = Village(tmp_path, centre.url, centre_key=KEYS[9])
    village.store.write(visit, 1)
    before = standing(village)
    until(lambda: village.link.ledger.facts.trouble == "unsigned")
    time.sleep(0.3)
    assert standing(village) == before == (2, [(2, 0)], [])
    assert not village.link.ledger.facts.up
    village.stop()
    centre.stop()


def forged(line: socket.socket) -> None:
    while request_on(line):
        line.sendall(answer(bytes(64) + b"\xa2\x00\x01\x02\x18\x63"))


def portal(line: socket.socket) -> None:
    while request_on(line):
        line.sendall(answer(b"<html>sign in</html>", status="302 Found", more="Location: /\r\n"))


def gateway(line: socket.socket) -> None:
    while request_on(line):
        line.sendall(answer(b"bad gateway", status="502 Bad Gateway"))


def empty(line: socket.socket) -> None:
    while request_on(line):
        line.sendall(answer(b""))


@pytest.mark.parametrize("play", [forged, portal, gateway, empty])
def test_answer_of_anybody_else_changes_nothing(
    tmp_path: Path, play: Callable[[socket.socket], None]
) -> None:
    with serving(play) as url:
        village = Village(tmp_path, url)
        village.store.write(visit, 1)
        before = standing(village)
        until(lambda: village.link.ledger.facts.trouble == "unsigned")
        assert standing(village) == before
        village.stop()


@pytest.mark.parametrize(
    "harm", [Harm.SPOIL_REPLY, Harm.FOREIGN, Harm.SPOIL_REQUEST], ids=lambda harm: harm.name
)
def test_spoiled_or_foreign_reply_moves_no_cursor_and_the_truth_arrives_later(
    tmp_path: Path, harm: Harm
) -> None:
    centre = HubServer(tmp_path)
    wire = BadWire(centre.url, seed=3, harms=[Harm.NONE])
    village = Village(tmp_path, wire.url)
    village.store.write(visit, 0)
    until(lambda: centre.seen() == [0] and standing(village)[0] == 0)
    wire.harm([harm])
    for n in range(1, 4):
        village.store.write(visit, n)
    until(lambda: wire.done[harm] >= 2, 30)
    if harm is not Harm.SPOIL_REPLY:  # a turned bit may stand in the unsigned head and do no harm
        assert standing(village)[0] == 6
    wire.heal()
    village.link.call()
    until(lambda: centre.seen() == [0, 1, 2, 3] and standing(village)[0] == 0, 30)
    village.stop()
    wire.close()
    centre.stop()
