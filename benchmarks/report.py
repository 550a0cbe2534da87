"""Numbers for people: percentiles, and a table against the goals."""

from collections.abc import Sequence
from statistics import quantiles

from rich.console import Console
from rich.table import Table


def percentile(samples: Sequence[float], wanted: int) -> float:
    """The value that `wanted` percent of the samples do not exceed."""
    return quantiles(samples, n=100, method="inclusive")[wanted - 1]


class Report:
    """A table that grows by a row per measurement."""

    def __init__(self, title: str) -> None:
        self._table = Table("measured", "value", "goal", "", title=title, title_justify="left")

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """One value, with its goal in the same unit."""
        goal, met = "", True
        if at_most is not None:
            goal, met = f"≤ {at_most:g} {unit}", value <= at_most
        elif at_least is not None:
            goal, met = f"≥ {at_least:g} {unit}", value >= at_least
        verdict = ("met" if met else "[red]missed[/red]") if goal else ""
        number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        self._table.add_row(name, f"{number} {unit}", goal, verdict)

    def show(self) -> None:
        """Print it."""
        Console().print(self._table)
