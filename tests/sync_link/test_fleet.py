"""What the centre says of its nodes: the present, the past with its time, or nothing."""

from hypothesis import given
from hypothesis import strategies as st

from sync.fleet import (
    Heard,
    Node,
    State,
    in_order,
    silence,
    state_of,
    summary,
)

NOW = 1_794_917_100_000
SILENT_AFTER_MS = silence(300)


def heard(ago: int, *, clock: str = "synchronised", offset: int | None = 0) -> Heard:
    return Heard(
        at=NOW - ago,
        address="127.0.0.12",
        version="1",
        clock=clock,
        offset_ms=offset,
        unsent=5,
        oldest_at=None,
    )


def node(number: int, said: Heard | None, *, quarantined: int = 0) -> Node:
    state = state_of(said, quarantined=quarantined, now=NOW, silent_after=SILENT_AFTER_MS)
    return Node(
        number=number, title="с", heard=said, waiting=0, quarantined=quarantined, state=state
    )


nodes = st.lists(
    st.builds(
        node,
        st.integers(2, 9),
        st.none()
        | st.builds(
            heard,
            st.sampled_from([0, SILENT_AFTER_MS, SILENT_AFTER_MS + 1, -SILENT_AFTER_MS - 1]),
            clock=st.sampled_from(["synchronised", "unknown", "a word of a newer version"]),
            offset=st.none() | st.integers(-(10**9), 10**9),
        ),
        quarantined=st.integers(0, 2),
    ),
    max_size=8,
)


@given(nodes)
def test_only_who_called_lately_is_told_as_the_present(fleet: list[Node]) -> None:
    """A call from before the centre's clock was set back counted as lately for a year."""
    for one in fleet:
        called = one.heard is not None and abs(NOW - one.heard.at) <= SILENT_AFTER_MS
        assert one.fresh is called
        assert (one.state is State.NEVER) is (one.heard is None)
    told = summary(fleet, version="1")
    assert told.well + told.silent + told.never == len(fleet)
    assert told.unknown_unsent == told.silent + told.never
    assert told.trouble <= told.well
    assert sorted(map(id, in_order(fleet))) == sorted(map(id, fleet))


def test_silence_is_no_trouble_even_with_a_bad_clock_or_held_entries() -> None:
    assert node(2, heard(SILENT_AFTER_MS + 1, clock="unknown"), quarantined=3).state is State.SILENT


def test_clock_is_told_off_from_a_minute_on() -> None:
    assert node(2, heard(0, offset=59_000)).clock_off_minutes is None
    assert node(2, heard(0, offset=-240_000)).clock_off_minutes == -4
    assert node(2, heard(0, offset=None)).clock_off_minutes is None
    assert node(2, None).clock_off_minutes is None


def test_silence_follows_from_how_often_nodes_call() -> None:
    assert silence(300) == 15 * 60 * 1000
    assert silence(3600) == 3 * 3600 * 1000
    assert silence(1) == 60 * 1000
