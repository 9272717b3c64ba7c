"""How the nodes of a hromada stand, as their centre knows: pure rules over what it last heard.

    never     it has not called yet
    silent    no call for a while; that is no fault, and what is there now is unknown
    trouble   it calls, and something waits for a person
    well      it calls
    revoked   it was stolen or given up; nothing of it is taken

What a silent node said in its last call is told with the time of that call, never as the present.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync.comparison import Outcome

POLLS_MISSED: Final = 3
"""So many calls in a row have to be missing: 15 minutes of the usual 5 between two."""

SHORTEST_SILENCE_MS: Final = 60_000
WORTH_TELLING_MS: Final = 60_000
"""A clock is called exact while it is less than a minute off."""


AMISS: Final = frozenset({Outcome.FORKED, Outcome.BROKEN})
"""Outcomes of a comparison that a person has to look at."""


class State(StrEnum):
    """How a node stands. The order is the one in which the page lists them."""

    TROUBLE = "trouble"
    SILENT = "silent"
    NEVER = "never"
    WELL = "well"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a node said in its last call, and when."""

    at: int
    address: str
    version: str
    clock: str
    offset_ms: int | None
    unsent: int
    oldest_at: int | None
    compared_at: int | None = None  # its last comparison of chains with ours, by its clock
    compared: str = ""  # how that came out


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of the hromada."""

    number: int
    title: str
    heard: Heard | None
    waiting: int  # its entries that are here and wait for a parent row
    quarantined: int  # its entries that are here and wait for a person or an upgrade
    state: State

    @property
    def fresh(self) -> bool:
        """Tell whether what was heard may be shown as the present."""
        return self.state in (State.WELL, State.TROUBLE)

    @property
    def clock_off_minutes(self) -> int | None:
        """Return by how many minutes its clock is off; None if it is not, or nobody knows."""
        off = self.heard.offset_ms if self.heard else None
        return None if off is None or abs(off) < WORTH_TELLING_MS else round(off / 60_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The fleet in numbers."""

    well: int
    silent: int
    never: int
    trouble: int
    known_unsent: int
    unknown_unsent: int  # nodes whose backlog nobody knows
    version: str  # the centre's own
    same_version: int


def silence(poll_seconds: int) -> int:
    """Return after how many milliseconds without a call a node counts as silent."""
    return max(SHORTEST_SILENCE_MS, POLLS_MISSED * poll_seconds * 1000)


def state_of(heard: Heard | None, *, quarantined: int, now: int, silent_after: int) -> State:
    """Return how a node stands."""
    if heard is None:
        return State.NEVER
    if abs(now - heard.at) > silent_after:  # after now: a clock jumped, and that proves nothing
        return State.SILENT
    amiss = quarantined or heard.clock == "unknown" or heard.compared in AMISS
    return State.TROUBLE if amiss else State.WELL


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes, those first that somebody should look at."""
    order = list(State)
    return sorted(nodes, key=lambda node: (order.index(node.state), node.number))


def summary(nodes: Iterable[Node], *, version: str) -> Summary:
    """Count the fleet, without those that are revoked."""
    all_nodes = [node for node in nodes if node.state is not State.REVOKED]
    states = [node.state for node in all_nodes]
    heard = [node.heard for node in all_nodes if node.heard]
    return Summary(
        well=sum(node.fresh for node in all_nodes),
        silent=states.count(State.SILENT),
        never=states.count(State.NEVER),
        trouble=states.count(State.TROUBLE),
        known_unsent=sum(one.unsent for one in heard),
        unknown_unsent=sum(not node.fresh for node in all_nodes),
        version=version,
        same_version=sum(one.version == version for one in heard),
    )
