"""Ed25519 key files: each is made once, at the first start, and read by its owner alone.

Promise: a key that is there is never replaced. A file that cannot be used is an error that says
what to do, because a node with a new key is another node to its centre.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from nacl.signing import SigningKey, VerifyKey

from appliance.errors import VuzolError

NODE_KEY: Final = "node.key"
"""The name of a node's own key in its data folder."""

HEADER: Final = "vuzol ed25519 secret key 1"
KEY_BYTES: Final = 32
OTHERS: Final = 0o077


class UnusableKey(VuzolError):
    """A key file, or the text of a public key, cannot be used."""

    code: ClassVar[str] = "unusable_key"

    def __init__(self, where: Path | str, cause: str, *, next_step: str) -> None:
        super().__init__(f"{where}: {cause}", next_step=next_step)
        self.where = str(where)


def own_key(path: Path, entropy: Callable[[int], bytes] = os.urandom) -> SigningKey:
    """Return the key that the file holds; make the file first when there is none.

    Of two processes that make it at once, one wins and both return its key.
    """
    if not path.exists():
        _make(path, entropy(KEY_BYTES))
    return SigningKey(_read(path))


def public_text(key: SigningKey | VerifyKey) -> str:
    """Return the public half as 44 characters of base64, as `node.toml` holds it."""
    public = key.verify_key if isinstance(key, SigningKey) else key
    return base64.b64encode(bytes(public)).decode()


def public_key(text: str) -> VerifyKey:
    """Read what `public_text` wrote; raise `UnusableKey` for anything else."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise UnusableKey(
            repr(text[:60]),
            "no public key of 32 bytes in base64",
            next_step="copy it again from the appliance that it belongs to",
        )
    return VerifyKey(raw)


def _make(path: Path, seed: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    written = f"{HEADER}\n{base64.b64encode(seed).decode()}\n"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        _publish(made, path)
    finally:
        made.unlink(missing_ok=True)


def _publish(made: Path, path: Path) -> None:
    try:
        os.link(made, path)  # a rename would replace the key that another start has just made
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableKey(
            path, f"cannot be read ({error})", next_step="restore it from the backup of this node"
        ) from error
    if mode & OTHERS:
        raise UnusableKey(
            path,
            f"mode {mode & 0o777:o} lets other users read it",
            next_step=f"run: chmod 600 {path}",
        )
    return _seed(path, text)


def _seed(path: Path, text: str) -> bytes:
    lines = text.splitlines()
    try:
        seed = base64.b64decode(lines[1], validate=True) if lines[0] == HEADER else b""
    except (IndexError, binascii.Error, ValueError):
        seed = b""
    if len(seed) != KEY_BYTES:
        raise UnusableKey(
            path, "holds no key of ours", next_step="restore it from the backup of this node"
        )
    return seed
