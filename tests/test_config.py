"""What `node.toml` may say, and what it is told when it may not."""

import base64
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from appliance import config
from appliance.options import BadConfig

LEAST = '[node]\nnumber = 3\ntitle = "Старостат"\n[hromada]\nid = "t"\nname = "Громада"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    read = config.load(written(tmp_path, LEAST), {})
    assert read.surfaces == config.Surfaces()
    assert read.node.role is config.Role.VILLAGE


def test_a_path_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    read = config.load(written(tmp_path, LEAST), {"VUZOL_NODE_DATA": "data"})
    assert read.node.data == tmp_path / "data"


def test_nothing_of_a_config_can_be_changed_later(tmp_path: Path) -> None:
    read = config.load(written(tmp_path, LEAST), {})
    with pytest.raises(FrozenInstanceError):
        read.node.number = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "node.number is missing: number of the node"),
        (LEAST.replace("3", '"x"'), "node.number must be a whole number, not 'x'"),
        (LEAST.replace("3", "true"), "node.number must be a whole number, not True"),
        (LEAST.replace("3", "0"), "node.number must be 1 or more, not 0"),
        (LEAST.replace("3", "70000"), "node.number must be 65535 or less, not 70000"),
        (LEAST.replace("Старостат", " "), "node.title must be a name, not ' '"),
        (LEAST.replace("number", "numer"), "node.numer is unknown here; known are data, day_st"),
        (LEAST.replace('"t"', '"Т"'), "hromada.id must be Latin letters, digits and dashes"),
        (LEAST + '[node2]\nrole="centre"\n', "node2 is unknown here; known are "),
        (LEAST + '[link]\ncentre = "centre"\n', "link.centre must be an address like https://"),
        (LEAST + '[link]\ncentre = "https://[x"\n', "link.centre must be an address like https://"),
        (
            LEAST + '[link]\ncentre = "https://x:99999"\n',
            "link.centre must be an address like http",
        ),
        (
            LEAST + '[link]\ncentre = "http://centre.example"\n',
            "(plain http is for this machine alone), not 'http://centre.example'",
        ),
        (
            LEAST + '[surfaces]\naddress = "999.1.1.1"\n',
            "must be an address like 192.168.1.10, or a host name, not '999.1.1.1'",
        ),
        (LEAST + '[surfaces]\naddress = "a b"\n', "surfaces.address must be an address like 192"),
        (
            LEAST.replace("Старостат", "С\\u202eт"),
            "node.title must be a name without control characters and hidden ones, not 'С\\u202eт'",
        ),
        (LEAST.replace("Громада", "Г\\u0007"), "hromada.name must be a name without control"),
        (LEAST + '[link]\ncentre_key = "AAAA"\n', "link.centre_key must be a public key of 32"),
        (LEAST + '[link]\ncentre_key = "!"\n', "link.centre_key must be a public key of 32"),
        (LEAST + '[link]\ndiscover = "yes"\n', "link.discover must be true or false, not 'yes'"),
        (LEAST + '[clock]\nsource = "sun"\n', "clock.source must be one of system, trusted"),
        (LEAST + "[surfaces]\noffice = 8081\n", "surfaces must have a port for each; two of"),
        (
            LEAST + "[surfaces]\nhub = 65500\n",
            "surfaces.events_offset must leave ports below 65536",
        ),
        (LEAST + "[centre]\nnodes = 3\n", "centre.nodes must be a list of sections, not 3"),
        (LEAST + "[queue]\nidle_seconds = 20\n", "queue.warning_seconds must be less than"),
        ("node = 1\n", "node must be a section, not 1"),
        ("[node\n", "is not TOML"),
    ],
)
def test_a_key_that_cannot_be_obeyed_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadConfig) as raised:
        config.load(written(tmp_path, text), {})
    sentence = str(raised.value)
    assert told in sentence
    assert "\n" not in sentence
    assert sentence.endswith("; correct it and run `vuzol check`")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('timezone = "Kyiv"', "node.timezone must be a time zone like Europe/Kyiv, not 'Kyiv'"),
        ('timezone = "../../etc"', "node.timezone must be a time zone like Europe/Kyiv"),
        ('day_starts = "24:00"', "node.day_starts must be an hour like 04:00, not '24:00'"),
        ('role = "hub"', "node.role must be one of village, centre, not 'hub'"),
        ("data = 5", "node.data must be a text, not 5"),
        ('data = "node.toml"', "node.toml' ("),
        ('data = "node.toml/x"', "node.toml is none); correct it"),
        ('data = "\\u0000"', "node.data must be a path without control characters"),
        ('second_medium = "\\u0000"', "node.second_medium must be a path without control"),
    ],
)
def test_a_wrong_value_of_the_node_is_named(tmp_path: Path, setting: str, told: str) -> None:
    with pytest.raises(BadConfig, match="node") as raised:
        config.load(written(tmp_path, LEAST.replace("number", f"{setting}\nnumber")), {})
    assert told in str(raised.value)


@pytest.mark.parametrize(
    "told",
    [
        '[link]\ncentre = "http://127.0.0.1:8083"',
        '[link]\ncentre = "http://localhost:8083"',
        '[link]\ncentre = "http://[::1]:8083"',
        '[link]\ncentre = "https://centre.example"',
        '[link]\ncentre = ""',
        '[surfaces]\naddress = "0.0.0.0"',
        '[surfaces]\naddress = "::"',
        '[surfaces]\naddress = "Vuzol-1.local"',
    ],
)
def test_an_address_that_can_work_is_taken(tmp_path: Path, told: str) -> None:
    config.load(written(tmp_path, f"{LEAST}{told}\n"), {})


@pytest.mark.parametrize("text", ["1", "[[centre.nodes]]", "\x00"])
def test_a_file_that_is_not_toml_for_a_node_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig):
        config.load(written(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.toml cannot be read \(No such file"):
        config.load(tmp_path / "none.toml", {})


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfig, match=r"node\.toml is not TOML"):
        config.load(path, {})


def test_the_nodes_of_a_centre_are_read_and_each_number_stands_once(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(32)).decode()
    member = f'[[centre.nodes]]\nnumber = 5\ntitle = "Кам’янка"\nkey = "{key}"\n'
    read = config.load(written(tmp_path, LEAST + member), {})
    assert read.centre.nodes == (config.Member(number=5, title="Кам’янка", key=key),)
    with pytest.raises(BadConfig, match=r"centre\.nodes must name each other node once"):
        config.load(written(tmp_path, LEAST + member * 2), {})
    with pytest.raises(BadConfig, match=r"centre\.nodes\[0\]\.key must be a public key"):
        config.load(written(tmp_path, LEAST + member.replace(key, "AAAA")), {})


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {
        "VUZOL_SURFACES_OFFICE": "9080",
        "VUZOL_LINK_DISCOVER": "false",
        "VUZOL_NODE_ROLE": "centre",
        "VUZOL_NODE_TITLE": "12",
        "VUZOL_BROWSER": "/usr/bin/chromium",
    }
    read = config.load(written(tmp_path, LEAST), environ)
    assert (read.surfaces.office, read.link.discover) == (9080, False)
    assert (read.node.role, read.node.title) == (config.Role.CENTRE, "12")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("VUZOL_NODE_COLOUR", "red", "VUZOL_NODE_COLOUR is unknown; node has data, day_starts"),
        ("VUZOL_SURFACES_OFFICE", "x", "surfaces.office must be a whole number, not 'x'"),
        ("VUZOL_LINK_DISCOVER", "yes", "link.discover must be true or false, not 'yes'"),
    ],
)
def test_a_wrong_environment_is_told_like_a_wrong_file(
    tmp_path: Path, variable: str, value: str, told: str
) -> None:
    with pytest.raises(BadConfig) as raised:
        config.load(written(tmp_path, LEAST), {variable: value})
    assert told in str(raised.value)
