"""Static files under an address that names their content, so a browser keeps them for a year.

`/static/<version>/kiosk.css` is ours, `/static/<version>/<room>/x.js` is the file `static/x.js` of
that room. The version covers all files, so relative addresses inside a stylesheet stay right.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, send_from_directory, url_for
from werkzeug.exceptions import NotFound

FOR_EVER: Final = "public, max-age=31536000, immutable"
WEB: Final = Path(__file__).parent / "static"


def install(app: Flask, rooms: Sequence[Blueprint]) -> None:
    """Serve the files of the web and of the given rooms; `static_url(name)` finds one."""
    folders = {Path(room.root_path).name: Path(room.root_path) / "static" for room in rooms}
    folders = {name: folder for name, folder in sorted(folders.items()) if folder.is_dir()}
    version = _version([WEB, *folders.values()])

    def static(asked: str, name: str) -> Response:
        return _file(folders, name, fresh=asked == version)

    app.add_url_rule("/static/<asked>/<path:name>", "static", static)
    app.jinja_env.globals["static_url"] = lambda name: url_for("static", asked=version, name=name)


def _file(folders: Mapping[str, Path], name: str, *, fresh: bool) -> Response:
    room, slash, rest = name.partition("/")
    folder, inside = (folders[room], rest) if slash and room in folders else (WEB, name)
    try:
        response = send_from_directory(folder, inside, etag=True)
    except ValueError as error:  # a name with a NUL in it
        raise NotFound from error
    response.headers["Cache-Control"] = FOR_EVER if fresh else "no-cache"
    return response


def _version(folders: Sequence[Path]) -> str:
    told = hashlib.blake2b(digest_size=6)
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            told.update(str(path.relative_to(folder)).encode())
            told.update(path.read_bytes())
    return told.hexdigest()
