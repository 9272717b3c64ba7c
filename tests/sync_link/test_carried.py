"""Sticks at random: written, read late, twice, crosswise, lost; and a centre that is restored.

Whatever was done, no node believes more than the centre has said, nor an older start of it after a
younger one, and some carried round trips later every row is at the centre once.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from appliance.store import inbox
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync.courier import Job
from tests.sync_link.carriers import End, centre, there_and_back, village
from tests.sync_link.rows import notice, visit

STEPS = 60
"""In the lives of seeds 0 and 8 a late word of an older centre would move a cursor, if it could."""

CURSORS = "SELECT epoch, lane, have, centre_epoch FROM _cursor"


class World:
    """A village, a centre, two sticks and an old copy of the centre, moved by chance."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = Random(seed)
        self.folder = folder
        self.sticks = [folder / f"stick{n}" for n in range(2)]
        for stick in self.sticks:
            stick.mkdir()
        self.here, self.there = village(folder), centre(folder)
        self.starts = [self.there.store.epoch]  # of the centre, oldest first
        self.heard: dict[tuple[int, int], int] = {}  # which of them each cursor is of
        self.visits = self.notices = 0

    @property
    def moves(self) -> list[Callable[[], object]]:
        """Return what may happen next; some things happen more often."""
        carried = [self.writes, self.reads, self.answers, self.hears]
        rare = [self.comes, self.tells, self.lose, self.begin_anew, self.keep_copy, self.restore]
        return [*carried, *carried, *carried, *rare]

    def comes(self) -> None:
        self.here.store.write(visit, self.visits)
        self.visits += 1

    def tells(self) -> None:
        self.there.store.write(notice, self.notices, "hromada")
        self.notices += 1

    def writes(self) -> Job:
        return self.here.export(self.stick())

    def reads(self) -> Job:
        return self.there.take_in(*self.files())

    def answers(self) -> Job:
        return self.there.export(self.stick())

    def hears(self) -> Job:
        return self.here.take_in(*self.files())

    def lose(self) -> None:
        for file in self.stick().iterdir():
            file.unlink()

    def begin_anew(self) -> None:
        self.here.close()
        self.here = village(self.folder)

    def keep_copy(self) -> None:
        self.there.close()
        shutil.copy(self.folder / "centre.db", self.folder / "copy.db")
        self.open_centre()

    def restore(self) -> None:
        copy = self.folder / "copy.db"
        if copy.exists():
            self.there.close()
            shutil.copy(copy, self.folder / "centre.db")
            self.open_centre()

    def open_centre(self) -> None:
        self.there = centre(self.folder)
        self.starts.append(self.there.store.epoch)

    def stick(self) -> Path:
        return self.chance.choice(self.sticks)

    def files(self) -> list[Path]:
        """Return the files of some stick or of all of them, in any order; some of them twice."""
        some = [self.stick()] if self.chance.random() < 0.7 else self.sticks
        found = [file for stick in some for file in stick.iterdir()]
        return self.chance.choices(found, k=len(found) + 1) if found else [self.sticks[0]]

    def believes_what_was_said(self) -> None:
        """Assert that no cursor is beyond what the centre has, or goes back to an older start."""
        with self.here.store.read() as reader:
            rows = reader.all(CURSORS)
        with self.there.store.read() as reader:
            for row in rows:
                place, start = (row["epoch"], row["lane"]), self.starts.index(row["centre_epoch"])
                assert start >= self.heard.get(place, 0)
                self.heard[place] = start
                stream = StreamId(self.here.store.node, row["epoch"])
                has = inbox.cursor(reader, stream, Lane(row["lane"])).have
                assert row["have"] <= has or row["centre_epoch"] != self.there.store.epoch


def all_is_there(here: End, there: End, stick: Path, *, visits: int) -> None:
    """Carry a stick until nothing is left, and look."""
    here.export(stick)
    refused = there.take_in(stick).refused
    assert {one.code for one in refused} <= {"gap"}, "a restored centre may lack what came before"
    there.export(stick)
    assert not here.take_in(stick).refused  # it hears what is lacking
    there_and_back(here, there, stick)  # and brings it
    there_and_back(here, there, stick)  # and hears that it is there
    assert here.left() == 0
    assert there.seen() == list(range(visits))
    with there.store.read() as reader:
        wanted = [row["n"] for row in reader.all("SELECT n FROM trial_notice ORDER BY n")]
    assert here.notices() == wanted


@pytest.mark.parametrize("seed", [0, 8, 3])
def test_whatever_becomes_of_the_sticks_every_row_arrives_once(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_more_lives_of_sticks(tmp_path: Path, seed: int) -> None:
    play(tmp_path, seed)


def play(folder: Path, seed: int) -> None:
    """Let things happen, then make peace."""
    world = World(folder, seed)
    try:
        for _ in range(STEPS):
            world.chance.choice(world.moves)()
            world.believes_what_was_said()
        fresh = folder / "fresh"
        fresh.mkdir()
        all_is_there(world.here, world.there, fresh, visits=world.visits)
    finally:
        world.here.close()
        world.there.close()
