"""Whether adding an hour's events to the hourly metrics costs more when there are many old ones.

Two databases of one server, one with few events and one with many, take turns. Nothing else runs
on that server, and it does not wait for the disk: this is about the work, not about the machine.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import psycopg

from benchmarks.report import Report
from benchmarks.shop import SQL, execute
from local_stack.postgres.cluster import SUPERUSER
from local_stack.testing import databases

_FEW, _MANY = 10_000, 1_000_000
_NEW = (1_000, 10_000)
_EVENTS = 4
"""Of each order."""
_TURNS = 12
_WARM_UP = 2


@dataclass
class Shop:
    """A database with events in it, and what it costs to add new ones to their hours."""

    url: str
    times: Mapping[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Milliseconds, by how many events were new."""

    @property
    def superuser(self) -> str:
        """The address for whom triggers stay silent."""
        return self.url.replace("//postgres:", f"//{SUPERUSER}:")

    def fill(self, events: int) -> None:
        """Add the events of a year, and count them."""
        execute(self.superuser, (SQL / "aggregation.sql").read_text("utf-8"))
        orders = events // _EVENTS
        execute(self.superuser, f"call bench.happen({orders:d}, interval '1 year' / {orders:d})")
        execute(self.url, "select private.aggregate_hours()")
        for statement in ("vacuum analyze", "checkpoint"):
            execute(self.superuser, statement)

    def turn(self, events: int) -> None:
        """Add the events of an hour, and time their counting."""
        orders = events // _EVENTS
        execute(self.superuser, f"call bench.happen({orders:d}, interval '1 hour' / {orders:d})")
        with psycopg.connect(self.url, autocommit=True) as connection:
            begun = time.perf_counter()
            row = connection.execute("select private.aggregate_hours() ->> 'events'").fetchone()
            self.times[events].append((time.perf_counter() - begun) * 1000)
        assert row == (str(events),)


def take_turns(few: Shop, many: Shop) -> None:
    """Forth and back; the first turns warm up."""
    for number in range(_WARM_UP + _TURNS):
        for events in _NEW:
            for shop in (few, many) if number % 2 else (many, few):
                shop.turn(events)


def main() -> None:
    """Measure on databases of its own and print the table."""
    report = Report("Adding new events to the hourly metrics")
    with databases() as server, server.clone() as first, server.clone() as second:
        few, many = Shop(first), Shop(second)
        few.fill(_FEW)
        many.fill(_MANY)
        print("  filled", flush=True)
        take_turns(few, many)
    per_row: dict[int, float] = {}
    for events in _NEW:
        fast, slow = few.times[events][_WARM_UP:], many.times[events][_WARM_UP:]
        per_row[events] = median(slow) / events
        report.add(f"{events:,} new, {_FEW:,} old", median(fast), "ms")
        report.add(f"{events:,} new, {_MANY:,} old", median(slow), "ms")
        ratio = median(b / a for a, b in zip(fast, slow, strict=True))
        report.add(f"time for {events:,} new, many / few old", ratio, "x", at_most=1.2)
    least, most = _NEW
    ratio = per_row[most] / per_row[least]
    report.add(f"time per event, {most:,} / {least:,} new", ratio, "x", at_most=1.2)
    report.show()
