"""Which address is tried: what is promised to the configured one, and what a stranger gets."""

from hypothesis import given
from hypothesis import strategies as st

from sync.addresses import (
    CANDIDATES_KEPT,
    CONFIGURED_AGAIN,
    FORGIVEN,
    SILENT_AFTER,
    STRANGER_FIRST,
    STRANGER_LONGEST,
    AddressBook,
)

CENTRE = "https://centre.example"
NEAR, FAR = "https://192.0.2.7:8083", "https://192.0.2.8:8083"


def silent(book: AddressBook, url: str, times: int, now: float) -> AddressBook:
    for _ in range(times):
        book = book.silent(url, now)
    return book


def test_candidate_never_stands_before_a_configured_address_that_answers() -> None:
    book = AddressBook.of(CENTRE).found(NEAR).answered(CENTRE, 10)
    assert book.choose(10_000) == CENTRE
    assert silent(book, CENTRE, SILENT_AFTER - 1, 10).choose(11) == CENTRE


def test_candidate_carries_while_the_configured_address_is_silent_and_no_longer() -> None:
    book = silent(AddressBook.of(CENTRE).found(NEAR), CENTRE, SILENT_AFTER, 10)
    assert book.choose(11) == NEAR
    book = book.answered(NEAR, 11)
    assert book.choose(12) == NEAR
    assert book.choose(10 + CONFIGURED_AGAIN) == CENTRE
    assert book.silent(CENTRE, 140).choose(141) == NEAR
    assert book.answered(CENTRE, 140).choose(141) == CENTRE


def test_stranger_is_left_alone_longer_each_time_and_no_other_address_suffers() -> None:
    book = AddressBook.of("").found(NEAR).found(FAR)
    book = book.stranger(NEAR, 0)
    assert book.choose(1) == FAR
    book = book.silent(FAR, 2)
    assert book.choose(STRANGER_FIRST - 1) == FAR
    assert book.choose(STRANGER_FIRST) == NEAR
    again = book.stranger(NEAR, STRANGER_FIRST)
    again = again.silent(FAR, STRANGER_FIRST * 2)
    assert again.choose(STRANGER_FIRST * 3 - 1) == FAR
    assert again.choose(STRANGER_FIRST * 3) == NEAR
    for turn in range(40):
        again = again.stranger(NEAR, float(turn))
    assert again.choose(39 + STRANGER_LONGEST) == NEAR


def test_configured_address_that_a_portal_answers_for_is_tried_on() -> None:
    book = AddressBook.of(CENTRE)
    for turn in range(40):
        book = book.stranger(CENTRE, float(turn))
        assert book.choose(float(turn)) == CENTRE
    assert book.found(NEAR).choose(41) == NEAR


def test_candidate_that_has_proved_itself_is_forgiven_a_turned_bit() -> None:
    book = AddressBook.of("").found(NEAR).answered(NEAR, 0)
    for _ in range(FORGIVEN):
        book = book.stranger(NEAR, 1)
        assert book.choose(1) == NEAR
    assert book.stranger(NEAR, 1).choose(1) == ""


def test_stranger_that_signs_off_and_on_again_stays_barred() -> None:
    book = AddressBook.of("").found(NEAR).stranger(NEAR, 0).lost(NEAR).found(NEAR)
    assert book.choose(1) == ""


def test_nothing_known_is_nothing_to_try() -> None:
    assert AddressBook.of("").choose(0) == ""
    assert AddressBook.of("").found(NEAR).lost(NEAR).choose(0) == ""


steps = st.lists(
    st.tuples(
        st.sampled_from(["found", "lost", "answered", "silent", "stranger"]),
        st.sampled_from([CENTRE, NEAR, FAR, *[f"https://192.0.2.9:{port}" for port in range(30)]]),
        st.sampled_from([0.0, 1.0, 50.0, 400.0]),
    ),
    max_size=60,
)


@given(steps)
def test_configured_address_is_never_forgotten_and_a_barred_one_never_chosen(
    taken: list[tuple[str, str, float]],
) -> None:
    book, now = AddressBook.of(CENTRE), 0.0
    for move, url, pause in taken:
        now += pause
        args = (url,) if move in {"found", "lost"} else (url, now)
        book = getattr(book, move)(*args)
        assert book.known[0].url == CENTRE
        assert sum(not one.configured for one in book.known) <= CANDIDATES_KEPT
        chosen = book.choose(now)
        barred = {one.url for one in book.known if now < one.barred_until}
        assert chosen not in barred
        assert chosen or len(barred) == len(book.known)
