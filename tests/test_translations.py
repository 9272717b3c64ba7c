"""Every text that people read is there in both languages, compiled and up to date."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from provisioning import translations

ROOMS = translations.rooms()
CATALOGUES = [path for room in ROOMS for path in sorted(room.glob("translations/*/*/messages.po"))]


def texts(catalogue: Catalog) -> dict[str, tuple[str, ...]]:
    """Return what the catalogue says, by the text of the source; plural forms in their order."""

    def several(told: object) -> tuple[str, ...]:
        return tuple(told) if isinstance(told, list | tuple) else (str(told),)

    return {several(one.id)[0]: several(one.string) for one in catalogue if one.id}


def name_of(path: Path) -> str:
    return str(path.relative_to(translations.ROOT))


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_speaks_both_languages(room: Path) -> None:
    spoken = {path.name for path in (room / "translations").iterdir()}
    assert spoken == {"uk", "en"}


@pytest.mark.parametrize("path", CATALOGUES, ids=name_of)
def test_a_catalogue_has_every_text_of_its_room_and_no_other(path: Path) -> None:
    room = path.parent.parent.parent.parent
    wanted = translations.wanted(room, translations.language_of(path))
    assert texts(translations.read(path)).keys() == texts(wanted).keys()


@pytest.mark.parametrize("path", CATALOGUES, ids=name_of)
def test_no_text_is_left_untranslated(path: Path) -> None:
    assert [one.id for one in translations.missing(translations.read(path))] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=name_of)
def test_a_compiled_catalogue_says_what_the_written_one_does(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = texts(read_mo(file))
    assert compiled == texts(translations.read(path))
