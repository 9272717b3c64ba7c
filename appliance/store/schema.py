"""DDL from the declaration of a table.

A replicated table binds own rows only: `own` is 1 for them and NULL for the rows of others, every
rule but the id asks for it, and a unique index holds own rows alone. So a row that another node
wrote is kept and shown, whatever our rules say of it. A foreign key too binds own rows to own rows:
it stands on a generated column, `<name>_own`, which is NULL unless both were born at one node.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from appliance.store.registry import Registry
from appliance.store.tables import Column, Owner, Table

RESERVED: Final = frozenset({"id", "own", "scope", "rev_epoch", "rev_seq", "deleted"})
"""Names that the store gives to columns of its own in replicated tables."""

NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
KINDS: Final = frozenset({"INTEGER", "TEXT", "BLOB", "REAL"})


def checked(table: Table) -> Table:
    """Return the table; raise `ValueError` if it can't be made as declared."""
    names = [column.name for column in table.columns]
    names += [f"{column.name}_own" for column in table.columns if column.refers]
    said = {*names, *RESERVED} if table.replicated else set(names)
    bad = [name for name in (table.name, *names) if not NAME.fullmatch(name)]
    if bad or len(set(names)) != len(names) or any(c.kind not in KINDS for c in table.columns):
        raise ValueError(f"{table.name}: a name is bad or twice, or a kind is none: {bad}")
    if table.replicated and RESERVED & set(names):
        raise ValueError(f"{table.name}: the store itself names {sorted(RESERVED & set(names))}")
    if any(column.since > 1 and not column.null for column in table.columns):
        raise ValueError(f"{table.name}: a later column must be allowed to be null")
    if table.owner is not Owner.UP and any(column.home for column in table.columns):
        raise ValueError(f"{table.name}: a home is for rows that stay with the node they are of")
    if [c.since for c in table.columns] != sorted(c.since for c in table.columns):
        raise ValueError(f"{table.name}: columns stand in the order in which they came")
    _refuse_blanks(table)
    for group in (table.key, *table.unique, *table.indexes):
        if not said.issuperset(group):
            raise ValueError(f"{table.name}: {group} names a column that is not there")
    return table


def _refuse_blanks(table: Table) -> None:
    bad = [name for name in table.blanks if not _can_be_blank(table, name)]
    if bad or (table.blanks and not table.personal):
        raise ValueError(f"{table.name}: an erasure cannot empty {bad or 'what is not personal'}")


def _can_be_blank(table: Table, name: str) -> bool:
    """Tell whether the row is still one that the table allows when that column is empty."""
    column = next((column for column in table.columns if column.name == name), None)
    if column is None or table.owner is Owner.DOWN or column.home or column.refers:
        return False
    free = not (column.check or column.known or column.reads)
    return column.null or (free and not any(name in group for group in table.unique))


def create_table(table: Table, tables: Registry, *, order: Sequence[str] = ()) -> str:
    """Return the statement that makes the table; `order` is that of the columns in the file."""
    places = {name: place for place, name in enumerate(order)}
    columns = sorted(table.columns, key=lambda column: places.get(column.name, len(places)))
    lines = [*_own_columns(table), *(column_line(table, column) for column in columns)]
    lines += [_own_reference(column) for column in table.columns if _binds(table, column, tables)]
    tail = "STRICT, WITHOUT ROWID"
    if not table.replicated and counts_itself(table):
        tail = "STRICT"
    elif not table.replicated:
        lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
    return f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(lines) + f"\n) {tail}"


def create_indexes(table: Table) -> Iterator[tuple[str, str]]:
    """Give the name of each index and the statement that makes it."""
    for columns in table.unique:
        name = f"{table.name}_one_{'_'.join(columns)}"
        unique = f"CREATE UNIQUE INDEX {name} ON {table.name} ({', '.join(columns)})"
        yield name, f"{unique}{_own_only(table)}"
    for columns in table.indexes:
        name = f"{table.name}_by_{'_'.join(columns)}"
        yield name, f"CREATE INDEX {name} ON {table.name} ({', '.join(columns)})"
    if table.owner is Owner.DOWN:
        name = f"{table.name}_by_rev"
        yield name, f"CREATE INDEX {name} ON {table.name} (scope, rev_seq)"


def column_line(table: Table, column: Column) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN both take it."""
    if not table.replicated:
        return _local_line(table, column)
    rules = [] if column.null else [f"{column.name} IS NOT NULL"]
    rules += [f"({column.check})"] if column.check else []
    rules += [_home_rule(column)] if column.home else []
    if not rules:
        return f"{column.name} {column.kind}"
    free = "own IS NULL OR deleted" if table.owner is Owner.DOWN else "own IS NULL"
    return f"{column.name} {column.kind} CHECK ({free} OR ({' AND '.join(rules)}))"


def _home_rule(column: Column) -> str:
    if column.refers:
        return f"ifnull(substr({column.name}, 1, 2) = substr(id, 1, 2), TRUE)"
    return f"printf('%04X', {column.name}) = hex(substr(id, 1, 2))"


def counts_itself(table: Table) -> bool:
    """Tell whether a LOCAL table's key is one whole number, which SQLite gives if nobody does."""
    kinds = {column.name: column.kind for column in table.columns}
    return len(table.key) == 1 and kinds[table.key[0]] == "INTEGER"


def _local_line(table: Table, column: Column) -> str:
    line = f"{column.name} {column.kind}"
    if counts_itself(table) and column.name == table.key[0]:
        return f"{line} PRIMARY KEY"
    line += "" if column.null else " NOT NULL"
    return line + (f" CHECK ({column.check})" if column.check else "")


def _binds(table: Table, column: Column, tables: Registry) -> bool:
    """Tell whether a reference is a foreign key: to rows that only their own node removes."""
    parent = tables.get(column.refers)
    return table.replicated and parent is not None and parent.owner in {Owner.UP, Owner.HOME}


def _own_reference(column: Column) -> str:
    name = column.name
    born_together = f"own = 1 AND substr(id, 1, 2) = substr({name}, 1, 2)"
    return (
        f"{name}_own BLOB GENERATED ALWAYS AS (CASE WHEN {born_together} THEN {name} END) VIRTUAL"
        f" REFERENCES {column.refers} (id)"
    )


def _own_columns(table: Table) -> tuple[str, ...]:
    if not table.replicated:
        return ()
    lines = ("id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 14)", "own INTEGER CHECK (own = 1)")
    if table.owner is not Owner.DOWN:
        return lines
    return (
        *lines,
        "scope TEXT NOT NULL",
        "rev_epoch INTEGER NOT NULL",
        "rev_seq INTEGER NOT NULL",
        "deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))",
    )


def _own_only(table: Table) -> str:
    if not table.replicated:
        return ""
    living = " AND deleted = 0" if table.owner is Owner.DOWN else ""
    return f" WHERE own = 1{living}"
