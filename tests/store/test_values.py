"""One value has one form: in the row, in the log, on the wire."""

import math
import unicodedata
from enum import IntEnum, StrEnum

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.ids import RowId
from appliance.store.values import (
    WrongBody,
    WrongValue,
    decode_changes,
    decode_ids,
    decode_row,
    encode_changes,
    encode_ids,
    encode_row,
    plain,
)


class Colour(StrEnum):
    """A text with a name."""

    RED = "red"


class Size(IntEnum):
    """A number with a name."""

    SMALL = 1


words = st.text(st.characters(exclude_categories=["Cs"])).map(
    lambda text: unicodedata.normalize("NFC", text)
)
values = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    words,
    st.binary(max_size=20),
    st.floats(allow_nan=False),
)


@given(st.lists(values))
def test_a_row_comes_back_as_it_went(row: list[object]) -> None:
    body = encode_row([plain(value) for value in row])
    assert decode_row(body) == row
    assert [type(value) for value in decode_row(body)] == [type(value) for value in row]
    assert encode_row(decode_row(body)) == body


@given(st.dictionaries(st.integers(0, 40), values))
def test_changes_have_one_writing_in_whatever_order_they_were_made(
    changes: dict[int, object],
) -> None:
    forward = {index: plain(value) for index, value in sorted(changes.items())}
    backward = dict(reversed(forward.items()))
    assert encode_changes(forward) == encode_changes(backward)
    assert decode_changes(encode_changes(forward)) == forward


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1) | words | st.binary(max_size=9)))
def test_the_bytes_are_those_of_the_canonical_encoder(row: list[object]) -> None:
    assert encode_row(row) == cbor2.dumps(row, canonical=True)


def test_a_float_always_takes_64_bits() -> None:
    assert encode_row([1.5]).hex() == "81fb3ff8000000000000"


def test_ids_come_back() -> None:
    ids = [RowId(3, 7, 1).blob, RowId(3, 7, 2).blob]
    assert decode_ids(encode_ids(ids)) == ids


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (Colour.RED, "red"),
        (Size.SMALL, 1),
        (True, 1),
        (RowId(3, 7, 42), RowId(3, 7, 42).blob),
        ("и\u0306", "й"),
        (None, None),
    ],
)
def test_a_value_is_held_in_its_plainest_kind(given: object, held: object) -> None:
    assert plain(given) == held
    assert type(plain(given)) is type(held)


@pytest.mark.parametrize(
    "value", [1 << 63, -(1 << 63) - 1, math.nan, "\ud800", object(), [1], {"a": 1}]
)
def test_what_the_database_would_change_is_refused(value: object) -> None:
    with pytest.raises(WrongValue):
        plain(value)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x81", b"\xff", b"\x01", cbor2.dumps([[1]]), cbor2.dumps([True]), cbor2.dumps({"a": 1}),
     b"\x81\x62\xc3\x28"],
)  # fmt: skip
def test_bytes_that_are_no_body_are_refused(body: bytes) -> None:
    for decode in (decode_row, decode_changes, decode_ids):
        with pytest.raises(WrongBody):
            decode(body)


@given(st.binary(max_size=40))
def test_no_bytes_break_the_decoders(body: bytes) -> None:
    for decode in (decode_row, decode_changes, decode_ids):
        try:
            decode(body)
        except WrongBody:
            continue
