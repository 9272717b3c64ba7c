"""What the values of settings may look like: each check returns what was expected, or nothing."""

import base64
import binascii
import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

KEY_BYTES: Final = 32
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that nobody sees, or that change how others are read."""

HOST_NAME: Final = r"(?=.{1,253}$)([a-z0-9-]+\.)*[a-z0-9-]*[a-z][a-z0-9-]*"


def url(value: str) -> str:
    """Accept an address of http or https, or nothing."""
    good = not value or _parts(value)[0] in {"http", "https"}
    return "" if good else "an address like https://centre.example:8083"


def secure_url(value: str) -> str:
    """Accept an address that nobody can listen in on: plain http for this machine alone."""
    scheme, host = _parts(value) if value else ("https", "")
    good = scheme == "https" or (scheme == "http" and _is_loopback(host))
    expected = "an address like https://centre.example:8083"
    return "" if good else f"{expected} (plain http is for this machine alone)"


def sftp(value: str) -> str:
    """Accept the address of a folder at an SFTP server, without a password."""
    scheme, host = _parts(value) if value else ("sftp", "nowhere")
    named, _, _ = urlsplit(value).netloc.partition("@")
    good = scheme == "sftp" and host and (not value or ("@" in value and ":" not in named))
    return "" if good else "an address like sftp://backup@centre.example:22/vuzol, no password"


def _parts(url: str) -> tuple[str, str]:
    """Return scheme and host of an address; both are empty if it is none."""
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, or no number for a port
        whole = False
    return (parts.scheme, parts.hostname or "") if whole else ("", "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(value: str) -> str:
    """Accept what can be listened at."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        name = re.fullmatch(HOST_NAME, value, re.IGNORECASE)
        return "" if name else "an address like 192.168.1.10, or a host name"
    return ""


def key(value: str) -> str:
    """Accept a public key in base 64, or nothing."""
    try:
        good = not value or len(base64.b64decode(value, validate=True)) == KEY_BYTES
    except binascii.Error:
        good = False
    return "" if good else "a public key of 32 bytes in base 64"


def hour(value: str) -> str:
    """Accept an hour and its minutes."""
    good = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value)
    return "" if good else "an hour like 04:00"


def timezone(value: str) -> str:
    """Accept a zone that this machine knows."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - read when it is needed

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "a time zone like Europe/Kyiv"
    return ""


def word(value: str) -> str:
    """Accept a short name for the wire."""
    return "" if re.fullmatch(r"[a-z0-9-]{1,40}", value) else "Latin letters, digits and dashes"


def path(value: object) -> str:
    """Accept a path that shows all that is in it."""
    return "a path without control characters" if re.search(r"[\x00-\x1f]", str(value)) else ""


def named(value: str) -> str:
    """Accept a name that people can read."""
    if not value.strip():
        return "a name"
    hidden = any(unicodedata.category(one) in HIDDEN for one in value)
    return "a name without control characters and hidden ones" if hidden else ""
