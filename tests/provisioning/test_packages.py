"""A machine without root, sudo or apt: it is told once what is missing, and work goes on.

The script runs for real, as a user who may install nothing, with a PATH of chosen commands.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "provisioning" / "packages.sh"
NOBODY = ("--reuid=65534", "--regid=65534", "--clear-groups")
SHELL = ("bash", "env", "id", "true")
PYTHON = "python3"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that anybody may enter; pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def run(folder: Path) -> Run:
    """Return what runs the script as an unprivileged user who finds these commands and no other."""

    def as_nobody(target: str, *commands: str) -> "subprocess.CompletedProcess[str]":
        found = folder / "commands"
        found.mkdir()
        for name in (*SHELL, *commands):
            (found / name).symlink_to(installed(name))
        script = shutil.copy(SCRIPT, folder)
        return subprocess.run(
            [*without_root(), installed("env"), "-i", f"PATH={found}", "bash", script, target],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return as_nobody


def installed(command: str) -> str:
    """Return where Debian has the command: one in a home folder is nobody else's."""
    there = shutil.which(command, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if there is None:
        pytest.skip(f"needs {command} of Debian")
    return there


def without_root() -> list[str]:
    return [installed("setpriv"), *NOBODY] if os.geteuid() == 0 else []


def missing() -> str:
    """Return what no PATH of this test has; headers are no command, so they may be there."""
    headers = "" if Path("/usr/include/stdio.h").exists() else "libc6-dev "
    return f"chromium gcc {headers}iproute2 nftables nginx-light"


@pytest.mark.parametrize(
    ("manager", "why", "remedy"),
    [
        (["apt-get"], "there is neither root nor sudo to install them", "as root: apt install {}"),
        ([], "this system has no apt-get", "install what your system calls them"),
    ],
    ids=["no sudo", "an unknown package manager"],
)
def test_what_is_missing_and_skipped_is_one_sentence_and_work_goes_on(
    run: Run, manager: list[str], why: str, remedy: str
) -> None:
    done = run("test", PYTHON, *manager)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Skipped: the tests in a browser and the tests of a power cut and the tests over a slow or"
        " cut network and the tests behind a proxy, because these Debian packages are missing and"
        f" {why}: {missing()} ({remedy.format(missing())}).\n"
    )


def test_only_what_is_missing_is_named(run: Run) -> None:
    done = run("test", PYTHON, "apt-get", "gcc", "ip", "tc")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "the tests over a slow or cut network" in done.stdout
    assert "nftables" in done.stdout
    assert "iproute2" not in done.stdout
    assert "gcc" not in done.stdout


def test_without_python_it_says_so_and_ends(run: Run) -> None:
    done = run("run", "apt-get")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Vuzol cannot start here, because these Debian packages are missing and there is neither"
        " root nor sudo to install them: python3 python3-venv"
        " (as root: apt install python3 python3-venv).\n"
    )


def test_with_all_of_it_there_is_nothing_to_say(run: Run) -> None:
    done = run("run", PYTHON)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
