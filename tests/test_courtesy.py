"""Long work stands still while people are answered, and still gets on under a crowd."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from appliance.courtesy import LONGEST, Courtesy


def waited(courtesy: Courtesy) -> float:
    began = time.monotonic()
    courtesy.give_way()
    return time.monotonic() - began


def asked(courtesy: Courtesy, until: threading.Event, *, fails: bool = False) -> threading.Thread:
    """Let somebody be answered until the event."""
    inside = threading.Event()

    def app(_environ: Any, _start: Any) -> Iterable[bytes]:
        inside.set()
        until.wait(5)
        if fails:
            raise ValueError
        return [b""]

    def ask() -> None:
        with suppress(ValueError):
            courtesy.attend(app)({}, lambda *_: lambda _: None)  # type: ignore[arg-type, misc]

    thread = threading.Thread(target=ask)
    thread.start()
    assert inside.wait(5)
    return thread


def test_nobody_is_there_and_nothing_is_waited_for() -> None:
    assert waited(Courtesy()) < LONGEST / 4


@pytest.mark.parametrize("fails", [False, True])
def test_wait_ends_with_the_answer_even_one_that_fails(*, fails: bool) -> None:
    courtesy, done = Courtesy(), threading.Event()
    visitor = asked(courtesy, done, fails=fails)
    threading.Timer(LONGEST / 4, done.set).start()
    assert LONGEST / 8 < waited(courtesy) < LONGEST
    visitor.join()
    assert waited(courtesy) < LONGEST / 4


def test_crowd_that_never_ends_holds_long_work_only_for_a_while() -> None:
    courtesy, done = Courtesy(), threading.Event()
    visitors = [asked(courtesy, done) for _ in range(3)]
    assert LONGEST * 0.9 < waited(courtesy) < LONGEST * 5
    done.set()
    for visitor in visitors:
        visitor.join()
    assert waited(courtesy) < LONGEST / 4
