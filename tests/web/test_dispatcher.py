"""The threads of a surface: in order, whole, and gone when they are told to."""

import threading
import time

from appliance.web.dispatcher import Dispatcher


class Request:
    """A request whose answer can be held up."""

    def __init__(
        self, answered: list[int], number: int, hold: threading.Event | None = None
    ) -> None:
        self.answered = answered
        self.number = number
        self.hold = hold
        self.hung_up = False

    def service(self) -> None:
        if self.hold is not None:
            assert self.hold.wait(10)
        if self.number < 0:
            raise ZeroDivisionError
        self.answered.append(self.number)

    def cancel(self) -> None:
        self.hung_up = True


def started(threads: int) -> Dispatcher:
    dispatcher = Dispatcher("test", threads)
    dispatcher.start()
    return dispatcher


def test_requests_are_answered_in_the_order_of_their_arrival() -> None:
    answered: list[int] = []
    dispatcher = started(1)
    for number in range(100):
        dispatcher.add_task(Request(answered, number))
    dispatcher.shutdown()
    assert answered == list(range(100))


def test_a_thread_outlives_a_request_that_fails() -> None:
    answered: list[int] = []
    dispatcher = started(1)
    for number in (1, -1, 2):
        dispatcher.add_task(Request(answered, number))
    dispatcher.shutdown()
    assert answered == [1, 2]


def test_who_still_waits_at_the_end_is_hung_up_on_and_counted_until_then() -> None:
    answered: list[int] = []
    hold = threading.Event()
    dispatcher = started(1)
    dispatcher.add_task(Request(answered, 1, hold))
    late = [Request(answered, number) for number in (2, 3)]
    for request in late:
        dispatcher.add_task(request)
    while dispatcher.waiting() > len(late):
        time.sleep(0.001)
    assert dispatcher.waiting() == len(late)
    threading.Timer(0.2, hold.set).start()
    began = time.monotonic()
    dispatcher.shutdown(timeout=5)
    assert answered == [1, 2, 3]  # there was time for them
    assert time.monotonic() - began < 5

    never = threading.Event()
    dispatcher = started(1)
    dispatcher.add_task(Request(answered, 4, never))
    left = Request(answered, 5)
    dispatcher.add_task(left)
    dispatcher.shutdown(timeout=0.1)
    assert left.hung_up
    never.set()
