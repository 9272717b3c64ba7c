"""A small node in a process of its own: four surfaces, live events, one verb.

`python -m tests.web.trial_node FOLDER` takes its ports from the environment, prints `ready` and
lives until SIGTERM; then it drains.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import cast

from flask import Blueprint, Response, current_app, redirect, render_template_string

from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.tables import Owner, Table, integer, text
from appliance.store.transaction import Transaction
from appliance.web.context import Context, current
from appliance.web.serving import Servers
from appliance.web.sse import EventServers
from appliance.web.surfaces import Surface
from appliance.web.topics import Topic
from tests.web import places

NOTES = Table("trial_note", owner=Owner.LOCAL, columns=(integer("n"), text("said")), key=("n",))
PAGE = """{% extends layout %}
{% block main %}
<div hidden data-live="{{ events_url("notes") }}" data-live-url="/part"></div>
<h1>{{ _("Назад") }}</h1>{{ vz.facts([("a", 1, none), ("b", none, none)]) }}
<div data-live-part="notes">{% include part %}</div>
<form method="post" action="/add">{{ vz.button(_("Назад"), key="F8") }}</form>
{% endblock %}"""
PART = """<p>notes: <b id="count">{{ count }}</b></p>
<p><button type="button" name="again" value="2">again</button></p>
<p><input id="said" aria-label="said"></p>"""


def note(tx: Transaction) -> int:
    n = int(tx.value("SELECT coalesce(max(n), 0) + 1 FROM trial_note"))
    tx.add(NOTES, {"n": n, "said": "x"})
    tx.announce("notes")
    return n


def room(layout: str) -> Blueprint:
    blueprint = Blueprint("trial", __name__)

    def count() -> int:
        with current().store.read() as reader:
            return int(reader.value("SELECT count(*) FROM trial_note"))

    @blueprint.get("/")
    def page() -> str:
        part = current_app.jinja_env.from_string(PART)
        return render_template_string(PAGE, layout=layout, part=part, count=count())

    @blueprint.get("/part")
    def part() -> str:
        fresh = f'<div data-live-part="notes">{PART}</div>'
        return render_template_string(fresh, count=count())

    @blueprint.post("/note")
    def write() -> dict[str, int]:
        return {"n": current().store.write(note)}

    @blueprint.post("/add")
    def add() -> Response:
        current().store.write(note)
        return cast(Response, redirect("/"))

    return blueprint


def main() -> None:
    folder = Path(sys.argv[1])
    config = places.settings(folder, os.environ)
    store = Store.open(folder / "node.db", (*places.TABLES, NOTES), node=3, clock=SystemClock())
    context = Context(config=config, store=store, clock=store.clock, truth=places.no_link)
    layouts = {
        Surface.OFFICE: "base_office.html",
        Surface.KIOSK: "base_kiosk.html",
        Surface.GUEST: "base_guest.html",
        Surface.HUB: "base_guest.html",
    }
    apps = {kind: places.surface(kind, context, room(layouts[kind])) for kind in Surface}
    topic = Topic(name="notes", allow=lambda _knock: True)
    events = EventServers({kind: [topic] for kind in Surface}, config, store)
    servers = Servers(apps, config)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    events.start()
    servers.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stop.wait()
    events.stop()
    servers.drain()
    store.close()


@contextmanager
def running(folder: Path, ports: Mapping[str, str]) -> Iterator["Popen[str]"]:
    """Run one; it is stopped at the end."""
    command = [sys.executable, "-m", "tests.web.trial_node", str(folder)]
    environ = {**os.environ, **ports}
    with Popen(command, stdout=PIPE, text=True, env=environ, cwd=Path.cwd()) as node:
        assert node.stdout is not None
        assert node.stdout.readline() == "ready\n"
        try:
            yield node
        finally:
            node.terminate()
            node.wait(15)


def memory(pid: int) -> int:
    """Return the proportional set size in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


if __name__ == "__main__":
    main()
