"""The tables of one database file, by name."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from appliance.errors import VuzolError
from appliance.store.tables import Lane, Owner, Table


class UnknownTable(VuzolError):
    """A table was named that nobody has declared for this file."""

    code: ClassVar[str] = "unknown_table"
    status_hint: ClassVar[int] = 500

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no table {name} is declared for this file",
            next_step="add it to TABLES of its room, and the room to the node",
        )
        self.name = name


class Registry:
    """Every table that was declared for one file, in the order of declaration."""

    def __init__(self, tables: Iterable[Table], *, file: str = "node") -> None:
        """Keep the tables that live in `file`; raise `ValueError` if they can't stand together."""
        self._tables: dict[str, Table] = {}
        for table in tables:
            if table.name in self._tables:
                raise ValueError(f"table {table.name} is declared twice")
            if file in table.files:
                self._tables[table.name] = table
        for table in self._tables.values():
            self._refuse_late_parents(table)

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __getitem__(self, name: str) -> Table:
        """Return the table; raise `UnknownTable`."""
        try:
            return self._tables[name]
        except KeyError:
            raise UnknownTable(name) from None

    def get(self, name: str) -> Table | None:
        """Return the table, or None."""
        return self._tables.get(name)

    def owned(self, owner: Owner) -> tuple[Table, ...]:
        """Return the tables of one owner."""
        return tuple(table for table in self if table.owner is owner)

    def in_lane(self, lane: Lane) -> tuple[Table, ...]:
        """Return the tables whose rows travel in one lane."""
        return tuple(table for table in self if table.lane is lane)

    def _refuse_late_parents(self, table: Table) -> None:
        """Keep a row from overtaking what it refers to: order is promised within a lane alone."""
        for column in table.columns:
            parent = self._tables.get(column.refers)
            if parent is None or parent.owner is not table.owner:
                continue
            if table.lane is not None and parent.lane is not None and parent.lane > table.lane:
                raise ValueError(
                    f"{table.name}.{column.name} refers to {parent.name}, in a less urgent lane"
                )
