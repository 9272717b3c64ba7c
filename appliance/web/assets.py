"""Static files under an address that names their content, so a browser keeps them for a year.

`/static/<version>/kiosk.css` is ours, `/static/<version>/<room>/x.js` is the file `static/x.js` of
that room. The version covers all files, so relative addresses inside a stylesheet stay right.

All files, 200 KB, are read once at the start: an answer that nobody takes holds none of them open.
"""

import functools
import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, request, url_for
from werkzeug.exceptions import NotFound

FOR_EVER: Final = "public, max-age=31536000, immutable"
WEB: Final = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: what is in it, and how it is told."""

    content: bytes
    kind: str
    tag: str


def install(app: Flask, rooms: Sequence[Blueprint]) -> None:
    """Serve the files of the web and of the given rooms; `static_url(name)` finds one."""
    folders = {Path(room.root_path).name: Path(room.root_path) / "static" for room in rooms}
    found = dict(_read(WEB))
    for room, folder in sorted(folders.items()):
        found |= {f"{room}/{name}": asset for name, asset in _read(folder).items()}
    version = _version(found)

    def static(asked: str, name: str) -> Response:
        if (asset := found.get(name)) is None:
            raise NotFound
        return _answer(asset, fresh=asked == version)

    app.add_url_rule("/static/<asked>/<path:name>", "static", static)
    app.jinja_env.globals["static_url"] = lambda name: url_for("static", asked=version, name=name)


def _answer(asset: Asset, *, fresh: bool) -> Response:
    response = Response(asset.content, mimetype=asset.kind)
    response.set_etag(asset.tag)
    response.headers["Cache-Control"] = FOR_EVER if fresh else "no-cache"
    response.make_conditional(request.environ)
    return response


@functools.cache
def _read(folder: Path) -> Mapping[str, Asset]:
    """Return the files of a folder by their names in it; all surfaces share them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _asset(path) for path in paths}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    kind, _ = mimetypes.guess_type(path.name)
    tag = hashlib.blake2b(content, digest_size=6).hexdigest()
    return Asset(content, kind or "application/octet-stream", tag)


def _version(assets: Mapping[str, Asset]) -> str:
    told = hashlib.blake2b(digest_size=6)
    for name, asset in assets.items():
        told.update(name.encode())
        told.update(asset.content)
    return told.hexdigest()
