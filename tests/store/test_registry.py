"""Declarations that can't stand together are refused before anything is opened."""

import pytest

from appliance.store.registry import Registry, UnknownTable
from appliance.store.schema import checked
from appliance.store.tables import Column, Lane, Owner, Table, integer, reference, text
from tests.store.sample import EVENT, PERSON, SERVICE, TABLES, TICKET


def up(name: str, *columns: Column, lane: Lane = Lane.TICKETS, **more: object) -> Table:
    return Table(name, owner=Owner.UP, lane=lane, columns=columns, **more)


def test_tables_are_found_by_name_owner_and_lane() -> None:
    tables = Registry(TABLES)
    assert tables["ticket"] is TICKET
    assert tables.get("nothing") is None
    assert "person" in tables
    assert "nothing" not in tables
    assert tables.owned(Owner.UP) == (TICKET, EVENT, PERSON)
    assert tables.in_lane(Lane.STATE) == (PERSON, SERVICE)
    assert list(tables) == list(TABLES)
    assert len(tables) == len(TABLES)


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(UnknownTable, match="no table cases is declared"):
        Registry(TABLES)["cases"]


def test_only_tables_of_the_file_are_kept() -> None:
    elsewhere = up("reading", integer("value"), files=("telemetry",))
    both = up("thing", integer("value"), files=("node", "telemetry"))
    assert list(Registry([elsewhere, both])) == [both]
    assert list(Registry([elsewhere, both], file="telemetry")) == [elsewhere, both]


def test_two_tables_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="ticket is declared twice"):
        Registry([TICKET, up("ticket", text("series"))])


def test_a_row_may_not_overtake_what_it_refers_to() -> None:
    late = up("late", text("name"), lane=Lane.STATE)
    with pytest.raises(ValueError, match="less urgent lane"):
        Registry([late, up("early", reference("late", "late"), lane=Lane.TICKETS)])


def test_an_urgent_row_may_refer_to_what_the_centre_sends() -> None:
    assert len(Registry([SERVICE, up("wish", reference("service", "service"))])) == 2


@pytest.mark.parametrize(
    "table",
    [
        up("Ticket", text("series")),
        up("ticket", text("drop table")),
        up("ticket", text("id")),
        up("ticket", text("deleted")),
        up("ticket", text("a"), text("a")),
        up("ticket", Column("a", "JSON")),
        up("ticket", text("a", since=2)),
        up("ticket", text("a"), unique=(("b",),)),
        up("ticket", text("a"), indexes=(("b",),)),
        up("ticket", reference("a", "ticket"), text("a_own")),
    ],
    ids=str,
)
def test_a_table_that_can_not_be_made_is_refused(table: Table) -> None:
    with pytest.raises(ValueError, match=table.name):
        checked(table)
