"""The page of sticks in a real browser: nothing that axe-core finds, whatever became of the job."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import assert_accessible, shot
from tests.browser.test_story import signed_in
from tests.demonstration import Appliance, Demonstration
from tests.sync_link.pair import until


def finished(at: Appliance, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Have a job done, as the command does it."""
    status, begun = at.ask("office", f"/sync/bundles/{verb}", asked)
    assert status == 200, begun
    until(lambda: at.ask("office", "/sync/bundles")[1]["phase"] != "working")
    return at.ask("office", "/sync/bundles")[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_of_sticks_has_no_finding_in_any_state(
    running: Demonstration, browser: Browser, tmp_path: Path, theme: str
) -> None:
    centre, village, _ = running.appliances
    context = browser.new_context(color_scheme=theme, locale="uk-UA")  # type: ignore[arg-type]
    here, there = signed_in(context, village), signed_in(context, centre)
    assert finished(village, "export", {"folder": str(tmp_path)})["safe_to_remove"]
    here.goto(village.url("office", "/sticks"))
    expect(here.get_by_text("флешку можна виймати")).to_be_visible()
    assert_accessible(here)
    shot(here, f"sticks-written-{theme}")
    spoiled = tmp_path / "vuzol-s02-to-s01-000000000000-001.vzb"
    spoiled.write_bytes(b"VUZOLVZB")
    assert finished(centre, "import", {"files": [str(tmp_path)]})["refused"]
    there.goto(centre.url("office", "/sticks"))
    expect(there.get_by_text("файл пошкоджено")).to_be_visible()
    assert_accessible(there)
    assert finished(centre, "export", {"folder": str(tmp_path / "nowhere")})["failed"]
    there.reload()
    expect(there.get_by_text("Вставте її знову")).to_be_visible()
    assert_accessible(there)
    context.close()
