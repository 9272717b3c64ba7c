"""Each night a node and its centre compare their chains: one value proves all rows of a lane.

    asked    the node has doubted its cursors, and the centre is asked where each lane stands
    equal    every lane that was asked about has the same chain at both ends
    forked   the centre's chain is another one: somebody has to look before more is believed
    broken   the node's own log does not hold what it was chained over: a disk or a hand changed it

Here are the rules, and what is kept; who asks is `sync.nightly`. The node tells the centre with
each request how it came out, so it stands on the overview of the nodes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from appliance.store import log
from appliance.store.reader import Reader
from appliance.store.transaction import Transaction
from sync.tables import COMPARISON

HOUR_MS: Final = 3_600_000
NIGHT: Final = range(1, 5)
"""Hours of the office at which nobody waits."""

A_NIGHT: Final = 20 * HOUR_MS
"""After so long the next night may come."""

TOO_LONG: Final = 44 * HOUR_MS
"""Whoever is switched off at night compares by day."""

SETTLED_SECONDS: Final = 1800.0
"""How long a node is awake before it compares by day: the start belongs to people."""

OURS: Final = 0
"""The key under which a node keeps its own outcome; a centre keeps its own there, too."""


class Outcome(StrEnum):
    """How a comparison came out."""

    ASKED = "asked"
    EQUAL = "equal"
    FORKED = "forked"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Compared:
    """The last comparison, by the clock of the node."""

    at: int
    outcome: Outcome
    where: str = ""  # the lane that is not as it should be


def is_due(last: int | None, now: int, *, hour: int, awake: float) -> bool:
    """Tell whether to compare now. A clock that went back, and a first start, wait a while."""
    age = None if last is None else now - last
    if age is None or age < 0:
        return awake >= SETTLED_SECONDS
    if hour in NIGHT and age >= A_NIGHT:
        return True
    return age >= TOO_LONG and awake >= SETTLED_SECONDS


def last(reader: Reader, node: int = OURS) -> Compared | None:
    """Return how the last comparison of a node came out; None if there was none."""
    row = reader.one("SELECT * FROM sync_comparison WHERE node = :node", node=node)
    return Compared(row["at"], Outcome(row["outcome"]), row["place"]) if row else None


def keep(tx: Transaction, outcome: Outcome, *, where: str = "") -> None:
    """Keep how this appliance's own comparison stands."""
    told = {"node": OURS, "at": tx.now, "outcome": outcome, "place": where}
    tx.put(COMPARISON, told)
    tx.announce("link")


def ask(tx: Transaction) -> int:
    """Doubt what the centre said of each lane, so that it is asked anew; return how many."""
    keep(tx, Outcome.ASKED)
    return log.doubt(tx)


def judge(reader: Reader, forked: str) -> Compared | None:
    """Return how a comparison came out that was asked for; None while answers are missing.

    `forked` names a lane where the centre's chain was found to be another one; empty: none was.
    """
    asked = last(reader)
    if asked is None or asked.outcome is not Outcome.ASKED:
        return None
    if forked:
        return Compared(asked.at, Outcome.FORKED, forked)
    return None if log.doubted(reader) else Compared(asked.at, Outcome.EQUAL)
