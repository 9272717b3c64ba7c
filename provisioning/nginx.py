"""The nginx configuration of a node: it ends TLS before each surface that has a public address.

    python -m provisioning.nginx --config /etc/vuzol/node.toml --certificate FILE --key FILE

One `server` block for each surface, each to its own port, so that a surface is never derived from
a request. Live events come under the same origin. The hub's bodies are not buffered: the centre
judges a request by its head, before it has cost anything. Headers that tell who calls are replaced,
never added to, so nobody can pretend.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from appliance import config
from appliance.config import Config
from appliance.errors import VuzolError
from appliance.web import surfaces
from appliance.web.surfaces import FACINGS, Surface

PLAIN: Final = re.compile(r"/[\w./@-]+", re.ASCII)
NAME: Final = re.compile(r"[\w.:-]+", re.ASCII)
PORTS: Final = {"http": 80, "https": 443}

SERVER: Final = """\
# {title}: {surface}
server {{
    listen {port}{tls};
    listen [::]:{port}{tls};
    server_name {name};
{certificate}    client_max_body_size {body}k;
    client_body_timeout {seconds}s;

    location / {{
        proxy_pass http://{upstream}:{inner};
        include {common};
{buffering}    }}
{events}}}
"""
CERTIFICATE: Final = """\
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:vuzol:1m;
    ssl_session_timeout 1d;
"""
EVENTS: Final = """
    location /events/ {{
        proxy_pass http://{upstream}:{inner};
        include {common};
        proxy_buffering off;
        proxy_read_timeout 1h;
    }}
"""
UNBUFFERED: Final = "        proxy_request_buffering off;\n        proxy_read_timeout 300s;\n"
COMMON: Final = """\
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $http_host;
proxy_set_header Forwarded "";
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
"""
COMMON_FILE: Final = "vuzol-proxy.conf"


class NothingToCarry(VuzolError):
    """No configuration can be made from what was given."""

    code: ClassVar[str] = "nothing_to_carry"


def written(told: Config, *, certificate: str, key: str, common: str = COMMON_FILE) -> str:
    """Return the configuration; `common` is where nginx finds `COMMON`."""
    for path in (certificate, key):
        if not PLAIN.fullmatch(path):
            raise NothingToCarry(
                f"{path!r} is no plain absolute path", next_step="give one without spaces"
            )
    blocks = [
        _server(told, surface, url, certificate=certificate, key=key, common=common)
        for surface in Surface
        if (url := surfaces.public_url(told, surface))
    ]
    if not blocks:
        raise NothingToCarry(
            "no surface has an address from outside",
            next_step="set surfaces.hub_url, surfaces.office_url and their neighbours in node.toml",
        )
    return "\n".join(blocks)


def _server(
    told: Config, surface: Surface, url: str, *, certificate: str, key: str, common: str
) -> str:
    parts, facing = urlsplit(url), FACINGS[surface]
    name = parts.hostname or ""
    if not NAME.fullmatch(name) or parts.path not in {"", "/"}:
        raise NothingToCarry(
            f"surfaces.{surface}_url {url!r} is more than a name and a port",
            next_step="give it like https://office.example.org",
        )
    upstream, secure = told.surfaces.address, parts.scheme == "https"
    events = EVENTS.format(
        upstream=upstream, inner=surfaces.events_port(told, surface), common=common
    )
    return SERVER.format(
        title=told.hromada.id,
        surface=surface,
        port=parts.port or PORTS[parts.scheme],
        tls=" ssl" if secure else "",
        name=f"[{name}]" if ":" in name else name,
        certificate=CERTIFICATE.format(certificate=certificate, key=key) if secure else "",
        body=facing.body_limit // 1024 + 1,
        seconds=facing.body_seconds,
        upstream=upstream,
        inner=surfaces.port(told, surface),
        common=common,
        buffering=UNBUFFERED if surface is Surface.HUB else "",
        events="" if surface is Surface.HUB else events,
    )


def main(words: Sequence[str] | None = None) -> int:
    """Print the configuration, or what it includes; return 0, or 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m provisioning.nginx")
    parser.add_argument("--config", type=Path, default=Path("/etc/vuzol/node.toml"))
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--common", action="store_true", help=f"print {COMMON_FILE} instead")
    told = parser.parse_args(words)
    try:
        text = COMMON
        if not told.common:
            loaded = config.load(told.config, os.environ)
            text = written(loaded, certificate=told.certificate, key=told.key)
    except VuzolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
