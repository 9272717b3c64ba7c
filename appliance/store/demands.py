"""What is demanded of a row of another node before it is written, worked out once for a table.

A row that passes speaks of its own node alone, and every value in it is one that the pages of this
version can read. One that does not is held with the reason, and tried again at the next start: a
newer program may read it. Rules about what makes sense (CHECK, UNIQUE) are not asked here.
"""

from collections.abc import Mapping
from typing import Final

from appliance.store.quarantine import Hold, Reason
from appliance.store.statements import HOLDS
from appliance.store.tables import Column, Table, Value

NODE_WIDTH: Final = 2
MOST_SHAPES: Final = 256
"""Rows come in a few shapes; a node that sends a new one each time must not fill the memory."""


class Demands:
    """The demands of one table."""

    def __init__(self, table: Table) -> None:
        """Work them out."""
        columns = table.columns
        self._columns = columns
        self._kinds = tuple(_kinds(column) for column in columns)
        self._proper: set[tuple[object, ...]] = set()  # columns and types that were looked at
        self._reads = tuple(
            (index, column.known.__contains__ if column.known else column.reads)
            for index, column in enumerate(columns)
            if column.known or column.reads
        )
        self._numbers = tuple(i for i, one in enumerate(columns) if one.home and not one.refers)
        self._parents = tuple(i for i, one in enumerate(columns) if one.home and one.refers)

    def unmet(self, born: bytes, content: Mapping[int, Value]) -> Hold | None:
        """Return a hold if the new values may not be written; `born` is how the row's id begins.

        `content` is by column index; what is not in it stays as it is.
        """
        shape = (*content, *map(type, content.values()))
        if shape not in self._proper:
            for index, value in content.items():
                if type(value) not in self._kinds[index]:
                    name = self._columns[index].name
                    return Hold(Reason.UNREADABLE, f"{name} is of another kind")
            if len(self._proper) < MOST_SHAPES:
                self._proper.add(shape)
        for index, reads in self._reads:
            value = content.get(index)
            if value is not None and not reads(value):  # type: ignore[misc]
                return _unread(self._columns[index])
        return self._of_another(born, content)

    def _of_another(self, born: bytes, content: Mapping[int, Value]) -> Hold | None:
        for index in self._numbers:
            number = content.get(index)
            if number is not None and number != int.from_bytes(born[:NODE_WIDTH], "big"):
                return self._not_its_own(index)
        for index in self._parents:
            parent = content.get(index)
            if type(parent) is bytes and parent[:NODE_WIDTH] != born[:NODE_WIDTH]:
                return self._not_its_own(index)
        return None

    def _not_its_own(self, index: int) -> Hold:
        return Hold(Reason.NOT_ITS_OWN, f"{self._columns[index].name} is of another node")


def _kinds(column: Column) -> frozenset[type]:
    """Return the types of values that the column holds."""
    kind = HOLDS[column.kind]
    return frozenset({kind, type(None)}) if column.null else frozenset({kind})


def _unread(column: Column) -> Hold:
    """Return the hold for a value that the pages of this version could not read."""
    if column.known:
        return Hold(Reason.NEWER_VALUE, f"{column.name} has a value that is not known here")
    return Hold(Reason.UNREADABLE, f"{column.name} has a value that nothing here reads")
