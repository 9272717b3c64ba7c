"""What a room declares about each of its tables: columns, who writes it, how its rows travel.

A table is declared once. Its DDL, its place on the wire, and what a projection of another node's
rows may demand all follow from the declaration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from appliance.store.erasures import Erasure
    from appliance.store.transaction import Transaction

Value = str | int | float | bytes | None
Row = Mapping[str, Any]
"""A row as the database gives it: ids are 14 bytes, times are milliseconds since 1970."""


class Owner(StrEnum):
    """Who alone may write a table."""

    UP = "up"  # the node where the row was born
    DOWN = "down"  # the centre; a node holds the rows of the scopes that were granted to it
    HOME = "home"  # the one home node of each object; others send it commands
    LOCAL = "local"  # this file alone: never logged, never sent


class Lane(IntEnum):
    """The lanes of replication, the most urgent first. The number is the one on the wire."""

    ALARMS = 0
    TICKETS = 1  # tickets, audit, revocations
    STATE = 2
    READINGS = 3
    SIGHTINGS = 4
    MEDIA = 5
    BACKUP = 6

    @property
    def label(self) -> str:
        """Return the lane's name in URLs, settings and metrics."""
        return self.name.lower()


Reads = Callable[[Any], bool]
"""Tells whether this version can read a value of the column's kind that is not null."""

ID_LENGTH: Final = 14
LATEST: Final = 1 << 47
"""A moment that no clock of ours will show, in the year 6429; a calendar can still name it."""

KEPT_DAYS: Final = 30
"""Days for which the log keeps what is safe at the centre, at least."""

URGENT: Final = frozenset({Lane.ALARMS, Lane.TICKETS})
"""The lanes with a connection of their own."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Replicated tables only ever gain nullable ones, so `since` tells the schema."""

    name: str
    kind: str  # INTEGER, TEXT, BLOB or REAL
    null: bool = False
    check: str = ""  # demanded of own rows only: a foreign row is kept and shown, never refused
    refers: str = ""  # the table whose row id it holds
    since: int = 1
    home: bool = False  # it names the node where the row was born, or a row that was born there
    known: frozenset[str] = frozenset()  # the values of its enumeration, in this version
    reads: Reads | None = field(default=None, repr=False)  # what of another node fails it is held


def integer(name: str, *, null: bool = False, check: str = "", since: int = 1) -> Column:
    """Declare a whole number: counts, flags."""
    return Column(name, "INTEGER", null=null, check=check, since=since)


def moment(name: str, *, null: bool = False, since: int = 1) -> Column:
    """Declare milliseconds since 1970, such that a calendar can name them."""
    return Column(name, "INTEGER", null=null, since=since, reads=_is_moment)


def home(name: str) -> Column:
    """Declare the number of the node where the row was born: no other may write it."""
    return Column(name, "INTEGER", home=True)


def text(
    name: str, *, null: bool = False, check: str = "", since: int = 1, reads: Reads | None = None
) -> Column:
    """Declare a text in NFC; `reads` tells which texts our pages can read, if not all."""
    return Column(name, "TEXT", null=null, check=check, since=since, reads=reads)


def blob(name: str, *, null: bool = False, since: int = 1) -> Column:
    """Declare bytes: keys, hashes, sealed boxes."""
    return Column(name, "BLOB", null=null, since=since)


def real(name: str, *, null: bool = False, since: int = 1) -> Column:
    """Declare a measured value."""
    return Column(name, "REAL", null=null, since=since, reads=isfinite)


def row_id(name: str, *, null: bool = False, since: int = 1) -> Column:
    """Declare the id of a row that nobody waits for: it may be gone, and what names it stays."""
    return Column(name, "BLOB", null=null, since=since, reads=_is_id)


def reference(
    name: str, table: str, *, null: bool = False, since: int = 1, home: bool = False
) -> Column:
    """Declare the id of a row of a replicated table.

    That row was born anywhere; with `home`, at the node of this row, in whichever of its starts.
    """
    return Column(name, "BLOB", null=null, refers=table, since=since, home=home, reads=_is_id)


def one_of(name: str, values: type[StrEnum], *, null: bool = False, since: int = 1) -> Column:
    """Declare a text that is a value of the enumeration, as this version knows it."""
    known = frozenset(str(value) for value in values)
    allowed = ", ".join(f"'{value}'" for value in values)
    check = f"{name} IN ({allowed})"
    return Column(name, "TEXT", null=null, check=check, since=since, known=known)


def _is_moment(value: int) -> bool:
    return 0 <= value < LATEST


def _is_id(value: bytes) -> bool:
    return len(value) == ID_LENGTH


Projector = Callable[["Transaction", Sequence[Row]], None]
"""Folds rows that have just been born, in the order of their birth, into LOCAL tables.

The same code runs at both ends: at home for each insert, at the centre for many rows at once, and
table after table in the order of declaration. So what a fold reads of other rows must be of tables
declared before its own, as the rows are that it refers to.
"""


Forgetter = Callable[["Transaction", "Erasure"], None]
"""Takes out of its own table what was made of rows that are erased just now, in the transaction of
their erasure. It is called for each erasure in the file, of whichever table, at both ends."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of one room.

    Replicated tables have `id` (14 bytes) first, then `own` (1 for rows of this node, NULL for
    those of others, so that `unique` binds own rows only). DOWN tables also have `scope`,
    `rev_epoch`, `rev_seq` and `deleted`. LOCAL tables have only what they declare, and a `key`.
    """

    name: str
    owner: Owner
    columns: tuple[Column, ...]
    lane: Lane | None = None
    files: tuple[str, ...] = ("node",)
    personal: bool = False  # from its first release: entries are salted, so a row can be erased
    blanks: tuple[str, ...] = ()  # what an erasure empties; if nothing is named, the row goes
    append_only: bool = False  # the log keeps no second copy of the body
    key: tuple[str, ...] = ()  # the primary key of a LOCAL table
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    project: Projector | None = None  # runs for each row born here or received
    forget: Forgetter | None = None
    keep_days: int = KEPT_DAYS  # how long the log keeps its entries once they are safe elsewhere

    @property
    def schema(self) -> int:
        """Return the number of the newest schema: the largest `since`."""
        return max((column.since for column in self.columns), default=1)

    @property
    def room(self) -> str:
        """Return the room it belongs to: the part of its name before the first underscore."""
        return self.name.partition("_")[0]

    @property
    def replicated(self) -> bool:
        """Tell whether its rows leave this file."""
        return self.owner is not Owner.LOCAL

    def __post_init__(self) -> None:
        if self.replicated == (self.lane is None):
            raise ValueError(f"{self.name}: a lane is for replicated tables, and each has one")
        if self.keep_days < KEPT_DAYS:
            raise ValueError(f"{self.name}: the log keeps everything for {KEPT_DAYS} days")
        if self.replicated == bool(self.key):
            raise ValueError(f"{self.name}: a key is for LOCAL tables, and each has one")
