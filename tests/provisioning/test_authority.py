"""The hromada's certificates: made once, kept private, believed on a board without a clock."""

import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from provisioning import authority
from provisioning.authority import AUTHORITY, AUTHORITY_KEY, AuthorityRefused

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NAME = "Тиховодська громада"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    authority.make(tmp_path, NAME, now=NOW)
    return tmp_path


def shaken(folder: Path, certificate: Path, key: Path, host: str) -> str:
    """Shake hands with a server that shows the certificate; return the name that was proved."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(folder / AUTHORITY))
    near, far = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except ssl.SSLError:
            far.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname=host) as secured:
            return str(secured.version())
    finally:
        near.close()
        thread.join()


@pytest.mark.parametrize("host", ["hub.tykhovody.example", "192.168.7.1", "fd00::7", "localhost"])
def test_who_believes_the_authority_believes_its_certificates_by_name_and_address(
    made: Path, host: str
) -> None:
    certificate, key = authority.issue(made, [host], now=NOW)
    assert shaken(made, certificate, key, host) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(made, certificate, key, "another.example")


def test_strangers_certificate_is_not_believed(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    authority.make(other, NAME, now=NOW)
    certificate, key = authority.issue(other, ["hub.example"], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(made, certificate, key, "hub.example")


def test_certificates_hold_on_a_board_whose_clock_woke_up_in_1970(made: Path) -> None:
    certificate, _ = authority.issue(made, ["hub.example"], now=NOW)
    for path in (certificate, made / AUTHORITY):
        told = x509.load_pem_x509_certificate(path.read_bytes())
        assert told.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
        assert told.not_valid_after_utc > NOW


def test_authority_signs_servers_and_no_further_authority(made: Path) -> None:
    told = x509.load_pem_x509_certificate((made / AUTHORITY).read_bytes())
    basic = told.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)
    leaf = x509.load_pem_x509_certificate(
        authority.issue(made, ["hub.example"], now=NOW)[0].read_bytes()
    )
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_private_keys_are_for_their_owner_alone(made: Path) -> None:
    _, key = authority.issue(made, ["hub.example"], now=NOW)
    for path in (key, made / AUTHORITY_KEY):
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_never_replaced(made: Path) -> None:
    before = (made / AUTHORITY_KEY).read_bytes()
    with pytest.raises(AuthorityRefused, match="is there already"):
        authority.make(made, NAME, now=NOW)
    authority.issue(made, ["hub.example"], now=NOW)
    with pytest.raises(AuthorityRefused, match="is there already"):
        authority.issue(made, ["hub.example"], now=NOW)
    assert (made / AUTHORITY_KEY).read_bytes() == before


@pytest.mark.parametrize(
    "host",
    ["", "a b", "x-.example", "x" * 300, "hub;drop", "../hub", "хаб.укр", "a\nb", "1.2.3.400 "],
)
def test_what_names_no_host_is_refused_in_a_sentence(
    made: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(made.iterdir())
    assert authority.main(["issue", str(made), host]) == 1
    told = capsys.readouterr().err
    assert "neither a name nor an address" in told
    assert "Traceback" not in told
    assert sorted(made.iterdir()) == before


def test_command_makes_and_issues_and_names_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authority.main(["make", str(tmp_path), NAME]) == 0
    assert authority.main(["issue", str(tmp_path), "*.tykhovody.example", "10.0.0.1"]) == 0
    told = capsys.readouterr().out.split()
    assert [Path(one).name for one in told] == [
        "authority.pem",
        "any.tykhovody.example.pem",
        "any.tykhovody.example.key",
    ]


@pytest.mark.parametrize("spoil", ["missing", "cut", "of another kind"])
def test_spoiled_authority_is_told_in_a_sentence(
    made: Path, spoil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = made / AUTHORITY_KEY
    if spoil == "missing":
        key.unlink()
    else:
        key.write_bytes(key.read_bytes()[:60] if spoil == "cut" else b"no key at all")
    assert authority.main(["issue", str(made), "hub.example"]) == 1
    assert "cannot be used" in capsys.readouterr().err
