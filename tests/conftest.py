"""What holds for every test: where all that is needed has been installed, nothing is skipped."""

import os
from collections.abc import Iterator

import pytest

NO_SKIPS = "VUZOL_TESTS_SKIP_NOTHING"
"""Set by .ci/run: a test that needs root or a Debian package has no excuse there."""

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
