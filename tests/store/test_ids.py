"""A row's id is one value in three writings."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.ids import BadId, RowId, StreamId

EXAMPLE = re.compile(r"\bs\d{2,5}-[0-9a-z]{10}-\d+\b|\bs\d{2,5}\.[0-9a-z]{10}\b")
ROOT = Path(__file__).parents[2]

nodes = st.integers(1, 65535)
numbers = st.integers(1, (1 << 48) - 1)
ids = st.builds(RowId, nodes, numbers, numbers)


@given(ids)
def test_an_id_survives_both_of_its_writings(one: RowId) -> None:
    assert RowId.of(one.blob) == one
    assert RowId.parse(str(one)) == one
    assert StreamId.parse(str(one.stream)) == one.stream


@given(ids, ids)
def test_bytes_sort_as_ids_do(one: RowId, other: RowId) -> None:
    assert (one.blob < other.blob) == (one < other)


@pytest.mark.parametrize(
    "text",
    ["", "s03", "s3-0000000001-1", "s03-0000000001-0", "s03-000000000i-1", "s99999-0000000001-1",
     "s03-zzzzzzzzzz-1", "s03-0000000001-999999999999999", "S03-0000000001-1", "s03-0000000001-1 "],
)  # fmt: skip
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadId):
        RowId.parse(text)
    with pytest.raises(BadId):
        StreamId.parse(text)


def test_bytes_of_another_length_are_no_id() -> None:
    with pytest.raises(BadId):
        RowId.of(bytes(13))


def test_a_node_below_ten_is_written_with_two_digits() -> None:
    assert str(RowId(3, 1, 42)) == "s03-0000000001-42"
    assert str(RowId(117, 1, 42)) == "s117-0000000001-42"


def examples() -> Iterator[object]:
    """Give each id and stream that stands as an example in the code and in the documentation."""
    for folder in ("appliance", "sync", "edge_agents", "provisioning", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".html", ".po", ".json", ".toml"}:
                name = str(path.relative_to(ROOT))
                for told in dict.fromkeys(EXAMPLE.findall(path.read_text(encoding="utf-8"))):
                    yield pytest.param(told, id=f"{name}: {told}")


@pytest.mark.parametrize("told", list(examples()))
def test_an_example_can_be_read(told: str) -> None:
    """The one that errors and documentation showed was refused as no id."""
    parsed = StreamId.parse(told) if "." in told else RowId.parse(told)
    assert str(parsed) == told


def test_the_error_of_a_bad_id_shows_one_that_is_good() -> None:
    shown = EXAMPLE.search(BadId("x").next_step)
    assert shown is not None
    assert RowId.parse(shown[0])
