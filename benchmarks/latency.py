"""How soon after the commit of an order its first step begins, at a steady pace.

The functions run in a process of this benchmark, with a hook that notes when each effect begins.
The event of an order is dated by the database just before its commit; both read the same clock.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import psycopg

from benchmarks import processes
from benchmarks.outcome import last_number, wait_for
from benchmarks.pipeline import place
from benchmarks.report import Report, percentile
from benchmarks.shop import SQL, execute, open_shop
from benchmarks.stack import stack
from local_stack.ports import HOST
from local_stack.settings import Settings

_PER_SECOND = 50
_CALM_PER_SECOND = 10
_SECONDS = int(os.environ.get("BENCH_SECONDS", "20"))
_WARM_UP = 50
NOTES = "steps.txt"
"""Where the worker notes the order, the step and the time of each effect that begins."""


def begun(folder: Path) -> Mapping[str, float]:
    """When the charge of each order began: Unix time."""
    lines = (line.split() for line in (folder / NOTES).read_text("utf-8").splitlines())
    return {order_id: float(at) for order_id, step, at in lines if step == "charge"}


def placed(settings: Settings, after: int) -> Mapping[str, float]:
    """When each order's first event was written: Unix time."""
    query = """select order_id::text, extract(epoch from event.created_at)::float
        from public.order_events as event join public.orders on order_id = orders.id
        where event.version = 1 and number > %s"""
    with psycopg.connect(settings.database_url()) as connection:
        return dict(connection.execute(query, (after,)).fetchall())


def measure(settings: Settings, pause: float, count: int) -> list[float]:
    """Milliseconds per order."""
    after = last_number(settings)
    place(settings, "ours", count, pause)
    wait_for(settings, after, count, "completed")
    starts = begun(settings.home)
    return [(starts[order_id] - at) * 1000 for order_id, at in placed(settings, after).items()]


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("From the commit of an order to its first step")
    with stack(without=["functions", "payments"]) as started:
        settings = started.settings
        open_shop(settings)
        execute(settings, (SQL / "placing.sql").read_text("utf-8"))
        worker = ("benchmarks.noting_functions", HOST, str(settings.ports.functions))
        with processes.payments(settings), processes.running(settings, *worker):
            measure(settings, 0.1, _WARM_UP)
            print("  warm", flush=True)
            calm = measure(settings, 1 / _CALM_PER_SECOND, _CALM_PER_SECOND * _SECONDS)
            steady = measure(settings, 1 / _PER_SECOND, _PER_SECOND * _SECONDS)
            # After the worker has left, a wake-up brings it back.
            alone = measure(settings, 4.0, 8)
    report.add(f"{_CALM_PER_SECOND} a second, p50", percentile(calm, 50), "ms", at_most=10)
    report.add(f"{_CALM_PER_SECOND} a second, p99", percentile(calm, 99), "ms", at_most=50)
    report.add(f"{_PER_SECOND} a second, p50", percentile(steady, 50), "ms", at_most=10)
    report.add(f"{_PER_SECOND} a second, p99", percentile(steady, 99), "ms", at_most=50)
    report.add("an order after a pause of 4 s, p50", percentile(alone, 50), "ms")
    report.show()
