"""Nobody else writes: the source of every package is walked for SQL that changes anything."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "sync", "edge_agents", "provisioning")
STORE = ROOT / "appliance" / "store"
CODE = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if STORE not in path.parents
)
CHANGES = re.compile(
    r"\s*(WITH\b.*\b)?(INSERT\s+(OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE\s+(OR\s+\w+\s+)?\w+\s+SET"
    r"|DELETE\s+FROM|CREATE\s+(UNIQUE\s+|TEMP\s+)?(TABLE|INDEX|TRIGGER|VIEW)"
    r"|DROP\s+(TABLE|INDEX|TRIGGER|VIEW)|ALTER\s+TABLE|PRAGMA|ATTACH|VACUUM"
    r"|BEGIN\s+IMMEDIATE|COMMIT|ROLLBACK|SAVEPOINT)\b",
    re.IGNORECASE | re.DOTALL,
)
FOR_THE_STORE_ALONE = frozenset({"run", "run_many", "changed"})
"""Methods of a transaction that execute any SQL."""


def offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant | ast.JoinedStr) and CHANGES.match(_text(node)):
            yield f"line {node.lineno}: {_text(node)[:60]}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if called == "sqlite3.connect" or (
                node.func.attr in FOR_THE_STORE_ALONE and called.split(".")[-2].endswith("tx")
            ):
                yield f"line {node.lineno}: {called}"
        if isinstance(node, ast.alias) and node.name == "connect":
            yield f"line {node.lineno}: connect is imported"


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = [_text(part) if isinstance(part, ast.Constant) else "name" for part in node.values]
    return "".join(parts)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_store_writes(path: Path) -> None:
    assert list(offences(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        'tx.all("INSERT INTO ticket VALUES (1)")',
        'SQL = """\n  insert or ignore into ticket values (1)"""',
        'sql = f"UPDATE {table} SET a = 1"',
        'sql = f"DELETE FROM {table}"',
        'sql = "REPLACE INTO ticket VALUES (1)"',
        'sql = "WITH a AS (SELECT 1) DELETE FROM ticket"',
        'sql = "DROP TABLE ticket"',
        'sql = "PRAGMA synchronous = OFF"',
        'import sqlite3\nsqlite3.connect("node.db")',
        "from sqlite3 import connect",
        'tx.run("anything")',
        "self._tx.run_many(sql, rows)",
    ],
)
def test_the_walk_finds_what_it_looks_for(source: str) -> None:
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""Update the ticket, then commit to nothing. Delete from memory."""',
        'tx.all("SELECT * FROM ticket WHERE state = :state", state="deleted")',
        "tx.insert(TICKET, {})",
        "agent.run(forever)",
    ],
)
def test_the_walk_lets_the_rest_be(source: str) -> None:
    assert list(offences(source)) == []
