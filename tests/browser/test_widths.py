"""No page is wider than its window: on a phone, and with a word that is longer than its place."""

import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import shot
from tests.browser.test_story import CENTRE_PAGES, DISPLAY, KIOSK, OFFICE_PAGES, opened, signed_in
from tests.demonstration import Appliance, Demonstration, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PHONE, TOTEM = (320, 640), (1080, 1920)
LONG = "Ш" * 60
WIDER = """() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)
    - document.documentElement.clientWidth"""


@dataclass(frozen=True, slots=True)
class Furnished:
    """A village where everything has a long name: one person is called, another waits."""

    centre: Appliance
    village: Appliance
    service: str
    waiting: str  # the address of the ticket's page


@pytest.fixture(scope="module")
def furnished(running: Demonstration) -> Furnished:
    centre, village, _ = running.appliances
    centre.sign_in()
    village.sign_in()
    add_service(centre)
    eventually(lambda: any(one["name"] == LONG for one in services(village)))
    service = next(one["id"] for one in services(village) if one["name"] == LONG)
    _called, waiting = (take(village, service, key) for key in ("first", "second"))
    for verb in ("open", "call-next"):
        status, told = village.ask("office", f"/api/queue/counters/1/{verb}", {})
        assert status == 200, told
    return Furnished(centre, village, service, waiting)


def add_service(centre: Appliance) -> None:
    names = dict.fromkeys(("name_uk", "name_en", "hint_uk", "hint_en"), LONG)
    form = {
        **names,
        "prefix": "Я",
        "official_name": "Ю" * 200,
        "prepare": "\n".join([LONG] * 12),
        "purposes": "submit",
        "icon": "document",
        "state": "OPEN",
        "scope": "hromada",
        "nominal_minutes": "5",
        "ordering": "0",
    }
    asked = urllib.request.Request(  # noqa: S310 - http, as the demonstration told
        centre.url("office", "/queue/services/new"),
        data=urllib.parse.urlencode(form).encode(),
        headers=centre.headers,
    )
    urllib.request.urlopen(asked, timeout=20).close()  # noqa: S310 - see above


def services(village: Appliance) -> list[dict[str, str]]:
    found: list[dict[str, str]] = village.ask("kiosk", "/api/queue/services")[1]["services"]
    return found


def take(village: Appliance, service: str, key: str) -> str:
    wish = {"service": service, "purpose": "submit"}
    status, told = village.ask("kiosk", "/api/queue/tickets", wish, **{"Idempotency-Key": key})
    assert status == 201, told
    return str(told["status_url"])


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="uk-UA")
    yield context
    context.close()


def assert_no_wider(
    context: BrowserContext, address: str, size: tuple[int, int], name: str
) -> None:
    page = opened(context, address, size)
    shot(page, f"width-{size[0]}-{name}")
    assert page.evaluate(WIDER) <= 0, f"{address} at {size[0]} px"
    page.close()


def test_no_page_of_staff_is_wider_than_a_phone(
    furnished: Furnished, person: BrowserContext
) -> None:
    village = ("/queue/counters/1", "/queue?choose=yes", *OFFICE_PAGES)
    for at, paths in ((furnished.village, village), (furnished.centre, CENTRE_PAGES)):
        signed_in(person, at).close()
        for path in paths:
            name = f"{at.told['role']}{path.partition('?')[0].replace('/', '-')}"
            assert_no_wider(person, at.url("office", path), PHONE, name)


def test_no_page_of_residents_is_wider_than_a_phone(
    furnished: Furnished, person: BrowserContext
) -> None:
    guest = furnished.village.url("guest", "/")
    for name, address in (
        ("hall", guest),
        ("ticket", furnished.waiting),
        ("cancel", furnished.waiting.replace("?", "/cancel?")),
        ("nothing", f"{guest}nothing"),
    ):
        assert_no_wider(person, address, PHONE, name)


@pytest.mark.parametrize("size", [TOTEM, KIOSK])
def test_a_long_name_does_not_widen_the_kiosk(
    furnished: Furnished, person: BrowserContext, size: tuple[int, int]
) -> None:
    ticket = furnished.waiting.partition("/t/")[2]
    for name, path in (
        ("services", "/"),
        ("purpose", f"/purpose?service={furnished.service}"),
        ("kiosk-ticket", f"/tickets/{ticket}"),
        ("priority", "/priority"),
        ("pair", "/pair"),
    ):
        assert_no_wider(person, furnished.village.url("kiosk", path), size, name)


def test_a_long_name_does_not_widen_the_display(
    furnished: Furnished, person: BrowserContext
) -> None:
    page = opened(person, furnished.village.url("kiosk", "/display"), DISPLAY)
    shot(page, "width-display")
    called = page.locator(".dz-now").bounding_box()
    assert called is not None
    assert called["x"] + called["width"] < DISPLAY[0] * 0.65, "the list keeps its place beside it"
    assert page.evaluate(WIDER) <= 0
