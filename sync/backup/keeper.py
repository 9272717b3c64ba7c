"""The thread that keeps copies: one every so often, a trial every night, and what is told of both.

Promise: it never ends by itself and never holds the writer up. A medium that is gone, full or
broken is told and looked for again; the node works on without it.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from appliance.config import Config
from appliance.courtesy import GiveWay, alone
from appliance.errors import VuzolError
from appliance.store.checking import CopyDamaged
from appliance.store.database import Store
from appliance.store.failures import DiskFull, StoreClosed
from sync.backup import model, proved, shelf
from sync.backup.follower import Follower
from sync.backup.maker import Maker
from sync.backup.mirror import Mirror
from sync.backup.model import Copy, Medium
from sync.backup.shelf import MediumFull, NoMedium, NotTheBytes

LOG: Final = logging.getLogger(__name__)
FIRST_SECONDS: Final = 5.0
"""After the start, so that the first visitors are not in its way."""

RETRY_SECONDS: Final = 60.0
TICK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 3600.0
"""After a trial that proved nothing the next copy is tried this much later."""


class NoRoomForTrial(VuzolError):
    """The node's own disk has no room for a restore."""

    code = "no_room_for_trial"
    status_hint = 507

    def __init__(self) -> None:
        super().__init__(
            "the disk of the node has no room to try a restore", next_step="free some space on it"
        )


class Stopping(Exception):
    """The work in hand is given up: the node stops."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the keeper knows of its work; replaced whole, so anybody may read it."""

    medium: Medium = Medium.NONE
    copies: tuple[Copy, ...] = ()
    trouble: str = ""  # why the last copy was not made


class Keeper:
    """One thread; it sleeps most of the time."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        give_way: GiveWay = alone,
        roam: Callable[[], None] | None = None,
    ) -> None:
        """Prepare; nothing happens before `start`. Copying needs a core and no interpreter."""
        self._config = config
        self._store = store
        self._give_way = give_way
        self._roam = roam
        self._now: Callable[[], float] = store.clock.monotonic
        self._begun = self._now()
        self._next_copy = self._begun + FIRST_SECONDS
        self._quiet_since = self._begun
        self._stopping = threading.Event()
        self._work = threading.Lock()
        self.shelf = shelf.of(config)
        self._maker = Maker(config, store, self.shelf, self._breathe) if self.shelf else None
        self._follower = Follower(store, self.shelf) if self.shelf else None
        self._next_tail = self._begun
        self.mirror = Mirror(config, store, self.shelf, self._breathe) if self.shelf else None
        with store.read() as reader:
            self._trials, self._first = proved.trials(reader), proved.began_at(reader)
        self._told = Told(shelf.standing(self.shelf, config.node.data), self._copies())
        self._thread = threading.Thread(target=self._run, name="backup", daemon=True)

    def start(self) -> None:
        """Begin, if there is a second medium to keep copies on."""
        if self._maker:
            self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Give up the copy in hand and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._maker and not self._thread.is_alive():
            self.follow()  # what was logged last
        if self._follower:
            self._follower.let_go()
        if self.mirror:
            self.mirror.stop()

    def copy(self) -> Copy | None:
        """Make a copy now; return None and tell why if that cannot be."""
        maker = self._maker
        if maker is None:
            return None
        with self._work:
            medium = shelf.standing(self.shelf, self._config.node.data)
            made: Copy | None = None
            trouble = ""
            try:
                made = maker.copy()
            except (NoMedium, MediumFull, DiskFull) as error:
                medium = Medium.MISSING if isinstance(error, NoMedium) else Medium.FULL
                trouble = error.cause
            except (VuzolError, OSError) as error:
                trouble = str(error)
            self._note(medium, trouble)
        self.follow()
        if made is not None and self.mirror:
            with self._work:
                self.mirror.bring(made)
        pause = RETRY_SECONDS if made is None else self._config.backup.copy_minutes * 60
        self._next_copy = self._now() + pause
        return made

    def follow(self) -> None:
        """Bring the tail of the newest copy up to the log."""
        self._next_tail = self._now() + self._config.backup.tail_seconds
        if self._follower and self._told.medium is not Medium.MISSING:
            with self._work:
                self._follower.follow(model.newest(self._told.copies))

    def trial(self) -> bool:
        """Make a copy and try a restore of it; return whether it was whole."""
        if self.mirror:
            self.mirror.trial()  # of the copy before: the child has had time for that
        maker, copy = self._maker, self.copy()
        if maker is None or copy is None:
            return False
        whole = False
        with self._work:
            try:
                if not maker.room_for_trial():
                    raise NoRoomForTrial
                maker.trial(copy, self._told.medium)
                whole = True
            except (CopyDamaged, NotTheBytes) as error:
                LOG.error("a restore was tried in vain: %s", error)  # noqa: TRY400 - no mistake
            except (VuzolError, OSError) as error:
                LOG.warning("no restore could be tried: %s", error)
                maker.give_up(NoMedium(str(error)) if isinstance(error, OSError) else error)
            with self._store.read() as reader:
                self._trials = proved.trials(reader)
            self._note(self._told.medium, self._told.trouble)
        return whole

    def nights_without(self) -> int | None:
        """Return for how many days there has been no proved copy, if people should know."""
        clock = self._store.clock
        if self._maker is None or not clock.quality().good:
            return None
        return model.nights_without(
            verified_at=self._trials.verified_at, began_at=self._first, now=clock.wall()
        )

    @property
    def medium(self) -> Medium:
        """Return how the second medium stood when it was last used."""
        return self._told.medium

    def facts(self) -> dict[str, Any]:
        """Return the facts of /healthz, under the name `backup`."""
        told, trials = self._told, self._trials
        last = told.copies[-1] if told.copies else None
        return {
            "medium": str(told.medium),
            "trouble": told.trouble,
            "copies": len(told.copies),
            "bytes": sum(one.size for one in told.copies),
            "last_copy_at": last and last.taken_at,
            "tail_behind_seconds": self._follower and self._follower.behind(),
            "tail_trouble": self._follower.trouble if self._follower else "",
            "verified_at": trials.verified_at,
            "tried_at": trials.tried_at,
            "trial_trouble": trials.trouble,
            "nights_without": self.nights_without(),
            "replica": self.mirror and self.mirror.facts(),
        }

    # --- its thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        if self._roam is not None:
            self._roam()
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self._turn()
            except (Stopping, StoreClosed):
                return
            except Exception:  # it must outlive a medium that fails in a new way
                LOG.exception("the backup stumbled")
                self._stopping.wait(RETRY_SECONDS)

    def _turn(self) -> None:
        if self._trial_due():
            later = 0.0 if self.trial() else AGAIN_SECONDS - model.SETTLING_SECONDS
            self._quiet_since = self._now() + later
        elif self._now() >= self._next_copy or self._is_back():
            self.copy()
        elif self._now() >= self._next_tail:
            self.follow()

    def _trial_due(self) -> bool:
        clock = self._store.clock
        return model.trial_due(
            tried_at=self._trials.tried_at if not self._trials.trouble else None,
            now=clock.wall(),
            hour=self._config.backup.trial_at,
            zone=self._config.node.timezone,
            good_clock=clock.quality().good,
            quiet=self._now() - self._quiet_since,
        )

    def _is_back(self) -> bool:
        """Tell whether a medium that was gone can be used again."""
        if self._told.medium is not Medium.MISSING:
            return False
        standing = shelf.standing(self.shelf, self._config.node.data)
        return standing is not Medium.MISSING

    def _note(self, medium: Medium, trouble: str) -> None:
        if trouble and trouble != self._told.trouble:
            LOG.warning("no copy could be made: %s", trouble)
        self._told = Told(medium, self._copies(), trouble)

    def _copies(self) -> tuple[Copy, ...]:
        try:
            return tuple(self.shelf.copies()) if self.shelf else ()
        except OSError:
            return ()

    def _breathe(self) -> None:
        if self._stopping.is_set():
            raise Stopping
        self._give_way()
