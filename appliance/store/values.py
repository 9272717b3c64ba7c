"""Values as they stand in a row, in the log and on the wire: one form each.

A body is deterministic CBOR (RFC 8949, section 4.2): integers of 64 bits, texts in NFC, bytes,
null, and floats always of 64 bits. An inserted row is the array of its schema's columns in declared
order; an update is a map from column index to new value, the keys in order.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import cbor2

from appliance.errors import VuzolError
from appliance.store.ids import RowId
from appliance.store.tables import Value

INTEGER_LIMIT: Final = 1 << 63


class WrongValue(VuzolError):
    """A value can't stand in the column that it was given for."""

    code: ClassVar[str] = "wrong_value"
    status_hint: ClassVar[int] = 422

    def __init__(self, column: str, cause: str) -> None:
        super().__init__(f"{column}: {cause}", next_step="send a value that the column can hold")
        self.column = column


class WrongBody(VuzolError):
    """The bytes that an entry carries are no body."""

    code: ClassVar[str] = "wrong_body"
    status_hint: ClassVar[int] = 422

    def __init__(self, body: bytes) -> None:
        super().__init__(
            f"{body[:16].hex()}... is no body of an entry", next_step="keep it in quarantine"
        )


def is_plain(value: object) -> bool:
    """Tell at one look that `plain` would return the value as it is: true of nearly all."""
    if type(value) is str:
        return value.isascii()
    if type(value) is int:
        return -INTEGER_LIMIT <= value < INTEGER_LIMIT
    return type(value) is bytes


def plain(value: object, column: str = "value") -> Value:
    """Return the value as the database, the log and the wire all hold it."""
    exact = EXACT.get(type(value))
    if exact is not None:
        return exact(value, column)
    if isinstance(value, str):  # a StrEnum
        return _text(str.__str__(value), column)
    if isinstance(value, int):  # a bool or an IntEnum
        return _integer(int(value), column)
    if isinstance(value, RowId):
        return value.blob
    raise WrongValue(column, f"{type(value).__name__} is no kind of value")


def _text(value: str, column: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WrongValue(column, "the text holds half a character") from None
    return unicodedata.normalize("NFC", value)


def _integer(value: int, column: str) -> int:
    if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        raise WrongValue(column, "the number needs more than 64 bits")
    return value


def _real(value: float, column: str) -> float:
    if value != value:  # noqa: PLR0124 - only NaN differs from itself; SQLite would store NULL
        raise WrongValue(column, "not a number")
    return value


def _itself(value: bytes | None, _: str) -> bytes | None:
    return value


EXACT: Final[Mapping[type, Callable[[Any, str], Value]]] = {
    type(None): _itself,
    bytes: _itself,
    int: _integer,
    str: _text,
    float: _real,
}
"""How the kinds that nearly all values have are checked, without a chain of questions."""


def encode_row(values: Sequence[Value]) -> bytes:
    """Return the body of an inserted row; `values` are plain, in declared order."""
    return cbor2.dumps(list(values))


def encode_changes(changes: Mapping[int, Value]) -> bytes:
    """Return the body of an update: new plain values by column index."""
    return cbor2.dumps({index: changes[index] for index in sorted(changes)})


def encode_ids(ids: Sequence[bytes]) -> bytes:
    """Return the body of an erasure: the ids of the erased rows."""
    return cbor2.dumps(list(ids))


def decode_row(body: bytes) -> list[Value]:
    """Return the values of an inserted row; raise `WrongBody` for anything else."""
    return _values(_decoded(body), body)


def decode_changes(body: bytes) -> dict[int, Value]:
    """Return an update's new values by column index; raise `WrongBody` for anything else."""
    changes = _decoded(body)
    if not isinstance(changes, dict) or not all(type(index) is int for index in changes):
        raise WrongBody(body)
    return dict(zip(changes, _values(list(changes.values()), body), strict=True))


def decode_ids(body: bytes) -> list[bytes]:
    """Return the ids of the erased rows; raise `WrongBody` for anything else."""
    ids = _decoded(body)
    if not isinstance(ids, list) or not all(type(one) is bytes for one in ids):
        raise WrongBody(body)
    return ids


def _decoded(body: bytes) -> object:
    try:
        return cbor2.loads(body)
    except (cbor2.CBORDecodeError, UnicodeDecodeError):
        raise WrongBody(body) from None


def _values(values: object, body: bytes) -> list[Value]:
    if not isinstance(values, list) or not {type(value) for value in values} <= EXACT.keys():
        raise WrongBody(body)
    return values
