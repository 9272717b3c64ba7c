"""Reading, as the database stands at one moment."""

import sqlite3
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Final

from appliance.store.failures import StoreClosed, translated
from appliance.store.ids import RowId
from appliance.store.registry import Registry
from appliance.store.tables import Value

Asked = Value | RowId
"""What a statement may be asked with: an id stands for its 14 bytes."""

Opened = Callable[[], sqlite3.Connection]
AT_ONCE: Final = 50
"""Values in one question of `among`."""

POOLED: Final = 8
"""Connections kept open between requests; one more is opened where a crowd needs it."""


class Reader:
    """Reads on one connection. Values are given by name: `:name` in the statement."""

    def __init__(self, connection: sqlite3.Connection, *, node: int, tables: Registry) -> None:
        self._connection = connection
        self.node = node
        self.tables = tables

    def one(self, sql: str, **values: Asked) -> sqlite3.Row | None:
        """Return the first row, or None."""
        row: sqlite3.Row | None = self._asked(sql, values).fetchone()
        return row

    def all(self, sql: str, **values: Asked) -> list[sqlite3.Row]:
        """Return all rows."""
        try:
            return self._asked(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def among(
        self, table: str, column: str, values: Collection[Asked], *, told: str = "*"
    ) -> list[sqlite3.Row]:
        """Return the rows of a table whose column is one of the values; `told` names columns.

        One size of question serves any number of values, so it is prepared only once.
        """
        found: list[sqlite3.Row] = []
        asked = list(values)
        size = 1 if len(asked) == 1 else AT_ONCE
        names = [f"v{place}" for place in range(size)]
        places = ", ".join(f":{name}" for name in names)
        sql = f"SELECT {told} FROM {table} WHERE {column} IN ({places})"
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            padded = [*part, *[None] * (size - len(part))]
            found += self.all(sql, **dict(zip(names, padded, strict=True)))
        return found

    def value(self, sql: str, **values: Asked) -> Any:  # noqa: ANN401 - what the statement asks for
        """Return the first column of the first row, or None if there is no row."""
        row = self._asked(sql, values).fetchone()
        return None if row is None else row[0]

    def _asked(self, sql: str, values: dict[str, Asked]) -> sqlite3.Cursor:
        for name, value in values.items():
            if type(value) is RowId:
                values[name] = value.blob
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> BaseException:
        return translated(error)


class Moment:
    """A context manager: a reader for as long as one request, on a connection from the pool."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Reader:
        self._connection = self._pool.take()
        return Reader(self._connection, node=self._pool.node, tables=self._pool.tables)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._pool.give_back(self._connection)
            self._connection = None


class Pool:
    """Connections for reading, each used by one request at a time."""

    def __init__(self, opened: Opened, *, node: int, tables: Registry) -> None:
        self._open = opened
        self._free: list[sqlite3.Connection] = []
        self._closed = False
        self.node = node
        self.tables = tables

    def take(self) -> sqlite3.Connection:
        """Return a connection inside a read transaction; it sees the file as it is now."""
        if self._closed:
            raise StoreClosed
        try:
            connection = self._begun()
        except sqlite3.Error as error:
            raise translated(error) from error
        return connection

    def give_back(self, connection: sqlite3.Connection) -> None:
        """End the read transaction; a connection that cannot end it is not used again."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        if self._closed or len(self._free) >= POOLED:
            connection.close()
        else:
            self._free.append(connection)

    def _begun(self) -> sqlite3.Connection:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._open()
        try:
            connection.execute("BEGIN")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close what is free now, and the rest as it comes back."""
        self._closed = True
        while self._free:
            self._free.pop().close()
