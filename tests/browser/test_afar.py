"""The centre asks a village: not confirmed while the link is cut, then what came of it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import assert_accessible, shot
from tests.browser.test_story import DISPLAY, SECONDS, opened, signed_in
from tests.browser.test_widths import WIDER
from tests.demonstration import Appliance, Demonstration, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOT_CONFIRMED = re.compile(r"о \d\d:\d\d — село ще не підтвердило")


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="uk-UA")
    context.set_default_timeout(SECONDS)
    yield context
    context.close()


@pytest.fixture
def village(running: Demonstration) -> Iterator[Appliance]:
    _, _, village = running.appliances
    eventually(lambda: village.ask("kiosk", "/api/queue/services")[1].get("services"))
    yield village
    village.link(up=True)


def known(centre: Appliance, ticket: str) -> bool:
    """Tell whether the centre has the ticket."""
    _, told = centre.ask("office", "/api/queue/tickets?node=3")
    return any(one["id"] == ticket for one in told["tickets"])


def asking_page(context: BrowserContext, centre: Appliance, ticket: str) -> Page:
    """Open the ticket's page at the centre, in a browser where somebody has signed in."""
    page = opened(context, centre.url("office", f"/queue/tickets/{ticket}"), (1440, 900))
    expect(page.get_by_role("heading", name="Скасувати талон")).to_be_visible()
    return page


def row_of(listing: Page, centre: Appliance, ticket: dict[str, str]) -> str:
    listing.goto(centre.url("office", f"/queue/tickets?node=3&number={ticket['number']}"))
    return listing.locator("table tbody tr").first.inner_text()


def test_what_is_asked_with_the_link_cut_is_done_when_it_returns(
    running: Demonstration, person: BrowserContext, village: Appliance
) -> None:
    centre = running.appliances[0]
    centre.sign_in()
    ticket, other = village.take(), village.take()
    eventually(lambda: known(centre, other["id"]))
    console = signed_in(person, village)
    console.goto(village.url("office", "/queue/counters/1"))
    if console.url.endswith("choose=yes"):
        console.get_by_role("button", name="Відкрити вікно 1").click()
    expect(console.get_by_text(ticket["number"]).first).to_be_visible()
    display = opened(person, village.url("kiosk", "/display"), DISPLAY)
    expect(display.get_by_text("2 людини")).to_be_visible()

    village.link(up=False)
    listing = signed_in(person, centre)
    page = asking_page(person, centre, ticket["id"])
    shot(page, "afar-ask")
    assert_accessible(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate(WIDER) <= 0
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Попросити скасувати").click()
    expect(page.get_by_text(NOT_CONFIRMED)).to_be_visible()
    expect(page.get_by_role("heading", name="Скасувати талон")).to_have_count(0)
    shot(page, "afar-asked")
    assert_accessible(page)
    assert NOT_CONFIRMED.search(row_of(listing, centre, ticket))
    shot(listing, "afar-listed")
    assert_accessible(listing)
    expect(console.get_by_text(ticket["number"]).first).to_be_visible()

    village.link(up=True)
    expect(
        page.get_by_text(re.compile(r"Скасовано на прохання центру о \d\d:\d\d"))
    ).to_be_visible()
    expect(listing.get_by_text("Скасовано на прохання центру").first).to_be_visible()
    expect(console.get_by_text(ticket["number"])).to_have_count(0)
    expect(display.get_by_text("1 людина")).to_be_visible()
    shot(page, "afar-done")
    assert_accessible(page)


def test_a_person_who_was_called_meanwhile_is_left_alone_and_the_centre_reads_why(
    running: Demonstration, person: BrowserContext, village: Appliance
) -> None:
    centre = running.appliances[0]
    centre.sign_in()
    village.sign_in()
    ticket = village.take()
    eventually(lambda: known(centre, ticket["id"]))
    village.link(up=False)
    signed_in(person, centre)
    page = asking_page(person, centre, ticket["id"])
    page.get_by_role("button", name="Попросити перевести").click()
    expect(page.get_by_text(NOT_CONFIRMED)).to_be_visible()
    call_until(village, ticket["id"])
    village.link(up=True)
    told = "талон тим часом змінився, тепер: викликано"
    expect(page.get_by_text(re.compile(f"Село не перевело.*{told}"))).to_be_visible()
    shot(page, "afar-refused")
    assert_accessible(page)


def call_until(village: Appliance, ticket: str) -> None:
    """Call one after the other at a counter of the village until it is this ticket's turn."""
    counter = "/api/queue/counters/1"
    assert village.ask("office", f"{counter}/open", {"take_over": True})[0] == 200
    for verb in ("start", "finish"):
        village.ask("office", f"{counter}/{verb}", {})
    for _ in range(20):
        status, told = village.ask("office", f"{counter}/call-next", {})
        assert status == 200, told
        if told["ticket"]["id"] == ticket:
            return
        village.ask("office", f"{counter}/no-show", {})
    raise AssertionError("its turn did not come")


def test_what_was_taken_back_before_it_came_is_not_done_without_javascript(
    running: Demonstration, browser: Browser, village: Appliance
) -> None:
    centre = running.appliances[0]
    centre.sign_in()
    ticket = village.take()
    eventually(lambda: known(centre, ticket["id"]))
    village.link(up=False)
    context = browser.new_context(java_script_enabled=False, locale="uk-UA")
    context.set_default_timeout(SECONDS)
    signed_in(context, centre)
    page = asking_page(context, centre, ticket["id"])
    page.get_by_role("button", name="Попросити скасувати").click()
    page.get_by_role("button", name="Відкликати прохання").click()
    expect(page.get_by_text(re.compile("Прохання скасувати відкликали о"))).to_be_visible()
    village.link(up=True)

    def confirmed() -> bool:
        page.reload()
        return page.get_by_text("відкликано: село його не виконало").count() > 0

    eventually(confirmed)
    _, told = village.ask("kiosk", f"/api/queue/tickets/{ticket['id']}")
    assert told["state"] == "WAITING"
    context.close()
