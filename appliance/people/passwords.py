"""Password hashing in one dedicated thread: memory for one hash at a time, then a refusal.

argon2id takes 19 MiB and tens of milliseconds. Sixteen at once in request threads would take a
small board's memory, so one thread does them in turn; behind a short queue people are told to try
again, and the kiosk never feels it.
"""

import ctypes
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.people.errors import TooManySignIns
from appliance.people.model import tidy_password

MEMORY_KIB: Final = 19456
ROUNDS: Final = 2
LANES: Final = 1
MMAP_THRESHOLD: Final = -3  # of mallopt
LARGE: Final = 1 << 20
WAITING: Final = 8
RETRY_AFTER: Final = 2  # seconds: a full queue is done by then
STOP_SECONDS: Final = 10.0

NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$vRmhJvZIrl4HUcoSQ6oYaA"
    "$Qx7yeJpcMPnnAX8bUqvcOJQ52Y2mWmUrQGrBh0KfT6g"
)
"""What an unknown login is checked against, so that it takes as long as a known one."""

T = TypeVar("T")


def is_ours(encoded: str) -> bool:
    """Tell whether a hash has our parameters: neither a cheap one nor one that eats the memory."""
    try:
        found = argon2.extract_parameters(encoded)
    except InvalidHashError:
        return False
    return (found.type, found.memory_cost, found.time_cost, found.parallelism) == (
        argon2.Type.ID,
        MEMORY_KIB,
        ROUNDS,
        LANES,
    )


class HashingThread:
    """Makes and checks password hashes, one after the other.

    Promise: never two at once; when the queue is full the caller is told at once.
    """

    def __init__(
        self, *, waiting: int = WAITING, started: Callable[[], None] | None = None
    ) -> None:
        """Start the thread; it calls `started` first: hashing needs a core, and no interpreter."""
        self._hasher = argon2.PasswordHasher(
            time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES
        )
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=waiting)
        self._thread = threading.Thread(target=self._work, name="passwords", daemon=True)
        self._closed = threading.Event()
        self._started = started
        _give_back_what_is_large()
        self._thread.start()

    def hash(self, password: str) -> str:
        """Return a new hash; raise `TooManySignIns` if the queue is full."""
        return self._done(lambda: self._hasher.hash(tidy_password(password)))

    def verify(self, encoded: str | None, password: str) -> bool:
        """Tell whether the password is the hash's own; None takes as long and is never right.

        Raise `TooManySignIns` if the queue is full.
        """
        known = bool(encoded) and is_ours(encoded or "")
        against = encoded if known and encoded else NOBODY
        return self._done(lambda: self._matches(against, tidy_password(password))) and known

    def close(self) -> None:
        """Finish what is queued and stop the thread; later calls are refused."""
        if not self._closed.is_set():
            self._closed.set()
            self._jobs.put(None)
            self._thread.join(STOP_SECONDS)

    def _done(self, job: Callable[[], T]) -> T:
        if self._closed.is_set():
            raise TooManySignIns(RETRY_AFTER)
        result: Future[T] = Future()
        try:
            self._jobs.put_nowait(lambda: _answer(result, job))
        except queue.Full:
            raise TooManySignIns(RETRY_AFTER) from None
        return result.result()

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except VerificationError:
            return False

    def _work(self) -> None:
        if self._started is not None:
            self._started()
        while (answer := self._jobs.get()) is not None:
            answer()


def _give_back_what_is_large() -> None:
    """Let the memory of a hash go back to the system when it is made.

    Left alone, glibc learns from the first hash to keep blocks of its size, and the process holds
    20 MB more for as long as it lives.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGE)


def _answer(result: Future[T], job: Callable[[], T]) -> None:
    try:
        result.set_result(job())
    except Exception as error:  # noqa: BLE001 - told to who asked; the thread must outlive it
        result.set_exception(error)
