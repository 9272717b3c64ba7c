"""The SQL of each table's changes, built once and kept.

Names come from declared tables only; every value is bound.
"""

from collections.abc import Callable, Mapping
from typing import Final

from appliance.store.ids import RowId
from appliance.store.tables import Owner, Table, Value
from appliance.store.values import WrongValue, is_plain, plain

Term = tuple[str, int | None]
Shape = tuple[Term, ...]
"""Each column of a condition, with how many values it may have: None for one, `NULL` for none."""

Build = Callable[[], str]
Where = Mapping[str, object]
NULL: Final = -1
OWN: Final = "own = 1"
LIVING: Final = "own = 1 AND deleted = 0"
UNTOUCHED: Final = "id NOT IN (SELECT id FROM _erased)"
"""What is left of an erased row never changes again."""

HOLDS: Final[Mapping[str, type]] = {"INTEGER": int, "TEXT": str, "BLOB": bytes, "REAL": float}


class Statements:
    """What the store says to the database about one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.schema: Final = table.schema
        self.names: Final = tuple(column.name for column in table.columns)
        self.index: Final = {name: place for place, name in enumerate(self.names)}
        self._holds: Final = {column.name: HOLDS[column.kind] for column in table.columns}
        self._columns: Final = tuple(self._holds.items())
        self._heads: Final = _heads(table)
        self.all_names: Final = (*self._heads, *self.names)
        self.insert: Final = self._inserted(self.all_names)
        self._kept: dict[object, str] = {}

    def row(self, values: Mapping[str, object]) -> list[Value]:
        """Return plain values for every declared column in order; absent ones are NULL."""
        if not values.keys() <= self._holds.keys():
            self._unknown(values)
        get = values.get
        return [self._held(name, kind, get(name)) for name, kind in self._columns]

    def changes(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Return plain values for the named columns."""
        if not values.keys() <= self._holds.keys():
            self._unknown(values)
        return {name: self._held(name, self._holds[name], values[name]) for name in values}

    def add(self, names: tuple[str, ...]) -> str:
        """Return the statement that inserts a LOCAL row of these columns."""
        return self._keep(("add", names), lambda: self._inserted(names))

    def put(self, names: tuple[str, ...]) -> str:
        """Return the statement that inserts a LOCAL row or replaces what its key finds."""
        return self._keep(("put", names), lambda: self._inserted(names) + self._or_replace(names))

    def update(
        self, names: tuple[str, ...], where: Where, *, told: bool = True
    ) -> tuple[str, list[Value]]:
        """Return the statement that changes rows, and tells them, with its condition's values."""
        shape, values = self._condition(where)
        sets = ", ".join(f"{name} = ?" for name in names)
        end = " RETURNING *" if told else ""
        return self._keep(
            ("update", names, shape, told),
            lambda: f"UPDATE {self.table.name} SET {sets} WHERE {self._said(shape)}{end}",
        ), values

    def shift(self, names: tuple[str, ...], where: Where) -> tuple[str, list[Value]]:
        """Return the statement that adds to columns, and the values of its condition."""
        shape, values = self._condition(where)
        sets = ", ".join(f"{name} = {name} + ?" for name in names)
        return self._keep(
            ("shift", names, shape),
            lambda: f"UPDATE {self.table.name} SET {sets} WHERE {self._said(shape)} RETURNING *",
        ), values

    def delete(self, where: Where) -> tuple[str, list[Value]]:
        """Return the statement that removes rows, and the values of its condition."""
        shape, values = self._condition(where)
        return self._keep(
            ("delete", shape),
            lambda: f"DELETE FROM {self.table.name} WHERE {self._said(shape)} RETURNING *",
        ), values

    def select(self, where: Where) -> tuple[str, list[Value]]:
        """Return the statement that finds the rows that a change would touch."""
        shape, values = self._condition(where)
        return self._keep(
            ("select", shape),
            lambda: f"SELECT * FROM {self.table.name} WHERE {self._said(shape)}",
        ), values

    def _keep(self, shape: object, build: Build) -> str:
        sql = self._kept.get(shape)
        if sql is None:
            sql = self._kept[shape] = build()
        return sql

    def _held(self, name: str, kind: type, value: object) -> Value:
        if value is None or (type(value) is kind and is_plain(value)):
            return value  # type: ignore[return-value]
        held = plain(value, name)
        if held is None or type(held) is kind:
            return held
        if kind is float and type(held) is int:
            return float(held)
        raise WrongValue(name, f"{type(held).__name__} where {kind.__name__} belongs")

    def _unknown(self, values: Mapping[str, object]) -> None:
        name = min(values.keys() - self._holds.keys())
        raise WrongValue(name, f"{self.table.name} has no such column")

    def _condition(self, where: Where) -> tuple[Shape, list[Value]]:
        """Return the shape of a condition, on which its statement depends, and its values."""
        shape: list[Term] = []
        values: list[Value] = []
        for name, value in where.items():
            if name not in self._holds and name not in self._heads:
                self._unknown({name: value})
            if value is None:
                shape.append((name, NULL))
            elif isinstance(value, list | tuple) and not isinstance(value, RowId):
                shape.append((name, len(value)))
                values += [plain(one, name) for one in value]
            else:
                shape.append((name, None))
                values.append(plain(value, name))
        return tuple(shape), values

    def _said(self, shape: Shape) -> str:
        said = [_term(*one) for one in shape]
        if self.table.replicated:
            said.append(LIVING if self.table.owner is Owner.DOWN else OWN)
        if self.table.blanks:
            said.append(UNTOUCHED)
        return " AND ".join(said) or "TRUE"

    def _inserted(self, names: tuple[str, ...]) -> str:
        places = ", ".join("?" * len(names))
        return f"INSERT INTO {self.table.name} ({', '.join(names)}) VALUES ({places})"

    def _or_replace(self, names: tuple[str, ...]) -> str:
        key = self.table.key
        sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
        return f" ON CONFLICT ({', '.join(key)}) DO " + (
            f"UPDATE SET {sets}" if sets else "NOTHING"
        )


def _heads(table: Table) -> tuple[str, ...]:
    if not table.replicated:
        return ()
    down = ("scope", "rev_epoch", "rev_seq", "deleted") if table.owner is Owner.DOWN else ()
    return ("id", "own", *down)


def _term(name: str, count: int | None) -> str:
    if count is None:
        return f"{name} = ?"
    if count == NULL:
        return f"{name} IS NULL"
    return f"{name} IN ({', '.join('?' * count)})"
