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

    def add(self, name: str, value: float, unit: str, goal: float | None = None) -> None:
        """One value; a goal is an upper bound in the same unit."""
        verdict = "" if goal is None else "met" if value <= goal else "[red]missed[/red]"
        limit = "" if goal is None else f"≤ {goal:g} {unit}"
        self._table.add_row(name, f"{value:.3g} {unit}", limit, verdict)

    def show(self) -> None:
        """Print it."""
        Console().print(self._table)
