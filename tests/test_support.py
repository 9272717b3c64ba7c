"""The support file helps from afar and tells nothing about people."""

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import support
from provisioning.keys import NODE_KEY, own_key
from tests.faults.hromada import hromada
from tests.test_cli import LEAST, said

PARTS = {
    "about.json", "settings.json", "health.json", "metrics.txt", "files.json", "packages.txt",
    "log.txt",
}  # fmt: skip


def read(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_support_file_of_a_running_node_tells_how_it_is_and_names_nobody(tmp_path: Path) -> None:
    with hromada(tmp_path) as town:
        centre = town.centre
        centre.start()
        assert centre.take() is not None
        path = tmp_path / "support.zip"
        done = said("check", "--config", centre.folder / "node.toml", "--bundle", path, "--json")
        assert done.returncode == 0, done.stderr
        people = centre.rows("SELECT name, login FROM people_person")
        seed = (centre.folder / NODE_KEY).read_text().splitlines()[1]
    told = read(path)
    assert set(told) == PARTS
    assert json.loads(done.stdout)["bundle_holds"] == list(told)
    assert json.loads(told["health.json"])["role"] == "centre"
    assert "vuzol_store_commits_total" in told["metrics.txt"]
    assert "node.db" in told["files.json"]
    everything = "\n".join(told.values())
    assert people
    for name, login in people:
        assert name not in everything
        assert login is None or f'"{login}"' not in everything
    assert seed not in everything


def test_support_file_of_a_node_that_is_down_says_so_and_holds_the_rest(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text(LEAST + "[surfaces]\noffice = 9\n", encoding="utf-8")  # nobody is there
    path = tmp_path / "support.zip"
    done = said("check", "--config", config, "--bundle", path, VUZOL_NODE_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = read(path)
    assert told["health.json"].startswith("not known: no node answers at")
    assert json.loads(told["settings.json"])["node.number"] == 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_key_of_the_node_is_named_by_its_size_alone(tmp_path: Path) -> None:
    key = own_key(tmp_path / NODE_KEY)
    config = tmp_path / "node.toml"
    config.write_text(LEAST, encoding="utf-8")
    path = tmp_path / "support.zip"
    done = said("check", "--config", config, "--bundle", path, VUZOL_NODE_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    raw = (tmp_path / NODE_KEY).read_text().splitlines()[1]
    everything = "\n".join(read(path).values())
    assert raw not in everything
    assert bytes(key).hex() not in everything
    assert NODE_KEY in everything


def test_another_file_is_never_written_over(tmp_path: Path) -> None:
    config, path = tmp_path / "node.toml", tmp_path / "thesis.zip"
    config.write_text(LEAST, encoding="utf-8")
    path.write_text("years of work", encoding="utf-8")
    done = said("check", "--config", config, "--bundle", path)
    assert (done.returncode, path.read_text(encoding="utf-8")) == (1, "years of work")
    assert "is there already; give another name" in done.stderr


def test_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text(LEAST, encoding="utf-8")
    done = said("check", "--config", config, "--bundle", tmp_path / "no" / "such.zip")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(
    "secret",
    [
        "192.168.7.31", "2a02:2455:16c3:9f00::17", "fe80::1ff:fe23:4567:890a",
        "olena.h@gromada.gov.ua", "+380 67 123 45 67", "067-123-45-67",
        "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4", "3f786850e387550fdab836ed7e6dc881de23001b",
    ],
)  # fmt: skip
def test_what_could_name_somebody_is_taken_out_of_the_log(secret: str) -> None:
    told = support.masked(f"Nov 22 05:12:44 s02 vuzol[812]: the guest: {secret} has 40 connections")
    assert secret not in told
    assert support.HIDDEN in told


def test_what_helps_stays_in_the_log() -> None:
    line = "Nov 22 05:12:44 s02 vuzol[812]: link: failed silent at http://127.0.0.11:8083, 3 s"
    assert support.masked(line) == line


@given(st.ip_addresses(v=4).filter(lambda one: not one.is_loopback), st.text(max_size=5))
def test_no_address_survives_whatever_stands_around_it(address: object, around: str) -> None:
    spaced = f"{around} {address} {around}"
    assert f" {address} " not in support.masked(spaced)
