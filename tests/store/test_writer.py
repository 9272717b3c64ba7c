"""Two threads between a verb and its answer; nothing gets lost between them."""

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.store.database import Store
from appliance.store.failures import StoreBusy, StoreClosed
from appliance.store.transaction import Transaction
from appliance.store.writer import WriterStuck
from tests.store.checking import verify
from tests.store.sample import PERSON, rows, take, value, village

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_everybody_gets_the_answer_to_their_own_verb(store: Store) -> None:
    def echo(tx: Transaction, number: int) -> int:
        take(tx)
        if number % 7 == 0:
            raise LookupError(number)
        return number

    def ask(number: int) -> int:
        try:
            return store.write(echo, number)
        except LookupError as error:
            return -int(error.args[0])

    before = store.commits
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(ask, range(400)))
    assert answers == [number if number % 7 else -number for number in range(400)]
    assert value(store, "SELECT count(*) FROM ticket") == 342
    assert store.commits - before < 200, "16 clients share commits"
    verify(store)


def test_numbers_have_no_gap_and_no_double_under_16_clients(store: Store) -> None:
    def sometimes(tx: Transaction, number: int) -> int:
        taken = tx.next_number("А")
        if number % 3 == 0:
            raise LookupError
        return taken

    def ask(number: int) -> int:
        try:
            return store.write(sometimes, number)
        except LookupError:
            return 0

    with ThreadPoolExecutor(16) as clients:
        given = sorted(filter(None, clients.map(ask, range(300))))
    assert given == list(range(1, 201))


def test_a_subscriber_hears_after_the_commit(store: Store) -> None:
    heard: list[int] = []
    done = threading.Event()

    def look() -> None:
        heard.append(value(store, "SELECT count(*) FROM ticket"))
        done.set()

    leave = store.subscribe("queue", look)
    store.write(take)
    assert done.wait(5)
    assert heard == [1]
    leave()
    leave()
    store.write(take)
    store.beat()
    assert heard == [1]


def test_only_what_is_committed_is_announced(store: Store) -> None:
    heard: list[str] = []
    for topic in ("queue", "log", "people"):
        store.subscribe(topic, lambda topic=topic: heard.append(topic))

    def fails(tx: Transaction) -> None:
        take(tx)
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fails)
    store.write(Transaction.announce, "people")
    store.write(take)
    store.close()
    assert heard == ["people", "log", "queue"]


def test_a_subscriber_that_fails_does_not_hold_up_the_rest(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    store.subscribe("queue", lambda: 1 // 0)
    store.subscribe("queue", lambda: heard.append("queue"))
    store.write(take)
    store.write(take)
    store.close()
    assert heard == ["queue", "queue"]
    assert "a subscriber of queue failed" in caplog.text


def test_a_verb_or_subscriber_that_writes_is_told_so_instead_of_waiting_for_ever(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RuntimeError, match="can't wait for the writer"):
        store.write(lambda _: store.write(take))
    store.subscribe("queue", lambda: store.write(take))
    store.write(take)
    store.close()
    assert "can't wait for the writer" in caplog.text


def test_closing_answers_what_was_accepted_and_refuses_the_rest(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db")
    started = threading.Barrier(9)
    outcomes: list[str] = []

    def client() -> None:
        started.wait()
        while True:
            try:
                store.write(take)
            except StoreClosed:
                outcomes.append("refused")
                return
            outcomes.append("answered")

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(0.05)
    store.close()
    for thread in threads:
        thread.join(5)
    assert outcomes.count("refused") == 8
    again = village(tmp_path / "node.db")
    assert value(again, "SELECT count(*) FROM ticket") == outcomes.count("answered")
    again.close()
    again.close()


def test_a_writer_that_does_not_end_keeps_the_file(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db")
    go_on = threading.Event()
    client = threading.Thread(target=store.write, args=(lambda _: go_on.wait(20),))
    client.start()
    time.sleep(0.05)
    with pytest.raises(WriterStuck):
        store.close(timeout=0.1)
    with pytest.raises(Exception, match="belongs to process"):
        village(tmp_path / "node.db", patience=0)
    go_on.set()
    client.join()
    store.close()
    village(tmp_path / "node.db").close()


def test_another_process_that_locks_the_file_is_waited_for_then_named(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db", busy_seconds=0.3)
    store.write(take)
    process = subprocess.Popen(
        [sys.executable, "-c", LOCK, tmp_path / "node.db"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as clients:
        errors = list(clients.map(lambda _: _error(store), range(8)))
    assert time.monotonic() - begun < 8 * 0.3, "those who wait behind wait no longer"
    assert [type(error) for error in errors] == [StoreBusy] * 8
    assert value(store, "SELECT count(*) FROM ticket") == 1, "reading goes on"
    process.communicate()
    store.write(take)
    assert [row["number"] for row in rows(store, "SELECT number FROM ticket ORDER BY id")] == [1, 2]
    verify(store)
    store.close()


def _error(store: Store) -> BaseException | None:
    try:
        store.write(take)
    except StoreBusy as error:
        return error
    return None


def test_a_lock_that_ends_in_time_is_not_noticed(tmp_path: Path) -> None:
    store = village(tmp_path / "node.db", busy_seconds=10)
    other = sqlite3.connect(tmp_path / "node.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.execute, ("ROLLBACK",))
    release.start()
    store.write(take)
    release.join()
    other.close()
    store.close()


def test_the_beat_goes_through_the_writer(store: Store) -> None:
    before = store.commits
    assert 0 < store.beat() < 5
    assert store.commits == before + 1
    store.close()
    with pytest.raises(StoreClosed):
        store.beat()


def test_an_error_of_the_verb_is_raised_where_it_was_called(store: Store) -> None:
    with pytest.raises(TypeError):
        store.write(Transaction.insert, PERSON)
