"""What a user can say or meet is documented, in both languages."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import cli, config
from tests.endpoints import endpoints

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)
CYRILLIC = re.compile(r"[а-щьюяґєії]", re.IGNORECASE)


def rows(page: str) -> dict[str, list[str]]:
    """Return the table of a page: what stands in the first column, and its other columns."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {key: [cell.strip() for cell in rest.split(" | ")] for key, rest in ROW.findall(text)}


def commands(parser: argparse.ArgumentParser, said: str) -> Iterator[tuple[str, str]]:
    """Yield each command with the options that it takes."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, f"{said} {name}")
            return
    options = [text for action in parser._actions for text in action.option_strings]
    yield said, " ".join(option for option in options if option not in {"-h", "--help"})


def told_in_both_languages(cells: list[str]) -> bool:
    return bool(not CYRILLIC.search(cells[-2]) and CYRILLIC.search(cells[-1]))


def test_every_setting_is_documented_with_its_default() -> None:
    documented = rows("configuration.md")
    assert list(documented) == list(config.settings())
    for key, (default, told) in config.settings().items():
        assert documented[key][0].strip("`") == default
        assert documented[key][1] == told
        assert told_in_both_languages(documented[key]), key


def test_every_command_is_documented_with_its_options() -> None:
    documented = rows("commands.md")
    known = dict(commands(cli._parser(), "vuzol"))
    assert sorted(documented) == sorted(known)
    for said, options in known.items():
        assert documented[said][0].replace("`", "") == options
        assert told_in_both_languages(documented[said]), said


def test_every_endpoint_is_documented_with_its_surfaces(tmp_path: Path) -> None:
    documented = rows("endpoints.md")
    known = endpoints(tmp_path)
    assert sorted(documented) == sorted(known)
    for said, surfaces in known.items():
        assert documented[said][0] == ", ".join(sorted(surfaces)), said
        assert told_in_both_languages(documented[said]), said


@pytest.mark.parametrize("page", ["staff.md", "residents.md", "technicians.md"])
def test_each_user_has_a_page_in_both_languages_of_the_same_shape(page: str) -> None:
    shapes = []
    for language in ("uk", "en"):
        text = (DOCS / language / page).read_text(encoding="utf-8")
        assert bool(CYRILLIC.search(text.splitlines()[0])) is (language == "uk")
        shapes.append([len(line.split()[0]) for line in text.splitlines() if line.startswith("#")])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]), ids=str
)
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_says_what_because_instead_of_and_what_it_costs(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = ("Decided.", "Because", "Instead of", "It costs")
    places = [text.find(f"**{heading}**") for heading in headings]
    assert all(place > 0 for place in places)
    assert places == sorted(places)
