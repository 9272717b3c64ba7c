"""Live events: who may listen, and what somebody who was away hears."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from appliance.queue import live, service
from appliance.queue.model import Event, Purpose
from appliance.web.context import Context
from appliance.web.surfaces import Surface, cookie_name
from appliance.web.topics import Event as News
from appliance.web.topics import Knock
from tests.queue.office import HERE, OKSANA, Office

Console = Callable[..., FlaskClient]


def heard(office: Office, last: str | None) -> list[News]:
    with office.store.read() as reader:
        return list(live.replay(reader, last))


def knock(surface: Surface, **cookies: str) -> Knock:
    return Knock(surface, "queue", cookies, {}, "10.77.0.9", {})


def test_each_change_that_a_page_shows_is_one_event(office: Office) -> None:
    changes: list[Callable[[], object]] = [
        office.take,
        lambda: office.open(OKSANA),
        office.call,
        lambda: office.advance(Event.RECALL),
        lambda: office.advance(Event.START),
        lambda: office.advance(Event.FINISH),
        lambda: office.store.write(service.close_counter, HERE, OKSANA),
    ]
    (last,) = heard(office, None)
    for change in changes:
        change()
        (event,) = heard(office, last.id)
        assert int(event.id) == int(last.id) + 1
        last = event
    assert heard(office, last.id) == []


def test_somebody_who_was_away_hears_every_call_that_was_missed(office: Office) -> None:
    office.open(OKSANA)
    (seen,) = heard(office, None)
    for _ in range(3):
        office.take()
        office.call()
        office.advance(Event.NO_SHOW)
    told = [event.told for event in heard(office, seen.id)]
    assert [one["call"]["number"] for one in told[:-1]] == ["А-001", "А-002", "А-003"]
    assert told[-1] == {"waiting": 0}


@pytest.mark.parametrize("last", [None, "", "а", "-1", "1.5", "999999", "9" * 40, "0x1"])
def test_who_names_an_event_that_is_not_known_gets_the_present(
    office: Office, last: str | None
) -> None:
    office.take()
    (event,) = heard(office, last)
    assert event.told == {"waiting": 1}


def test_news_wakes_the_listeners_after_the_commit(office: Office) -> None:
    woken: list[int] = []
    office.store.subscribe("queue", lambda: woken.append(len(woken)))
    office.take(office.land, purpose=Purpose.CONSULTATION)
    office.open(OKSANA)
    assert len(woken) == 2


def test_only_staff_and_devices_may_listen(
    context: Context, console: Console, office: Office
) -> None:
    (topic,) = live.topics(context)
    assert not topic.allow(knock(Surface.KIOSK))
    assert not topic.allow(knock(Surface.GUEST))
    assert not topic.allow(knock(Surface.OFFICE))
    client = console()
    name = cookie_name(Surface.OFFICE, office.store.node)
    cookie = client.get_cookie(name, domain="localhost")
    assert cookie is not None
    assert topic.allow(knock(Surface.OFFICE, **{name: cookie.value}))
    assert not topic.allow(knock(Surface.KIOSK, **{name: cookie.value}))
    assert not topic.allow(knock(Surface.OFFICE, **{name: cookie.value + "x"}))
    here = Knock(Surface.KIOSK, "queue", {}, {}, "127.0.0.1", {})
    assert topic.allow(here)
    carried = Knock(Surface.KIOSK, "queue", {}, {"x-forwarded-for": "10.0.0.1"}, "127.0.0.1", {})
    assert not topic.allow(carried)
