"""`make translations`: bring the rooms' catalogues in line with their sources, and compile them.

The source speaks Ukrainian. English needs every text; Ukrainian needs only what has plural forms.
What is missing is listed, and the exit code is then 1.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parent.parent
METHODS: Final = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS: Final = {"_": None, "gettext": None, "lazy": None, "ngettext": (1, 2)}
SOURCE_LANGUAGE: Final = "uk"


def main() -> int:
    """Bring every room up to date; return 1 if a text is not translated."""
    lacking = 0
    for room in rooms():
        for path in sorted(room.glob("translations/*/LC_MESSAGES/messages.po")):
            catalogue = updated(path, wanted(room, language_of(path)))
            for message in missing(catalogue):
                lacking += 1
                sys.stdout.write(f"{path.relative_to(ROOT)}: {message.id!r}\n")
    sys.stdout.write("every text is translated\n" if not lacking else f"{lacking} are missing\n")
    return 1 if lacking else 0


def rooms() -> list[Path]:
    """Return the folders that have texts of their own."""
    return sorted(path.parent for path in ROOT.glob("*/**/translations") if path.is_dir())


def wanted(room: Path, language: str) -> Catalog:
    """Return the texts of a room's code and templates that the language needs."""
    catalogue = Catalog(fuzzy=False, charset="utf-8")
    options = {"**.html": {"trimmed": "true"}}
    for name, _, text, comments, context in extract_from_dir(
        str(room), METHODS, options_map=options, keywords=KEYWORDS
    ):
        if language != SOURCE_LANGUAGE or isinstance(text, tuple):
            catalogue.add(text, None, [(name, 1)], auto_comments=comments, context=context)
    return catalogue


def language_of(path: Path) -> str:
    """Return the language of a catalogue: its folder's name."""
    return path.parent.parent.name


def read(path: Path) -> Catalog:
    """Return the catalogue of a file."""
    with path.open("rb") as file:
        return read_po(file, locale=language_of(path), charset="utf-8")


def updated(path: Path, template: Catalog) -> Catalog:
    """Take in new texts, drop those that are gone, write the file and its compiled form."""
    catalogue = read(path)
    template.creation_date = catalogue.creation_date  # a run that changes nothing writes nothing
    catalogue.update(template, no_fuzzy_matching=True)
    with path.open("wb") as file:
        write_po(
            file, catalogue, width=100, sort_output=True, ignore_obsolete=True, include_lineno=False
        )
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)
    return catalogue


def missing(catalogue: Catalog) -> Iterator[Message]:
    """Yield what a reader of this language would not find."""
    for message in catalogue:
        told = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and not all(told):
            yield message


if __name__ == "__main__":
    sys.exit(main())
