"""What holds for every test: where all that is needed has been installed, nothing is skipped."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NO_SKIPS = "VUZOL_TESTS_SKIP_NOTHING"
"""Set by .ci/run: a test that needs root or a Debian package has no excuse there."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple) and "needs" in report.longrepr[2]:
        _skipped.append(f"{report.nodeid}: {report.longrepr[2]}")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    if _skipped and os.environ.get(NO_SKIPS) and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skipped and os.environ.get(NO_SKIPS):
        terminalreporter.section("skipped although everything is there", red=True)
        for told in _skipped:
            terminalreporter.write_line(told)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Start Debian's Chromium, headless; one for a process, for there can be no second driver."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - most tests drive none

    if CHROMIUM is None:
        pytest.skip("needs the Debian package chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield chromium
        chromium.close()
