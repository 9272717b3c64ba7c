"""The owner of one database file: the only way to read and to write it.

Promise: `write` answers only after a durable commit, and a verb that raises leaves no trace.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from appliance.store import erasures, pragmas
from appliance.store.clock import Clock
from appliance.store.failures import TROUBLES, StoreClosed
from appliance.store.group import Committer, Job
from appliance.store.opening import Opened, Wanted, opened
from appliance.store.ownership import PATIENCE
from appliance.store.reader import Moment, Pool, Reader
from appliance.store.tables import Table
from appliance.store.transaction import Transaction
from appliance.store.writer import Finisher, Subscribers, Writer

LOG: Final = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

DRAIN: Final = 10.0
"""Seconds that a closing store gives its last jobs."""


class Store:
    """One database file in the hands of its owner."""

    def __init__(self, opened: Opened, *, path: Path, inline: bool, busy_seconds: float) -> None:
        """Take over what `open` has prepared."""
        self.path = path
        self.tables = opened.owned.tables
        self.clock = opened.owned.clock
        self.stream = opened.owned.stream
        self.restored_series = opened.restored  # until `numbers.forget_restored`
        self._opened = opened
        self._closed = False
        self._refused = False  # by the disk, the last time that somebody wrote
        self._turn = threading.Lock()
        self._subscribers = Subscribers()
        self._committer = Committer(opened.connection, opened.owned, opened.heads)
        self._finisher = Finisher(opened.high_water, opened.erased, self._subscribers)
        self._forget_again(opened.owed)
        self._writer = None if inline else Writer(self._committer, self._finisher)
        opener = partial(pragmas.open_reader, path, busy_seconds=busy_seconds)
        self._pool = Pool(opener, node=self.stream.node, tables=self.tables)

    @classmethod
    def open(
        cls,
        path: Path,
        tables: Iterable[Table],
        *,
        node: int,
        clock: Clock,
        files: str = "node",
        second_medium: Path | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        centre: bool = True,
        inline: bool = False,
        patience: float = PATIENCE,
        busy_seconds: float = pragmas.BUSY_SECONDS,
    ) -> Self:
        """Own the file, bring it up to date, open a new epoch, start the writer.

        With `centre` off, rows of DOWN tables are refused here. With `inline` on there are no
        threads: each verb runs where `write` is called, for simulations that a seed replays.
        """
        wanted = Wanted(
            path=path,
            tables=tables,
            node=node,
            clock=clock,
            files=files,
            second_medium=second_medium,
            entropy=entropy,
            centre=centre,
            patience=patience,
            busy_seconds=busy_seconds,
        )
        return cls(opened(wanted), path=path, inline=inline, busy_seconds=busy_seconds)

    @property
    def node(self) -> int:
        """Return the node that owns the file."""
        return self.stream.node

    @property
    def epoch(self) -> int:
        """Return the epoch of this start."""
        return self.stream.epoch

    @property
    def marks_displaced(self) -> bool:
        """Tell whether the marks of the numbers had to leave the second medium."""
        return self._opened.high_water.displaced

    @property
    def commits(self) -> int:
        """Return how many transactions this start has committed."""
        return self._committer.commits

    def write(
        self,
        verb: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a verb in a transaction of its own and answer when its writes are on the disk.

        The verb does no I/O but on its transaction and may run a second time, if SQLite ended the
        group that it was part of. What it raises is raised here, and it has left no trace.
        """
        job = Job(verb, args, kwargs)
        if self._writer is None:
            self._do_inline(job)
        else:
            self._writer.do(job)
        if job.error is not None:
            self._refused = self._refused or isinstance(job.error, TROUBLES)
            raise job.error
        self._refused = False
        return job.result  # type: ignore[no-any-return]

    def read(self) -> AbstractContextManager[Reader]:
        """Give a reader for one request: it sees one moment and can't write."""
        return Moment(self._pool)

    def subscribe(self, topic: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each commit that announces the topic; return what ends it.

        It is called from a thread of the store: it must be quick and must not write.
        """
        return self._subscribers.add(topic, wake)

    def prove_writable(self) -> None:
        """Raise what the disk refuses now; costs nothing unless the last write was refused."""
        if self._refused:
            self.beat()

    def beat(self) -> float:
        """Send a job through the writer and read it back; return the seconds that took."""
        begun = time.monotonic()
        told = self.write(_beat)
        with self.read() as reader:
            seen = reader.value("SELECT at FROM _beat WHERE place = 1")
        if seen is None or seen < told:
            raise sqlite3.DatabaseError("the beat that was written is not there")
        return time.monotonic() - begun

    def close(self, timeout: float = DRAIN) -> None:
        """Do what was handed in, refuse the rest, then give the file back."""
        if self._writer is not None:
            self._writer.close(timeout)
        with self._turn:
            if self._closed:
                return
            self._closed = True
        self._pool.close()
        self._give_back()

    def _forget_again(self, owed: frozenset[str]) -> None:
        """Erase what a copy brought back, and the traces of earlier erasures: nobody reads yet."""
        if owed:
            LOG.warning(
                "the database was put back from a copy: %d rows are erased again", len(owed)
            )
            job = Job(erasures.reapply, (owed,), {})
            self._finisher.finish(self._committer.run([job]))
            if job.error is not None:
                self._give_back()
                raise job.error
        self._committer.scrub()

    def _give_back(self) -> None:
        self._opened.high_water.close()
        self._opened.erased.close()
        self._opened.connection.close()
        self._opened.ownership.release()

    def _do_inline(self, job: Job) -> None:
        with self._turn:
            if self._closed:
                raise StoreClosed
            jobs = self._committer.run([job])
        self._finisher.finish(jobs)


def _beat(tx: Transaction) -> int:
    at = tx.value("SELECT coalesce(max(at), 0) + 1 FROM _beat")
    tx.run("INSERT OR REPLACE INTO _beat (place, at) VALUES (1, ?)", (at,))
    return int(at)
