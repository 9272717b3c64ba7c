"""What must hold of any file of the store, whatever has happened to it."""

from typing import Any

from appliance.store import log, streams
from appliance.store.database import Store
from appliance.store.entries import GENESIS, Entry, Op, commitment, link
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Owner, Table
from appliance.store.values import decode_changes, decode_row


def verify(store: Store) -> None:
    """Check the file, its log and its chain, and that the log tells exactly what the rows hold."""
    with store.read() as reader:
        assert reader.value("PRAGMA integrity_check") == "ok"
        assert reader.all("PRAGMA foreign_key_check") == []
        told: dict[bytes, tuple[str, dict[str, Any]]] = {}
        entries = [entry for start in streams.starts(reader) for entry in lanes(reader, start)]
        assert len(entries) == reader.value("SELECT count(*) FROM _log")
        assert len({entry.seq for entry in entries}) == len(entries)
        for entry in sorted(entries, key=lambda entry: entry.seq):
            fold(told, reader.tables[entry.table], entry)
        assert told == held(reader)


def lanes(reader: Reader, start: streams.Start) -> list[Entry]:
    """Return the entries of one start after checking numbers, chain and commitments."""
    found = []
    for lane in Lane:
        chain, expected = GENESIS, 1
        for entry in log.entries(reader, start.stream, lane, 0, 1 << 40):
            assert entry.lane_seq == expected
            assert entry.commitment == commitment(entry.salt, entry.body)
            chain = link(chain, start.stream, lane, entry)
            assert entry.chain == chain
            assert entry.tx <= entry.seq
            expected += 1
            found.append(entry)
        assert log.last(reader, start.stream, lane) == expected - 1
        assert log.chain_at(reader, start.stream, lane, expected - 1) == chain
    return found


def fold(told: dict[bytes, tuple[str, dict[str, Any]]], table: Table, entry: Entry) -> None:
    """Do to `told` what the entry says was done to the rows."""
    names = [column.name for column in table.columns if column.since <= entry.schema]
    if entry.op is Op.INSERT:
        assert entry.key not in told
        told[entry.key] = (table.name, dict(zip(names, decode_row(entry.body), strict=True)))
    elif entry.op is Op.UPDATE:
        changes = decode_changes(entry.body)
        told[entry.key][1].update({names[index]: value for index, value in changes.items()})
    else:
        del told[entry.key]


def held(reader: Reader) -> dict[bytes, tuple[str, dict[str, Any]]]:
    """Return the own rows of all logged tables as they stand."""
    found: dict[bytes, tuple[str, dict[str, Any]]] = {}
    for table in reader.tables.owned(Owner.UP):
        for row in reader.all(f"SELECT * FROM {table.name} WHERE own = 1"):
            assert row["id"] not in found
            values = {column.name: row[column.name] for column in table.columns}
            found[row["id"]] = (table.name, values)
    return found
