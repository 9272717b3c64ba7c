"""Whatever staff do by a POST leaves its line in the trail: every address of the office is pressed.

An address that is not pressed below fails the test, so a new one cannot be forgotten.
"""

import json
import re
from pathlib import Path

from flask.testing import FlaskClient

from appliance.queue.console_views import VERBS
from appliance.web.surfaces import Surface
from tests.people.staffing import PASSWORD
from tests.whole_node import ARGUMENT, Node, succeeded, whole_node

NEW = "нова вода 27"
NOT_OF_STAFF = {"/sync/now", "/sync/bundles/export", "/sync/bundles/import", "/demo/link"}
STICKS = {"/sticks/export", "/sticks/import"}

"""Commands on the machine itself, without a person."""

SERVICE = {
    "name_uk": "Шлюб",
    "prefix": "В",
    "icon": "people",
    "purposes": "submit",
    "state": "OPEN",
    "scope": "hromada",
    "ordering": "7",
}


class Presser:
    """Presses one thing after the other, and looks for its line."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pressed: set[str] = set()
        self.verbs: set[str] = set()  # of the console's pages

    def press(
        self, client: FlaskClient, rule: str, *, line: str, json: object = None, **form: str
    ) -> str:
        """Press, expect the line in the trail, and return the page."""
        before = self.node.audited()
        named = {"Idempotency-Key": f"key-{len(before)}"}
        path, _, query = rule.partition("?")
        values = dict(one.split("=") for one in query.split("&")) if query else {}
        where = ARGUMENT.sub(lambda found: values[found[1]], path)
        sent = {"json": json} if json is not None else {"data": form}
        answer = client.post(where, headers=named, **sent)  # type: ignore[arg-type]
        assert succeeded(answer), f"{rule}: {answer.status} {answer.text[:500]}"
        assert line in self.node.audited()[len(before) :], f"{rule} left no line"
        self.pressed.add(path)
        self.verbs |= {values["verb"]} if "verb" in values else set()
        return answer.text


COUNTER = "/api/queue/counters/<n>"
VERB = "/queue/counters/<n>/<verb>"


def everything_at_a_counter(pressing: Presser, client: FlaskClient, *, api: bool) -> None:
    """Go through the life of some tickets, by the pages or by the JSON paths."""

    def verb(name: str, line: str) -> None:
        if api:
            pressing.press(client, f"{COUNTER}/{name}?n=1", line=line, json={})
        else:
            pressing.press(client, f"{VERB}?n=1&verb={name}", line=line)

    for turn in range(4):
        pressing.node.take(f"visitor-{api}-{turn}")
    opens = f"{COUNTER}/open?n=1" if api else "/queue/counters/<n>/open?n=1"
    pressing.press(client, opens, line="queue.open_counter", **({"json": {}} if api else {}))
    verb("call-next", "queue.call")
    verb("recall", "queue.recall")
    verb("no-show", "queue.no_show")
    verb("call-next", "queue.call")
    verb("start", "queue.start")
    verb("finish-and-call-next", "queue.finish")
    verb("start", "queue.start")
    verb("finish", "queue.finish")
    verb("close", "queue.close_counter")


def asking_an_office(pressing: Presser, client: FlaskClient) -> None:
    """Ask to cancel and to move, and take it back, by the pages and by the JSON paths."""
    pages, api = (pressing.node.take(f"asked-{place}")["id"] for place in ("pages", "api"))
    service = pressing.node.service
    page, told = "/queue/tickets/<ticket_id>/{}?ticket_id=" + pages, {"step": "0"}
    for verb in ("cancel", "move"):
        form = {**told, "key": verb, "target": f"{service} collect"}
        pressing.press(client, page.format(verb), line="commands.ask", **form)
        shown = client.get(f"/queue/tickets/{pages}").text
        found = re.search(r'name="command" value="([^"]+)"', shown)
        assert found
        pressing.press(client, page.format("withdraw"), line="commands.withdraw", command=found[1])
    where = "/api/queue/tickets/<ticket_id>/{}?ticket_id=" + api
    for verb, more in (("cancel", {}), ("move", {"service": str(service), "purpose": "collect"})):
        body = {"step": 0, **more}
        answer = pressing.press(client, where.format(verb), line="commands.ask", json=body)
        back = f"/api/queue/commands/<command_id>/withdraw?command_id={json.loads(answer)['id']}"
        pressing.press(client, back, line="commands.withdraw")


def the_staff_list(pressing: Presser, client: FlaskClient, clerk: str) -> None:
    """Hire, change, dismiss and take back; issue passwords and codes, and use one."""
    person, roles = f"?person_id={clerk}", {"office-1": "starosta"}
    hired = {"login": "new.person", "name": "Ганна Коваль", **roles}
    pressing.press(client, "/staff/new", line="people.hire", **hired)
    changed = {"name": "Петро Гнатів", "office-1": "head"}
    pressing.press(client, f"/staff/<person_id>{person}", line="people.rename", **changed)
    changed["office-1"] = "starosta"
    pressing.press(client, f"/staff/<person_id>{person}", line="people.change_roles", **changed)
    issued = f"/staff/<person_id>/password{person}"
    pressing.press(client, issued, line="people.issue_password")
    pressing.press(client, f"/staff/<person_id>/dismiss{person}", line="people.dismiss")
    taken_back = f"/staff/<person_id>/reinstate{person}"
    pressing.press(client, taken_back, line="people.reinstate", **roles)
    codes = pressing.press(client, "/staff/codes/<number>?number=1", line="people.issue_codes")
    found = re.search(r"\b\d+(?:-[A-Z0-9]{4})+\b", codes)
    assert found, codes
    stranger = pressing.node.client(Surface.OFFICE)
    told = {"name": "Ганна Коваль", "code": found[0]}
    pressing.press(stranger, "/emergency", line="people.use_code", **told)


def the_devices(pressing: Presser, client: FlaskClient) -> None:
    """Let a kiosk in, and out again."""
    kiosk = pressing.node.client(Surface.KIOSK)
    kiosk.post("/pair", data={"kind": "kiosk"})
    found = re.search(r"(\d{3})&nbsp;(\d{3})", kiosk.get("/pair").text)
    assert found
    told = {"code": found[1] + found[2], "name": "Кіоск у холі"}
    pressing.press(client, "/devices", line="people.pair_device", **told)
    listed = re.search(r'action="/devices/([^/"]+)/revoke"', client.get("/devices").text)
    assert listed
    out = f"/devices/<device_id>/revoke?device_id={listed[1]}"
    pressing.press(client, out, line="people.revoke_device")


def the_door(pressing: Presser) -> None:
    """Come in, change one's password and go, by the pages and by the JSON paths."""
    client, told = pressing.node.client(Surface.OFFICE), {"login": "admin", "password": PASSWORD}
    pressing.press(client, "/sign-in", line="people.sign_in", **told)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/password").text)
    assert token
    named = {"csrf_token": token[1]}
    changed = {"current": PASSWORD, "new": NEW, "repeated": NEW, **named}
    pressing.press(client, "/password", line="people.set_password", **changed)
    pressing.press(client, "/sign-out", line="people.sign_out", **named)
    told["password"] = NEW
    pressing.press(client, "/api/sign-in", line="people.sign_in", json=told)
    client = pressing.node.client(Surface.OFFICE)
    client.environ_base["HTTP_X_CSRF_TOKEN"] = client.post("/api/sign-in", json=told).get_json()[
        "csrf_token"
    ]
    again = {"current": NEW, "new": PASSWORD}
    pressing.press(client, "/api/password", line="people.set_password", json=again)
    pressing.press(client, "/api/sign-out", line="people.sign_out", json={})


def test_every_press_of_staff_leaves_its_line(tmp_path: Path) -> None:
    with whole_node(tmp_path) as node:
        pressing, client = Presser(node), node.signed_in()
        wish = {"service": str(node.service), "purpose": "submit"}
        pressing.press(client, "/api/queue/tickets", line="queue.hand_out", json=wish)
        everything_at_a_counter(pressing, client, api=False)
        everything_at_a_counter(pressing, client, api=True)
        asking_an_office(pressing, client)
        pressing.press(client, "/queue/services/new", line="queue.add_service", **SERVICE)
        change = f"/queue/services/<service_id>?service_id={node.service}"
        pressing.press(client, change, line="queue.change_service", **SERVICE)
        pressing.press(client, "/nodes/held/replay", line="sync.replay")
        the_staff_list(pressing, client, str(node.clerk))
        the_devices(pressing, client)
        the_door(pressing)
        assert set(VERBS) - pressing.verbs == {"close-past-days"}  # tests/queue waits for a new day
        assert node.rules(Surface.OFFICE) - pressing.pressed - NOT_OF_STAFF - STICKS == {
            "/link/now"
        }


def test_calling_the_centre_at_once_leaves_its_line(tmp_path: Path) -> None:
    with whole_node(tmp_path, village=True) as node:
        Presser(node).press(node.signed_in(), "/link/now", line="sync.call")
