"""DOWN tables on their way: what the centre tells of a scope, and what a node makes of it.

The centre gives state, not history: the rows of one scope and lane that changed after a revision,
in order of revision, tombstones among them. A page is part of an answer; a node keeps pages aside
and shows them all at once when the last one has come, so it only ever shows what the centre once
was. A cursor that the centre's file does not know, because it was restored from an older copy, is
answered with everything, and what does not come with it is gone.
"""

import hashlib
from collections.abc import Iterator
from heapq import merge
from typing import Final

from appliance.store import staging, streams
from appliance.store.entries import DIGEST
from appliance.store.reader import Reader
from appliance.store.revisions import (
    NEVER,
    DownPage,
    DownRow,
    Grants,
    Outcome,
    PageKind,
    Rev,
)
from appliance.store.tables import Lane, Table
from appliance.store.transaction import Transaction
from appliance.store.values import encode_row

OVERHEAD: Final = 64
"""Bytes that a row is reckoned to take beside its body."""


def head(reader: Reader) -> Rev:
    """Return the newest revision of this file, in the epoch of its present start."""
    seq = reader.value("SELECT value FROM _head WHERE name = 'seq'") or 0
    return Rev(reader.value("SELECT epoch FROM _stream ORDER BY ordinal DESC LIMIT 1"), seq)


def knows(reader: Reader, rev: Rev) -> bool:
    """Tell whether the revision lies in this file's own past; `NEVER` does."""
    if rev == NEVER:
        return True
    starts = streams.starts(reader)
    for start, following in zip(starts, (*starts[1:], None), strict=True):
        if start.stream.epoch == rev.epoch:
            return rev.seq <= (following.parent_last_seq if following else head(reader).seq)
    return False


def changes(
    reader: Reader,
    scope: str,
    lane: Lane,
    after: Rev,
    max_bytes: int,
    *,
    fingerprint: bytes | None = None,
    read_at: Rev = NEVER,
) -> DownPage:
    """Return what changed after a revision, at the centre; at least one row if there is any.

    `read_at` is where this file stood when it gave the pages that the node keeps aside. If it has
    forgotten that, those pages leave out what it has now, and everything is sent again.

    `fingerprint` is what the node says of the rows that it shows. It spares sending everything
    again when the centre's file has forgotten the node's cursor and yet holds the same rows.
    """
    now = head(reader)
    known = knows(reader, after) and knows(reader, read_at)
    if not known and fingerprint == fingerprint_of(reader, scope, lane):
        return DownPage((), now, complete=True, kind=PageKind.SAME, after=after, as_of=now)
    since = after if known else NEVER
    kind = PageKind.SNAPSHOT if since == NEVER else PageKind.CHANGES
    rows, left = _fitting(_rows_after(reader, scope, lane, since.seq, max_bytes), max_bytes)
    upto = rows[-1].rev if left else now
    return DownPage(tuple(rows), upto, complete=not left, kind=kind, after=after, as_of=now)


def fingerprint_of(reader: Reader, scope: str, lane: Lane) -> bytes:
    """Return a hash over which rows stand in the scope, each in which state.

    A revision names one state of one row for ever, so revisions stand for the values. It is the
    same at both ends when the rows are, whatever columns each end knows.
    """
    found = set(staging.aside(reader, scope, lane))
    for table in staging.down_tables(reader, lane):
        sql = f"""SELECT id, rev_epoch, rev_seq FROM {table.name}
        WHERE scope = :scope AND deleted = 0"""
        found.update(tuple(row) for row in reader.all(sql, scope=scope))
    told = hashlib.blake2b(digest_size=DIGEST)
    for key, epoch, seq in sorted(found):
        told.update(key + epoch.to_bytes(6, "big") + seq.to_bytes(6, "big"))
    return told.digest()


def cursor(reader: Reader, scope: str, lane: Lane) -> Rev:
    """Return the revision to ask on from, at a node: pages kept aside count."""
    return staging.position(reader, scope, lane).asks


def read_at(reader: Reader, scope: str, lane: Lane) -> Rev:
    """Return where the centre stood when it gave the last page, at a node."""
    return staging.position(reader, scope, lane).as_of


def shown(reader: Reader, scope: str, lane: Lane) -> Rev:
    """Return the revision that the visible rows of the scope stand at, at a node."""
    return staging.position(reader, scope, lane).shows


def apply(tx: Transaction, scope: str, lane: Lane, page: DownPage) -> Outcome:
    """Keep a page aside; when it is the last, make all of them visible at once.

    A page that does not answer what `cursor` asks now, or that was read before the one before it,
    changes nothing: so repeated and late pages are harmless.
    """
    if scope not in granted(tx).scopes:
        return Outcome.PASSED_OVER
    return staging.take(tx, scope, lane, page)


def granted(reader: Reader) -> Grants:
    """Return which scopes this node may hold, and by which order of the centre."""
    order = reader.value("SELECT value FROM _head WHERE name = 'grants'") or 0
    rows = reader.all("SELECT scope FROM _down_scope ORDER BY scope")
    return Grants(order, tuple(row["scope"] for row in rows))


def obey(tx: Transaction, grants: Grants) -> bool:
    """Hold these scopes and no others; rows of a scope that is gone are deleted here and now.

    An order that is not newer than the one obeyed changes nothing: return False. What
    `granted(reader).order` says afterwards is the confirmation.
    """
    before = granted(tx)
    if grants.order <= before.order:
        return False
    for scope in set(before.scopes) - set(grants.scopes):
        staging.forget(tx, scope)
    for scope in sorted(set(grants.scopes) - set(before.scopes)):
        tx.run("INSERT INTO _down_scope (scope) VALUES (?)", (scope,))
    tx.run("INSERT OR REPLACE INTO _head (name, value) VALUES ('grants', ?)", (grants.order,))
    tx.announce("down")
    return True


def replay(tx: Transaction) -> int:
    """Show rows that came before this version of the program could read them; return how many."""
    return staging.replay(tx)


def _rows_after(
    reader: Reader, scope: str, lane: Lane, seq: int, max_bytes: int
) -> Iterator[DownRow]:
    """Give rows in order of revision; each table gives at most what one page can hold."""
    most = max_bytes // OVERHEAD + 2
    tables = staging.down_tables(reader, lane)
    return merge(*(_table_after(reader, t, scope, seq, most) for t in tables), key=_seq_of)


def _seq_of(row: DownRow) -> int:
    return row.rev.seq


def _table_after(
    reader: Reader, table: Table, scope: str, seq: int, most: int
) -> Iterator[DownRow]:
    sql = f"""SELECT * FROM {table.name} WHERE scope = :scope AND rev_seq > :seq
      ORDER BY rev_seq LIMIT :most"""
    names = [column.name for column in table.columns]
    for row in reader.all(sql, scope=scope, seq=seq, most=most):
        yield DownRow(
            table=table.name,
            id=row["id"],
            rev=Rev(row["rev_epoch"], row["rev_seq"]),
            deleted=bool(row["deleted"]),
            schema=table.schema,
            body=None if row["deleted"] else encode_row([row[name] for name in names]),
        )


def _fitting(rows: Iterator[DownRow], max_bytes: int) -> tuple[list[DownRow], bool]:
    """Return the rows that fit, one at least, and whether any is left."""
    fitting: list[DownRow] = []
    size = 0
    for row in rows:
        size += OVERHEAD + len(row.body or b"")
        if fitting and size > max_bytes:
            return fitting, True
        fitting.append(row)
    return fitting, False
