"""How a setting is declared and read: its help, default and bounds stand on one line.

A section is a frozen dataclass whose fields are made by `option`. What is read here is checked
against the field's type and bounds, and a value that cannot be obeyed raises `BadConfig` with the
key, what was found there and what was expected.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from enum import StrEnum
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from appliance.errors import VuzolError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Section = TypeVar("Section", bound="DataclassInstance")
Check = Callable[[Any], str]
"""Returns what was expected, or an empty text if the value is good."""

KINDS: Final[Mapping[type, str]] = {str: "a text", int: "a whole number", bool: "true or false"}


class BadConfig(VuzolError):
    """`node.toml` says something that the node cannot obey."""

    code: ClassVar[str] = "bad_config"

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}", next_step="correct it and run `vuzol check`")
        self.key = key


def option(
    help_text: str,
    *,
    default: Any = MISSING,  # noqa: ANN401 - as `dataclasses.field` has it
    at_least: int | None = None,
    at_most: int | None = None,
    check: Check | None = None,
) -> Any:  # noqa: ANN401 - as `dataclasses.field` has it
    """Declare a setting; one that has no default must be given."""
    bounds = {"at_least": at_least, "at_most": at_most, "check": check}
    return field(default=default, metadata={"help": help_text, **bounds})


def read(kind: type[Section], prefix: str, given: object, *, folder: Path) -> Section:
    """Make a section out of what a file or the environment gave; raise `BadConfig`.

    Paths are relative to `folder`, so a node starts the same from wherever it is started.
    """
    if not isinstance(given, dict):
        raise BadConfig(prefix.rstrip("."), f"must be a section, not {given!r}")
    hints = get_type_hints(kind)
    declared = {one.name: one for one in fields(kind)}
    refuse_unknown(prefix, given, set(declared))
    values = {}
    for name, one in declared.items():
        if name in given:
            values[name] = _value(hints[name], f"{prefix}{name}", given[name], one, folder)
        elif one.default is MISSING:
            raise BadConfig(f"{prefix}{name}", f"is missing: {one.metadata['help']}")
    return kind(**values)


def refuse_unknown(prefix: str, given: Mapping[str, object], known: set[str]) -> None:
    """Raise `BadConfig` for the first key that nobody declared."""
    for key in sorted(given.keys() - known):
        raise BadConfig(f"{prefix}{key}", f"is unknown here; known are {', '.join(sorted(known))}")


def parsed(hint: Any, text: str) -> object:  # noqa: ANN401 - a type, or an alias of one
    """Turn a text of the environment into what TOML would have given for this setting.

    A text that cannot be turned is returned as it is, and `read` says what was expected.
    """
    if hint is str or hint is Path or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _value(hint: Any, key: str, told: object, one: "Field[Any]", folder: Path) -> object:  # noqa: ANN401 - see `parsed`
    if get_origin(hint) is tuple:
        return _list(get_args(hint)[0], key, told, folder)
    value = _typed(hint, key, told, folder)
    _bounded(key, value, one.metadata)
    return value


def _list(kind: Any, key: str, told: object, folder: Path) -> tuple[object, ...]:  # noqa: ANN401 - see `parsed`
    if not isinstance(told, list):
        raise BadConfig(key, f"must be a list of sections, not {told!r}")
    return tuple(
        read(kind, f"{key}[{place}].", one, folder=folder) for place, one in enumerate(told)
    )


def _typed(hint: Any, key: str, told: object, folder: Path) -> object:  # noqa: ANN401 - see `parsed`
    if hint is Path:
        return folder / Path(_exactly(str, key, told)).expanduser()
    if issubclass(hint, StrEnum):
        if told not in list(hint):
            raise BadConfig(key, f"must be one of {', '.join(hint)}, not {told!r}")
        return hint(told)
    return _exactly(hint, key, told)


def _exactly(kind: type[Any], key: str, told: object) -> Any:  # noqa: ANN401 - of the kind that was asked
    if type(told) is not kind:  # not isinstance: `true` must not pass for the number 1
        raise BadConfig(key, f"must be {KINDS[kind]}, not {told!r}")
    return told


def _bounded(key: str, value: object, bounds: Mapping[str, Any]) -> None:
    low, high, check = bounds["at_least"], bounds["at_most"], bounds["check"]
    if low is not None and isinstance(value, int) and value < low:
        raise BadConfig(key, f"must be {low} or more, not {value}")
    if high is not None and isinstance(value, int) and value > high:
        raise BadConfig(key, f"must be {high} or less, not {value}")
    expected = check(value) if check else ""
    if expected:
        raise BadConfig(key, f"must be {expected}, not {value!r}")
