"""What one start of an owner knows and keeps while it lives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.store.clock import Clock, HybridClock
from appliance.store.ids import StreamId
from appliance.store.registry import Registry
from appliance.store.statements import Statements


@dataclass(frozen=True, slots=True)
class Owned:
    """One file in the hands of its owner."""

    stream: StreamId
    tables: Registry
    statements: Mapping[str, Statements]
    clock: Clock
    hybrid: HybridClock
    entropy: Callable[[int], bytes]
    centre: bool
