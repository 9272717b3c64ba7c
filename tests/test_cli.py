"""The command as its user meets it: answers, one sentence, exit codes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from appliance import cli
from provisioning import keys

LEAST = '[node]\nnumber = 3\ntitle = "Старостат"\n[hromada]\nid = "t"\nname = "Громада"\n'

ELSEWHERE = "192.0.2.1"  # of no machine: it is for documentation


@pytest.fixture
def node_toml(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(LEAST, encoding="utf-8")
    return path


def said(*arguments: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "appliance", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


@contextmanager
def answering(status: int, told: dict[str, Any] | str, asked: list[str]) -> Iterator[int]:
    """Stand in the place of a node: real HTTP on loopback; return the port."""

    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = (told if isinstance(told, str) else json.dumps(told)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Node)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_check_shows_every_setting_as_json(
    node_toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--json", "--config", str(node_toml)]) == cli.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["node.number"] == 3
    assert told["node.title"] == "Старостат"
    assert told["surfaces.office"] == 8080


def test_check_tells_the_public_key_once_the_node_has_one(
    node_toml: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VUZOL_NODE_DATA", str(node_toml.parent))
    assert cli.main(["check", "--json", "--config", str(node_toml)]) == cli.DONE
    assert json.loads(capsys.readouterr().out)["public_key"] is None
    key = keys.own_key(node_toml.parent / keys.NODE_KEY)
    assert cli.main(["check", "--json", "--config", str(node_toml)]) == cli.DONE
    assert json.loads(capsys.readouterr().out)["public_key"] == keys.public_text(key)


def test_check_is_readable_without_json(
    node_toml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--config", str(node_toml)]) == cli.DONE
    assert "node.title: Старостат\n" in capsys.readouterr().out


def test_check_warns_of_what_the_node_would_lack_here(
    node_toml: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VUZOL_NODE_DATA", str(node_toml.parent))
    monkeypatch.setenv("VUZOL_NODE_SECOND_MEDIUM", str(node_toml.parent))
    assert cli.main(["check", "--config", str(node_toml)]) == cli.DONE
    assert "warnings" not in capsys.readouterr().out
    monkeypatch.setenv("VUZOL_NODE_SECOND_MEDIUM", "/nope")
    monkeypatch.setenv("VUZOL_SURFACES_ADDRESS", ELSEWHERE)
    assert cli.main(["check", "--config", str(node_toml)]) == cli.DONE
    told = capsys.readouterr().out
    assert f"the marks of numbers go to {node_toml.parent} instead\n" in told
    assert f"surfaces.address: must be an address of this machine, not '{ELSEWHERE}'" in told


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("VUZOL_NODE_DATA", "node.toml", "node.data must be a folder, not "),
        ("VUZOL_NODE_DATA", "/proc/x", "node.data must be a folder that can be made and written"),
        ("VUZOL_SURFACES_ADDRESS", ELSEWHERE, "surfaces.address must be an address of this mach"),
    ],
)
def test_a_node_that_cannot_stand_here_is_told_the_key_and_what_was_expected(
    *, node_toml: Path, tmp_path: Path, variable: str, value: str, told: str
) -> None:
    environ = {"VUZOL_NODE_DATA": str(tmp_path / "data"), variable: value}
    done = said("up", "--config", node_toml, **environ)
    assert done.returncode == cli.FAILED
    assert done.stderr.startswith(f"vuzol up: {told}")
    assert done.stderr.endswith("; correct it and run `vuzol check`\n")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_failure(node_toml: Path) -> None:
    command = f"{sys.executable} -m appliance check --config {node_toml}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | true"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (cli.DONE, "")


@pytest.mark.parametrize("command", [["check"], ["up"], ["status"], ["sync", "now"]])
def test_a_missing_configuration_is_one_sentence_and_exit_code_1(command: list[str]) -> None:
    done = said(*command, "--config", "/nowhere/node.toml")
    assert done.returncode == cli.FAILED
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "/nowhere/node.toml cannot be read (No such file or directory)" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["plates"], ["up", "--json"], ["sync"], ["check", "--colour"], ["sync", "x"]]
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments: list[str]) -> None:
    done = said(*arguments)
    assert done.returncode == cli.WRONG_USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("vuzol: ")
    assert "--help` shows what can be said" in done.stderr


def test_help_names_every_command() -> None:
    done = said("--help")
    assert done.returncode == cli.DONE
    assert all(name in done.stdout for name in ("up", "demo", "status", "check", "sync"))


def test_nobody_there_is_one_sentence_with_the_next_step(node_toml: Path) -> None:
    done = said("status", "--config", node_toml, VUZOL_SURFACES_OFFICE="1")
    assert done.returncode == cli.FAILED
    assert done.stderr.startswith("vuzol status: no node answers at 127.0.0.1:1 (")
    assert "start it with `vuzol up`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_status_shows_what_the_node_says_of_itself_even_if_it_is_unwell(
    node_toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    unwell = {"role": "village", "disk": {"unknown": "gone"}, "since": None}
    with answering(503, unwell, asked) as port:
        monkeypatch.setenv("VUZOL_SURFACES_OFFICE", str(port))
        monkeypatch.setenv("VUZOL_SURFACES_ADDRESS", "0.0.0.0")  # noqa: S104 - asked at loopback
        assert cli.main(["status", "--config", str(node_toml)]) == cli.DONE
    assert capsys.readouterr().out == "role: village\ndisk:\n  unknown: gone\nsince: unknown\n"
    assert asked == ["GET /healthz"]


def test_a_node_that_refuses_is_told_in_its_own_words(
    node_toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    told = {"code": "x", "cause": "this is the centre", "next_step": "ask a village"}
    with answering(409, told, asked) as port:
        monkeypatch.setenv("VUZOL_SURFACES_OFFICE", str(port))
        assert cli.main(["sync", "now", "--config", str(node_toml)]) == cli.FAILED
    told_there = "vuzol sync: the node answered 409 to /sync/now: this is the centre; ask a village"
    assert capsys.readouterr().err == f"{told_there}\n"
    assert asked == ["POST /sync/now"]


@pytest.mark.parametrize("body", ["<html>", "5"])
def test_something_else_on_the_port_is_not_taken_for_a_node(
    node_toml: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    body: str,
) -> None:
    with answering(200, body, []) as port:
        monkeypatch.setenv("VUZOL_SURFACES_OFFICE", str(port))
        assert cli.main(["status", "--config", str(node_toml)]) == cli.FAILED
    assert capsys.readouterr().err.startswith("vuzol status: no node answers at 127.0.0.1:")


def test_what_nobody_foresaw_is_one_sentence_too(
    node_toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(cli.config, "load", broken)
    assert cli.main(["check", "--config", str(node_toml)]) == cli.FAILED
    told = capsys.readouterr().err
    assert told.startswith("vuzol check: ZeroDivisionError: a b in test_cli.py:")
    assert told.count("\n") == 1
