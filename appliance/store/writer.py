"""The threads behind `Store.write`: one commits, one answers.

The writer takes what waits, as one group. When a group is committed, the finisher syncs the marks
of its numbers, gives the answers and wakes the subscribers, while the next group is already
being written. A finisher that is behind takes several groups at once, with one sync.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from appliance.errors import VuzolError
from appliance.store.failures import StoreClosed
from appliance.store.group import Committer, Job
from appliance.store.numbers import HighWater, NumberNotKept

Wake = Callable[[], None]

logger = logging.getLogger(__name__)


class ErasureNotKept(VuzolError):
    """Rows were erased, and that is not written down outside the database."""

    code: ClassVar[str] = "erasure_not_kept"
    status_hint: ClassVar[int] = 503

    def __init__(self, refused: NumberNotKept) -> None:
        super().__init__(
            f"the rows are erased, but {refused.path} could not be written: a copy of the database"
            " from before, put back, would bring them back",
            next_step="see to the medium and erase them again: that only writes it down",
        )


class WriterStuck(VuzolError):
    """The writer did not end in the time it was given."""

    code: ClassVar[str] = "writer_stuck"
    status_hint: ClassVar[int] = 503

    def __init__(self, timeout: float) -> None:
        super().__init__(
            f"the writer was still at work after {timeout:g} s",
            next_step="the file stays owned until the process ends; look at its disk",
        )


class Subscribers:
    """Who wants to hear of which topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, tuple[Wake, ...]] = {}

    def add(self, topic: str, wake: Wake) -> Callable[[], None]:
        """Call `wake` after each commit that announces the topic; return what ends it."""
        with self._lock:
            self._of[topic] = (*self._of.get(topic, ()), wake)
        return lambda: self._remove(topic, wake)

    def wake(self, topics: set[str]) -> None:
        """Call the subscribers of the topics; one that fails does not hold up the others."""
        for topic in sorted(topics):
            for wake in self._of.get(topic, ()):
                try:
                    wake()
                except Exception:  # the thread must outlive a subscriber's mistake
                    logger.exception("a subscriber of %s failed", topic)

    def _remove(self, topic: str, wake: Wake) -> None:
        with self._lock:
            left = list(self._of.get(topic, ()))
            with contextlib.suppress(ValueError):
                left.remove(wake)
            self._of[topic] = tuple(left)


class Finisher:
    """What happens to jobs between their commit and their answer."""

    def __init__(self, high_water: HighWater, erased: HighWater, subscribers: Subscribers) -> None:
        self._high_water = high_water
        self._erased = erased
        self._subscribers = subscribers

    def finish(self, jobs: Sequence[Job]) -> None:
        """Sync the marks, give the answers, then wake who waits for the topics."""
        marks: dict[str, int] = {}
        erased: dict[str, int] = {}
        topics: set[str] = set()
        for job in jobs:
            marks.update(job.numbers)  # a later job has the greater number
            erased |= job.erased
            topics |= job.topics
        if marks or self._high_water.owes:
            self._keep(marks, jobs)
        if erased or self._erased.owes:
            self._remember(erased, jobs)
        for job in jobs:
            job.done.release()
        if topics:
            self._subscribers.wake(topics)

    def _keep(self, marks: dict[str, int], jobs: Sequence[Job]) -> None:
        """Sync the marks, and those that an earlier group still owes."""
        try:
            self._high_water.keep(marks)
        except NumberNotKept as error:
            for job in jobs:
                if job.numbers or job.repeats:
                    job.error = error

    def _remember(self, erased: dict[str, int], jobs: Sequence[Job]) -> None:
        """Sync which rows were erased, for the day on which an older copy is put back."""
        try:
            self._erased.keep(erased)
        except NumberNotKept as error:
            for job in jobs:
                if job.erased:
                    job.error = ErasureNotKept(error)


class Writer:
    """The queue of jobs and its two threads."""

    def __init__(self, committer: Committer, finisher: Finisher) -> None:
        self._committer = committer
        self._finisher = finisher
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._committed: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._threads = (
            threading.Thread(target=self._write, name="store-writer", daemon=True),
            threading.Thread(target=self._finish, name="store-finisher", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def do(self, job: Job) -> None:
        """Hand in a job and wait for its answer."""
        if threading.current_thread() in self._threads:
            raise RuntimeError("a verb or a subscriber can't wait for the writer it runs in")
        with self._gate:
            if self._closed:
                raise StoreClosed
            self._jobs.put(job)
        job.done.acquire()

    def close(self, timeout: float) -> None:
        """Do what was handed in, then end; raise `WriterStuck` if that takes longer."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():
                raise WriterStuck(timeout)

    def _write(self) -> None:
        first = self._jobs.get()
        while first is not None:
            self._committed.put(self._committer.run(self._waiting(first)))
            first = self._jobs.get()
        self._committed.put(None)

    def _waiting(self, first: Job) -> Iterator[Job]:
        """Give the first job and all that wait, also those that come meanwhile."""
        yield first
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._jobs.put(None)  # the last one: for the loop to see, after this group
                return
            yield job

    def _finish(self) -> None:
        while (jobs := self._committed.get()) is not None:
            self._finisher.finish(jobs)
