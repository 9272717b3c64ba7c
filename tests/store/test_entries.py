"""The chain binds everything that an entry says, and its body through the commitment alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.entries import DIGEST, GENESIS, Chain, Entry, Op, chained, commitment, link
from appliance.store.ids import StreamId
from appliance.store.tables import Lane

STREAM = StreamId(3, 77)
ENTRY = Entry(
    lane_seq=1,
    seq=5,
    tx=5,
    table="ticket",
    op=Op.INSERT,
    key=bytes(14),
    schema=1,
    hlc=99,
    body=b"\x80",
    salt=bytes(16),
    commitment=commitment(bytes(16), b"\x80"),
    chain=GENESIS,
)


def test_the_golden_vector_of_the_chain() -> None:
    """Both ends of every link compute this value; it can never change."""
    assert ENTRY.commitment.hex() == "914ad6a2ef8cf8febd3b9fdfb1587098"
    assert link(GENESIS, STREAM, Lane.TICKETS, ENTRY).hex() == "1024ca711d31556ee9164b30926dc91e"


@pytest.mark.parametrize(
    "changed",
    [{"lane_seq": 2}, {"table": "tickeu"}, {"op": Op.UPDATE}, {"key": b"\x01" + bytes(13)},
     {"schema": 2}, {"hlc": 98}, {"commitment": bytes(DIGEST)}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_the_chain_binds_each_field(changed: dict[str, object]) -> None:
    other = ENTRY._replace(**changed)
    assert link(GENESIS, STREAM, Lane.TICKETS, other) != link(GENESIS, STREAM, Lane.TICKETS, ENTRY)


def test_the_chain_binds_the_stream_the_lane_and_what_was_before() -> None:
    links = {
        link(GENESIS, STREAM, Lane.TICKETS, ENTRY),
        link(GENESIS, StreamId(4, 77), Lane.TICKETS, ENTRY),
        link(GENESIS, StreamId(3, 78), Lane.TICKETS, ENTRY),
        link(GENESIS, STREAM, Lane.STATE, ENTRY),
        link(bytes(15) + b"\x01", STREAM, Lane.TICKETS, ENTRY),
    }
    assert len(links) == 5


def test_an_erased_body_leaves_the_chain_as_it_was() -> None:
    erased = ENTRY._replace(body=None, salt=None)
    assert link(GENESIS, STREAM, Lane.STATE, erased) == link(GENESIS, STREAM, Lane.STATE, ENTRY)


def test_the_salt_hides_a_body_that_could_be_guessed() -> None:
    assert commitment(b"a" * 16, b"\x80") != commitment(b"b" * 16, b"\x80")


WIDTHS = st.sampled_from([0, 23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32, 1 << 46])
NUMBERS = WIDTHS | st.integers(0, 1 << 46)


@given(
    st.lists(
        st.tuples(NUMBERS, st.text(max_size=30), st.sampled_from(Op), NUMBERS, NUMBERS,
                  st.binary(max_size=30), st.binary(min_size=DIGEST, max_size=DIGEST)),
        max_size=4,
    )
)  # fmt: skip
def test_the_chain_is_written_by_hand_as_the_encoder_would_write_it(told: list[tuple]) -> None:
    chain, value = Chain(STREAM, Lane.TICKETS, GENESIS), GENESIS
    for lane_seq, table, op, schema, hlc, key, bound in told:
        said = (*STREAM, int(Lane.TICKETS), lane_seq, table, int(op), key, hlc, schema, bound)
        value = chained(value, said)
        assert chain.grow(lane_seq, (table, int(op), schema), key, hlc, bound) == value
