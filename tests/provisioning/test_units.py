"""Units and rules of systemd: it reads them, and what they run is what the command takes."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import cli
from appliance.config import Link

ROOT = Path(__file__).parent.parent.parent
UNITS = sorted((ROOT / "systemd").glob("*.service"))
STICK = ROOT / "systemd/vuzol-stick@.service"
RULES = ROOT / "systemd/60-vuzol-stick.rules"
COMMAND = "/opt/vuzol/.venv/bin/vuzol"
KEYS = re.compile(r'(\w+)(?:\{(\w+)\})?(==|\+=)"([^"]*)"')


def commands(unit: Path) -> list[list[str]]:
    """Return the words of each of our own commands that a unit runs."""
    found = re.findall(rf"^Exec\w+=[-+]*{COMMAND} (.*)$", unit.read_text("utf-8"), re.MULTILINE)
    return [line.replace("%i", "sdb1").split() for line in found]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs the Debian package systemd")
    for one in UNITS:  # they name one another, and a program that is not installed here
        told = one.read_text(encoding="utf-8").replace(COMMAND, sys.executable)
        (tmp_path / one.name).write_text(told, encoding="utf-8")
    named = str(tmp_path / unit.name.replace("@.", "@sdb1."))
    if "@" in unit.name:
        shutil.copy(tmp_path / unit.name, named)
    words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", named]
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_what_the_command_takes(unit: Path) -> None:
    found = commands(unit)
    assert found
    for words in found:
        cli._parser().parse_args(words)


def test_a_stick_is_read_before_it_is_written_and_mounted_where_the_page_looks() -> None:
    assert [words[:2] for words in commands(STICK)] == [["sync", "import"], ["sync", "export"]]
    told = STICK.read_text(encoding="utf-8")
    looked = Link.__dataclass_fields__["sticks"].default
    assert f"/dev/%I {looked}/%i\n" in told
    node = (ROOT / "systemd/vuzol.service").read_text(encoding="utf-8")
    assert f"RuntimeDirectory={Path(looked).name}\n" in node


def test_the_rule_takes_a_labelled_stick_and_no_other() -> None:
    (line,) = [one for one in RULES.read_text("utf-8").splitlines() if not one.startswith("#")]
    keys = KEYS.findall(line)
    assert ", ".join(f'{name}{{{of}}}{how}"{value}"' if of else f'{name}{how}"{value}"'
                     for name, of, how, value in keys) == line  # fmt: skip
    assert ("ENV", "ID_FS_LABEL", "==", "VUZOL*") in keys
    assert ("ENV", "ID_BUS", "==", "usb") in keys
    wanted = dict.fromkeys([value for name, of, _, value in keys if of == "SYSTEMD_WANTS"])
    assert list(wanted) == ["vuzol-stick@%k.service"]


INSIDE = """
mount --bind {sticks} {sticks} && mount -o remount,bind,ro {run} && touch {told}/inside
for turn in $(seq 100); do test -e {told}/mounted && break; sleep 0.05; done
touch {run}/elsewhere 2>/dev/null && echo "wrote beside it"
touch {sticks}/sdb1/written && echo "wrote to it"
"""


def test_a_node_shut_in_as_its_unit_says_still_writes_to_a_stick_that_comes_later(
    tmp_path: Path,
) -> None:
    """`ProtectSystem=strict` of vuzol.service, in the same steps, and a mount from outside."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    run, told = tmp_path / "run", tmp_path / "told"
    sticks = run / "sticks"
    run.mkdir()
    told.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs"]
    if subprocess.run([*mount, str(run)], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        subprocess.run(["mount", "--make-shared", str(run)], check=True)
        sticks.mkdir()
        script = INSIDE.format(run=run, sticks=sticks, told=told)
        words = ["unshare", "-m", "--propagation", "slave", "bash", "-c", script]
        node = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + 10
        while not (told / "inside").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        (sticks / "sdb1").mkdir()
        subprocess.run([*mount, str(sticks / "sdb1")], check=True)
        (told / "mounted").touch()
        said, _ = node.communicate(timeout=20)
        assert said == "wrote to it\n"
        assert (sticks / "sdb1" / "written").exists()
    finally:
        subprocess.run(["umount", "-R", str(run)], check=True)
