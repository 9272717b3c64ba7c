"""A real hromada and a real browser: headless Chromium of Debian, driven over its own protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.demonstration import Demonstration, demonstration
from tests.loopback import address

SHOTS = Path("build/screenshots")


@pytest.fixture(scope="module")
def running() -> Iterator[Demonstration]:
    with demonstration(address()) as started:
        yield started


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def assert_accessible(page: Page) -> None:
    """Assert that axe-core finds nothing: WCAG 2.2 A and AA, and its best practices."""
    found = Axe().run(page)
    told = [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found.response["violations"]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)
