"""Whom the centre lets in: decided from the head of a request, before its body is read.

Urgent lanes come first: they have places that bulk never takes. Bulk has few places, one for a node
at a time; who finds none gets a slot of its own to come back at, and a newcomer does not take it.
So thirty nodes that come back at once are served one after another, and none of them probes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from types import MappingProxyType
from typing import Final

URGENT_PLACES: Final = 12
URGENT_PLACES_OF_A_NODE: Final = 2
BULK_PLACES: Final = 4
URGENT_SLOT: Final = 2.0
"""Seconds after which an urgent request may come again when even its places are taken."""

SHORTEST_SLOT: Final = 1.0
LATE: Final = 15.0
"""Seconds that a slot is kept for who does not come."""

FRESH: Final = 0.2
NO_SLOTS: Final[Mapping[int, float]] = MappingProxyType({})
NOBODY: Final[Mapping[int, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class State:
    """Who is inside, who comes when, and how long bulk requests have taken lately."""

    urgent: Mapping[int, int] = field(default_factory=lambda: NOBODY)  # node: its requests inside
    bulk: Mapping[int, int] = field(default_factory=lambda: NOBODY)  # the same; one at a time
    slots: Mapping[int, float] = field(
        default_factory=lambda: NO_SLOTS
    )  # node: when it may come back
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Admitted:
    """The body may be read; tell `left` when the request is over."""

    node: int
    urgent: bool
    at: float


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Come back after so many seconds: the place will be kept."""

    seconds: float


def admit(
    state: State, node: int, *, urgent: bool, now: float
) -> tuple[State, Admitted | TurnedAway]:
    """Let a request in, or give it a slot."""
    if urgent:
        return _admit_urgent(state, node, now)
    state = replace(state, slots=_kept(state.slots, now))
    own = state.slots.get(node, inf)
    ahead = 0 if own <= now else sum(at < own for at in state.slots.values())
    if node not in state.bulk and BULK_PLACES - len(state.bulk) > ahead:
        slots = {other: at for other, at in state.slots.items() if other != node}
        inside = {**state.bulk, node: 1}
        return replace(state, bulk=inside, slots=slots), Admitted(node, urgent=False, at=now)
    state, at = reserve(state, node, now=now)
    return state, TurnedAway(at - now)


def reserve(state: State, node: int, *, now: float) -> tuple[State, float]:
    """Keep a slot for a node's next bulk request, behind those that are kept; return its time.

    Who came at its slot and found no place keeps its turn.
    """
    own = state.slots.get(node)
    if own is not None and own > now:
        return state, own
    step = max(SHORTEST_SLOT, state.seconds) / BULK_PLACES
    behind = [] if own is not None else [at + step for at in state.slots.values()]
    at = max([now + SHORTEST_SLOT, *behind])
    return replace(state, slots={**state.slots, node: at}), at


def left(state: State, ticket: Admitted, *, now: float) -> State:
    """Give the place of a request back."""
    if ticket.urgent:
        return replace(state, urgent=_without(state.urgent, ticket.node))
    took = now - ticket.at
    seconds = state.seconds * (1 - FRESH) + took * FRESH
    return replace(state, bulk=_without(state.bulk, ticket.node), seconds=seconds)


def crowded(state: State) -> bool:
    """Tell whether others wait for a bulk place, so that who leaves should wait, too."""
    return bool(state.slots)


def _admit_urgent(state: State, node: int, now: float) -> tuple[State, Admitted | TurnedAway]:
    own = state.urgent.get(node, 0)
    if own >= URGENT_PLACES_OF_A_NODE or sum(state.urgent.values()) >= URGENT_PLACES:
        return state, TurnedAway(URGENT_SLOT)
    return (
        replace(state, urgent={**state.urgent, node: own + 1}),
        Admitted(node, urgent=True, at=now),
    )


def _kept(slots: Mapping[int, float], now: float) -> dict[int, float]:
    return {node: at for node, at in slots.items() if at + LATE >= now}


def _without(inside: Mapping[int, int], node: int) -> dict[int, int]:
    less = {**inside, node: inside.get(node, 1) - 1}
    return {other: count for other, count in less.items() if count > 0}
