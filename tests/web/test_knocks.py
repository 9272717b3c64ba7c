"""The head of a request for events: read strictly, whatever is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web import knocks
from appliance.web.knocks import Refused
from appliance.web.surfaces import Surface
from appliance.web.topics import Event, Knock


def told(head: bytes) -> int:
    """Return the status of what is sent; 200 for a knock."""
    try:
        read(head)
    except Refused as refused:
        return refused.status
    return 200


def read(head: bytes) -> Knock:
    return knocks.knock(head, surface=Surface.KIOSK, address="10.77.0.9")


def test_what_a_right_may_depend_on_is_kept_and_no_more() -> None:
    knock = read(
        b"GET /events/queue?last=7&lang=en HTTP/1.1\r\nHost: a\r\nUser-Agent: long\r\n"
        b'Cookie: vuzol_kiosk_s03="t o"; b=c\r\nX-Forwarded-For: 1.2.3.4'
    )
    assert (knock.topic, knock.surface, knock.address) == ("queue", Surface.KIOSK, "10.77.0.9")
    assert knock.cookies == {"vuzol_kiosk_s03": "t o", "b": "c"}
    assert knock.headers == {"host": "a", "x-forwarded-for": "1.2.3.4"}
    assert knocks.last_heard(knock) == "7"


def test_what_the_browser_remembers_counts_more_than_the_address() -> None:
    knock = read(b"GET /events/queue?last=7 HTTP/1.1\r\nLast-Event-ID: 9")
    assert knocks.last_heard(knock) == "9"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_knock_or_refused(head: bytes) -> None:
    assert told(head) in {200, *knocks.REASONS}


LINES = st.sampled_from(
    [
        "Host: a",
        "Cookie: a=b; c",
        "Cookie: =;=;",
        "Last-Event-ID: 1",
        "X: \x00",
        "x",
        ": y",
        "A : b",
    ]
)

PATHS = st.sampled_from(
    ["/events/queue", "/events/", "/?a=%ff", "*", "//[", "/events/queue?" + "&".join(["a=1"] * 11)]
)


@given(st.lists(LINES, max_size=6), PATHS)
def test_any_lines_are_a_knock_or_refused(lines: list[str], path: str) -> None:
    head = "\r\n".join([f"GET {path} HTTP/1.1", *lines]).encode("latin-1")
    assert told(head) in {200, 400, 404}


@given(st.text(max_size=30), st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_an_event_is_one_frame_whatever_it_tells(name: str, facts: dict[str, str]) -> None:
    frame = Event("s03.7", {**facts, "name": name}).frame()
    assert frame.count(b"\n\n") == 1
    assert frame.endswith(b"\n\n")
    assert [line.split(b":")[0] for line in frame.strip().split(b"\n")] == [b"id", b"data"]


def test_a_welcome_shares_with_the_pages_own_origin_only() -> None:
    knock = read(b"GET /events/queue HTTP/1.1\r\nOrigin: http://a")
    assert b"Access-Control-Allow-Origin: http://a" in knocks.welcome(
        knock, allowed_origin="http://a"
    )
    with pytest.raises(AssertionError):
        assert b"Access-Control" in knocks.welcome(knock, allowed_origin="http://b")
