"""Sealing a new password's hash to the centre: only the centre's key opens it.

The seal is libsodium's sealed box. The centre's Ed25519 key, which signs its replies, is turned
into the X25519 key that the box needs, so a node knows one key of its centre and not two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import cbor2
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from appliance.errors import VuzolError
from appliance.people.model import Edition
from appliance.store.ids import LENGTH, RowId

VERSION: Final = 1
FIELDS: Final = 5
MOST_RESETS: Final = 1 << 31
LATEST: Final = 1 << 53
"""An edition that no later one could follow in the database is none of ours."""

Opener = Callable[[bytes], bytes]
"""Opens a sealed box with the centre's private key; raises `SealBroken`."""


class SealBroken(VuzolError):
    """A sealed password cannot be opened, or does not hold what we write."""

    code: ClassVar[str] = "seal_broken"

    def __init__(self) -> None:
        super().__init__(
            "a sealed password cannot be opened",
            next_step="issue the person a new password at the centre",
        )


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """What stands in a seal. It names its person, so a seal cannot be moved to another's row."""

    person: RowId
    hash: str
    edition: Edition

    def told(self) -> bytes:
        """Return the bytes that are sealed."""
        return cbor2.dumps(
            [VERSION, self.person.blob, self.hash, *self.edition],
            canonical=True,
        )


def seal(centre: VerifyKey, password: SealedPassword) -> bytes:
    """Return the password sealed to the centre's public key."""
    return SealedBox(centre.to_curve25519_public_key()).encrypt(password.told())


def opener(centre: SigningKey) -> Opener:
    """Return what opens seals with the centre's private key, and keeps the key to itself."""
    box = SealedBox(centre.to_curve25519_private_key())

    def opened(sealed: bytes) -> bytes:
        try:
            return box.decrypt(sealed)
        except (CryptoError, ValueError, TypeError) as error:
            raise SealBroken from error

    return opened


def unseal(opening: Opener, sealed: bytes) -> SealedPassword:
    """Return what stands in a seal; raise `SealBroken` for anything that we did not write."""
    try:
        match cbor2.loads(opening(sealed)):
            case [1, bytes(person), str(hashed), int(resets), int(stamp)] if (
                len(person) == LENGTH and 0 <= resets < MOST_RESETS and 0 <= stamp < LATEST
            ):
                return SealedPassword(RowId.of(person), hashed, Edition(resets, stamp))
    except cbor2.CBORDecodeError as error:
        raise SealBroken from error
    raise SealBroken
