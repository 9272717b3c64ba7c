"""What a file holds at one moment, in little: rows of each table, and where each lane stands.

A copy is compared by it with the file that it was made from. Of rows that change the newest are
looked at; of the log and the inbox every entry is, by the chain (`checking`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance.store.reader import Reader

NEWEST: Final = 200
"""Rows of each table whose content is compared."""

TABLES: Final = """SELECT name, wr FROM pragma_table_list
  WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'
    AND name NOT LIKE '\\_litestream%' ESCAPE '\\' ORDER BY name"""
LOG: Final = """SELECT epoch, lane, max(lane_seq) AS have, chain FROM _log
  GROUP BY epoch, lane ORDER BY epoch, lane"""
INBOX: Final = """SELECT node, epoch, lane, have, chain FROM _inbox_cursor
  ORDER BY node, epoch, lane"""

Place = tuple[int, int, int]
"""Node, epoch and lane."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a file holds."""

    epoch: int  # of the newest start
    seq: int  # of the newest entry of the log
    tables: Mapping[str, tuple[int, str]]  # how many rows, and the fingerprint of the newest
    log: Mapping[Place, tuple[int, str]]  # the last number of a lane, and its chain value
    inbox: Mapping[Place, tuple[int, str]]

    def written(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "epoch": self.epoch,
            "seq": self.seq,
            "tables": {name: list(told) for name, told in self.tables.items()},
            "log": [[*place, *told] for place, told in self.log.items()],
            "inbox": [[*place, *told] for place, told in self.inbox.items()],
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Inventory":
        """Return what `written` wrote."""
        return cls(
            epoch=int(told["epoch"]),
            seq=int(told["seq"]),
            tables={name: (int(rows), str(mark)) for name, (rows, mark) in told["tables"].items()},
            log=_lanes(told["log"]),
            inbox=_lanes(told["inbox"]),
        )


def taken(reader: Reader) -> Inventory:
    """Return what the file holds at the reader's moment."""
    newest = reader.one("SELECT epoch FROM _stream ORDER BY ordinal DESC LIMIT 1")
    return Inventory(
        epoch=newest["epoch"] if newest else 0,
        seq=reader.value("SELECT max(seq) FROM _log") or 0,
        tables={
            row["name"]: _rows(reader, row["name"], without_rowid=bool(row["wr"]))
            for row in reader.all(TABLES)
        },
        log={
            (reader.node, row["epoch"], row["lane"]): (row["have"], row["chain"].hex())
            for row in reader.all(LOG)
        },
        inbox={
            (row["node"], row["epoch"], row["lane"]): (row["have"], row["chain"].hex())
            for row in reader.all(INBOX)
        },
    )


def _rows(reader: Reader, table: str, *, without_rowid: bool) -> tuple[int, str]:
    """Return how many rows a table has, and the fingerprint of the newest."""
    order = _key(reader, table) if without_rowid else "rowid DESC"
    mark = hashlib.blake2b(digest_size=16)
    for row in reader.all(f"SELECT * FROM {table} ORDER BY {order} LIMIT :most", most=NEWEST):
        mark.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
    return int(reader.value(f"SELECT count(*) FROM {table}")), mark.hexdigest()


def _key(reader: Reader, table: str) -> str:
    columns = reader.all(
        "SELECT name FROM pragma_table_info(:table) WHERE pk > 0 ORDER BY pk", table=table
    )
    return ", ".join(f"{row['name']} DESC" for row in columns)


def _lanes(told: list[list[Any]]) -> dict[Place, tuple[int, str]]:
    return {
        (int(node), int(epoch), int(lane)): (int(have), str(chain))
        for node, epoch, lane, have, chain in told
    }
