"""One measured figure, what it was measured against, and the bound it must keep."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of one run. `target` reads like `<= 0.3`; empty: reported, not judged."""

    name: str
    value: float
    unit: str
    against: str = ""
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether the bound was kept; None where there is none."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        if sign == "<=":
            return self.value <= float(bound)
        if sign == ">=":
            return self.value >= float(bound)
        if sign == "==":
            return self.value == float(bound)
        raise ValueError(f"{self.target!r} is no bound")

    def told(self) -> dict[str, Any]:
        """Return the figure as it stands in build/bench.json."""
        return {**asdict(self), "value": round(self.value, 4), "met": self.met}


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("nothing was measured")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]
