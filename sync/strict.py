"""CBOR read strictly: nothing that the sender did not have to write can cost us memory or time.

Promise: whatever the bytes are, the answer is plain values (integers, texts, bytes, null, float,
lists, maps) or `BadCbor`. Tags, indefinite lengths, doubled keys and deep nesting are refused.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final, NoReturn, TypeAlias

import cbor2

from appliance.errors import VuzolError

DEEPEST: Final = 12
"""A batch's head reaches ten: choices, some of them null, some of them ids as texts."""

KNOWN_TAGS: Final = (
    *range(6),
    *(25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
)
PLAIN: Final = frozenset({int, str, bytes, float, type(None)})
Plain: TypeAlias = "int | str | bytes | float | list[Plain] | dict[Plain, Plain] | None"


class BadCbor(VuzolError):
    """Bytes from outside are not the CBOR that was agreed on."""

    code: ClassVar[str] = "bad_cbor"
    status_hint: ClassVar[int] = 400

    def __init__(self, reason: str) -> None:
        super().__init__(f"the bytes do not decode: {reason}", next_step="update the older side")


def dumps(value: object) -> bytes:
    """Return the deterministic CBOR of `value` (RFC 8949, section 4.2)."""
    return cbor2.dumps(value, canonical=True)


def loads(data: bytes, *, encoded: Callable[[Any], bytes] = dumps) -> Plain:
    """Return the one value that `data` holds, as `encoded` writes it; raise `BadCbor`."""
    try:
        value: Plain = cbor2.loads(
            data,
            tag_hook=_no_tag,
            semantic_decoders=SEMANTICS,
            max_depth=DEEPEST,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise BadCbor(str(error)[:120]) from None
    _check(value)
    if encoded(value) != data:
        raise BadCbor("not the deterministic form, or more bytes than one value")
    return value


def _no_tag(*_: object) -> NoReturn:
    raise ValueError("tags are not agreed on")


SEMANTICS: Final[dict[int, Any]] = dict.fromkeys(KNOWN_TAGS, _no_tag)


def _check(value: object) -> None:
    if isinstance(value, list):
        for item in value:
            _check(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)
    elif type(value) not in PLAIN:
        raise BadCbor(f"{type(value).__name__} is not agreed on")
