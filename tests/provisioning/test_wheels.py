"""A node never compiles: PyPI has a ready wheel of each dependency, and of what those need.

It asks PyPI, so it belongs to the long tier: `pytest -m soak tests/provisioning/test_wheels.py`.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

pytestmark = pytest.mark.soak

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
PYTHONS = ("311", "313")
"""Debian 12 and 13, and Raspberry Pi OS of the same years."""

GLIBC = range(17, 37)
"""The minor versions that a wheel may ask for; Debian 12 has glibc 2.36."""


def pure(wheel: str) -> bool:
    return wheel.endswith("-none-any.whl")


def of_a_board(wheel: str) -> bool:
    return "manylinux" in wheel and wheel.endswith("aarch64.whl")


def chosen(python: str, requirements: list[str], folder: Path) -> dict[str, str]:
    """Return the wheel of each package that pip would install on such a board, by its name."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in GLIBC] + ["manylinux2014_aarch64"]
    report = folder / "report.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
            "--disable-pip-version-check", "--only-binary=:all:", "--implementation=cp",
            f"--python-version={python}", *(f"--platform={one}" for one in platforms),
            f"--target={folder / 'target'}", f"--report={report}", *requirements,
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        one["metadata"]["name"]: unquote(one["download_info"]["url"].rpartition("/")[2])
        for one in installed
    }


def names(requirements: list[str]) -> set[str]:
    return {plain(re.split(r"[<>=~! \[;]", one)[0]) for one in requirements}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("which", [">=", "=="], ids=["the newest", "the oldest"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_a_wheel_for_a_board(python: str, which: str, tmp_path: Path) -> None:
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    wheels = chosen(python, [one.replace(">=", which) for one in declared], tmp_path)
    assert names(declared) <= set(map(plain, wheels))
    to_compile = {name: one for name, one in wheels.items() if not (pure(one) or of_a_board(one))}
    assert not to_compile
    assert any(of_a_board(one) for one in wheels.values())


def test_a_dependency_that_must_be_compiled_is_found_out(tmp_path: Path) -> None:
    """Sources alone are on PyPI, so a board would need a compiler."""
    with pytest.raises(AssertionError, match="No matching distribution found for pycrypto"):
        chosen("311", ["pycrypto==2.6.1"], tmp_path)
