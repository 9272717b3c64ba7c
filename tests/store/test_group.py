"""Many verbs in one commit: each fails alone, and a lost transaction is nobody's answer."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import VuzolError
from appliance.store import group
from appliance.store.database import Store
from appliance.store.failures import AlreadyThere, DiskFull
from appliance.store.group import Job
from appliance.store.transaction import Transaction
from tests.store.checking import verify
from tests.store.sample import NOTE, PERSON, TICKET, rows, take, value, village


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(group, "LONGEST", 60)  # a busy machine must not split the groups
    opened = village(tmp_path / "node.db", inline=True)
    yield opened
    opened.close()


def together(store: Store, *verbs: object) -> list[Job]:
    """Run the verbs as one group, as the writer's thread would."""
    jobs = [Job(verb, (), {}) for verb in verbs]
    done: list[Job] = []
    waiting = iter(jobs)
    while len(done) < len(jobs):
        done += store._committer.run(waiting)
    store._finisher.finish(done)
    assert done == jobs
    return jobs


def fails(tx: Transaction) -> None:
    take(tx)
    tx.insert(PERSON, {"name": "Олена"})
    tx.announce("people")
    raise LookupError("on purpose")


def swallows(tx: Transaction) -> None:
    take(tx)
    try:
        tx.insert(TICKET, {"series": "А", "number": 1})
    except AlreadyThere:
        tx.insert(PERSON, {"name": "замість"})


def fill(store: Store, *, spare: int) -> None:
    """Leave room for a few pages more; SQLite then ends a transaction by itself."""
    connection = store._opened.connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + spare}").fetchall()


def free(store: Store) -> None:
    store._opened.connection.execute("PRAGMA max_page_count = 1073741823").fetchall()


def large(tx: Transaction) -> None:
    tx.add(NOTE, {"words": "х" * 40_000})


def test_a_clock_that_fails_leaves_no_transaction_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = store._committer._owned.clock
    monkeypatch.setattr(type(clock), "wall", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        store.write(take)
    monkeypatch.undo()
    store.write(take)
    assert value(store, "SELECT count(*) FROM ticket") == 1


def test_many_verbs_share_one_commit(store: Store) -> None:
    before = store.commits
    jobs = together(store, *[take] * 10)
    assert store.commits == before + 1
    assert [job.error for job in jobs] == [None] * 10
    assert value(store, "SELECT count(DISTINCT tx) FROM _log") == 10
    verify(store)


def test_a_verb_that_fails_is_undone_alone(store: Store) -> None:
    jobs = together(store, take, fails, take)
    assert isinstance(jobs[1].error, LookupError)
    assert [job.error for job in (jobs[0], jobs[2])] == [None, None]
    assert [row["number"] for row in rows(store, "SELECT number FROM ticket ORDER BY id")] == [1, 2]
    assert value(store, "SELECT count(*) FROM person") == 0
    assert value(store, "SELECT max(seq) FROM _log") == 4
    verify(store)


def test_a_verb_may_go_on_after_a_rule_was_broken(store: Store) -> None:
    jobs = together(store, take, swallows, take)
    assert [job.error for job in jobs] == [None] * 3
    assert value(store, "SELECT count(*) FROM ticket") == 3
    assert value(store, "SELECT name FROM person") == "замість"
    verify(store)


def test_a_lost_transaction_answers_nobody_and_its_verbs_run_again_alone(store: Store) -> None:
    """Regression: a full disk in job 17 undid 17 finished jobs and let 10 later ones commit."""
    fill(store, spare=6)
    jobs = together(store, take, take, large, take, take)
    assert store._committer.lost == 1
    assert isinstance(jobs[2].error, DiskFull)
    assert [job.error for job in jobs if job is not jobs[2]] == [None] * 4
    assert [row["number"] for row in rows(store, "SELECT number FROM ticket ORDER BY id")] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    free(store)
    together(store, take, large)
    assert value(store, "SELECT count(*) FROM note") == 1
    verify(store)


def test_a_verb_that_hides_the_loss_commits_nothing_on_its_own(store: Store) -> None:
    seen: list[BaseException] = []

    def hides(tx: Transaction) -> str:
        try:
            large(tx)
        except DiskFull as error:
            seen.append(error)
        try:
            tx.add(NOTE, {"words": "alone"})  # would commit by itself, outside any transaction
        except VuzolError as error:
            seen.append(error)
        return "done"

    fill(store, spare=6)
    jobs = together(store, take, hides, take)
    assert isinstance(jobs[1].error, Exception)
    assert jobs[1].result is None
    assert [type(error).__name__ for error in seen] == ["DiskFull", "TransactionOver"] * 2
    assert value(store, "SELECT count(*) FROM note") == 0
    assert value(store, "SELECT count(*) FROM ticket") == 2
    free(store)
    verify(store)


def test_a_verb_that_ends_the_transaction_itself_is_found_out(store: Store) -> None:
    def ends(tx: Transaction) -> None:
        take(tx)
        tx.run("ROLLBACK")

    jobs = together(store, take, ends, take)
    assert [job.error is None for job in jobs] == [True, False, True]
    assert value(store, "SELECT count(*) FROM ticket") == 2
    verify(store)


def test_a_commit_that_fails_answers_nobody(store: Store) -> None:
    fill(store, spare=0)
    jobs = together(store, *[large] * 3)
    assert all(isinstance(job.error, DiskFull) for job in jobs)
    assert value(store, "SELECT count(*) FROM note") == 0
    free(store)
    assert together(store, large)[0].error is None


def test_a_group_ends_when_it_has_taken_long_enough(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "LONGEST", 0.005)
    before = store.commits
    together(store, *[lambda _: time.sleep(0.006)] * 4)
    assert store.commits == before + 4


def test_a_group_has_a_largest_size(store: Store) -> None:
    before = store.commits
    together(store, *[lambda _: None] * (group.LARGEST + 1))
    assert store.commits == before + 2


def test_a_verb_that_wants_to_end_the_thread_ends_only_itself(store: Store) -> None:
    def leaves(_: Transaction) -> None:
        raise SystemExit(3)

    jobs = together(store, take, leaves, take)
    assert isinstance(jobs[1].error, SystemExit)
    assert value(store, "SELECT count(*) FROM ticket") == 2
