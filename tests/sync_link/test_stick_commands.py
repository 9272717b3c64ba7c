"""The commands, as a technician says them, to real processes: there by stick, and back by stick."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.demonstration import Appliance, demonstration
from tests.sync_link.pair import until


def said(config: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run `vuzol sync` for the node of a configuration."""
    return subprocess.run(
        [sys.executable, "-m", "appliance", "sync", *map(str, words), "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(config: Path, *words: object) -> dict[str, Any]:
    """Return the JSON that a command answers."""
    done = said(config, *words, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def numbers(centre: Appliance) -> list[str]:
    _, answer = centre.ask("office", "/api/queue/tickets?node=2")
    return sorted(one["number"] for one in answer["tickets"])


def test_village_without_a_link_is_served_by_a_stick_both_ways(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    with demonstration("127.0.0.105", "--data", str(tmp_path)) as demo:
        centre, village, _ = demo.appliances
        here, there = tmp_path / "verboliz/node.toml", tmp_path / "centre/node.toml"
        village.link(up=False)
        taken = sorted(village.take()["number"] for _ in range(3))
        unsent = village.unsent()
        assert unsent >= 3
        written = told(here, "export", stick)
        assert (written["rows"], written["safe_to_remove"]) == (unsent, True)
        assert village.unsent() == unsent
        assert told(there, "import", stick)["rows"] == unsent
        centre.sign_in()
        until(lambda: numbers(centre) == taken)
        assert told(there, "export", stick)["safe_to_remove"]
        assert told(here, "import", stick)["acks"] >= 1
        assert village.unsent() == 0
        assert told(there, "import", stick)["rows"] == 0  # a second time
        assert numbers(centre) == taken
        spoiled = next(stick.glob("vuzol-s02-*.vzb"))
        spoiled.write_bytes(spoiled.read_bytes()[:-1] + b"\0")
        refused = said(there, "import", spoiled)
        assert refused.returncode == 1
        assert "is damaged or forged" in refused.stderr.splitlines()[-1]
        gone = said(here, "export", tmp_path / "nowhere")
        assert gone.returncode == 1
        assert "vuzol sync: the stick is not there" in gone.stderr
        village.link(up=True)
        village.take()
        until(lambda: village.unsent() == 0 and len(numbers(centre)) == 4)
