"""From placed to completed: how many orders a second one worker process brings through.

The peers do the same saga by other libraries, in the same database, against the same Stripe double
and mail server, with the product's own effects and records. Times are those of the orders' events.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks import cpu, mail_sink, processes
from benchmarks.outcome import check, last_number, value, wait_for
from benchmarks.report import Report
from benchmarks.shop import SQL, execute, open_shop
from benchmarks.stack import stack
from local_stack.settings import Settings

_ORDERS = int(os.environ.get("BENCH_ORDERS", "400"))
_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
_CALM_ORDERS = 40
_CALM_PAUSE = 0.2
_SECONDS = """
select extract(epoch from max(event.created_at) - min(event.created_at))::float
from public.order_events as event join public.orders on order_id = orders.id
where number > %s and type in ('order.paid', 'order.completed')
"""
_MEDIAN_SECONDS = """
select percentile_cont(0.5) within group (order by seconds) from (
  select extract(epoch from max(event.created_at) - min(event.created_at))::float as seconds
  from public.order_events as event join public.orders on order_id = orders.id
  where number > %s group by orders.id
) as taken
"""
_OWN = ("postgres", "worker", "PostgREST")
PEERS = {"dbos_saga": 4.0, "procrastinate_saga": 4.0, "pgqueuer_saga": 1.5}
"""How many times as fast as each we want to be."""


@dataclass
class Arm:
    """What was measured of one library."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    twice: int = 0
    """Mails that were sent again."""

    def cpu(self, parts: Collection[str] | None = None) -> float:
        """Milliseconds per order, of all parts or of some."""
        return sum(median(self.costs[part]) for part in parts or self.costs)

    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def worker(settings: Settings, name: str) -> AbstractContextManager[Any]:
    """The one process that works orders off."""
    if name == "ours":
        return processes.running(settings, *processes.functions(settings))
    return processes.running(settings, "benchmarks.peers", name, "work")


def place(settings: Settings, name: str, count: int, pause: float = 0) -> None:
    """Orders, and whatever the library needs to hear of them."""
    counted = (f"--count={count}", f"--pause={pause}")
    processes.run(settings, "benchmarks.peers", name, "place", *counted)


def rush(settings: Settings, name: str, arm: Arm) -> None:
    """Many orders wait; a worker starts, and is measured from its first step to its last."""
    after = last_number(settings)
    place(settings, name, _ORDERS)
    with worker(settings, name):
        wait_for(settings, after, 1, "paid")
        before = cpu.used(settings)
        wait_for(settings, after, _ORDERS, "completed")
        spent = cpu.since(before, settings)
    seconds = value(settings, _SECONDS, after)
    arm.twice += check(settings, after)
    assert name != "ours" or not arm.twice, "ours sent mails twice"
    arm.rates.append(_ORDERS / seconds)
    for part, used in spent.items():
        arm.costs[part].append(used / _ORDERS * 1000)


def calm(settings: Settings, name: str, arm: Arm) -> None:
    """An order now and then; how long each takes."""
    with worker(settings, name):
        after = last_number(settings)
        place(settings, name, 3, _CALM_PAUSE)
        wait_for(settings, after, 3, "completed")
        after = last_number(settings)
        place(settings, name, _CALM_ORDERS, _CALM_PAUSE)
        wait_for(settings, after, _CALM_ORDERS, "completed")
    arm.latencies.append(value(settings, _MEDIAN_SECONDS, after) * 1000)


Measurement = Callable[[Settings, str, Arm], None]


def measure(
    settings: Settings, measurement: Measurement, arms: Mapping[str, Arm], rounds: int
) -> None:
    """All arms, forth and back."""
    for name in _order(list(arms), rounds):
        # What is left of the last arm, or the welcome of the stack's own accounts.
        execute(settings, "call bench.empty_queues()")
        mail_sink.take()
        execute(settings, f"call bench.use_outbox({name == 'ours'})")
        execute(settings, f"call bench.promise({name != 'ours'})")
        measurement(settings, name, arms[name])
        values = arms[name].rates + arms[name].latencies
        print(f"  {name}, {measurement.__name__}: {values[-1]:.1f}", flush=True)


def _order(names: list[str], rounds: int) -> Iterator[str]:
    for turn in range(rounds):
        yield from reversed(names) if turn % 2 else names


def show(arms: Mapping[str, Arm]) -> None:
    """The table."""
    report = Report("Orders from placed to completed, by one worker process")
    for name, arm in arms.items():
        report.add(name, median(arm.rates), "orders/s")
        for part, costs in arm.costs.items():
            report.add(f"  CPU of {part}", median(costs), "ms/order")
        report.add("  an order now and then, p50", median(arm.latencies), "ms")
        report.add("  mails sent twice", arm.twice, "mails", at_most=0)
    ours = arms["ours"]
    for name in [name for name in arms if name != "ours"]:
        ratio = median(a / b for a, b in zip(ours.rates, arms[name].rates, strict=True))
        report.add(f"ours / {name}", ratio, "x", at_least=PEERS[name])
        report.add("  CPU per order, theirs / ours", arms[name].cpu() / ours.cpu(), "x")
        own = arms[name].cpu(_OWN) / ours.cpu(_OWN)
        report.add("  without the Stripe double and Realtime", own, "x")
    others = [median(arm.latencies) for name, arm in arms.items() if name != "ours"]
    if others:
        calm_ratio = median(ours.latencies) / min(others)
        report.add("now and then, ours / best other", calm_ratio, "x", at_most=1)
    report.show()


def main() -> None:
    """Measure on a stack of its own and print the table."""
    names = os.environ.get("BENCH_ARMS", "ours," + ",".join(PEERS)).split(",")
    arms = {name: Arm() for name in names}
    with stack(without=["functions", "payments"]) as started:
        settings = started.settings
        open_shop(settings)
        for file in ("placing.sql", "pipeline.sql"):
            execute(settings, (SQL / file).read_text("utf-8"))
        for name in names:
            if name != "ours":
                processes.run(settings, "benchmarks.peers", name, "set_up")
        with processes.payments(settings), mail_sink.running():
            measure(settings, rush, arms, _ROUNDS)
            measure(settings, calm, arms, 1)
    show(arms)
