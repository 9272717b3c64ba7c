"""Key files: made once, private, never replaced."""

import stat
import threading
from pathlib import Path

import pytest

from provisioning.keys import UnusableKey, own_key, public_key, public_text


def test_first_start_makes_a_private_key_and_every_start_after_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node.key"
    first = own_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert bytes(own_key(path)) == bytes(first)
    assert [file.name for file in path.parent.iterdir()] == ["node.key"]


def test_public_text_is_read_back_and_verifies_what_was_signed(tmp_path: Path) -> None:
    key = own_key(tmp_path / "node.key")
    signed = key.sign(b"words")
    assert public_key(public_text(key) + "\n").verify(signed) == b"words"
    assert public_text(key) == public_text(key.verify_key)


def test_two_first_starts_at_once_end_with_one_key(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    barrier = threading.Barrier(8)
    seen: list[bytes] = []

    def start() -> None:
        barrier.wait()
        seen.append(bytes(own_key(path)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert set(seen) == {bytes(own_key(path))}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_key_that_others_can_read_is_refused_with_the_command_to_run(
    tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "node.key"
    own_key(path)
    path.chmod(mode)
    with pytest.raises(UnusableKey, match=f"chmod 600 {path}"):
        own_key(path)


@pytest.mark.parametrize(
    "text", ["", "\n", "vuzol ed25519 secret key 1\n", "vuzol ed25519 secret key 1\nAAAA\n", "ї"]
)
def test_damaged_key_is_told_and_never_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(UnusableKey, match=r"node\.key"):
        own_key(path)
    assert path.read_text(encoding="utf-8") == text


def test_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    path.mkdir(mode=0o700)
    with pytest.raises(UnusableKey, match="cannot be read"):
        own_key(path)


@pytest.mark.parametrize("text", ["", "не ключ", "AAAA", "A" * 44, "A" * 43 + "=="])
def test_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(UnusableKey, match="no public key"):
        public_key(text)
