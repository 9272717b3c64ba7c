"""What a surface refuses before any view runs."""

import unicodedata

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from appliance.web import safety, signed_in
from appliance.web.context import Context
from appliance.web.safety import BIDI, BadText, clean_text
from appliance.web.signed_in import SignedIn
from appliance.web.surfaces import Surface
from tests.web import places

ELSEWHERE = {"REMOTE_ADDR": "10.77.0.9"}


def room() -> Blueprint:
    blueprint = Blueprint("trial", __name__)

    @blueprint.route("/write", methods=["GET", "POST"])
    def write() -> str:
        return "written"

    @blueprint.get("/private")
    def private() -> str:
        safety.require_this_machine()
        return "private"

    return blueprint


def oksana(app: Flask) -> None:
    app.before_request(
        lambda: signed_in.remember(SignedIn(name="Оксана", csrf_token="t0ken", sign_out_url="/o"))
    )


@pytest.fixture
def kiosk(context: Context) -> FlaskClient:
    return places.surface(Surface.KIOSK, context, room()).test_client()


@pytest.fixture
def office(context: Context) -> FlaskClient:
    return places.surface(Surface.OFFICE, context, room(), guards=(oksana,)).test_client()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost:8081"}, 403),  # the surface next door
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://a]"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port: cookies would travel
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_only_our_own_pages_may_write(
    kiosk: FlaskClient, headers: dict[str, str], status: int
) -> None:
    assert kiosk.post("/write", headers=headers).status_code == status
    assert kiosk.get("/write", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("surface", "host", "status"),
    [
        (Surface.KIOSK, "127.0.0.1:8081", 200),
        (Surface.KIOSK, "[::1]:8081", 200),
        (Surface.KIOSK, "localhost", 200),
        (Surface.KIOSK, "192.168.1.7", 200),
        (Surface.KIOSK, "vuzol-s03.local", 200),
        (Surface.KIOSK, "evil.example", 421),
        (Surface.OFFICE, "evil.example:8080", 421),
        (Surface.OFFICE, "[", 421),
        (Surface.GUEST, "connectivitycheck.gstatic.com", 200),
        (Surface.HUB, "centre.example", 200),
    ],
)
def test_a_strangers_name_cannot_be_bent_to_us(
    context: Context, surface: Surface, host: str, status: int
) -> None:
    client = places.surface(surface, context, room()).test_client()
    assert client.get("/write", headers={"Host": host}).status_code == status


def test_the_public_name_of_a_surface_is_ours(context: Context) -> None:
    environ = {"VUZOL_SURFACES_OFFICE_URL": "https://office.example"}
    given_ = places.context(
        context.store.path.parent, context.store, context.clock, environ=environ
    )
    client = places.surface(Surface.OFFICE, given_, room()).test_client()
    assert client.get("/write", headers={"Host": "office.example"}).status_code == 200
    policy = client.get("/write", headers={"Host": "office.example"}).headers
    assert "connect-src 'self';" in policy["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 403),
        ({"data": {"csrf_token": "wrong"}}, 403),
        ({"data": {"csrf_token": "ключ"}}, 403),
        ({"data": {"csrf_token": "t0ken"}}, 200),
        ({"headers": {"X-CSRF-Token": "t0ken"}}, 200),
        ({"headers": {"X-CSRF-Token": "wrong"}, "data": {"csrf_token": "t0ken"}}, 403),
        ({"query_string": {"csrf_token": "t0ken"}}, 403),
    ],
)
def test_a_session_writes_with_its_token_only(
    office: FlaskClient, sent: dict[str, object], status: int
) -> None:
    assert office.post("/write", **sent).status_code == status  # type: ignore[arg-type]


def test_reading_needs_no_token(office: FlaskClient) -> None:
    assert office.get("/write").status_code == 200


def test_a_wrong_token_tells_a_person_to_reload(office: FlaskClient) -> None:
    assert "Сторінка застаріла" in office.post("/write").text


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({}, {}, 200),
        ({"REMOTE_ADDR": "127.0.0.12"}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {}, 200),
        (ELSEWHERE, {}, 403),
        ({}, {"X-Forwarded-For": "10.77.0.9"}, 403),
        ({}, {"Forwarded": "for=10.77.0.9"}, 403),
        ({"REMOTE_ADDR": ""}, {}, 403),
    ],
)
def test_this_machine_is_loopback_that_no_proxy_carried(
    kiosk: FlaskClient, environ: dict[str, str], headers: dict[str, str], status: int
) -> None:
    told = kiosk.get("/private", headers=headers, environ_base=environ)
    assert told.status_code == status


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(kiosk: FlaskClient) -> None:
    assert kiosk.post("/write", data=b"x" * (64 * 1024 + 1)).status_code == 413
    assert kiosk.post("/write", data=b"x" * (64 * 1024)).status_code == 200


def test_the_page_may_hear_its_own_events_and_no_others(kiosk: FlaskClient) -> None:
    policy = kiosk.get("/write", headers={"Host": "127.0.0.13:8081"}).headers
    assert "connect-src 'self' http://127.0.0.13:8181;" in policy["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Оксана  ", "Оксана"),
        ("и\u0306", "й"),
        ("Ґанок ’ — №5 ₴", "Ґанок ’ — №5 ₴"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("عربي", "عربي"),
        ("5 < 7 <Мельник>", "5 < 7 <Мельник>"),
        ("", ""),
    ],
)
def test_what_can_be_read_is_kept(text: str, clean: str) -> None:
    assert clean_text(text, 50) == clean


@pytest.mark.parametrize(
    "text",
    [
        "a\x00",
        "\x1b[2J",
        "a\nb",
        "a\tb",
        "\u202egnp",
        "a\u2066b",
        "\ud800",
        "\ue000",
        "\x7f",
        "<b>",
        "</a",
        "<!--",
    ],
)
def test_what_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(BadText):
        clean_text(text, 50)


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert clean_text("a\r\nb\tc", 50, lines=True) == "a\nb\tc"
    with pytest.raises(BadText):
        clean_text("a\x0bb", 50, lines=True)


def test_a_long_text_is_refused_whatever_it_becomes() -> None:
    assert clean_text("x" * 50, 50)
    for long in ("x" * 51, "x" * 10**6, "\ufb2c" * 50):  # the last one grows threefold in NFC
        with pytest.raises(BadText):
            clean_text(long, 50)


@given(st.text(max_size=60))
def test_a_cleaned_text_is_clean_for_good(text: str) -> None:
    try:
        clean = clean_text(text, 40)
    except BadText:
        return
    assert clean_text(clean, 40) == clean
    assert len(clean) <= 40
    assert unicodedata.is_normalized("NFC", clean)
    assert not BIDI & set(clean)
    clean.encode()
