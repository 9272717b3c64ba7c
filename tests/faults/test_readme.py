"""The list of faults in the README names the tests that there are."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("power", "kill", "copy", "disk", "lock", "clock", "link", "centre")


def test_the_readme_names_every_fault() -> None:
    named = re.findall(r"`(test_\w+)`", (HERE / "README.md").read_text(encoding="utf-8"))
    there = [
        node.name
        for name in FILES
        for node in ast.walk(ast.parse((HERE / f"test_{name}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert set(there) <= set(named)
    assert len(named) == len(set(named))
