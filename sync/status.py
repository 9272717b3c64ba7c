"""What an appliance tells of its replication: to the truth strip, to /healthz and to /metrics.

One object for each process, at a node and at the centre alike. It only tells; it decides nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from appliance.config import Config, Role
from appliance.store import log, projection
from appliance.store.database import Store
from appliance.store.ids import node_name
from appliance.store.tables import Lane
from appliance.web.context import Stick, Truth
from sync import fleet, queries
from sync.ledger import Ledger
from sync.metered import Traffic

if TYPE_CHECKING:
    from prometheus_client import Metric

EXTRA: Final = "sync.status"
"""The name under which `Context.extras` holds the `Status` of the process."""


class Status:
    """How far this appliance is from the centre, or its nodes from this centre."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        ledger: Ledger | None = None,
        traffic: dict[str, Traffic] | None = None,
        heard: Callable[[], Mapping[int, fleet.Heard]] = dict,
        stick: Callable[[], Stick | None] = lambda: None,
        version: str = "",
    ) -> None:
        """Give a node its `ledger` and `traffic` by wire, and the centre what it `heard`."""
        self.config = config
        self.store = store
        self.ledger = ledger
        self.traffic = traffic or {}
        self._heard = heard
        self._stick = stick
        self.version = version
        self._silent_after = fleet.silence(config.link.poll_seconds)

    @property
    def is_centre(self) -> bool:
        """Tell whether this is the centre of the hromada."""
        return self.config.node.role is Role.CENTRE

    def truth(self, *, staff_list_at: int | None = None) -> Truth:
        """Return what every page says under its header."""
        quality = self.store.clock.quality()
        if self.ledger is None:
            return Truth(link="none", clock=quality, stick=self._stick())
        facts = self.ledger.facts
        link: Literal["up", "down"] = "up" if facts.up else "down"
        with self.store.read() as reader:
            waiting = queries.unsent(reader)
        return Truth(
            link=link,
            clock=quality,
            unsent=waiting,
            since=facts.since,
            last_contact=facts.contact_at,
            staff_list_at=staff_list_at,
            stick=self._stick(),
        )

    def nodes(self) -> list[fleet.Node]:
        """Return the nodes of the hromada, those first that somebody should look at."""
        with self.store.read() as reader:
            found = queries.nodes(
                reader,
                self.config.centre.nodes,
                heard=self._heard(),
                now=self.store.clock.wall(),
                silent_after=self._silent_after,
            )
        return fleet.in_order(found)

    def facts(self) -> dict[str, Any]:
        """Return the facts of /healthz, under the name `replication`."""
        return self._of_centre() if self.ledger is None else self._of_node(self.ledger)

    def _of_node(self, ledger: Ledger) -> dict[str, Any]:
        now, facts = self.store.clock.wall(), ledger.facts
        with self.store.read() as reader:
            backlog = log.backlog(reader)
        return {
            "link": "up" if facts.up else "down",
            "since": facts.since,
            "last_contact": facts.contact_at,
            "address": facts.address,
            "trouble": facts.trouble,
            "unsent": sum(one.count for one in backlog.values()),
            "budget": _budget(ledger),
            "lag": {
                lane.label: {
                    "entries": one.count,
                    "oldest_seconds": None if one.oldest_at is None else _age(now, one.oldest_at),
                }
                for lane, one in backlog.items()
            },
        }

    def _of_centre(self) -> dict[str, Any]:
        now = self.store.clock.wall()
        with self.store.read() as reader:
            unprojected = projection.remaining(reader)
            waiting, quarantined = projection.counts(reader)
        return {
            "unprojected": unprojected,
            "waiting": waiting,
            "quarantined": quarantined,
            "nodes": {node_name(one.number): _told(one, now) for one in self.nodes()},
        }

    def metrics(self) -> Sequence["Metric"]:
        """Return the gauges and counters of /metrics."""
        return list(self._gauges()) + list(self._counters())

    def _gauges(self) -> Iterator["Metric"]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - lean start

        with self.store.read() as reader:
            backlog = {} if self.is_centre else log.backlog(reader)
            unprojected = projection.remaining(reader)
            waiting, quarantined = projection.counts(reader)
        unsent = GaugeMetricFamily(
            "vuzol_unsent_entries", "Entries that the centre does not have yet", labels=["lane"]
        )
        for lane, one in backlog.items():
            unsent.add_metric([lane.label], one.count)
        yield unsent
        up = float(self.ledger is not None and self.ledger.facts.up)
        yield GaugeMetricFamily("vuzol_link_up", "Whether the centre answers", value=up)
        if self.ledger is not None:
            yield GaugeMetricFamily(
                "vuzol_link_day_bytes",
                "Bytes over the link today, both ways, with what TCP and TLS add",
                value=self.ledger.today.carried,
            )
            yield GaugeMetricFamily(
                "vuzol_link_daily_limit_bytes",
                "Bytes a day that may go over the link; 0: no limit",
                value=self.ledger.budget.daily,
            )
        yield GaugeMetricFamily(
            "vuzol_unprojected_entries", "Received, not looked at yet", value=unprojected
        )
        yield GaugeMetricFamily("vuzol_waiting_entries", "Wait for a parent row", value=waiting)
        yield GaugeMetricFamily(
            "vuzol_quarantined_entries", "Wait for a person or an upgrade", value=quarantined
        )

    def _counters(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - lean start

        carried = CounterMetricFamily(
            "vuzol_link_bytes", "Bytes over the link, TLS not counted", labels=["wire", "way"]
        )
        asked = CounterMetricFamily("vuzol_link_requests", "Requests answered", labels=["wire"])
        for wire, one in self.traffic.items():
            carried.add_metric([wire, "sent"], one.sent)
            carried.add_metric([wire, "received"], one.received)
            asked.add_metric([wire], one.requests)
        yield carried
        yield asked


def _age(now: int, at: int) -> float:
    return max(0, now - at) / 1000


def _budget(ledger: Ledger) -> dict[str, Any]:
    """Return the bytes of today, both ways, as about the operator counts them; 0: no limit."""
    used, budget = ledger.today.carried, ledger.budget
    held = [lane.label for lane in Lane if not budget.is_open(lane, used)]
    return {"used_bytes": used, "daily_bytes": budget.daily, "held_lanes": held}


def _told(node: fleet.Node, now: int) -> dict[str, Any]:
    heard = node.heard
    return {
        "title": node.title,
        "state": str(node.state),
        "last_contact": heard and heard.at,
        "silent_seconds": heard and _age(now, heard.at),
        "unsent": heard.unsent if heard and node.fresh else None,
        "unsent_known": heard and heard.unsent,
        "version": heard and heard.version,
        "clock": heard.clock if heard and node.fresh else None,
        "clock_offset_ms": heard and heard.offset_ms,
        "compared_at": heard and heard.compared_at,
        "compared": heard and heard.compared,
        "waiting": node.waiting,
        "quarantined": node.quarantined,
    }
