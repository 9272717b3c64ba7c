"""Starting clerks, and reading what they have answered."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from appliance.store.ids import RowId
from tests.faults.invariants import Answers

ROOT = Path(__file__).parents[2]
POWER_GONE = 75
"""How a process ends whose disk has lost its power."""


def compiled(folder: Path) -> Path:
    """Return the layer that loses unsynced sectors, compiled from power.c."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc (Debian: gcc libc6-dev) to compile the layer")
    layer = folder / "power.so"
    source = Path(__file__).with_name("power.c")
    done = subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", layer, source, "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if ".h: No such file or directory" in done.stderr:
        pytest.skip("needs libc6-dev to compile the layer")
    assert done.returncode == 0, done.stderr
    return layer


@contextmanager
def clerk(
    file: Path, *told: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a clerk on the file; kill it at the end if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.clerk", str(file), *told],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(lines: Iterable[str] | IO[str] | None) -> Answers:
    """Read what a clerk has answered; none of it is answered twice."""
    found: dict[int, RowId] = {}
    for line in lines or ():
        if not line.endswith("\n"):  # the pipe was cut inside the last answer: nobody heard it
            break
        number, _, ticket = line.strip().partition(" ")
        assert int(number) not in found
        found[int(number)] = RowId.parse(ticket)
    return found
