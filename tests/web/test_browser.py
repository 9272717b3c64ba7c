"""The frame's scripts in a real browser, against a small node in a process of its own."""

import os
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from subprocess import Popen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web import sockets, trial_node

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

STALE_MS = 16_000
IDLE = {"VUZOL_QUEUE_IDLE_SECONDS": "10", "VUZOL_QUEUE_WARNING_SECONDS": "7"}


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return {**sockets.free_ports(), **IDLE}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, ports: dict[str, str]) -> Iterator["Popen[str]"]:
    folder: Path = tmp_path_factory.mktemp("node")
    with trial_node.running(folder, ports) as running:
        yield running


def url(ports: dict[str, str], surface: str) -> str:
    return f"http://127.0.0.1:{ports[f'VUZOL_SURFACES_{surface}']}/"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, node: "Popen[str]", complaints: list[str]) -> Iterator[Page]:
    assert node.poll() is None
    opened = browser.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()


def add_note(ports: dict[str, str]) -> None:
    client = HTTPConnection("127.0.0.1", int(ports["VUZOL_SURFACES_OFFICE"]))
    client.request("POST", "/note")
    assert client.getresponse().status == 200
    client.close()


def count(page: Page) -> int:
    return int(page.locator("#count").inner_text())


@pytest.mark.parametrize("surface", ["OFFICE", "KIOSK"])
def test_a_commit_elsewhere_reaches_the_page_without_a_reload(
    page: Page, ports: dict[str, str], surface: str, complaints: list[str]
) -> None:
    page.goto(url(ports, surface))
    page.evaluate("window.same = true")
    before = count(page)
    page.wait_for_timeout(500)
    add_note(ports)
    expect(page.locator("#count")).to_have_text(str(before + 1), timeout=3000)
    assert page.evaluate("window.same")
    assert complaints == []


def test_a_swap_keeps_the_focus_and_what_is_being_typed(
    page: Page, ports: dict[str, str], complaints: list[str]
) -> None:
    page.goto(url(ports, "OFFICE"))
    before = count(page)
    page.get_by_role("button", name="again").focus()
    page.wait_for_timeout(500)
    add_note(ports)
    expect(page.locator("#count")).to_have_text(str(before + 1), timeout=3000)
    expect(page.get_by_role("button", name="again")).to_be_focused()
    page.locator("#said").fill("недописане")
    add_note(ports)
    page.wait_for_timeout(700)
    expect(page.locator("#said")).to_have_value("недописане")
    assert complaints == []


def test_a_page_that_hears_nothing_says_since_when_and_recovers_by_itself(
    page: Page, ports: dict[str, str], node: "Popen[str]"
) -> None:
    page.goto(url(ports, "OFFICE"))
    stale = page.locator("[data-stale]").first
    page.wait_for_timeout(1000)
    expect(stale).to_be_hidden()
    os.kill(node.pid, signal.SIGSTOP)  # the worst silence: the sockets stay open
    try:
        expect(stale).to_be_visible(timeout=STALE_MS)
        expect(stale).to_contain_text(":")
    finally:
        os.kill(node.pid, signal.SIGCONT)
    expect(stale).to_be_hidden(timeout=STALE_MS)
    before = count(page)
    add_note(ports)
    expect(page.locator("#count")).to_have_text(str(before + 1), timeout=5000)


def test_a_function_key_presses_its_button_once(
    page: Page, ports: dict[str, str], complaints: list[str]
) -> None:
    page.goto(url(ports, "OFFICE"))
    before = count(page)
    page.keyboard.press("F8")
    expect(page.locator("#count")).to_have_text(str(before + 1), timeout=3000)
    page.get_by_role("button", name="Назад").dblclick()
    page.wait_for_timeout(500)
    assert count(page) == before + 2
    assert complaints == []


def test_a_kiosk_left_alone_asks_stays_when_told_and_returns_when_not(
    page: Page, ports: dict[str, str], complaints: list[str]
) -> None:
    page.goto(url(ports, "KIOSK") + "?letters=large")
    box = page.get_by_role("alertdialog")
    expect(box).to_be_hidden()
    expect(box).to_be_visible(timeout=5000)
    stay = page.get_by_role("button", name="Ще хвилинку")
    expect(stay).to_be_focused()
    stay.click()
    expect(box).to_be_hidden()
    expect(box).to_be_visible(timeout=5000)
    page.wait_for_url("**/?lang=uk&letters=normal&controls=normal", timeout=9000)
    assert complaints == []


def test_a_page_works_without_scripts(browser: Browser, ports: dict[str, str]) -> None:
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(url(ports, "OFFICE"))
    before = count(page)
    page.get_by_role("button", name="Назад").click()
    assert count(page) == before + 1
    plain.close()
