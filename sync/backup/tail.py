"""What was logged after a copy, beside it on the medium: a restore is the copy and its tail.

    frame = length in four bytes | CRC-32 in four bytes | CBOR: [starts, entries]

A frame holds whole transactions. It is appended and synced; one that a power cut has torn ends the
file, and the next append goes over it. A tail goes on through restarts of the node until the next
copy has a tail of its own. So what is lost with the disk of the database is what was logged after
the last append (`backup.tail_seconds`), less what the centre has.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cbor2

from appliance.store import log, streams
from appliance.store.database import Store
from appliance.store.entries import Entry, Op
from appliance.store.ids import StreamId
from appliance.store.putting_back import Logged, Part
from appliance.store.reader import Reader
from appliance.store.streams import Start
from appliance.store.tables import Lane
from sync.backup.shelf import sync_folder

HEAD: Final = 8
LARGEST: Final = 64 << 20


def written(part: Part) -> bytes:
    """Return the frame of a part."""
    starts = [
        [start.stream.epoch, start.parent, start.parent_last_seq, start.opened_at]
        for start in part.starts
    ]
    logged = [
        [stream.epoch, int(lane), *entry[:4], int(entry.op), *entry[5:]]
        for stream, lane, entry in part.logged
    ]
    told = cbor2.dumps([starts, logged])
    return len(told).to_bytes(4, "big") + zlib.crc32(told).to_bytes(4, "big") + told


def parts(path: Path, node: int) -> Iterator[tuple[Part, int]]:
    """Give each whole part and where its frame ends; a torn one ends the file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        end = 0
        while len(head := file.read(HEAD)) == HEAD:
            size = int.from_bytes(head[:4], "big")
            told = file.read(size) if size <= LARGEST else b""
            if len(told) < size or zlib.crc32(told) != int.from_bytes(head[4:], "big"):
                return
            end += HEAD + size
            yield _read(cbor2.loads(told), node), end


def _read(told: Any, node: int) -> Part:  # noqa: ANN401 - what CBOR holds
    starts, logged = told
    return Part(
        tuple(_start(node, *one) for one in starts),
        tuple(_logged(one, node) for one in logged),
    )


def _start(node: int, epoch: int, parent: int | None, last_seq: int, at: int) -> Start:
    return Start(StreamId(node, epoch), parent, last_seq, at, closed=False)


def _logged(told: Sequence[Any], node: int) -> Logged:
    epoch, lane, at, seq, tx, table, op, *rest = told
    return StreamId(node, epoch), Lane(lane), Entry(at, seq, tx, table, Op(op), *rest)


class Tail:
    """The tail of one copy, open to be appended to."""

    def __init__(self, path: Path, *, node: int, seq: int, epoch: int) -> None:
        """Go on where the file ends; an absent one begins after `seq`, in the copy's epoch."""
        self.seq = seq
        self._epochs = {epoch}
        self._last: Entry | None = None
        end = 0
        for part, at in parts(path, node):
            end = at
            self._take_in(part)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        sync_folder(path.parent)
        os.ftruncate(self._descriptor, end)
        self._end = end

    def _take_in(self, part: Part) -> None:
        self._epochs |= {start.stream.epoch for start in part.starts}
        self._last = part.logged[-1][2]
        self.seq = self._last.seq

    def continued_by(self, reader: Reader) -> bool:
        """Tell whether the file goes on from here: one that was put back may not."""
        if self._last is not None:
            return log.chain_of(reader, self._last.seq) == self._last.chain
        return self._epochs <= {one.stream.epoch for one in streams.starts(reader)}

    def follow(self, store: Store) -> int:
        """Append all that was logged since, synced; return how many entries that was."""
        count, end = 0, self._end
        while part := self._next(store):
            frame = written(part)
            self._end += _put(self._descriptor, frame, self._end)
            self._take_in(part)
            count += len(part.logged)
        if self._end > end:
            os.fdatasync(self._descriptor)
        return count

    def _next(self, store: Store) -> Part | None:
        with store.read() as reader:
            logged = log.after(reader, self.seq)
            return Part(self._starts(reader, logged), tuple(logged)) if logged else None

    def _starts(self, reader: Reader, logged: Sequence[Logged]) -> tuple[Start, ...]:
        """Return the start of what was logged, if the copy and its tail do not know it."""
        stream = logged[0][0]
        if stream.epoch in self._epochs:
            return ()
        return tuple(one for one in streams.starts(reader) if one.stream == stream)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _put(descriptor: int, frame: bytes, at: int) -> int:
    """Write all of a frame at a place; return its size."""
    done = 0
    while done < len(frame):
        done += os.pwrite(descriptor, frame[done:], at + done)
    return done
