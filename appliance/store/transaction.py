"""What a verb writes with.

A transaction has no commit and no connection to offer: a verb says what changes, and the store
decides when that is durable. A row and its log entry are written together or not at all.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from appliance.errors import VuzolError
from appliance.store import erasures
from appliance.store.clock import ClockQuality
from appliance.store.entries import Op
from appliance.store.ids import RowId
from appliance.store.journal import Heads, Journal
from appliance.store.owned import Owned
from appliance.store.reader import Asked, Reader
from appliance.store.registry import UnknownTable
from appliance.store.statements import Statements, Where
from appliance.store.tables import Owner, Row, Table, Value
from appliance.store.values import encode_changes, encode_ids, encode_row

Bound = Sequence[Value] | Mapping[str, Value]
NUMBER: Final = (
    "INSERT INTO _number (series, last) VALUES (?, 1)"
    " ON CONFLICT (series) DO UPDATE SET last = last + 1 RETURNING last"
)


class NotOurs(VuzolError):
    """A verb meant to write in a way that the table's owner doesn't allow."""

    code: ClassVar[str] = "not_ours"
    status_hint: ClassVar[int] = 500

    def __init__(self, table: str, cause: str) -> None:
        super().__init__(f"{table}: {cause}", next_step="write it where its owner lives")
        self.table = table


class TransactionOver(VuzolError):
    """A verb used its transaction after it had ended."""

    code: ClassVar[str] = "transaction_over"
    status_hint: ClassVar[int] = 500

    def __init__(self) -> None:
        super().__init__("the transaction is over", next_step="write inside the verb only")


class Transaction(Reader):
    """What a verb gets: reads, changes, numbers, and announcements for after the commit."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        owner: Owned,
        heads: Heads,
        *,
        now: int,
        quality: ClockQuality,
    ) -> None:
        """Open a transaction inside the savepoint that the writer has set."""
        super().__init__(connection, node=owner.stream.node, tables=owner.tables)
        self._statements = owner.statements
        self._clock = owner.hybrid
        self._centre = owner.centre
        self._heads = heads
        self._over = False
        self.lost = False
        self.epoch: int = owner.stream.epoch
        self.now = now
        self.clock_quality = quality
        self.hlc = owner.hybrid.next(now, quality)
        self._journal = Journal(owner.stream, heads, self.hlc, owner.entropy)
        self._rev = 0
        self.topics: set[str] = set()
        self.numbers: dict[str, int] = {}
        self.repeats = False
        self.erased: dict[str, int] = {}  # what the file outside the database has to remember
        self.scrubs = False

    def insert(
        self, table: Table, values: Mapping[str, object], *, scope: str | None = None
    ) -> RowId:
        """Write a new row of a replicated table with its log entry; return the id it keeps.

        A row of a DOWN table needs the scope of those who may see it.
        """
        statements = self._known(table)
        row = statements.row(values)
        seq = self._journal.next_seq()
        born = RowId(self.node, self.epoch, seq)
        key = born.blob
        heads: tuple[Value, ...] = (key, 1)
        if table.owner is Owner.DOWN:
            heads += (self._scope(table, scope), *self._revised(table, seq), 0)
        else:
            self._refuse_local(table, scope)
        self.run(statements.insert, (*heads, *row))
        if table.owner is not Owner.DOWN:
            self._log(statements, Op.INSERT, seq, key, encode_row(row))
        if table.project is not None:
            table.project(self, [dict(zip(statements.all_names, (*heads, *row), strict=True))])
        return born

    def add(self, table: Table, values: Mapping[str, object]) -> None:
        """Write a new row of a LOCAL table; raise `AlreadyThere` if its key or a unique is."""
        statements = self._local(table)
        row = statements.changes(values)
        self.run(statements.add(tuple(row)), tuple(row.values()))

    def add_all(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        """Write new rows of a LOCAL table that name the same columns, as `add` writes one."""
        if len(rows) == 1:
            self.add(table, rows[0])
            return
        statements = self._local(table)
        each = [statements.changes(row) for row in rows]
        if each:
            self.run_many(statements.add(tuple(each[0])), [tuple(row.values()) for row in each])

    def put(self, table: Table, values: Mapping[str, object]) -> None:
        """Write a row of a LOCAL table; where its key is there, change the named columns."""
        statements = self._local(table)
        row = statements.changes(values)
        self.run(statements.put(tuple(row)), tuple(row.values()))

    def update_where(self, table: Table, where: Where, values: Mapping[str, object]) -> list[Row]:
        """Change the rows that hold all of `where`; return them as they are now.

        None in `where` means "is null", a list "is one of". No row returned: nobody matched, which
        is how two people who act at once are told apart. Of a replicated table only rows of this
        node are touched.
        """
        statements = self._known(table)
        new = statements.changes(values)
        if not new or table.append_only:
            raise NotOurs(table.name, "its rows never change" if new else "nothing to change")
        names, bound = tuple(new), list(new.values())
        if table.owner is Owner.DOWN:
            return self._update_down(statements, where, names, bound)
        sql, asked = statements.update(names, where)
        rows = self.changed(sql, (*bound, *asked))
        if table.replicated and rows:
            body = encode_changes({statements.index[name]: new[name] for name in names})
            for row in rows:
                self._log(statements, Op.UPDATE, self._journal.next_seq(), row["id"], body)
        return rows

    def update_all(self, table: Table, by: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Change rows of a LOCAL table, each found by its own value of the column `by`.

        All rows name the same columns. Whoever must know who was found uses `update_where`.
        """
        statements = self._local(table)
        each = [statements.changes(row) for row in rows]
        if each:
            keys = [row.pop(by) for row in each]
            sql, _ = statements.update(tuple(each[0]), {by: keys[0]}, told=False)
            pairs = zip(each, keys, strict=True)
            self.run_many(sql, [(*row.values(), key) for row, key in pairs])

    def shift(self, table: Table, where: Where, by: Mapping[str, object]) -> list[Row]:
        """Add to columns of the rows of a LOCAL table that hold all of `where`; return them."""
        statements = self._local(table)
        steps = statements.changes(by)
        sql, asked = statements.shift(tuple(steps), where)
        return self.changed(sql, (*steps.values(), *asked))

    def delete(self, table: Table, where: Where) -> list[Row]:
        """Remove the rows that hold all of `where`; return them as they were.

        A row of a DOWN table becomes a tombstone: `deleted` is 1 and its values are gone.
        """
        statements = self._known(table)
        if table.append_only:
            raise NotOurs(table.name, "its rows stay for ever")
        if table.owner is Owner.DOWN:
            return self._delete_down(statements, where)
        sql, asked = statements.delete(where)
        rows = self.changed(sql, asked)
        if table.replicated:
            for row in rows:
                self._log(statements, Op.DELETE, self._journal.next_seq(), row["id"], None)
        return rows

    def erase(self, table: Table, ids: Iterable[RowId]) -> list[RowId]:
        """Forget rows of a `personal` table for ever; return those that were not forgotten before.

        Their values go from the table, the log, and whatever else of this file holds them, also
        when the row itself was deleted long ago. An entry that names the ids tells the centre. No
        row of that id is ever taken again. Raise `CannotErase` where that may not be done.
        """
        statements = self._known(table)
        asked = [row.blob for row in dict.fromkeys(ids)]
        erasures.refuse(table, asked, node=self.node, centre=self._centre)
        known = erasures.among(self, table.name, asked)
        fresh = [key for key in asked if key not in known]
        if fresh:
            self._journal.forget(table.name, frozenset(fresh))
            if table.owner is not Owner.DOWN:
                seq = self._journal.next_seq()
                key = RowId(self.node, self.epoch, seq).blob
                self._log(statements, Op.ERASE, seq, key, encode_ids(fresh))
            erasures.carry_out(self, table.name, fresh)
        self.erased.update({erasures.mark(table.name, key): 1 for key in asked})
        return [RowId.of(key) for key in fresh]

    @property
    def is_centre(self) -> bool:
        """Tell whether rows of DOWN tables are written in this file."""
        return self._centre

    def next_number(self, series: str) -> int:
        """Give the next number of a series: 1, 2, 3 and so on, without gaps, none twice."""
        number = int(self.changed(NUMBER, (series,))[0]["last"])
        self.numbers[series] = number
        return number

    def repeat(self) -> None:
        """Answer what was answered before: while marks of numbers are owed, it waits for them."""
        self.repeats = True

    def announce(self, topic: str) -> None:
        """Wake the subscribers of a topic after the commit."""
        self.topics.add(topic)

    def witness(self, hlc: int) -> bool:
        """Take in the hybrid time of another node; False if it runs too far ahead of ours."""
        return self._clock.follow(hlc, self.now, self.clock_quality)

    def run(self, sql: str, values: Bound = ()) -> sqlite3.Cursor:
        """Execute a statement; for the modules of the store alone."""
        if self._over:
            raise TransactionOver
        try:
            return self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def run_many(self, sql: str, rows: Iterable[Bound]) -> None:
        """Execute a statement for each row; for the modules of the store alone."""
        if self._over:
            raise TransactionOver
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def changed(self, sql: str, values: Bound = ()) -> list[Row]:
        """Execute a statement with RETURNING to its end; for the modules of the store alone."""
        try:
            return self.run(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def finish(self) -> None:
        """Write what the verb has logged; the writer alone calls it, once."""
        if not self._connection.in_transaction:  # what is written now would commit by itself
            self.lost = True
            return
        if self._journal.rows:
            self.topics.add("log")
            try:
                self._journal.write(self._connection)
            except sqlite3.Error as error:
                raise self._failure(error) from error
        if self._rev:
            self.topics.add("down")
            self.run("INSERT OR REPLACE INTO _head (name, value) VALUES ('seq', ?)", (self._rev,))
            self.run("INSERT OR REPLACE INTO _head (name, value) VALUES ('hlc', ?)", (self.hlc,))

    def end(self) -> None:
        """Refuse all further use; the writer alone calls it."""
        self._over = True

    def _update_down(
        self, statements: Statements, where: Where, names: tuple[str, ...], bound: list[Value]
    ) -> list[Row]:
        """Change rows of the centre: each gets a revision of its own."""
        rows: list[Row] = []
        names = ("rev_epoch", "rev_seq", *names)
        for found in self._found(statements, where):
            revision = self._revised(statements.table, self._journal.next_seq())
            sql, asked = statements.update(names, {"id": found["id"]})
            rows += self.changed(sql, (*revision, *bound, *asked))
        return rows

    def _delete_down(self, statements: Statements, where: Where) -> list[Row]:
        rows = self._found(statements, where)
        names = ("rev_epoch", "rev_seq", "deleted", *statements.names)
        empty = [None] * len(statements.names)
        for found in rows:
            revision = self._revised(statements.table, self._journal.next_seq())
            sql, asked = statements.update(names, {"id": found["id"]})
            self.changed(sql, (*revision, 1, *empty, *asked))
        return rows

    def _found(self, statements: Statements, where: Where) -> list[Row]:
        sql, asked = statements.select(where)
        return self.changed(sql, asked)

    def _log(
        self, statements: Statements, op: Op, seq: int, key: bytes, body: bytes | None
    ) -> None:
        self._journal.log(statements, op, seq, key, body)

    def _revised(self, table: Table, seq: int) -> tuple[int, int]:
        if not self._centre:
            raise NotOurs(table.name, "the centre alone writes it")
        self._rev = seq
        return self.epoch, seq

    def _scope(self, table: Table, scope: str | None) -> str:
        if not scope:
            raise NotOurs(table.name, "a row of the centre needs a scope")
        return scope

    def _refuse_local(self, table: Table, scope: str | None) -> None:
        if not table.replicated:
            raise NotOurs(table.name, "a LOCAL table is written with `add` and `put`")
        if scope is not None:
            raise NotOurs(table.name, "rows of DOWN tables alone have a scope")

    def _local(self, table: Table) -> Statements:
        if table.replicated:
            raise NotOurs(table.name, "a replicated table is written with `insert`")
        return self._known(table)

    def _known(self, table: Table) -> Statements:
        try:
            return self._statements[table.name]
        except KeyError:
            raise UnknownTable(table.name) from None

    def _asked(self, sql: str, values: dict[str, Asked]) -> sqlite3.Cursor:
        if self._over:
            raise TransactionOver
        return super()._asked(sql, values)

    def _failure(self, error: sqlite3.Error) -> BaseException:
        if not self._connection.in_transaction:  # a full disk may have ended it already
            self.lost = self._over = True
        return super()._failure(error)
