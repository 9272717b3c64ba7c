"""A request that comes twice is done once, and a verb that fails leaves its key free."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import VuzolError
from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.store.tables import Owner, Table, integer
from appliance.store.transaction import Transaction
from appliance.web import idempotency
from appliance.web.idempotency import KEPT_MS, Asked, KeyMissing, KeyReused, Reply, once
from tests.web import places

TAKEN = Table("trial_taken", owner=Owner.LOCAL, columns=(integer("n"),), key=("n",))


class NoPaper(VuzolError):
    """The verb failed."""

    code: ClassVar[str] = "test_no_paper"

    def __init__(self) -> None:
        super().__init__("no paper", next_step="put some in")


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[Store]:
    opened = Store.open(tmp_path / "node.db", (*places.TABLES, TAKEN), node=3, clock=clock)
    yield opened
    opened.close()


def take(tx: Transaction) -> Reply:
    n = int(tx.value("SELECT count(*) + 1 FROM trial_taken"))
    tx.add(TAKEN, {"n": n})
    return Reply.of(201, {"n": n})


def asked(key: str = "k1", device: str = "kiosk-1", body: bytes = b"{}") -> Asked:
    return Asked.of(device, key, "POST /api/tickets", body)


def taken(store: Store) -> int:
    with store.read() as reader:
        return int(reader.value("SELECT count(*) FROM trial_taken"))


def kept(store: Store) -> int:
    with store.read() as reader:
        return int(reader.value("SELECT count(*) FROM web_reply"))


def test_the_same_request_gets_the_same_reply_and_is_done_once(store: Store) -> None:
    first = store.write(once, asked(), take)
    assert store.write(once, asked(), take) == first == Reply.of(201, {"n": 1})
    assert taken(store) == 1


def test_another_key_and_another_device_are_other_requests(store: Store) -> None:
    told = [
        store.write(once, one, take).told["n"]
        for one in (asked(), asked(key="k2"), asked(device="kiosk-2"))
    ]
    assert told == [1, 2, 3]


def test_another_body_under_the_same_key_is_refused(store: Store) -> None:
    store.write(once, asked(), take)
    with pytest.raises(KeyReused) as refused:
        store.write(once, asked(body=b'{"service": 2}'), take)
    assert refused.value.status_hint == 422
    assert taken(store) == 1


def test_a_verb_that_fails_leaves_the_key_free(store: Store) -> None:
    def fail(tx: Transaction) -> Reply:
        take(tx)
        raise NoPaper

    with pytest.raises(NoPaper):
        store.write(once, asked(), fail)
    assert (taken(store), kept(store)) == (0, 0)
    assert store.write(once, asked(), take).status == 201


def test_a_reply_is_forgotten_after_48_hours(store: Store, clock: FixedClock) -> None:
    store.write(once, asked(), take)
    clock.advance(KEPT_MS / 1000 - 1)
    store.write(once, asked(key="k2"), take)
    assert kept(store) == 2
    clock.advance(2)
    store.write(once, asked(key="k3"), take)
    assert kept(store) == 2
    assert store.write(once, asked(), take).told == {"n": 4}


def test_nothing_is_forgotten_by_a_clock_that_nobody_trusts(
    store: Store, clock: FixedClock
) -> None:
    store.write(once, asked(), take)
    clock.set(clock.wall() + 10 * KEPT_MS, quality=ClockQuality.UNKNOWN)
    store.write(once, asked(key="k2"), take)
    assert kept(store) == 2
    assert store.write(once, asked(), take).told == {"n": 1}


@pytest.mark.parametrize("key", ["", "x" * 201, "ключ", "a\nb"])
def test_an_unfit_key_is_refused(key: str) -> None:
    with pytest.raises(KeyMissing):
        asked(key=key)


Order = Callable[[], None]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([b"1", b"2"])), max_size=8))
def test_in_any_order_of_repeats_each_key_is_done_once(
    store: Store, requests: list[tuple[str, bytes]]
) -> None:
    bodies: dict[str, bytes] = {}
    before = taken(store)
    device = f"kiosk-{before}-{kept(store)}"
    for key, body in requests:
        one = asked(key=key, device=device, body=body)
        if bodies.setdefault(key, body) == body:
            store.write(once, one, take)
        else:
            with pytest.raises(KeyReused):
                store.write(once, one, take)
    assert taken(store) - before == len(bodies)
    assert len(idempotency.TABLES) == 1
