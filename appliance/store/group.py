"""Many verbs in one commit, each undone alone if it fails.

A job runs inside a savepoint. After any exception the group looks whether the transaction is still
there: SQLite may have ended it, as it does on a full disk. Then nothing of the group is
acknowledged, and its jobs run again, each in a transaction of its own.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from appliance.store.clock import ClockQuality
from appliance.store.failures import translated
from appliance.store.journal import Heads
from appliance.store.owned import Owned
from appliance.store.scrubbing import LARGEST as LARGEST_AT_START
from appliance.store.scrubbing import Scrubber
from appliance.store.transaction import Transaction

LONGEST: Final = 0.02
"""Seconds after which a group takes no further job: a transaction stays below 50 ms."""

LARGEST: Final = 64
"""Jobs of one group."""


class Job:
    """One verb on its way through the writer."""

    __slots__ = (
        "args", "done", "erased", "error", "kwargs", "numbers", "repeats", "result", "topics",
        "verb",
    )  # fmt: skip

    def __init__(
        self, verb: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.verb = verb
        self.args = args
        self.kwargs = kwargs
        self.done = threading.Lock()
        self.done.acquire()  # released when the answer may be given
        self.forget()

    def forget(self) -> None:
        """Be as before the first run."""
        self.result: Any = None
        self.error: BaseException | None = None
        self.numbers: dict[str, int] = {}
        self.repeats = False
        self.erased: dict[str, int] = {}
        self.topics: set[str] = set()


class GroupLost(Exception):
    """SQLite ended the transaction in the middle of a group."""

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Committer:
    """Runs jobs on the one connection that writes. It is used by one thread."""

    def __init__(self, connection: sqlite3.Connection, owned: Owned, heads: Heads) -> None:
        self._connection = connection
        self._owned = owned
        self._heads = heads
        self._scrubber = Scrubber(connection)
        self.commits = 0
        self.lost = 0

    def scrub(self) -> None:
        """Clean the whole file of what was erased, before anybody is served."""
        self._scrubber.scrub(largest=LARGEST_AT_START)

    def run(self, jobs: Iterable[Job]) -> list[Job]:
        """Run the jobs and commit them; return them with their results or errors."""
        taken: list[Job] = []
        try:
            self._run(iter(jobs), taken)
        except Exception as error:  # noqa: BLE001 - the writer must outlive it, the callers hear it
            _fail(taken, error)
        if self._scrubber.owes:
            self._scrubber.scrub()
        return taken

    def _run(self, waiting: Iterator[Job], taken: list[Job]) -> None:
        taken.append(next(waiting))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # whoever waits behind would only wait as long again
            taken += islice(waiting, LARGEST)
            _fail(taken, error)
            return
        try:
            self._together(waiting, taken)
        except GroupLost as lost:
            self.lost += 1
            if len(taken) == 1:
                _fail(taken, lost.cause)
            else:
                for job in taken:
                    self._alone(job)

    def _alone(self, job: Job) -> None:
        job.forget()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._together(iter(()), [job])
        except sqlite3.Error as error:
            _fail([job], error)
        except GroupLost as lost:
            _fail([job], lost.cause)

    def _together(self, waiting: Iterator[Job], taken: list[Job]) -> None:
        """Run the job that is taken and those that wait, while there is time; then commit."""
        clock = self._owned.clock
        until = time.monotonic() + LONGEST
        try:
            now, quality = clock.wall(), clock.quality()
            heads = self._step(taken[0], self._heads, now, quality)
            while len(taken) < LARGEST and time.monotonic() < until:
                job = next(waiting, None)
                if job is None:
                    break
                taken.append(job)
                heads = self._step(job, heads, now, quality)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise GroupLost(error) from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._heads = heads
        self.commits += 1

    def _step(self, job: Job, heads: Heads, now: int, quality: ClockQuality) -> Heads:
        """Run one job in a savepoint; return the heads after it, the same ones if it failed."""
        connection = self._connection
        connection.execute("SAVEPOINT job")
        attempt = heads.copy()
        tx = Transaction(connection, self._owned, attempt, now=now, quality=quality)
        try:
            job.result = job.verb(tx, *job.args, **job.kwargs)
            tx.finish()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            job.error = translated(error)
        finally:
            tx.end()
        if tx.lost or not connection.in_transaction:
            raise GroupLost(job.error)
        if job.error is not None:
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
            return heads
        connection.execute("RELEASE job")
        job.numbers, job.topics, job.repeats = tx.numbers, tx.topics, tx.repeats
        job.erased = tx.erased
        self._scrubber.owes = self._scrubber.owes or tx.scrubs
        return attempt


def _fail(jobs: Iterable[Job], cause: BaseException | None) -> None:
    for job in jobs:
        job.forget()
        job.error = translated(cause or sqlite3.OperationalError("the transaction was lost"))
