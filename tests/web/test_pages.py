"""The frame of every page: language, truth, places to go, wishes at the kiosk, files kept long."""

import re
from pathlib import Path

import pytest
from flask import Blueprint, Flask, render_template_string
from flask.testing import FlaskClient

from appliance.store.clock import ClockQuality, FixedClock
from appliance.store.database import Store
from appliance.web import formats, navigation, signed_in
from appliance.web.context import Context, Truth
from appliance.web.i18n import lazy
from appliance.web.navigation import Entry
from appliance.web.signed_in import SignedIn
from appliance.web.surfaces import FACINGS, Surface
from tests.web import places
from tests.web.places import NOON

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = [
    path
    for package in ("appliance", "sync")
    for path in sorted((ROOT / package).glob("**/templates/**/*.html"))
]
HOUR = 3600_000
DAY = 24 * HOUR


PAGE = "{% extends layout %}{% block main %}<p>x{% endblock %}"


def room(layout: str) -> Blueprint:
    blueprint = Blueprint("trial", __name__)
    navigation.declare(
        blueprint,
        Entry(lazy("Вузол"), "trial.page", order=2),
        Entry(lazy("Табло"), "trial.other", order=1),
        Entry(lazy("Назад"), "trial.other", shown=lambda: False),
    )

    @blueprint.get("/")
    def page() -> str:
        return render_template_string(
            "{% extends layout %}{% block main %}<p>x{% endblock %}", layout=layout
        )

    @blueprint.get("/other")
    def other() -> str:
        return render_template_string("{{ language() }}")

    return blueprint


def client(context: Context, kind: Surface, *guards: "object") -> FlaskClient:
    layout = FACINGS[kind].layout
    return places.surface(kind, context, room(layout), guards=guards).test_client()  # type: ignore[arg-type]


def page(given: Context, kind: Surface, url: str = "/") -> str:
    return client(given, kind).get(url).text


def with_truth(context: Context, truth: Truth) -> Context:
    return places.context(
        context.store.path.parent, context.store, context.clock, truth=lambda: truth
    )


def strip(text: str) -> list[str]:
    """Return what the strip of truth says, without its pictures."""
    (found,) = re.findall(r'<div class="[vk]z-truth.*?</div>', text, re.DOTALL)
    lines = re.findall(r"<span>(?:<svg.*?</svg>)?(.*?)</span>", found, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", line).strip().replace("\xa0", " ") for line in lines]


GOOD = ClockQuality.SYNCHRONISED


def down(unsent: int, since: int) -> Truth:
    return Truth(link="down", clock=GOOD, unsent=unsent, since=since, last_contact=since)


@pytest.mark.parametrize(
    ("truth", "lines"),
    [
        (
            Truth(
                link="down",
                clock=GOOD,
                unsent=12,
                since=NOON - 3 * HOUR,
                last_contact=NOON - 3 * HOUR,
            ),
            [
                "Інтернету немає 3 год — послуги працюють",
                "Ще не передано до центру: 12",
                "Останній зв’язок о 11:05",
            ],
        ),
        (
            Truth(
                link="down",
                clock=GOOD,
                unsent=1855,
                since=NOON - 2 * DAY,
                last_contact=NOON - 2 * DAY,
            ),
            [
                "Інтернету немає 2 дні — послуги працюють",
                "Ще не передано до центру: 1 855",
                "Останній зв’язок 15 листопада о 14:05",
            ],
        ),
        (
            Truth(link="down", clock=ClockQuality.UNKNOWN, staff_list_at=NOON - 15 * DAY),
            [
                "Інтернету немає — послуги працюють",
                "Усе передано до центру",
                "Зв’язку з центром ще не було",
                "Годинник вузла може помилятися",
                "Список працівників станом на 2 листопада",
            ],
        ),
        (
            Truth(link="up", clock=GOOD, staff_list_at=NOON - 13 * DAY),
            ["Центр на зв’язку", "Усе передано до центру", "Дані станом на 14:05"],
        ),
        (Truth(link="none", clock=GOOD), ["Це центр громади", "Дані станом на 14:05"]),
        (
            Truth(link="none", clock=GOOD, restored=("А-143", "П-108")),
            [
                "Це центр громади",
                "Дані станом на 14:05",
                "Базу відновлено з копії: номери продовжено з А-143, П-108",
            ],
        ),
        (
            Truth(link="none", clock=GOOD, restored=()),
            ["Це центр громади", "Дані станом на 14:05", "Базу відновлено з копії"],
        ),
        (
            Truth(link="none", clock=GOOD, marks_displaced=True),
            [
                "Це центр громади",
                "Дані станом на 14:05",
                "Другий носій не відповідає: номери лише на картці",
            ],
        ),
        (
            Truth(link="none", clock=GOOD, medium_full=True, nights_without_backup=3),
            [
                "Це центр громади",
                "Дані станом на 14:05",
                "Другий носій повний: нових резервних копій немає",
                "Резервної копії не було 3 доби",
            ],
        ),
    ],
)
def test_the_office_reads_link_then_unsent_then_as_of(
    context: Context, truth: Truth, lines: list[str]
) -> None:
    told = page(with_truth(context, truth), Surface.OFFICE)
    assert strip(told) == lines
    assert ("vz-truth--down" in told) == (truth.link == "down")


@pytest.mark.parametrize(
    ("kind", "link", "line"),
    [
        (Surface.KIOSK, "down", "Інтернету немає 3 год — черга працює"),
        (Surface.GUEST, "down", "Інтернету немає 3 год — послуги працюють"),
        (Surface.GUEST, "up", "Інтернет є"),
        (Surface.KIOSK, "up", "Центр на зв’язку"),
    ],
)
def test_others_read_of_the_link_alone(
    context: Context, kind: Surface, link: str, line: str
) -> None:
    truth = Truth(link=link, clock=GOOD, unsent=12, since=NOON - 3 * HOUR)  # type: ignore[arg-type]
    assert strip(page(with_truth(context, truth), kind)) == [line]


@pytest.mark.parametrize("kind", [Surface.OFFICE, Surface.KIOSK, Surface.GUEST])
@pytest.mark.parametrize(
    ("url", "cookie", "language"),
    [
        ("/", "", "uk"),
        ("/?lang=en", "", "en"),
        ("/?lang=zz", "", "uk"),
        ("/?lang=zz", "en", "en"),
        ("/?lang=uk", "en", "uk"),
        ("/", "en", "en"),
        ("/", "../../etc", "uk"),
        ("/?lang=en&lang=uk", "", "en"),
    ],
)
def test_a_page_names_the_language_that_it_speaks(
    context: Context, kind: Surface, url: str, cookie: str, language: str
) -> None:
    reader = client(context, kind)
    if cookie:
        reader.set_cookie(f"vuzol_{kind}_s03_language", cookie)
    told = reader.get(url)
    assert told.status_code == 200
    assert f'<html lang="{language}"' in told.text
    assert ("послуги працюють" in told.text or "черга працює" in told.text) == (language == "uk")


def test_a_language_once_chosen_is_remembered(context: Context) -> None:
    reader = client(context, Surface.GUEST)
    reader.get("/?lang=en")
    assert reader.get("/other").text == "en"
    reader.get("/?lang=uk")
    assert reader.get("/other").text == "uk"


def test_the_link_to_the_other_language_keeps_the_page_and_its_query(context: Context) -> None:
    told = page(context, Surface.GUEST, "/other/way?a=1")
    assert 'href="/other/way?a=1&amp;lang=en" lang="en"' in told


def test_the_header_offers_places_in_order_and_marks_where_one_is(context: Context) -> None:
    told = page(context, Surface.OFFICE)
    assert re.findall(r'<li><a href="([^"]+)"( aria-current="page")?>(.*?)</a>', told) == [
        ("/other", "", "Табло"),
        ("/", ' aria-current="page"', "Вузол"),
    ]


def test_the_header_says_who_has_signed_in_and_lets_them_out(context: Context) -> None:
    def guard(app: Flask) -> None:
        person = SignedIn(
            name="Оксана <Мельничук>", csrf_token="t", note="Вікно 2", sign_out_url="/sign-out"
        )
        app.before_request(lambda: signed_in.remember(person))

    told = client(context, Surface.OFFICE, guard).get("/").text
    assert "Вікно 2 · Оксана &lt;Мельничук&gt;" in told
    assert '<form method="post" action="/sign-out"><input type="hidden" name="csrf_token"' in told


def test_a_kiosk_that_is_left_alone_returns_even_without_a_script(context: Context) -> None:
    told = page(context, Surface.KIOSK)
    assert 'content="60;url=/?lang=uk&amp;letters=normal&amp;controls=normal"' in told
    assert 'data-idle-seconds="60" data-idle-warning="20"' in told


def test_a_wish_at_the_kiosk_lasts_until_the_next_person(context: Context) -> None:
    kiosk = client(context, Surface.KIOSK)
    told = kiosk.get("/?letters=large&controls=low").text
    assert '<body class="is-low is-large"' in told
    assert told.count('aria-pressed="true"') == 2
    assert '<body class="is-low is-large"' in kiosk.get("/").text
    assert '<body class="is-low "' in kiosk.get("/?letters=normal").text
    assert '<body class=" "' in kiosk.get("/?lang=uk&letters=normal&controls=normal").text
    assert '<body class=" "' in kiosk.get("/").text


def files(text: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/static/[^"]+)"', text)


@pytest.mark.parametrize("kind", [Surface.OFFICE, Surface.KIOSK, Surface.GUEST])
def test_each_file_of_a_page_is_there_and_kept_for_a_year(context: Context, kind: Surface) -> None:
    reader = client(context, kind)
    found = files(reader.get("/").text)
    assert len(found) >= 3
    for url in found:
        told = reader.get(url)
        assert told.status_code == 200
        assert told.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        old = reader.get(url.replace(url.split("/")[2], "000000000000"))
        assert (old.status_code, old.headers["Cache-Control"]) == (200, "no-cache")


def test_the_fonts_that_the_stylesheet_names_are_there_with_their_licence(
    context: Context,
) -> None:
    reader = client(context, Surface.GUEST)
    (tokens,) = [url for url in files(reader.get("/").text) if url.endswith("tokens.css")]
    fonts = re.findall(r'url\("([^"]+)"\)', reader.get(tokens).text)
    assert len(fonts) == 2
    for font in [*fonts, "fonts/OFL.txt"]:
        assert reader.get(tokens.replace("tokens.css", font)).status_code == 200


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%00", "nothing.css", "js", ""])
def test_no_other_file_can_be_asked_for(context: Context, name: str) -> None:
    assert client(context, Surface.GUEST).get(f"/static/x/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vuzol.css", "text/css; charset=utf-8"),
        ("js/live.js", "text/javascript; charset=utf-8"),
        ("mark.svg", "image/svg+xml; charset=utf-8"),
        ("fonts/vuzol-sans-400.woff2", "font/woff2"),
    ],
)
def test_a_file_is_told_as_what_it_is_and_once_only(context: Context, name: str, kind: str) -> None:
    reader, url = client(context, Surface.GUEST), f"/static/x/{name}"
    content = (ROOT / "appliance/web/static" / name).read_bytes()
    told = reader.get(url)
    assert (told.headers["Content-Type"], told.data) == (kind, content)
    head = reader.head(url)
    assert (head.headers["Content-Length"], head.data) == (str(len(content)), b"")
    again = reader.get(url, headers={"If-None-Match": told.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "no-cache"
    changed = reader.get(url, headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.data) == (200, content)


def test_an_answer_that_nobody_takes_holds_no_file_open(context: Context) -> None:
    reader, opened = client(context, Surface.GUEST), Path("/proc/self/fd")
    reader.get("/static/x/vuzol.css")
    before = len(list(opened.iterdir()))
    untaken = [reader.get("/static/x/vuzol.css", buffered=False) for _ in range(8)]
    assert {told.status_code for told in untaken} == {200}
    assert len(list(opened.iterdir())) == before


def test_all_files_together_are_small_enough_to_be_kept_in_memory() -> None:
    kept = [
        path.stat().st_size for path in (ROOT / "appliance").rglob("static/**/*") if path.is_file()
    ]
    assert len(kept) > 20
    assert sum(kept) < 400_000


def test_a_guest_page_weighs_less_than_100_kb(context: Context) -> None:
    reader = client(context, Surface.GUEST)
    text = reader.get("/").text
    weight = len(text.encode())
    for url in files(text):
        told = reader.get(url)
        weight += len(told.data)
        for font in re.findall(rb'url\("(fonts[^"]+)"\)', told.data):
            weight += len(reader.get(url.replace("tokens.css", font.decode())).data)
    assert weight < 100_000


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_what_the_policy_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "менше хвилини"),
        (59, "менше хвилини"),
        (60, "1 хв"),
        (3599, "59 хв"),
        (3600, "1 год"),
        (47 * 3600, "47 год"),
        (48 * 3600, "2 дні"),
        (5 * 86400, "5 днів"),
        (21 * 86400, "21 день"),
    ],
)
def test_a_duration_is_said_as_people_say_it(context: Context, seconds: int, told: str) -> None:
    with places.surface(Surface.GUEST, context).test_request_context():
        assert formats.duration(seconds).replace("\xa0", " ") == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(1, "1 людина"), (3, "3 людини"), (7, "7 людей"), (11, "11 людей"), (21, "21 людина")],
)
def test_people_are_counted_as_people_count(context: Context, count: int, told: str) -> None:
    with places.surface(Surface.GUEST, context).test_request_context():
        assert formats.people(count).replace("\xa0", " ") == told
    with places.surface(Surface.GUEST, context).test_request_context("/?lang=en"):
        assert formats.people(count).endswith("person" if count == 1 else "people")


def test_times_are_those_of_the_office_and_its_season(
    tmp_path: Path, store: Store, clock: FixedClock
) -> None:
    app = places.surface(Surface.GUEST, places.context(tmp_path, store, clock))
    with app.test_request_context():
        assert formats.hour(NOON) == "14:05"
        assert formats.weekday(NOON) == "вівторок, 17 листопада"
        assert formats.moment(NOON) == "14:05"
        assert formats.moment(NOON - 15 * HOUR).replace("\xa0", " ") == "16 листопада, 23:05"
        assert formats.hour(NOON - 120 * DAY) == "15:05"  # summer time
        assert formats.minutes(15, 25) == "15–25\xa0хв"
        assert (formats.number(1855), formats.number(4.6)) == ("1\xa0855", "4,6")
    with app.test_request_context("/?lang=en"):
        assert formats.weekday(NOON) == "Tuesday, 17 November"
