"""What goes wrong in a run, drawn from its seed: when, where, how often."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.store.clock import ClockQuality
from tests.sync.simulation import rooms
from tests.sync.simulation.centre import Centre
from tests.sync.simulation.village import Village

if TYPE_CHECKING:
    from tests.sync.simulation.world import World

TROUBLE = 400.0
"""Virtual seconds of faults."""

YEAR_MS = 365 * 24 * 3600 * 1000


def plan(world: "World") -> None:
    """Draw all that will happen while there is trouble."""
    chance, network = world.chance, world.network
    for village in list(world.machines):
        _often(world, chance.randrange(15, 40), village.write)
        _often(world, chance.randrange(3), partial(world.fall, village))
        _often(world, chance.randrange(4), partial(flap, world, village))
        _often(world, int(chance.random() < 0.3), partial(jump, world, village))
        copies: Callable[[], None] = partial(chance.choice([clone, restore]), world, village)
        _often(world, int(chance.random() < 0.4), copies)
    _often(world, chance.randrange(3, 12), world.centre.edit)
    _often(world, int(chance.random() < 0.5), partial(revoke, world))
    _often(world, chance.randrange(3), partial(world.fall, world.centre))
    _often(world, int(chance.random() < 0.35), partial(copy_centre, world))
    for attack in (network.replay, network.alter, network.twin):
        _often(world, chance.randrange(4), attack)


def _often(world: "World", times: int, do: Callable[[], None]) -> None:
    for _ in range(times):
        world.agenda.after(world.chance.uniform(0.5, TROUBLE - 1.0), do)


def flap(world: "World", village: Village) -> None:
    """Cut the link of a node for a while."""
    village.link_up = False
    world.tell(village.name, "loses the link")
    world.agenda.after(world.chance.uniform(1.0, 200.0), village.heal)


def jump(world: "World", village: Village) -> None:
    """Let a clock be wrong by a year or by minutes, and believed or not."""
    village.clock.off_ms = world.chance.choice([-YEAR_MS, YEAR_MS, 400_000])
    village.clock.known = world.chance.choice(list(ClockQuality))
    world.tell(village.name, "has another time")


def clone(world: "World", village: Village) -> None:
    """Boot a second machine from a copy of the first one's card; both go on."""
    folder = _copied(world, village)
    world.copied.add(village.node)
    twin = Village(world, f"{village.name}-{folder.name}", village.node, folder)
    world.owed[twin.name] = set(world.owed.get(village.name, ()))
    world.machines.append(twin)
    world.agenda.after(world.chance.uniform(0.0, 60.0), twin.boot)
    _often(world, 5, twin.write)


def restore(world: "World", village: Village) -> None:
    """Put a copy of the card, some time later, in place of what the node has become."""
    folder = _copied(world, village)
    world.copied.add(village.node)
    owed = set(world.owed.get(village.name, ()))

    def back() -> None:
        village.die()
        shutil.rmtree(village.folder)
        shutil.copytree(folder, village.folder)
        world.owed[village.name] = owed
        world.forget_cursors(village)
        world.tell(village.name, "is restored")
        world.agenda.after(1.0, village.boot)

    world.agenda.after(world.chance.uniform(1.0, 150.0), back)


def copy_centre(world: "World") -> None:
    """Restore the centre, some time later, from a copy that knows less."""
    folder = _copied(world, world.centre)

    def back() -> None:
        for village in world.machines:
            if village.store is not None:
                world.note_log(village.store)
        world.centre.die()
        world.centre.restore(folder)
        world.agenda.after(1.0, world.centre.boot)

    world.agenda.after(world.chance.uniform(1.0, 200.0), back)


def revoke(world: "World") -> None:
    """Take the rows of the hromada from a node; it keeps those of its own office."""
    node = world.chance.choice(world.nodes)
    world.centre.grant(node, (rooms.office(node),))


def _copied(world: "World", machine: Village | Centre) -> Path:
    world.copies += 1
    folder = world.folder / f"copy{world.copies}"
    machine.copied_to(folder)
    world.tell(machine.folder.name, "is copied")
    return folder
