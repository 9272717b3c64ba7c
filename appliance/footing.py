"""What the settings ask of this machine: a folder for the data, an address, a second medium.

Settings are read wherever somebody checks them; this looks at the machine that would run the node.
"""

import os
import socket
from pathlib import Path

from appliance.config import Config
from appliance.options import BadConfig


def demand(config: Config) -> None:
    """Make the folder of the data; raise `BadConfig` for what this machine cannot give."""
    _make_folder(config.node.data)
    lacking = _address_lacking(config.surfaces.address)
    if lacking:
        raise BadConfig("surfaces.address", lacking)


def warnings(config: Config) -> dict[str, str]:
    """Return what the node would do without, or could not do here, by the key that asks for it."""
    told = {"surfaces.address": _address_lacking(config.surfaces.address)}
    medium = config.node.second_medium
    if medium and not _writable(Path(medium)):
        told["node.second_medium"] = (
            f"names {medium!r}, which is no folder that can be written: "
            f"the marks of numbers go to {config.node.data} instead"
        )
    return {key: lacking for key, lacking in told.items() if lacking}


def _make_folder(data: Path) -> None:
    expected = f"must be a folder that can be made and written, not {str(data)!r}"
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfig("node.data", f"{expected} ({error.strerror})") from error
    if not _writable(data):
        raise BadConfig("node.data", f"{expected} (it may not be written)")


def _writable(folder: Path) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)  # noqa: PTH112 - Path.is_dir raises


def _address_lacking(address: str) -> str:
    """Return what is wrong with an address that this machine does not have; else an empty text."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except OSError as error:
        return f"must be an address of this machine, not {address!r} ({error.strerror})"
    return ""
