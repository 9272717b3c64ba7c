"""What is erased is nowhere any more, at either end, and the chain holds as before."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.store import down, erasures, grants, inbox, projection, schema
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.entries import Op
from appliance.store.erasures import CannotErase
from appliance.store.ids import RowId, StreamId
from appliance.store.quarantine import Reason
from appliance.store.revisions import NEVER
from appliance.store.tables import Lane, Owner, Table, integer, text
from appliance.store.transaction import Transaction
from appliance.web import idempotency
from sync import wire
from tests.store.forging import Forger
from tests.store.residents import (
    APPEAL,
    CENTRE,
    CLERK,
    OTHER,
    RESIDENT,
    TABLES,
    VILLAGE,
    VISIT,
    VISITOR,
    bodies,
    entries_of,
    raw,
    settle,
    verify_inbox,
    verify_log,
)
from tests.store.two_ends import batches, carry, rows

NAME, OTHERS = "Одарка Немирівна", "Панас Сліпий"
WIDTH = len(NAME) + 10
Opener = Callable[..., Store]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    stores: list[Store] = []

    def open_(node: int, folder: str = "", tables: tuple[Table, ...] = TABLES) -> Store:
        path = tmp_path / (folder or str(node)) / "node.db"
        clock = FixedClock()
        store = Store.open(
            path, tables, node=node, clock=clock, centre=node == CENTRE, inline=True, patience=0.2
        )
        stores.append(store)
        return store

    yield open_
    for store in stores:
        store.close()


def insert(store: Store, table: Table, **values: object) -> RowId:
    return store.write(lambda tx: tx.insert(table, values))


def erase(store: Store, table: Table, *ids: RowId) -> list[RowId]:
    return store.write(lambda tx: tx.erase(table, ids))


def resident(store: Store, name: str = NAME) -> RowId:
    return insert(store, RESIDENT, name=name, age=34)


def held(store: Store) -> list[Reason]:
    with store.read() as reader:
        return [one.reason for one in projection.quarantined(reader)]


def here(folder: Path, name: str = NAME) -> bool:
    return name.encode() in raw(folder)


def greetings(store: Store) -> set[str]:
    with store.read() as reader:
        return {row["words"] for row in reader.all("SELECT words FROM town_greeting")}


def replied(store: Store, key: str, **told: str) -> idempotency.Reply:
    asked = idempotency.Asked.of("kiosk", key, "POST /residents", b"{}")
    reply = idempotency.Reply.of(201, told)
    return store.write(lambda tx: idempotency.once(tx, asked, lambda _: reply))


def test_an_erased_name_is_in_no_byte_of_any_file_at_either_end(
    opened: Opener, tmp_path: Path
) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone, stays = resident(village), resident(village, OTHERS)
    village.write(lambda tx: tx.update_where(RESIDENT, {"id": gone}, {"name": f"{NAME} друга"}))
    named = insert(village, VISITOR, name=NAME, number=1, phone="+380441112233")
    insert(village, VISIT, visitor=named, day=1)
    replied(village, "1", id=str(gone))
    replied(village, "2", name=NAME)
    carry(village, centre)
    settle(centre)
    for store, folder in ((village, "3"), (centre, "1")):
        assert here(tmp_path / folder)
        assert len(rows(store, RESIDENT)) == 2
        assert greetings(store) == {NAME, OTHERS}
    verify_log(village)
    verify_inbox(centre)
    assert erase(village, RESIDENT, gone) == [gone]
    assert erase(village, VISITOR, named) == [named]
    assert not here(tmp_path / "3")
    carry(village, centre)
    settle(centre)
    assert not here(tmp_path / "1")
    assert b"+380441112233" not in raw(tmp_path / "1") + raw(tmp_path / "3")
    verify_log(village)
    verify_inbox(centre)
    for store in (village, centre):
        assert list(rows(store, RESIDENT)) == [stays]
        assert rows(store, VISITOR) == {named: {"name": "", "number": 1, "phone": None}}
        assert len(rows(store, VISIT)) == 1
        assert greetings(store) == {OTHERS}
        assert held(store) == []
    assert here(tmp_path / "1", OTHERS)
    assert here(tmp_path / "3", OTHERS)


def test_what_was_never_sent_travels_as_its_commitment_alone(
    opened: Opener, tmp_path: Path
) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone, stays = resident(village), resident(village, OTHERS)
    named = insert(village, VISITOR, name=NAME, number=1, phone=None)
    insert(village, VISIT, visitor=named, day=1)
    erase(village, RESIDENT, gone)
    erase(village, VISITOR, named)
    for stream, lane, found in list(batches(village, centre)):
        batch = wire.Batch(stream, lane, 0, bytes(16), tuple(found))
        assert NAME.encode() not in wire.encode_plain(batch)
        got = wire.decode(wire.encode(batch))
        assert got == batch
        assert dict(bodies(got.entries)).get(gone, False) is False
        centre.write(inbox.append, stream, lane, got.entries)
    settle(centre)
    assert held(centre) == []
    assert list(rows(centre, RESIDENT)) == [stays]
    assert len(rows(centre, VISIT)) == 1  # it waits for nobody who will never come
    verify_inbox(centre)
    assert not here(tmp_path / "1")


def test_c_alone_waits_for_its_erasure_and_is_no_trouble(opened: Opener) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = resident(village)
    village.write(lambda tx: tx.update_where(RESIDENT, {"id": gone}, {"age": 35}))
    erase(village, RESIDENT, gone)
    ((stream, lane, found),) = batches(village, centre)
    centre.write(inbox.append, stream, lane, found[:2])
    settle(centre)
    assert held(centre) == [Reason.ERASED, Reason.BEHIND]
    with centre.read() as reader:
        assert projection.counts(reader) == (2, 0)
    centre.write(inbox.append, stream, lane, found)
    settle(centre)
    assert held(centre) == []
    assert rows(centre, RESIDENT) == {}


def test_an_erasure_that_comes_first_holds_against_any_later_carrier(
    opened: Opener, tmp_path: Path
) -> None:
    """The row was born before a restart: an old stick may bring that epoch last."""
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = resident(village)
    village.write(lambda tx: tx.update_where(RESIDENT, {"id": gone}, {"age": 35}))
    on_a_stick = entries_of(village)
    village.close()
    village = opened(VILLAGE)
    erase(village, RESIDENT, gone)
    ((stream, lane, erasure),) = (one for one in entries_of(village) if one[0] == village.stream)
    centre.write(inbox.append, stream, lane, erasure)
    settle(centre)
    for stream, lane, found in on_a_stick:
        centre.write(inbox.append, stream, lane, found)
        centre.write(projection.follow, stream, lane, found)
    settle(centre)
    assert rows(centre, RESIDENT) == {}
    assert held(centre) == []
    assert greetings(centre) == set()
    assert not here(tmp_path / "1")
    verify_inbox(centre)


def test_a_late_double_of_the_batch_does_not_bring_it_back(opened: Opener, tmp_path: Path) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = resident(village)
    doubles = list(batches(village, centre))
    carry(village, centre)
    erase(village, RESIDENT, gone)
    carry(village, centre)
    settle(centre)
    for stream, lane, found in doubles * 2:
        centre.write(inbox.append, stream, lane, found)
        centre.write(projection.follow, stream, lane, found)
        settle(centre)
    assert rows(centre, RESIDENT) == {}
    assert not here(tmp_path / "1")


def test_a_row_that_is_held_is_erased_too(opened: Opener, tmp_path: Path) -> None:
    """The centre's program does not know the table yet: the salt tells what may be erased."""
    village = opened(VILLAGE)
    centre = opened(CENTRE, tables=tuple(one for one in TABLES if one is not RESIDENT))
    gone, stays = resident(village), resident(village, OTHERS)
    carry(village, centre)
    settle(centre)
    assert held(centre) == [Reason.UNKNOWN_TABLE] * 2
    erase(village, RESIDENT, gone)
    carry(village, centre)
    settle(centre)
    assert held(centre) == [Reason.UNKNOWN_TABLE]
    assert not here(tmp_path / "1")
    assert here(tmp_path / "1", OTHERS)
    centre.close()
    upgraded = opened(CENTRE)
    upgraded.write(projection.replay_quarantined)
    settle(upgraded)
    assert list(rows(upgraded, RESIDENT)) == [stays]
    assert held(upgraded) == []


def test_a_row_deleted_long_ago_is_erased_from_what_is_left_of_it(
    opened: Opener, tmp_path: Path
) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = resident(village)
    village.write(lambda tx: tx.delete(RESIDENT, {"id": gone}))
    carry(village, centre)
    settle(centre)
    assert here(tmp_path / "3")
    assert here(tmp_path / "1")
    erase(village, RESIDENT, gone)
    carry(village, centre)
    settle(centre)
    assert not here(tmp_path / "3")
    assert not here(tmp_path / "1")


def test_born_and_erased_in_one_verb_leaves_no_value(opened: Opener, tmp_path: Path) -> None:
    village = opened(VILLAGE)

    def verb(tx: Transaction) -> list[RowId]:
        return tx.erase(RESIDENT, [tx.insert(RESIDENT, {"name": NAME, "age": 1})])

    assert len(village.write(verb)) == 1
    assert not here(tmp_path / "3")
    assert [op for *_, found in entries_of(village) for op in (one.op for one in found)] == [
        Op.INSERT, Op.ERASE,
    ]  # fmt: skip
    verify_log(village)


def test_the_entry_of_an_erasure_names_ids_and_has_no_salt(opened: Opener) -> None:
    village = opened(VILLAGE)
    gone = resident(village)
    erase(village, RESIDENT, gone, gone)
    ((_, lane, (born, erasure)),) = entries_of(village)
    assert lane is Lane.STATE
    assert erasure.op is Op.ERASE
    assert erasure.salt is None
    assert erasure.body is not None
    assert gone.blob in erasure.body
    assert (born.body, born.salt) == (None, None)


def test_erasing_twice_says_so_and_writes_nothing(opened: Opener) -> None:
    village = opened(VILLAGE)
    gone = resident(village)
    assert erase(village, RESIDENT, gone) == [gone]
    assert erase(village, RESIDENT, gone) == []
    assert sum(len(found) for *_, found in entries_of(village)) == 2


def test_what_is_left_of_an_erased_row_never_changes_again(opened: Opener) -> None:
    village = opened(VILLAGE)
    gone = insert(village, APPEAL, words=NAME, answered=0)
    stays = insert(village, APPEAL, words=OTHERS, answered=0)
    erase(village, APPEAL, gone)
    changed = village.write(lambda tx: tx.update_where(APPEAL, {"answered": 0}, {"words": NAME}))
    assert [RowId.of(row["id"]) for row in changed] == [stays]
    assert village.write(lambda tx: tx.delete(APPEAL, {"id": gone})) == []
    assert rows(village, APPEAL)[gone] == {"words": "", "answered": 0}


@pytest.mark.parametrize("table", [VISIT, idempotency.REPLIES], ids=["evidence", "local"])
def test_rows_that_are_not_personal_are_refused(opened: Opener, table: Table) -> None:
    village = opened(VILLAGE)
    with pytest.raises(CannotErase, match=table.name):
        erase(village, table, RowId(VILLAGE, village.epoch, 1))


def test_rows_of_others_are_erased_where_they_were_born(opened: Opener) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = resident(village)
    carry(village, centre)
    settle(centre)
    with pytest.raises(CannotErase, match="another node"):
        erase(centre, RESIDENT, gone)
    with pytest.raises(CannotErase, match="centre"):
        erase(village, CLERK, RowId(CENTRE, 1, 1))
    assert len(rows(centre, RESIDENT)) == 1


FORGED: dict[str, Callable[[Forger, RowId], object]] = {
    "another's row": lambda f, row: f.write(RESIDENT.name, Op.ERASE, ids(row)),
    "evidence": lambda f, _: f.write(VISIT.name, Op.ERASE, ids(RowId(OTHER, 7, 1))),
    "the centre's row": lambda f, row: f.write(CLERK.name, Op.ERASE, ids(row)),
}


def ids(row: RowId) -> bytes:
    return b"\x81\x4e" + row.blob


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_node_erases_nothing_that_is_not_its_own(
    opened: Opener, forged: Callable[[Forger, RowId], object]
) -> None:

    village, centre = opened(VILLAGE), opened(CENTRE)
    stays = resident(village)
    carry(village, centre)
    settle(centre)
    liar = Forger(StreamId(OTHER, 7), Lane.STATE)
    forged(liar, stays)
    centre.write(inbox.append, liar.stream, liar.lane, liar.entries)
    settle(centre)
    assert held(centre) == [Reason.NOT_ITS_OWN]
    assert list(rows(centre, RESIDENT)) == [stays]


def test_another_node_erases_nothing_of_ours(opened: Opener) -> None:
    centre = opened(CENTRE)
    ours = centre.write(lambda tx: tx.insert(RESIDENT, {"name": NAME, "age": 1}))
    liar = Forger(StreamId(OTHER, 7), Lane.STATE)
    liar.write(RESIDENT.name, Op.ERASE, ids(ours))
    centre.write(inbox.append, liar.stream, liar.lane, liar.entries)
    settle(centre)
    assert list(rows(centre, RESIDENT)) == [ours]


def test_a_row_of_the_centre_is_erased_from_the_nodes_too(opened: Opener, tmp_path: Path) -> None:
    village, centre = opened(VILLAGE), opened(CENTRE)
    gone = centre.write(lambda tx: tx.insert(CLERK, {"name": NAME}, scope="all"))
    centre.write(grants.give, VILLAGE, {"all"})
    ask(centre, village)
    assert here(tmp_path / "3")
    erase(centre, CLERK, gone)
    assert not here(tmp_path / "1")
    ask(centre, village)
    assert rows(centre, CLERK) == rows(village, CLERK) == {}
    assert not here(tmp_path / "3")


def ask(centre: Store, village: Store) -> None:
    with centre.read() as reader:
        village.write(down.obey, grants.of(reader, VILLAGE))
    with village.read() as reader:
        after = down.cursor(reader, "all", Lane.STATE)
    with centre.read() as reader:
        page = down.changes(reader, "all", Lane.STATE, after, 1 << 20, read_at=NEVER)
    village.write(down.apply, "all", Lane.STATE, page)


def test_a_repeated_request_hears_that_its_reply_is_erased(opened: Opener) -> None:
    village = opened(VILLAGE)
    gone = resident(village)
    assert replied(village, "1", id=str(gone)).status == 201
    assert replied(village, "2", name=OTHERS).status == 201
    erase(village, RESIDENT, gone)
    with pytest.raises(idempotency.ReplyErased):
        replied(village, "1", id=str(gone))
    assert replied(village, "2", name=OTHERS).told == {"name": OTHERS}


def test_a_reader_holds_up_the_cleaning_of_the_files_and_nobody_else(
    opened: Opener, tmp_path: Path
) -> None:
    village = opened(VILLAGE)
    gone = resident(village)
    with village.read() as reader:
        assert reader.value("SELECT count(*) FROM town_resident") == 1
        erase(village, RESIDENT, gone)
        assert here(tmp_path / "3")
        assert rows(village, RESIDENT) == {}
    village.beat()
    assert not here(tmp_path / "3")


def test_a_verb_that_fails_erases_nothing(opened: Opener, tmp_path: Path) -> None:
    village = opened(VILLAGE)
    gone = resident(village)

    def verb(tx: Transaction) -> list[RowId]:
        tx.erase(RESIDENT, [gone])
        raise LookupError

    with pytest.raises(LookupError):
        village.write(verb)
    assert rows(village, RESIDENT).keys() == {gone}
    assert resident(village, OTHERS) != gone
    assert ".erased" in {path.suffix for path in (tmp_path / "3").iterdir()}
    with village.read() as reader:
        assert erasures.among(reader, RESIDENT.name, [gone.blob]) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"blanks": ("nothing",)},
        {"blanks": ("number",)},  # two rows could not both be empty
        {"blanks": ("note",), "personal": False},
        {"blanks": ("note",), "owner": Owner.DOWN},
    ],
)
def test_a_table_cannot_be_emptied_against_its_own_rules(wrong: dict[str, object]) -> None:
    told = {"owner": Owner.UP, "lane": Lane.STATE, "personal": True, "unique": (("number",),)}
    columns = (integer("number"), text("note"))
    schema.checked(Table("town_note", columns=columns, **{**told, "blanks": ("note",)}))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="erasure"):
        schema.checked(Table("town_note", columns=columns, **{**told, **wrong}))  # type: ignore[arg-type]


def test_no_copy_stays_in_the_free_room_of_a_page(opened: Opener, tmp_path: Path) -> None:
    """Pages split and rows move: SQLite leaves copies behind that no deletion overwrites."""
    chance = random.Random(7)
    village = opened(VILLAGE)

    told: dict[RowId, set[bytes]] = {}  # each name that a row has ever had

    def named() -> str:
        return f"{NAME} {chance.randrange(10**9):09}{'.' * chance.randrange(200)}"

    def many(tx: Transaction) -> None:
        for _ in range(200):
            name = named()
            row = tx.insert(RESIDENT, {"name": name, "age": 1})
            told[row] = {name[:WIDTH].encode()}
        for row in chance.sample(sorted(told), 100):
            name = named()
            tx.update_where(RESIDENT, {"id": row}, {"name": name})
            told[row].add(name[:WIDTH].encode())

    for _ in range(10):
        village.write(many)
    for _ in range(3):
        gone = chance.sample(sorted(told), 300)
        erase(village, RESIDENT, *gone)
        for row in gone:
            del told[row]
        found = set(re.findall(rf"{NAME} \d{{9}}".encode(), raw(tmp_path / "3")))
        assert found == set().union(*told.values())
