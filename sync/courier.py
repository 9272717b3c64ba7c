"""The one who writes and reads sticks: one job at a time, in a thread, with its progress told.

Promise: a job that is done has been read back from the medium; one that failed says why in one
sentence and has lost nothing. It gives way to people, and ends soon when the node stops.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final

from appliance.errors import VuzolError
from appliance.store.clock import Clock
from appliance.store.inbox import ChainBroken, NotContiguous
from appliance.web.context import Stick
from sync import bundles, stick
from sync.asks import BadAsk
from sync.bundles import HALF, BadBundle, ForeignBundle, Head, Kind
from sync.cargo import NOTHING, Cargo, Outgoing, Taken
from sync.intake import Forked, Gap
from sync.messages import BadMessage
from sync.stick import Folder
from sync.wire import BadBatch

COURIER: Final = "sync.courier"
"""The name under which `Context.extras` holds the `Courier` of the process."""

LOG: Final = logging.getLogger(__name__)
STOP_SECONDS: Final = 3.0
FRESH_MS: Final = 30 * 60 * 1000
"""How long every page goes on to say what became of a stick."""

MOST_TOLD: Final = 20
"""Files that are named one by one among those that were refused."""

REFUSED: Final = (BadBundle, BadBatch, BadMessage, BadAsk, Forked, ChainBroken, NotContiguous)
"""What one file may be refused for without holding up the others."""


class CourierBusy(VuzolError):
    """A stick is being written or read, and there is one pair of hands."""

    code: ClassVar[str] = "courier_busy"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "another stick is being written or read",
            next_step="wait until that is done, and start again",
        )


class CourierStopped(VuzolError):
    """The node was stopped while it wrote or read a stick."""

    code: ClassVar[str] = "courier_stopped"
    status_hint: ClassVar[int] = 503

    def __init__(self) -> None:
        super().__init__(
            "the node was stopped before the stick was done",
            next_step="start the node and do it again; nothing is lost here",
        )


class NobodyAsked(VuzolError):
    """The centre was told to write answers, and no bundle of a node was ever read here."""

    code: ClassVar[str] = "nobody_asked"
    status_hint: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "no node has asked by a bundle, so there is nothing to answer",
            next_step="read the bundles of the nodes first: `vuzol sync import FILE...`",
        )


class Verb(StrEnum):
    """What the courier is asked for."""

    EXPORT = "export"
    IMPORT = "import"


class Phase(StrEnum):
    """How a job stands."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class Step(StrEnum):
    """What a job is at."""

    WRITE = "write"
    VERIFY = "verify"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was refused whole."""

    file: str
    code: str
    cause: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a job came to nothing."""

    code: str
    cause: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job, and how far it has come. `safe_to_remove` is said of a stick that was verified."""

    number: int
    verb: Verb
    where: str
    step: Step
    phase: Phase = Phase.WORKING
    done: int = 0  # rows or files, out of `total`
    total: int = 0
    files: int = 0
    size: int = 0  # bytes
    taken: Taken = NOTHING
    others: int = 0  # whole files that are meant for other nodes
    refused: tuple[Refused, ...] = ()
    failed: Failed | None = None
    ended_at: int | None = None
    safe_to_remove: bool = False

    def told(self) -> dict[str, Any]:
        """Return the job as a program reads it."""
        return asdict(self)


def _rows(job: Job) -> int:
    return job.done if job.verb is Verb.EXPORT else job.taken.rows


class Courier:
    """The hands of one end. Safe from any thread."""

    def __init__(
        self,
        cargo: Cargo,
        clock: Clock,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
        part_bytes: int = bundles.PART_BYTES,
    ) -> None:
        self._cargo = cargo
        self._clock = clock
        self._entropy = entropy
        self._part_bytes = part_bytes
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def job(self) -> Job | None:
        """Return the job in hand, or the last one; None if there was none."""
        return self._job

    def demand_free(self) -> None:
        """Raise `CourierBusy` if a stick is being written or read now."""
        if self._job is not None and self._job.phase is Phase.WORKING:
            raise CourierBusy

    def export(self, folder: Path) -> Job:
        """Begin to write what is to go out; return the job."""
        return self._begin(Verb.EXPORT, str(folder), Step.WRITE, lambda: self._write(folder))

    def take_in(self, paths: Sequence[Path]) -> Job:
        """Begin to read files, and the bundles of folders; return the job."""
        given = tuple(paths)
        where = ", ".join(str(path) for path in given[:3])
        return self._begin(Verb.IMPORT, where, Step.READ, lambda: self._read(given))

    def lately(self) -> Stick | None:
        """Return what every page says of the last stick; None once that is old."""
        job = self._job
        if job is None or self._is_old(job):
            return None
        if job.failed is not None:
            return Stick("failed")
        if job.phase is Phase.WORKING:
            return Stick("working")
        if job.verb is Verb.IMPORT:
            return Stick("read", job.files)
        if self._cargo.kind is Kind.ANSWER:
            return Stick("answers", job.files)
        return Stick("rows", job.done)

    def _is_old(self, job: Job) -> bool:
        return job.ended_at is not None and self._clock.wall() > job.ended_at + FRESH_MS

    def wait(self, seconds: float | None = None) -> Job | None:
        """Wait until the job in hand is over; return it."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._job

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Break off what is in hand; what was not verified has not been said to be safe."""
        self._stopping.set()
        self.wait(seconds)

    # --- the thread ------------------------------------------------------------------------------

    def _begin(self, verb: Verb, where: str, step: Step, work: Callable[[], None]) -> Job:
        with self._lock:
            self.demand_free()
            before = self._job
            job = self._job = Job((before.number if before else 0) + 1, verb, where, step)
            thread = threading.Thread(target=self._run, args=(work,), name="courier", daemon=True)
            self._thread = thread
            thread.start()
        return job

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._note(phase=Phase.DONE, ended_at=self._clock.wall())
            job = self._now()
            LOG.info("stick: %s done: %d files, %d rows", job.verb, job.files, _rows(job))
        except VuzolError as error:
            LOG.warning("stick: %s", error)
            self._fail(Failed(error.code, error.cause, error.next_step))
        except Exception as error:  # whoever waits for the job is told, whatever it met
            LOG.exception("stick: not foreseen")
            self._fail(Failed("failed", f"{type(error).__name__} was not foreseen", "see the log"))

    def _fail(self, failed: Failed) -> None:
        self._note(phase=Phase.FAILED, failed=failed, ended_at=self._clock.wall())

    def _now(self) -> Job:
        assert self._job is not None  # noqa: S101 - `_begin` has made it
        return self._job

    def _note(self, **values: Any) -> None:  # noqa: ANN401 - fields of Job
        self._job = replace(self._now(), **values)

    def _tell(self, done: int) -> None:
        if self._stopping.is_set():
            raise CourierStopped
        self._note(done=self._now().done + done)

    # --- writing ---------------------------------------------------------------------------------

    def _write(self, path: Path) -> None:
        cargo = self._cargo
        with Folder(path) as folder:
            self._clear(folder)
            going = list(cargo.outgoing())
            if not going:
                raise NobodyAsked
            self._note(total=sum(one.rows for one in going))
            written: dict[str, bytes] = {}
            try:
                for one in going:
                    self._put(folder, one, written)
                self._verify(folder, written)
            except VuzolError:
                self._take_back(folder, written)
                raise
            self._replace(folder, going, written)
        self._note(safe_to_remove=True)

    def _put(self, folder: Folder, one: Outgoing, written: dict[str, bytes]) -> None:
        cargo, bundle = self._cargo, self._entropy(bundles.ID_BYTES)
        cut = bundles.parts(one.pieces(self._tell), self._part_bytes)
        for part, (pieces, last) in enumerate(cut, 1):
            head = Head(cargo.kind, cargo.hromada, cargo.number, one.recipient, bundle, part, last)
            data = bundles.seal(head, pieces, key=cargo.key, recipient=one.key)
            folder.write(head.name, data)
            written[head.name] = hashlib.sha256(data).digest()
            self._note(files=len(written), size=self._now().size + len(data))
            self._tell(0)

    def _verify(self, folder: Folder, written: dict[str, bytes]) -> None:
        self._note(step=Step.VERIFY)
        for name, digest in written.items():
            self._tell(0)
            folder.verify(name, digest)

    def _clear(self, folder: Folder) -> None:
        """Take away what a stick that was pulled out has kept of an earlier try."""
        mine = bundles.prefix(self._cargo.number)
        for name in folder.names():
            if name.startswith(mine) and name.lower().endswith(HALF):
                folder.remove(name)

    def _replace(
        self, folder: Folder, going: Sequence[Outgoing], written: dict[str, bytes]
    ) -> None:
        """Take away the older bundles that these hold all of, now that these are safe."""
        mine = tuple(bundles.prefix(self._cargo.number, one.recipient) for one in going)
        for name in folder.names():
            if name.startswith(mine) and name not in written:
                folder.remove(name)
        folder.sync()

    @staticmethod
    def _take_back(folder: Folder, written: dict[str, bytes]) -> None:
        """Leave nothing behind of what was not finished, as far as the medium still answers."""
        for name in written:
            try:
                folder.remove(name)
            except VuzolError:
                return

    # --- reading ---------------------------------------------------------------------------------

    def _read(self, paths: tuple[Path, ...]) -> None:
        waiting = stick.found(paths)
        self._note(total=len(waiting))
        while waiting:
            gaps = list(self._round(waiting))
            if len(gaps) == len(waiting):  # what should come before them is not among these
                self._refuse([Refused(path.name, gap.code, gap.cause) for path, gap in gaps])
                self._tell(len(gaps))
                return
            waiting = [path for path, _ in gaps]

    def _round(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Gap]]:
        """Read each file once; give those whose rows follow some that may come from another."""
        for path in paths:
            self._tell(0)
            try:
                sealed = bundles.read(stick.read(path))
                taken = self._cargo.take(sealed)
            except ForeignBundle:
                self._note(others=self._now().others + 1)
            except Gap as gap:
                yield path, gap
                continue
            except REFUSED as error:
                self._refuse([Refused(path.name, error.code, error.cause)])
            else:
                now = self._now()
                self._note(taken=now.taken + taken, files=now.files + 1)
            self._tell(1)

    def _refuse(self, more: Sequence[Refused]) -> None:
        self._note(refused=(*self._now().refused, *more)[:MOST_TOLD])
