"""What the demonstration tells: facts for a program, a page for a person."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.config import Role
from appliance.demo import staff
from appliance.demo.places import HROMADA, Place


def facts(places: Sequence[Place]) -> dict[str, Any]:
    """Return what stands in the one line of `vuzol demo --json`."""
    return {"appliances": [_appliance(place) for place in places]}


def page(places: Sequence[Place], home: Path, *, kept: bool) -> str:
    """Return what a person reads: what to open, who to be, what to try. In both languages."""
    centre = next(place for place in places if place.role is Role.CENTRE)
    village = next(place for place in places if place.role is Role.VILLAGE)
    office = village.urls["office"]
    lines = [
        f"{HROMADA[1]}: центр і два села працюють на цьому комп’ютері.",
        "The centre and two villages of a hromada run on this machine.",
        "",
        *(line for place in places for line in _addresses(place)),
        f"Працівники / Staff — пароль / password: {staff.PASSWORD}",
        *(f"  {one.login:<13} {one.name}: {one.duty} / {one.duty_en}" for one in staff.STAFF),
        "",
        "Спробуйте / Try:",
        f"  1. Візьміть талон / Take a ticket:            {village.urls['kiosk']}/",
        f"  2. Відкрийте табло / Open the hall display:   {village.urls['kiosk']}/display",
        f"  3. Увійдіть, відкрийте вікно, викличте / Sign in, open a counter, call:  {office}/",
        f"     ({staff.WELCOMES[village.number]}, {staff.PASSWORD})",
        "  4. Вимкніть зв’язок і зробіть те саме / Cut the link and do it again:",
        f"     {_switch(office, 'false')}",
        "  5. Увімкніть зв’язок / Restore it:",
        f"     {_switch(office, 'true')}",
        f"  6. Кожен талон тут один раз / Each ticket is here once:  {centre.urls['office']}/",
        f"     ({staff.WELCOMES[centre.number]}, {staff.PASSWORD})",
        "",
        _about_data(home, kept=kept),
        "Ctrl-C — зупинити все / stops all of it.",
    ]
    return "\n".join(lines)


def farewell(home: Path, *, kept: bool) -> str:
    """Return the last words: that nothing runs any more, and where the data is."""
    if kept:
        return f"\nЗупинено, дані лишилися в / Stopped, the data stays in {home}"
    return "\nЗупинено, дані показу зникли. / Stopped, the data of the demonstration is gone."


def _appliance(place: Place) -> dict[str, Any]:
    return {
        "name": place.title,
        "node": place.number,
        "role": str(place.role),
        "urls": place.urls,
        "sign_in": {"login": staff.WELCOMES[place.number], "password": staff.PASSWORD},
    }


def _addresses(place: Place) -> list[str]:
    words = (
        ("office", "працівникам / staff"),
        ("kiosk", "кіоск / kiosk"),
        ("guest", "мешканцям / residents"),
    )
    told = [f"  {place.urls[surface]}/  {word}" for surface, word in words]
    return [place.title, *told, ""]


def _switch(office: str, up: str) -> str:
    body = f"""-H 'Content-Type: application/json' -d '{{"up": {up}}}'"""
    return f"curl {body} {office}/demo/link"


def _about_data(home: Path, *, kept: bool) -> str:
    if kept:
        return f"Дані лишаються в / The data stays in {home}"
    return f"Дані зникнуть разом із показом / The data goes with the demonstration: {home}"
