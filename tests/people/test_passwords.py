"""The hashing thread with the real parameters: one hash at a time, a refusal beyond its queue."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from appliance.people import passwords as module
from appliance.people.errors import TooManySignIns
from appliance.people.passwords import NOBODY, HashingThread, is_ours
from tests.people.staffing import PASSWORD, hashed

MEBIBYTE = 1 << 20


@pytest.fixture
def thread() -> Iterator[HashingThread]:
    made = HashingThread()
    yield made
    made.close()


def test_a_hash_has_the_parameters_that_the_design_names() -> None:
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in hashed()
    assert is_ours(hashed())
    assert is_ours(NOBODY)


@pytest.mark.parametrize(
    "encoded",
    ["", "x", NOBODY.replace("m=19456", "m=4194304"), NOBODY.replace("t=2", "t=1")],
)
def test_a_hash_with_other_parameters_is_not_ours(encoded: str) -> None:
    assert not is_ours(encoded)


def test_the_right_password_fits_and_no_other(thread: HashingThread) -> None:
    assert thread.verify(hashed(), PASSWORD)
    assert not thread.verify(hashed(), PASSWORD + " ")
    assert not thread.verify(None, PASSWORD)
    assert not thread.verify("", PASSWORD)


def test_an_unknown_login_takes_as_long_as_a_known_one(thread: HashingThread) -> None:
    known, unknown = (min(_took(thread, encoded) for _ in range(4)) for encoded in (hashed(), None))
    assert unknown > known / 2


def _took(thread: HashingThread, encoded: str | None) -> float:
    begun = time.perf_counter()
    thread.verify(encoded, "не той пароль")
    return time.perf_counter() - begun


def test_sixteen_at_once_take_the_memory_of_one_and_the_rest_are_told_to_come_again() -> None:
    thread = HashingThread()
    start, most = threading.Barrier(16), [0]
    watching = threading.Event()
    process = psutil.Process()
    thread.verify(hashed(), PASSWORD)  # the first hash maps its memory
    before = process.memory_info().rss

    def watch() -> None:
        while not watching.is_set():
            most[0] = max(most[0], process.memory_info().rss)
            time.sleep(0.002)

    def one(_: int) -> bool:
        start.wait()
        try:
            return thread.verify(hashed(), PASSWORD)
        except TooManySignIns:
            return False

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    watching.set()
    watcher.join()
    thread.close()
    assert 8 <= sum(answers) <= 10  # eight wait, one is looked at, and one may just have left
    assert most[0] - before < 2 * module.MEMORY_KIB * 1024 + 8 * MEBIBYTE


def test_a_closed_thread_finishes_what_it_has_and_refuses_more() -> None:
    thread = HashingThread()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(thread.verify, hashed(), PASSWORD)
        time.sleep(0.005)
        thread.close()
        assert waiting.result()
    with pytest.raises(TooManySignIns):
        thread.hash(PASSWORD)


def test_an_error_is_told_to_who_asked_and_the_thread_goes_on(thread: HashingThread) -> None:
    with pytest.raises(UnicodeEncodeError):
        thread.hash("\ud800")
    assert thread.verify(hashed(), PASSWORD)


HASHES = """
import psutil
from appliance.people.passwords import HashingThread
thread, process = HashingThread(), psutil.Process()
before = process.memory_info().rss
for _ in range(5):
    thread.hash("some water 26")
print(process.memory_info().rss - before)
"""


def test_the_memory_of_a_hash_is_given_back() -> None:
    """A node held 20 MB more after its first sign-in, for ever."""
    told = subprocess.run(
        [sys.executable, "-c", HASHES], capture_output=True, text=True, check=True
    ).stdout
    assert int(told) < 8 * MEBIBYTE
