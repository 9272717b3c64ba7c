"""What a stick can do to us: full, locked, pulled out at any moment, lying. Nothing is lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync import bundles, stick
from sync.courier import Job
from tests.sync_link.carriers import End, centre, fingerprint, village
from tests.sync_link.rows import readings, visit

SYSTEM_CALLS = ("open", "write", "fsync", "rename", "unlink", "read", "listdir")
ROWS = 80


@pytest.fixture
def here(tmp_path: Path) -> Iterator[End]:
    opened = village(tmp_path, small=True)
    for first in range(0, ROWS, 20):
        opened.store.write(readings, first, 20)
    opened.store.write(visit, 1)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stick"
    made.mkdir()
    return made


@pytest.fixture
def mounted(folder: Path) -> Iterator[Callable[[str], Path]]:
    """Give what mounts a small file system at the folder."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    undo: list[Path] = []

    def mount(options: str) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
        undo.append(folder)
        return folder

    yield mount
    for path in undo:
        subprocess.run(["umount", str(path)], check=True)


def failed(job: Job) -> tuple[str, str]:
    assert job.failed is not None, job
    assert not job.safe_to_remove
    return job.failed.code, f"{job.failed.cause}; {job.failed.next_step}"


def each_is_whole(folder: Path) -> None:
    """Every file that has the name of a bundle is one."""
    for path in folder.glob("*.vzb"):
        bundles.read(path.read_bytes())


def arrives(here: End, folder: Path, tmp_path: Path) -> None:
    """Carry what the village still holds to the centre by the same stick."""
    assert here.export(folder).safe_to_remove
    assert not list(folder.glob("*.tmp"))
    there = centre(tmp_path)
    assert not there.take_in(folder).refused
    assert there.seen() == [1]
    there.export(folder)
    here.take_in(folder)
    assert here.left() == 0
    there.close()


def test_full_stick_is_told_in_a_sentence_and_keeps_no_half_bundle(
    here: End, mounted: Callable[[str], Path]
) -> None:
    disk = mounted("size=4k")
    before = fingerprint(here)
    code, told = failed(here.export(disk))
    assert code == "stick_full"
    assert told.startswith("the stick is full, so the bundle is not on it")
    assert list(disk.iterdir()) == []
    assert fingerprint(here) == before


def test_locked_stick_is_told_in_a_sentence(here: End, mounted: Callable[[str], Path]) -> None:
    code, told = failed(here.export(mounted("size=64k,ro")))
    assert code == "stick_locked"
    assert "move its write lock" in told


def test_missing_stick_and_a_file_in_its_place_are_told(here: End, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for nothing in (tmp_path / "nowhere", file):
        code, told = failed(here.export(nothing))
        assert code == "stick_gone"
        assert "plug it in" in told
    assert failed(here.take_in(tmp_path / "nowhere"))[0] == "stick_gone"


class Pulled:
    """The medium is gone from the n-th system call on that the courier makes on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
        self.left = n
        for name in SYSTEM_CALLS:
            monkeypatch.setattr(stick.os, name, self._counted(getattr(os, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def answer(*args: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, "Input/output error")
            return call(*args, **named)

        return answer


def test_stick_pulled_out_at_every_moment_is_told_and_loses_nothing(
    here: End, folder: Path, tmp_path: Path
) -> None:
    before, moment = fingerprint(here), 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            pulled = Pulled(patch, moment)
            job = here.export(folder)
        if pulled.left >= 0:
            break  # it was over before the stick went
        code, told = failed(job)
        assert (code, "pulled out" in told) == ("stick_gone", True)
        each_is_whole(folder)
        assert fingerprint(here) == before
        moment += 1
    assert moment > 15
    arrives(here, folder, tmp_path)


def test_stick_pulled_out_while_it_is_read_is_told_and_read_again(
    here: End, folder: Path, tmp_path: Path
) -> None:
    assert here.export(folder).safe_to_remove
    there, moment = centre(tmp_path), 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            pulled = Pulled(patch, moment)
            job = there.take_in(folder)
        if pulled.left >= 0:
            break
        assert failed(job)[0] == "stick_gone"
        moment += 1
    assert moment > 3
    assert there.seen() == [1]
    there.close()


KILLED = """
import os, sys
from pathlib import Path
from sync import stick
from tests.sync_link.carriers import village

left = int(sys.argv[3])

def counted(call):
    def answer(*args, **named):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*args, **named)
    return answer

here = village(Path(sys.argv[1]), small=True)
for name in ("write", "fsync", "rename", "unlink"):
    setattr(stick.os, name, counted(getattr(os, name)))
print(here.export(Path(sys.argv[2])).safe_to_remove)
"""


@pytest.mark.parametrize("moment", [0, 1, 2, 3, 6])
def test_node_killed_while_it_writes_leaves_whole_bundles_and_loses_nothing(
    tmp_path: Path, folder: Path, moment: int
) -> None:
    here = village(tmp_path, small=True)
    for first in range(0, 100, 20):
        here.store.write(readings, first, 20)
    here.store.write(visit, 1)
    here.close()
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(folder), str(moment)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 9, done.stderr
    assert "True" not in done.stdout
    each_is_whole(folder)
    here = village(tmp_path, small=True)
    arrives(here, folder, tmp_path)
    here.close()


def test_stick_that_gives_back_other_bytes_is_found_out(
    here: End, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def rotten(half: str, name: str, **at: int) -> None:
        rename(half, name, **at)
        with (folder / name).open("r+b") as file:
            file.seek(40)
            byte = file.read(1)
            file.seek(40)
            file.write(bytes([byte[0] ^ 1]))

    monkeypatch.setattr(stick.os, "rename", rotten)
    code, told = failed(here.export(folder))
    assert code == "stick_lies"
    assert "take another one" in told
    assert list(folder.glob("vuzol-*")) == []


def test_what_is_no_plain_file_is_refused_and_never_waited_for(
    here: End, folder: Path, tmp_path: Path
) -> None:
    here.export(folder)
    name = next(folder.glob("*.vzb")).name
    pipe = folder / f"{name[:-7]}900.vzb"
    os.mkfifo(pipe)
    huge = folder / f"{name[:-7]}901.vzb"
    with huge.open("wb") as file:
        file.truncate(bundles.LARGEST_FILE + 1)
    there = centre(tmp_path)
    job = there.take_in(folder)
    assert sorted(one.file for one in job.refused) == [pipe.name, huge.name]
    assert there.seen() == [1]
    there.close()
