"""The whole story in a browser: a ticket, a call, a cut link, and the centre that has each once."""

import io
import os
import re
import signal
from collections.abc import Iterator

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, shot
from tests.demonstration import Appliance, Demonstration, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

KIOSK, DISPLAY, OFFICE = (1280, 800), (1920, 1080), (1440, 900)
SECONDS = 20_000


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    """One browser, in which somebody may be signed in at all appliances at once."""
    context = browser.new_context(locale="uk-UA")
    context.set_default_timeout(SECONDS)
    yield context
    context.close()


def opened(context: BrowserContext, address: str, size: tuple[int, int]) -> Page:
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(address)
    return page


def take_a_ticket(kiosk: Page, village: Appliance, picture: str = "") -> str:
    """Tap a service and a purpose; return the number on the screen."""
    kiosk.goto(village.url("kiosk", "/"))
    kiosk.locator("button[name=service]").first.click()
    if picture:
        shot(kiosk, f"{picture}-purpose")
        assert_accessible(kiosk)
    kiosk.locator("form#take button[name=purpose]").first.click()
    expect(kiosk).to_have_url(re.compile(r"/tickets/s02-"))
    number = re.search(r"\w-\d{3}", kiosk.title())
    assert number is not None, kiosk.title()
    return number[0]


def signed_in(context: BrowserContext, at: Appliance) -> Page:
    page = opened(context, at.url("office", "/sign-in"), OFFICE)
    page.get_by_label("Логін").fill(at.told["sign_in"]["login"])
    page.get_by_label("Пароль").fill(at.told["sign_in"]["password"])
    page.keyboard.press("Enter")
    expect(page.locator(".vz-nav")).to_be_visible()
    return page


def test_a_village_receives_people_with_the_link_down_and_the_centre_has_each_ticket_once(
    running: Demonstration, person: BrowserContext
) -> None:
    centre, village, _ = running.appliances
    eventually(lambda: village.ask("kiosk", "/api/queue/services")[1].get("services"))

    # A visitor takes a ticket; the hall display stands beside the kiosk.
    display = opened(person, village.url("kiosk", "/display"), DISPLAY)
    kiosk = opened(person, village.url("kiosk", "/"), KIOSK)
    shot(kiosk, "kiosk")
    assert_accessible(kiosk)
    first = take_a_ticket(kiosk, village, "kiosk")
    shot(kiosk, "kiosk-ticket")
    assert_accessible(kiosk)
    expect(display.get_by_text("1 людина")).to_be_visible()

    # The operator calls it, by keyboard alone.
    console = signed_in(person, village)
    console.goto(village.url("office", "/queue"))
    assert_accessible(console)
    console.get_by_role("button", name="Відкрити вікно 1").focus()
    console.keyboard.press("Enter")
    expect(console.get_by_role("button", name=re.compile(first))).to_be_visible()
    console.keyboard.press("F8")
    expect(console.get_by_role("heading", name="Викликано, ще не підійшли")).to_be_visible()
    expect(display.locator(".dz-no")).to_have_text(first)
    shot(display, "display")
    assert_accessible(display)

    # The link is cut; all of it goes on.
    eventually(lambda: village.unsent() == 0)
    village.link(up=False)
    second, third = (take_a_ticket(kiosk, village) for _ in range(2))
    assert len({first, second, third}) == 3
    console.keyboard.press("F8")  # begins with the first
    expect(console.get_by_role("heading", name="Зараз приймаєте")).to_be_visible()
    console.keyboard.press("F8")  # finishes, and calls the second
    expect(display.locator(".dz-no")).to_have_text(second)
    expect(console.get_by_role("button", name=f"Почати приймати: {second}")).to_be_visible()
    console.reload()
    expect(console.get_by_text(re.compile(r"Ще не передано до\s+центру"))).to_be_visible()
    shot(console, "console-link-down")
    assert_accessible(console)
    expect(console.locator(".vz-truth--down")).to_be_visible()

    # The link returns; the centre shows every ticket exactly once.
    village.link(up=True)
    eventually(lambda: village.unsent() == 0)
    shown = signed_in(person, centre)
    shown.goto(centre.url("office", "/queue/tickets?node=2"))
    for number in (first, second, third):
        expect(shown.get_by_role("rowheader", name=number)).to_have_count(1)
    shot(shown, "centre-tickets")
    assert_accessible(shown)
    shown.goto(centre.url("office", "/nodes"))
    expect(shown.get_by_role("rowheader", name=re.compile("Верболіз"))).to_be_visible()
    shot(shown, "centre-nodes")
    assert_accessible(shown)

    # One browser is signed in at all three appliances at once, and stays so at each.
    third = signed_in(person, running.appliances[2])
    for page in (console, shown, third):
        page.reload()
        expect(page.get_by_role("button", name="Вийти")).to_be_visible()
    expect(console.get_by_role("heading", name="Викликано, ще не підійшли")).to_be_visible()


def test_keys_alone_call_again_miss_and_close(
    running: Demonstration, person: BrowserContext
) -> None:
    _, _, village = running.appliances
    village.take()
    page = signed_in(person, village)
    page.goto(village.url("office", "/queue?choose=yes"))
    opening = page.get_by_role("button", name=re.compile("(Відкрити|Перейняти) вікно 2"))
    for _ in range(60):  # only Tab moves through the page
        page.keyboard.press("Tab")
        if opening.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#main-press")).to_be_visible()
    page.keyboard.press("F8")
    expect(page.get_by_role("heading", name="Викликано, ще не підійшли")).to_be_visible()
    page.keyboard.press("F2")
    expect(page.get_by_text(re.compile(r"разів: 2"))).to_be_visible()
    page.keyboard.press("F4")
    expect(page.get_by_role("heading", name="Біля вікна нікого немає")).to_be_visible()
    page.get_by_role("button", name="Закрити вікно").press("Enter")
    expect(page.get_by_role("heading", name="У якому вікні працюватимете?")).to_be_visible()


def test_a_kiosk_left_alone_warns_and_then_begins_anew(
    running: Demonstration, person: BrowserContext
) -> None:
    _, _, village = running.appliances
    page = person.new_page()
    page.clock.install()
    page.goto(village.url("kiosk", "/"))
    page.locator("button[name=service]").first.click()
    expect(page).to_have_url(re.compile("/purpose"))
    asks = page.get_by_role("alertdialog")
    expect(asks).to_be_hidden()
    page.clock.run_for(45_000)
    expect(asks).to_be_visible()
    shot(page, "kiosk-idle")
    page.get_by_role("button", name="Ще хвилинку").click()
    expect(asks).to_be_hidden()
    page.clock.run_for(30_000)
    expect(page).to_have_url(re.compile("/purpose"))
    page.clock.run_for(45_000)
    expect(page.get_by_role("heading", name=re.compile("Що вам потрібно"))).to_be_visible()


def test_the_code_on_the_kiosk_holds_the_address_of_the_ticket(
    running: Demonstration, person: BrowserContext
) -> None:
    _, _, village = running.appliances
    page = opened(person, village.url("kiosk", "/"), KIOSK)
    page.locator("button[name=service]").first.click()
    page.locator("form#take button[name=purpose]").first.click()
    shown = page.locator("img.qr").get_attribute("src")
    assert shown is not None
    drawn = page.request.get(village.url("kiosk", shown)).text()
    ticket, key = re.search(r"/tickets/([^/?]+)/qr.svg\?k=([\w-]+)", shown).groups()  # type: ignore[union-attr]
    address = f"{village.url('guest', '/t/')}{ticket}?k={key}"
    expected = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        expected, kind="svg", border=2, dark="#000", light="#fff", xmldecl=False, omitsize=True
    )
    assert drawn == expected.getvalue().decode()
    expect(opened(person, address, (390, 844)).locator(".vz-number")).to_be_visible()


def test_a_display_without_news_for_ten_seconds_says_so(
    running: Demonstration, person: BrowserContext
) -> None:
    _, _, village = running.appliances
    display = opened(person, village.url("kiosk", "/display"), DISPLAY)
    expect(display.locator("body")).not_to_have_class(re.compile("is-stale"))
    node = running.children()[-1]
    os.kill(node, signal.SIGSTOP)  # it hangs: the connection stays, and nothing comes
    try:
        expect(display.locator("body")).to_have_class(re.compile("is-stale"), timeout=SECONDS)
        expect(display.get_by_text("Табло не отримує нових викликів").first).to_be_visible()
        shot(display, "display-stale")
        assert_accessible(display)
    finally:
        os.kill(node, signal.SIGCONT)
    expect(display.locator("body")).not_to_have_class(re.compile("is-stale"), timeout=SECONDS)


def test_a_visitor_follows_and_cancels_the_ticket_on_a_phone(
    running: Demonstration, person: BrowserContext
) -> None:
    _, _, village = running.appliances
    ticket = village.take()
    phone = opened(person, ticket["status_url"], (390, 844))
    expect(phone.get_by_text(ticket["number"]).first).to_be_visible()
    shot(phone, "phone")
    assert_accessible(phone)
    phone.get_by_text("Мені вже не треба").first.click()
    assert_accessible(phone)
    phone.locator("form[method=post] button").first.click()
    shot(phone, "phone-cancelled")
    assert_accessible(phone)
    _, told = village.ask("kiosk", f"/api/queue/tickets/{ticket['id']}")
    assert told["state"] == "CANCELLED"


def test_a_kiosk_works_without_javascript_and_returns_to_its_start_by_itself(
    running: Demonstration, browser: Browser
) -> None:
    _, _, village = running.appliances
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(village.url("kiosk", "/"))
    page.locator("button[name=service]").first.click()
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
    page.locator("form#take button[name=purpose]").first.click()
    expect(page).to_have_url(re.compile(r"/tickets/s03-"))
    assert 'http-equiv="refresh"' in page.content()
    context.close()


OFFICE_PAGES = (
    "/", "/queue", "/queue/tickets", "/link", "/password", "/sign-in", "/emergency", "/audit",
    "/staff", "/devices", "/sticks",
)  # fmt: skip
CENTRE_PAGES = (
    "/queue/tickets", "/queue/services", "/queue/services/new", "/nodes", "/nodes/2",
    "/nodes/held", "/staff", "/staff/new", "/staff/codes", "/devices", "/audit",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_staff_has_a_finding(
    running: Demonstration, browser: Browser, theme: str
) -> None:
    centre, village, _ = running.appliances
    context = browser.new_context(color_scheme=theme, locale="uk-UA")  # type: ignore[arg-type]
    for at, paths in ((village, OFFICE_PAGES), (centre, CENTRE_PAGES)):
        page = signed_in(context, at)
        for path in paths:
            page.goto(at.url("office", path))
            shot(page, f"{at.told['role']}{path.replace('/', '-')}-{theme}")
            assert_accessible(page)
    context.close()


@pytest.mark.parametrize(
    ("surface", "path"),
    [("kiosk", "/"), ("kiosk", "/priority"), ("kiosk", "/display"), ("kiosk", "/pair"),
     ("guest", "/"), ("office", "/sign-in"), ("office", "/no-such-page"), ("guest", "/nothing")],
)  # fmt: skip
@pytest.mark.parametrize("language", ["uk", "en"])
def test_no_public_page_has_a_finding_and_each_says_its_language(
    running: Demonstration, browser: Browser, surface: str, path: str, language: str
) -> None:
    _, village, _ = running.appliances
    context = browser.new_context()
    page = context.new_page()
    page.goto(village.url(surface, f"{path}?lang={language}"))
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert_accessible(page)
    context.close()
