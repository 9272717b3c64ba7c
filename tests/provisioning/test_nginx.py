"""nginx before a real centre: TLS for people and nodes, live events, and nobody who pretends."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance import config
from appliance.demo.staff import PASSWORD, WELCOMES
from provisioning import authority, nginx
from tests.faults.hromada import Hromada, eventually, hromada

pytestmark = [
    pytest.mark.skipif(not shutil.which("nginx"), reason="needs Debian's nginx-light"),
    pytest.mark.timeout(180),
]
MAIN = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/vuzol.conf;
}}
"""
NOW = datetime.now(UTC)


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Proxied:
    """A centre behind nginx."""

    def __init__(self, folder: Path, town: Hromada) -> None:
        self.town = town
        self.folder = folder
        authority.make(folder, "Тиховодська громада", now=NOW)
        self.certificate, self.key = authority.issue(folder, ["localhost"], now=NOW)
        self.ports = {one: free_port() for one in ("office", "kiosk", "hub")}
        centre = town.centre
        for surface, port in self.ports.items():
            name = f"VUZOL_SURFACES_{surface.upper()}_URL"
            centre.environ[name] = f"https://localhost:{port}"
        common = folder / nginx.COMMON_FILE
        common.write_text(nginx.COMMON, encoding="ascii")
        told = config.load(centre.folder / "node.toml", centre.environ)
        written = nginx.written(
            told, certificate=str(self.certificate), key=str(self.key), common=str(common)
        )
        (folder / "vuzol.conf").write_text(written, encoding="utf-8")
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder), encoding="ascii")

    def command(self, *more: str) -> list[str]:
        return ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *more]

    def connection(self, surface: str) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.folder / authority.AUTHORITY))
        return http.client.HTTPSConnection(
            "localhost", self.ports[surface], timeout=20, context=context
        )


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    with hromada(folder) as town:
        made = Proxied(folder, town)
        subprocess.run(made.command("-t"), check=True, capture_output=True)
        process = subprocess.Popen(made.command())
        try:
            town.centre.start()
            yield made
        finally:
            process.terminate()
            process.wait(10)


def test_people_reach_the_office_over_tls(proxied: Proxied) -> None:
    with closing(proxied.connection("office")) as line:
        line.request("GET", "/sign-in")
        answer = line.getresponse()
        assert answer.status == 200
        assert "Вузол" in answer.read().decode()


def test_village_hands_its_tickets_over_through_tls(proxied: Proxied) -> None:
    village = proxied.town.villages[0]
    village.environ["VUZOL_LINK_CENTRE"] = f"https://localhost:{proxied.ports['hub']}"
    village.environ["VUZOL_LINK_AUTHORITY"] = str(proxied.folder / authority.AUTHORITY)
    village.environ["VUZOL_LINK_POLL_SECONDS"] = "2"
    village.start()
    for _ in range(5):
        assert village.take() is not None
    proxied.town.drain()
    assert proxied.town.check() == 5
    assert village.stop() == 0


def test_who_does_not_believe_the_authority_hands_over_nothing(proxied: Proxied) -> None:
    village = proxied.town.villages[1]
    village.environ["VUZOL_LINK_CENTRE"] = f"https://localhost:{proxied.ports['hub']}"
    village.start()
    eventually(
        lambda: village.health()["replication"]["trouble"] == "certificate", 30, "it believed it"
    )
    assert village.stop() == 0


def test_nobody_passes_for_this_machine_through_the_proxy(proxied: Proxied) -> None:
    for headers in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {},
    ):
        for path in ("/metrics", "/sync/status"):
            with closing(proxied.connection("office")) as line:
                line.request("GET", path, headers=headers)
                assert line.getresponse().status == 403, (path, headers)


def test_unsigned_request_is_refused_before_its_body_has_come(proxied: Proxied) -> None:
    with closing(proxied.connection("hub")) as line:
        line.putrequest("POST", "/sync/v1/tykhovody/2.1/tickets/0-5")
        line.putheader("Content-Length", str(1_900_000))
        line.endheaders()
        line.send(b"x" * 1000)
        began = time.monotonic()
        assert line.getresponse().status == 401
        assert time.monotonic() - began < 5


def signed_in(line: http.client.HTTPSConnection) -> str:
    """Sign in over TLS; return the cookie to send."""
    told = {"login": WELCOMES[1], "password": PASSWORD}
    line.request("POST", "/api/sign-in", json.dumps(told), {"Content-Type": "application/json"})
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    cookies = answer.msg.get_all("Set-Cookie") or []
    assert all("Secure" in one for one in cookies)
    return "; ".join(one.split(";")[0] for one in cookies)


def test_live_events_are_handed_on_as_they_come(proxied: Proxied) -> None:
    with closing(proxied.connection("office")) as line:
        cookie = signed_in(line)
    with closing(proxied.connection("office")) as line:
        began = time.monotonic()
        line.request("GET", "/events/queue", headers={"Cookie": cookie})
        answer = line.getresponse()
        assert answer.status == 200, answer.read()
        assert (answer.getheader("Content-Type") or "").startswith("text/event-stream")
        assert answer.read1(64)
        assert time.monotonic() - began < 10


def bare(tmp_path: Path, **surfaces: str) -> config.Config:
    told = {
        "node": {"number": 1, "title": "ЦНАП", "role": "centre", "data": "."},
        "hromada": {"id": "tykhovody", "name": "Тиховодська громада"},
        "surfaces": surfaces,
    }
    return config.of(told, {}, folder=tmp_path)


def test_node_without_addresses_from_outside_is_told_which_to_set(tmp_path: Path) -> None:
    with pytest.raises(nginx.NothingToCarry, match=r"surfaces\.hub_url"):
        nginx.written(bare(tmp_path), certificate="/a.pem", key="/a.key")


@pytest.mark.parametrize("path", ["/a b.pem", "/a;.pem", "relative.pem", "", "/a{.pem", "/a\n.pem"])
def test_path_that_could_bend_the_configuration_is_refused(tmp_path: Path, path: str) -> None:
    told = bare(tmp_path, hub_url="https://hub.example")
    with pytest.raises(nginx.NothingToCarry, match="no plain absolute path"):
        nginx.written(told, certificate=path, key="/a.key")


@pytest.mark.parametrize("url", ["https://hub.example/path", "https://a;b/", "https://{x}/"])
def test_address_that_could_bend_the_configuration_is_refused(tmp_path: Path, url: str) -> None:
    told = bare(tmp_path, hub_url=url)
    with pytest.raises(nginx.NothingToCarry, match="more than a name and a port"):
        nginx.written(told, certificate="/a.pem", key="/a.key")


def test_residents_surface_may_stay_without_tls(tmp_path: Path) -> None:
    told = bare(tmp_path, guest_url="http://vuzol.lan")
    written = nginx.written(told, certificate="/a.pem", key="/a.key")
    assert "listen 80;" in written
    assert "ssl_certificate" not in written
