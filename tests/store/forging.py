"""Entries of a stream that no store here has written: of newer programs, and of dishonest ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from appliance.store.entries import GENESIS, Entry, Op, commitment, link
from appliance.store.ids import RowId, StreamId
from appliance.store.tables import Lane, Table, Value
from appliance.store.values import encode_changes, encode_row


@dataclass
class Forger:
    """Writes the log of one lane, with the chain in order."""

    stream: StreamId
    lane: Lane
    entries: list[Entry] = field(default_factory=list)
    seq: int = 0

    def write(
        self,
        table: str,
        op: Op,
        body: bytes | None,
        *,
        key: bytes | None = None,
        schema: int = 1,
        tx: int | None = None,
        hlc: int = 1,
    ) -> RowId:
        """Add an entry; return the id that a row born of it would have."""
        self.seq += 1
        born = RowId(*self.stream, self.seq)
        bare = Entry(
            lane_seq=len(self.entries) + 1,
            seq=self.seq,
            tx=tx or self.seq,
            table=table,
            op=op,
            key=key or born.blob,
            schema=schema,
            hlc=hlc,
            body=body,
            salt=None,
            commitment=commitment(None, body),
            chain=b"",
        )
        previous = self.entries[-1].chain if self.entries else GENESIS
        self.entries.append(bare._replace(chain=link(previous, self.stream, self.lane, bare)))
        return born

    def insert(self, table: Table, row: Sequence[Value], *, schema: int = 1) -> RowId:
        """Add the birth of a row."""
        return self.write(table.name, Op.INSERT, encode_row(row), schema=schema)

    def update(self, table: Table, row: RowId, changes: Mapping[int, Value]) -> None:
        """Add a change of a row."""
        self.write(table.name, Op.UPDATE, encode_changes(changes), key=row.blob)

    def delete(self, table: Table, row: RowId) -> None:
        """Add the removal of a row."""
        self.write(table.name, Op.DELETE, None, key=row.blob)
