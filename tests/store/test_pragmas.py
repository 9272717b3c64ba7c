"""What every connection promises."""

import sqlite3
from pathlib import Path

import pytest

from appliance.store import pragmas


def test_the_writer_syncs_each_commit_and_keeps_foreign_keys(tmp_path: Path) -> None:
    connection = pragmas.open_writer(tmp_path / "node.db")
    asked = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
    }
    connection.close()
    assert asked == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "wal_autocheckpoint": 1000,
    }


def test_a_reader_can_not_write_and_can_not_make_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        pragmas.open_reader(tmp_path / "node.db")
    pragmas.open_writer(tmp_path / "node.db").close()
    connection = pragmas.open_reader(tmp_path / "node.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("CREATE TABLE t (a)")
    connection.close()


def test_a_path_may_hold_what_means_something_in_an_address(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%d.db"
    pragmas.open_writer(path).close()
    assert path.exists()
