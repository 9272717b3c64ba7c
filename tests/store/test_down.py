"""What a node shows of the centre's rows is always something that the centre once was."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from appliance.store import down, grants
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.revisions import NEVER, DownPage, Grants, Outcome, PageKind, Rev
from appliance.store.tables import Lane, Owner, Table, integer, one_of, text
from appliance.store.transaction import NotOurs, Transaction
from tests.store.two_ends import (
    CENTRE,
    NOTICE,
    PERSON,
    SERVICE,
    TABLES,
    VILLAGE,
    opened,
    quick_folder,
    rows,
)

OURS, ALL, THEIRS = f"office:{VILLAGE}", "hromada", "office:4"
SCOPES = (ALL, OURS, THEIRS)
LANES = (Lane.STATE, Lane.TICKETS)
KINDS = (SERVICE, NOTICE, PERSON)
WHOLE = 1 << 20

View = frozenset[tuple[str, bytes, tuple[object, ...]]]
EMPTY: View = frozenset()


def view(store: Store, scope: str, lane: Lane, tables: Iterable[Table] = KINDS) -> View:
    """Return the visible rows of a scope and lane, with their values."""
    with store.read() as reader:
        return frozenset(
            (table.name, row["id"], tuple(row[column.name] for column in table.columns))
            for table in tables
            if table.lane is lane
            for row in reader.all(
                f"SELECT * FROM {table.name} WHERE scope = :scope AND deleted = 0", scope=scope
            )
        )


def ask(
    centre: Store,
    node: Store,
    scope: str,
    lane: Lane = Lane.STATE,
    max_bytes: int = WHOLE,
    *,
    compares: bool = False,
) -> DownPage:
    with node.read() as there, centre.read() as reader:
        told = down.fingerprint_of(there, scope, lane) if compares else None
        after = down.cursor(there, scope, lane)
        return down.changes(reader, scope, lane, after, max_bytes, fingerprint=told)


def follow(
    centre: Store, node: Store, scope: str, lane: Lane = Lane.STATE, max_bytes: int = WHOLE
) -> list[Outcome]:
    """Ask until everything is visible."""
    done = []
    while not done or done[-1] is Outcome.STAGED:
        page = ask(centre, node, scope, lane, max_bytes)
        done.append(node.write(down.apply, scope, lane, page))
    return done


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "centre.db", node=CENTRE)
    yield store
    store.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "node.db", node=VILLAGE)
    store.write(down.obey, Grants(1, (ALL, OURS)))
    yield store
    store.close()


def offer(centre: Store, *names: str, scope: str = ALL) -> list[RowId]:
    def verb(tx: Transaction) -> list[RowId]:
        return [
            tx.insert(SERVICE, {"name": name, "ordering": len(name)}, scope=scope) for name in names
        ]

    return centre.write(verb)


def names(store: Store) -> list[object]:
    return sorted(str(row["name"]) for row in rows(store, SERVICE).values())


# One thing at a time


def test_a_grant_brings_the_scope_and_then_only_what_changes(centre: Store, node: Store) -> None:
    first, second = offer(centre, "Довідка", "Субсидія")
    assert follow(centre, node, ALL) == [Outcome.VISIBLE]
    assert names(node) == ["Довідка", "Субсидія"]
    centre.write(lambda tx: tx.update_where(SERVICE, {"id": first}, {"name": "Витяг"}))
    centre.write(lambda tx: tx.delete(SERVICE, {"id": second}))
    page = ask(centre, node, ALL)
    assert (page.kind, len(page.rows), page.complete) == (PageKind.CHANGES, 2, True)
    assert node.write(down.apply, ALL, Lane.STATE, page) is Outcome.VISIBLE
    assert names(node) == ["Витяг"]
    assert ask(centre, node, ALL).rows == ()


def test_a_scope_that_was_not_granted_is_not_taken(centre: Store, node: Store) -> None:
    offer(centre, "Чуже", scope=THEIRS)
    page = ask(centre, node, THEIRS)
    assert node.write(down.apply, THEIRS, Lane.STATE, page) is Outcome.PASSED_OVER
    assert names(node) == []


def test_pages_are_shown_together_and_never_one_by_one(centre: Store, node: Store) -> None:
    offer(centre, *"абвгд")
    outcomes = []
    while outcomes[-1:] != [Outcome.VISIBLE]:
        assert names(node) == []
        page = ask(centre, node, ALL, max_bytes=1)
        assert len(page.rows) == 1
        outcomes.append(node.write(down.apply, ALL, Lane.STATE, page))
    assert outcomes == [*[Outcome.STAGED] * 4, Outcome.VISIBLE]
    assert names(node) == list("абвгд")


def test_a_page_holds_as_much_as_was_asked_for(centre: Store, node: Store) -> None:
    offer(centre, *(f"послуга {number}" for number in range(40)))
    for max_bytes in (100, 500, 2000):
        page = ask(centre, node, ALL, max_bytes=max_bytes)
        assert sum(down.OVERHEAD + len(row.body or b"") for row in page.rows) <= max_bytes
        assert [row.rev for row in page.rows] == sorted(row.rev for row in page.rows)
        assert page == ask(centre, node, ALL, max_bytes=max_bytes)


def test_a_page_that_answers_another_question_changes_nothing(centre: Store, node: Store) -> None:
    offer(centre, "а")
    early = ask(centre, node, ALL)
    offer(centre, "б")
    late = ask(centre, node, ALL)
    assert node.write(down.apply, ALL, Lane.STATE, late) is Outcome.VISIBLE
    for page in (late, early):
        assert node.write(down.apply, ALL, Lane.STATE, page) is Outcome.PASSED_OVER
    assert names(node) == ["а", "б"]


def test_a_page_read_before_the_last_one_changes_nothing(centre: Store, node: Store) -> None:
    (first, *_) = offer(centre, "а", "б", "в")
    node.write(down.apply, ALL, Lane.STATE, ask(centre, node, ALL, max_bytes=1))
    old = ask(centre, node, ALL)
    centre.write(lambda tx: tx.delete(SERVICE, {"id": first}))
    newer = replace(ask(centre, node, ALL, max_bytes=1), rows=(), upto=old.after)
    assert node.write(down.apply, ALL, Lane.STATE, newer) is Outcome.STAGED
    assert node.write(down.apply, ALL, Lane.STATE, old) is Outcome.PASSED_OVER


def test_a_revoked_scope_is_deleted_and_confirmed(centre: Store, node: Store) -> None:
    centre.write(grants.give, VILLAGE, (ALL, OURS))
    offer(centre, "Спільне")
    offer(centre, "Наше", scope=OURS)
    for scope in (ALL, OURS):
        follow(centre, node, scope)
    late = ask(centre, node, OURS)
    order = centre.write(grants.give, VILLAGE, (ALL,))
    with centre.read() as reader:
        assert [one.node for one in grants.unconfirmed(reader)] == [VILLAGE]
    assert node.write(down.obey, order)
    assert names(node) == ["Спільне"]
    assert node.write(down.apply, OURS, Lane.STATE, late) is Outcome.PASSED_OVER
    with node.read() as reader:
        confirmed = down.granted(reader)
        assert confirmed == Grants(2, (ALL,))
        assert down.cursor(reader, OURS, Lane.STATE) == NEVER
    centre.write(grants.confirm, VILLAGE, confirmed.order)
    with centre.read() as reader:
        assert grants.unconfirmed(reader) == []


def test_a_late_order_takes_nothing_back(node: Store) -> None:
    assert node.write(down.obey, Grants(3, (ALL,)))
    assert not node.write(down.obey, Grants(2, (ALL, OURS)))
    assert not node.write(down.obey, Grants(3, ()))
    with node.read() as reader:
        assert down.granted(reader) == Grants(3, (ALL,))


def test_a_centre_that_forgot_an_order_issues_a_greater_one(centre: Store, node: Store) -> None:
    centre.write(grants.give, VILLAGE, (ALL, OURS))
    node.write(down.obey, Grants(7, (OURS,)))
    centre.write(grants.confirm, VILLAGE, 7)
    with centre.read() as reader:
        again = grants.of(reader, VILLAGE)
    assert again == Grants(8, (ALL, OURS))
    assert node.write(down.obey, again)


def test_the_same_grant_given_again_is_no_new_order(centre: Store) -> None:
    first = centre.write(grants.give, VILLAGE, [OURS, ALL, OURS])
    assert first == Grants(1, (ALL, OURS)) == centre.write(grants.give, VILLAGE, (ALL, OURS))
    assert centre.write(grants.give, 4, ()) == Grants(1, ())


def test_a_restart_of_the_centre_costs_no_snapshot(
    tmp_path: Path, centre: Store, node: Store
) -> None:
    offer(centre, "а")
    follow(centre, node, ALL)
    centre.close()
    again = opened(tmp_path / "centre.db", node=CENTRE)
    offer(again, "б")
    page = ask(again, node, ALL)
    assert (page.kind, len(page.rows)) == (PageKind.CHANGES, 1)
    node.write(down.apply, ALL, Lane.STATE, page)
    assert names(node) == ["а", "б"]
    again.close()


def restored(centre: Store, copy: Path, path: Path) -> Store:
    centre.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    copyfile(copy, path)
    return opened(path, node=CENTRE)


def copied(store: Store, to: Path) -> Path:
    with store.read():
        pass
    store.write(lambda tx: tx.value("SELECT 1"))
    to.unlink(missing_ok=True)
    connection = store._opened.connection
    connection.execute("VACUUM INTO ?", (str(to),))
    return to


@pytest.mark.parametrize("max_bytes", [1, WHOLE])
def test_a_node_drops_what_a_restored_centre_no_longer_has(
    tmp_path: Path, centre: Store, node: Store, max_bytes: int
) -> None:
    offer(centre, "а")
    copy = copied(centre, tmp_path / "copy.db")
    offer(centre, "б")
    follow(centre, node, ALL)
    again = restored(centre, copy, tmp_path / "centre.db")
    offer(again, "в")
    assert ask(again, node, ALL).kind is PageKind.SNAPSHOT
    assert follow(again, node, ALL, max_bytes=max_bytes)[-1] is Outcome.VISIBLE
    assert names(node) == ["а", "в"]
    again.close()


def test_a_restored_centre_with_the_same_rows_sends_none_of_them_again(
    tmp_path: Path, centre: Store, node: Store
) -> None:
    offer(centre, *"абв")
    copy = copied(centre, tmp_path / "copy.db")
    offer(centre, "чуже", scope=THEIRS)
    follow(centre, node, ALL)
    again = restored(centre, copy, tmp_path / "centre.db")
    page = ask(again, node, ALL, compares=True)
    assert (page.kind, page.rows) == (PageKind.SAME, ())
    assert node.write(down.apply, ALL, Lane.STATE, page) is Outcome.VISIBLE
    offer(again, "г")
    assert len(ask(again, node, ALL).rows) == 1
    follow(again, node, ALL)
    assert names(node) == list("абвг")
    again.close()


def test_pages_of_a_centre_that_was_lost_are_never_shown(
    tmp_path: Path, centre: Store, node: Store
) -> None:
    offer(centre, "а")
    copy = copied(centre, tmp_path / "copy.db")
    follow(centre, node, ALL)
    offer(centre, "б", "в")
    page = ask(centre, node, ALL, max_bytes=1)
    assert node.write(down.apply, ALL, Lane.STATE, page) is Outcome.STAGED
    again = restored(centre, copy, tmp_path / "centre.db")
    same = ask(again, node, ALL, compares=True)
    assert same.kind is PageKind.SAME
    node.write(down.apply, ALL, Lane.STATE, same)
    offer(again, "г")
    follow(again, node, ALL)
    assert names(node) == ["а", "г"]
    again.close()


def test_a_node_alone_cannot_write_what_the_centre_owns(node: Store) -> None:
    with pytest.raises(NotOurs):
        offer(node, "Самовільне")


# Rows that this version of the program cannot read yet

WIDER = replace(SERVICE, columns=(*SERVICE.columns, text("icon", null=True, since=2)))
EXTRA = Table("hall_extra", owner=Owner.DOWN, lane=Lane.STATE, columns=(integer("n"),))
NEWER = (*(table for table in TABLES if table is not SERVICE), WIDER, EXTRA)


def test_rows_of_a_newer_centre_are_shown_as_far_as_they_are_known(tmp_path: Path) -> None:
    centre = opened(tmp_path / "centre.db", node=CENTRE, tables=NEWER)
    node = opened(tmp_path / "node.db", node=VILLAGE)
    node.write(down.obey, Grants(1, (ALL,)))
    row = {"name": "Довідка", "ordering": 1, "icon": "paper"}
    first = centre.write(lambda tx: tx.insert(WIDER, row, scope=ALL))
    extra = centre.write(lambda tx: tx.insert(EXTRA, {"n": 5}, scope=ALL))
    gone = centre.write(lambda tx: tx.insert(EXTRA, {"n": 6}, scope=ALL))
    follow(centre, node, ALL)
    centre.write(lambda tx: tx.delete(EXTRA, {"id": gone}))
    follow(centre, node, ALL)
    assert rows(node, SERVICE) == {first: {"name": "Довідка", "ordering": 1}}
    with node.read() as ours, centre.read() as theirs:
        assert down.fingerprint_of(ours, ALL, Lane.STATE) == down.fingerprint_of(
            theirs, ALL, Lane.STATE
        )
    node.close()
    node = opened(tmp_path / "node.db", node=VILLAGE, tables=NEWER)
    assert node.write(down.replay) == 2
    assert (rows(node, WIDER), rows(node, EXTRA)) == ({first: row}, {extra: {"n": 5}})
    assert node.write(down.replay) == 0
    node.close()
    centre.close()


class Mood(StrEnum):
    """What a program of the release before knows of a mood."""

    CALM = "calm"


class NewerMood(StrEnum):
    """What the present one knows."""

    CALM = "calm"
    LOUD = "loud"


def test_a_row_with_a_value_of_a_newer_centre_waits_for_the_upgrade(tmp_path: Path) -> None:
    """Each page that read it would have failed until then."""
    old = Table("hall_mood", owner=Owner.DOWN, lane=Lane.STATE, columns=(one_of("mood", Mood),))
    new = replace(old, columns=(one_of("mood", NewerMood),))
    centre = opened(tmp_path / "centre.db", node=CENTRE, tables=(*TABLES, new))
    node = opened(tmp_path / "node.db", node=VILLAGE, tables=(*TABLES, old))
    node.write(down.obey, Grants(1, (ALL,)))
    calm = centre.write(lambda tx: tx.insert(new, {"mood": "calm"}, scope=ALL))
    loud = centre.write(lambda tx: tx.insert(new, {"mood": "loud"}, scope=ALL))
    follow(centre, node, ALL)
    assert rows(node, old) == {calm: {"mood": "calm"}}
    node.close()
    node = opened(tmp_path / "node.db", node=VILLAGE, tables=(*TABLES, new))
    assert node.write(down.replay) == 1
    assert rows(node, new) == {calm: {"mood": "calm"}, loud: {"mood": "loud"}}
    node.close()
    centre.close()


def test_columns_that_came_later_stand_after_those_that_were_there(tmp_path: Path) -> None:
    """So an older program reads the beginning of a newer row."""
    swapped = replace(WIDER, columns=tuple(reversed(WIDER.columns)))
    with pytest.raises(ValueError, match="in the order in which they came"):
        opened(tmp_path / "node.db", node=VILLAGE, tables=[swapped])


def test_rows_of_a_revoked_scope_are_not_shown_by_an_upgrade(tmp_path: Path) -> None:
    centre = opened(tmp_path / "centre.db", node=CENTRE, tables=NEWER)
    node = opened(tmp_path / "node.db", node=VILLAGE)
    node.write(down.obey, Grants(1, (ALL,)))
    centre.write(lambda tx: tx.insert(EXTRA, {"n": 5}, scope=ALL))
    follow(centre, node, ALL)
    node.write(down.obey, Grants(2, ()))
    node.close()
    node = opened(tmp_path / "node.db", node=VILLAGE, tables=NEWER)
    assert node.write(down.replay) == 0
    assert rows(node, EXTRA) == {}
    node.close()
    centre.close()


# Whatever happens, in whatever order


@dataclass(frozen=True)
class Mail:
    """A page that is on its way."""

    scope: str
    lane: Lane
    page: DownPage


edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "update", "delete"]),
        st.sampled_from(KINDS),
        st.sampled_from(SCOPES),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=4,
)


def _edit(tx: Transaction, acts: list[tuple[str, Table, str, int]], count: int) -> None:
    for place, (act, table, scope, chance) in enumerate(acts):
        living = tx.all(
            f"SELECT id FROM {table.name} WHERE scope = :scope AND deleted = 0 ORDER BY id",
            scope=scope,
        )
        value = f"{count}.{place}"
        new: dict[str, object] = {
            "hall_service": {"name": value, "ordering": chance},
            "hall_notice": {"words": value, "version": chance},
            "hall_person": {"name": value},
        }[table.name]
        if act == "insert":
            tx.insert(table, new, scope=scope)
        elif living and act == "update":
            tx.update_where(table, {"id": living[chance % len(living)]["id"]}, new)
        elif living:
            tx.delete(table, {"id": living[chance % len(living)]["id"]})


class CentreAndNode(RuleBasedStateMachine):
    """A centre that is edited, restarted and restored, and a node that hears of it as may be."""

    scopes = st.sampled_from(SCOPES)
    lanes = st.sampled_from(LANES)
    sizes = st.sampled_from([1, 150, 300, WHOLE])

    @initialize()
    def begin(self) -> None:
        self.folder = quick_folder()
        self.path = self.folder.__enter__()
        self.centre = opened(self.path / "centre.db", node=CENTRE)
        self.node = opened(self.path / "node.db", node=VILLAGE)
        self.centre.write(grants.give, VILLAGE, (ALL, OURS))
        self.past = {(scope, lane): {EMPTY} for scope in SCOPES for lane in LANES}
        self.mail: list[Mail] = []
        self.orders: list[Grants] = []
        self.copy: Path | None = None
        self.count = 0
        self.obey(newest=True, chance=0)

    @rule(acts=edits)
    def edit(self, acts: list[tuple[str, Table, str, int]]) -> None:
        self.count += 1
        self.centre.write(_edit, acts, self.count)
        for scope, lane in self.past:
            self.past[scope, lane].add(view(self.centre, scope, lane))

    @rule(
        scope=scopes, lane=lanes, size=st.sampled_from([1, 150, 300, WHOLE]), compares=st.booleans()
    )
    def ask(self, scope: str, lane: Lane, size: int, *, compares: bool) -> None:
        page = ask(self.centre, self.node, scope, lane, size, compares=compares)
        self.mail.append(Mail(scope, lane, page))

    @precondition(lambda self: self.mail)
    @rule(chance=st.integers(0, 7), again=st.booleans())
    def deliver(self, chance: int, *, again: bool) -> None:
        place = len(self.mail) - 1 - chance % len(self.mail)
        one = self.mail[place] if again else self.mail.pop(place)
        self.node.write(down.apply, one.scope, one.lane, one.page)

    @rule(scope=scopes, lane=lanes, size=sizes)
    def converse(self, scope: str, lane: Lane, size: int) -> None:
        page = ask(self.centre, self.node, scope, lane, size)
        self.node.write(down.apply, scope, lane, page)

    @rule(scopes=st.sets(scopes))
    def grant(self, scopes: set[str]) -> None:
        self.orders.append(self.centre.write(grants.give, VILLAGE, scopes))

    @rule(newest=st.booleans(), chance=st.integers(0, 5))
    def obey(self, *, newest: bool, chance: int) -> None:
        with self.node.read() as reader:
            confirmed = down.granted(reader).order
        self.centre.write(grants.confirm, VILLAGE, confirmed)
        with self.centre.read() as reader:
            order = grants.of(reader, VILLAGE)
        old = self.orders[chance % len(self.orders)] if self.orders else order
        self.node.write(down.obey, order if newest else old)

    @rule()
    def keep_a_copy(self) -> None:
        self.copy = copied(self.centre, self.path / "copy.db")

    @precondition(lambda self: self.copy is not None)
    @rule()
    def restore(self) -> None:
        assert self.copy is not None
        self.centre = restored(self.centre, self.copy, self.path / "centre.db")
        self.mail.clear()  # a reply names the centre's epoch: one of another epoch is not taken
        self.orders.clear()

    @rule()
    def restart(self) -> None:
        self.centre.close()
        self.centre = opened(self.path / "centre.db", node=CENTRE)
        self.node.close()
        self.node = opened(self.path / "node.db", node=VILLAGE)

    @invariant()
    def the_node_shows_what_the_centre_once_was(self) -> None:
        with self.node.read() as reader:
            granted = down.granted(reader).scopes
        for (scope, lane), past in self.past.items():
            seen = view(self.node, scope, lane)
            assert seen in (past if scope in granted else {EMPTY})

    def teardown(self) -> None:
        self.obey(newest=True, chance=0)
        with self.centre.read() as reader:
            wanted = grants.of(reader, VILLAGE).scopes
        for scope, lane in self.past:
            if scope in wanted:
                assert follow(self.centre, self.node, scope, lane)[-1] is Outcome.VISIBLE
            expected = view(self.centre, scope, lane) if scope in wanted else EMPTY
            assert view(self.node, scope, lane) == expected
            with self.node.read() as ours, self.centre.read() as theirs:
                assert scope not in wanted or down.fingerprint_of(
                    ours, scope, lane
                ) == down.fingerprint_of(theirs, scope, lane)
        self.centre.close()
        self.node.close()
        self.folder.__exit__(None, None, None)


TestCentreAndNode = CentreAndNode.TestCase
TestCentreAndNode.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_revisions_of_another_line_are_not_known(centre: Store) -> None:
    offer(centre, "а")
    with centre.read() as reader:
        now = down.head(reader)
        assert down.knows(reader, now)
        assert down.knows(reader, NEVER)
        assert not down.knows(reader, Rev(now.epoch, now.seq + 1))
        assert not down.knows(reader, Rev(now.epoch + 1, 1))
