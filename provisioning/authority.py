"""The hromada's own certificate authority: who ends TLS before a centre, and who is believed.

    python -m provisioning.authority make FOLDER "Тиховодська громада"
    python -m provisioning.authority issue FOLDER hub.example.org 192.168.7.1

Promise: what is there is never replaced, private keys are read by their owner alone, and a board
whose clock woke up in 1970 can still tell a good certificate: none of them begins later than that.
A certificate proves a name to browsers and keeps strangers from reading; who may speak for a node
is decided by the node's own key (`provisioning.keys`), never by a certificate.
"""

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import VuzolError

AUTHORITY: Final = "authority.pem"
AUTHORITY_KEY: Final = "authority.key"
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
OF_AUTHORITY: Final = timedelta(days=20 * 365)
OF_CERTIFICATE: Final = timedelta(days=3 * 365)
"""A village is visited rarely; what is stolen is refused by its key, not by a date."""

HOST: Final = re.compile(r"(?=.{1,253}\Z)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?)+", re.ASCII)


class AuthorityRefused(VuzolError):
    """A certificate cannot be made as asked."""

    code: ClassVar[str] = "authority_refused"


def make(folder: Path, name: str, *, now: datetime) -> Path:
    """Make the authority of a hromada in a folder; return its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    certificate = (
        _begun(subject, subject, key.public_key(), now + OF_AUTHORITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _keep(folder / AUTHORITY_KEY, _private(key), 0o600)
    return _keep(folder / AUTHORITY, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def issue(folder: Path, hosts: Sequence[str], *, now: datetime) -> tuple[Path, Path]:
    """Make a certificate for these names and addresses; return it and its key.

    The file is named after the first of them. It holds the certificate and the authority's.
    """
    names = [_general(host) for host in hosts]
    authority, signer = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _begun(_named(hosts[0][:64]), authority.subject, key.public_key(), now + OF_CERTIFICATE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_uses(signs=False), critical=True)
        .sign(signer, hashes.SHA256())
    )
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (made, authority))
    stem = hosts[0].replace("*", "any").replace(":", "-")
    kept = _keep(folder / f"{stem}.key", _private(key), 0o600)
    return _keep(folder / f"{stem}.pem", chain, 0o644), kept


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINNING)
        .not_valid_after(until)
    )


def _named(name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError:
        raise AuthorityRefused(
            f"{name!r} cannot name an authority", next_step="give a name of 1 to 64 characters"
        ) from None


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if HOST.fullmatch(host):
            return x509.DNSName(host)
    raise AuthorityRefused(
        f"{host[:80]!r} is neither a name nor an address of a host",
        next_step="give it as the nodes call it, like hub.example.org or 192.168.7.1",
    )


def _uses(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        key = serialization.load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityRefused(
            f"the authority in {folder} cannot be used ({error})",
            next_step="make it first, or bring its two files from where they are kept",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityRefused(
            f"{folder / AUTHORITY_KEY} holds another kind of key",
            next_step="bring the file that belongs to this authority",
        )
    return certificate, key


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _keep(path: Path, content: bytes, mode: int) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise AuthorityRefused(
            f"{path} is there already", next_step="keep it, or move it away by hand first"
        ) from None
    except OSError as error:
        raise AuthorityRefused(
            f"{path} cannot be written ({error.strerror})", next_step="choose another folder"
        ) from error
    return path


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m provisioning.authority")
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("make", help="make the authority of a hromada")
    making.add_argument("folder", type=Path)
    making.add_argument("name")
    issuing = verbs.add_parser("issue", help="make a certificate for names and addresses")
    issuing.add_argument("folder", type=Path)
    issuing.add_argument("hosts", nargs="+", metavar="host")
    told = parser.parse_args(words)
    now = datetime.now(UTC)
    try:
        if told.verb == "make":
            made = [make(told.folder, told.name, now=now)]
        else:
            made = list(issue(told.folder, told.hosts, now=now))
    except VuzolError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{path}\n" for path in made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
