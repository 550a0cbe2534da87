"""The SDK against supabase-py as it comes: calls, lists and imports; and how fast a watch reads.

Both speak to PostgREST itself, so that neither waits for the gateway; the server shares the
machine with them. A worker is said to look at the queues by itself, as one at work does; else each
order would post a wake-up to nobody. Every ratio is taken within a round.
"""

import asyncio
import subprocess
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from benchmarks.report import Report, percentile
from benchmarks.sdk_clients import LISTED, Call, Shops, place
from benchmarks.sdk_feed import growth_over
from benchmarks.shop import open_shop, promise_to_look
from benchmarks.stack import stack
from local_stack.settings import Settings
from orderbase import AsyncOrderbase, Orderbase
from orderbase._feed import PAGE_ROWS

_IN_FLIGHT = 16
_ROUNDS = 4
_SECONDS = 1.5
_EVENTS = 5_000

Figures = Mapping[str, Sequence[float]]
"""By arm, one value per round."""


@dataclass(frozen=True)
class Load:
    """Calls per second, the 99th percentile of their times, and the client's CPU for one, in ms."""

    rate: float
    p99: float
    cpu: float


async def load(call: Call, in_flight: int) -> Load:
    """As many calls as it takes."""
    times: list[float] = []
    cpu, end = time.process_time(), time.perf_counter() + _SECONDS

    async def caller() -> None:
        while (begun := time.perf_counter()) < end:
            await call()
            times.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    cpu = (time.process_time() - cpu) / len(times) * 1000
    return Load(len(times) / _SECONDS, percentile(times, 99), cpu)


async def compare(arms: Mapping[str, Call], in_flight: int) -> tuple[Figures, Figures, Figures]:
    """Rates, 99th percentiles and CPU, forth and back; the first round warms up."""
    loads: dict[str, list[Load]] = defaultdict(list)
    for turn in range(_ROUNDS + 1):
        for name in list(arms) if turn % 2 else reversed(list(arms)):
            loads[name].append(await load(arms[name], in_flight))
    after = {name: found[1:] for name, found in loads.items()}
    return (
        {name: [one.rate for one in found] for name, found in after.items()},
        {name: [one.p99 for one in found] for name, found in after.items()},
        {name: [one.cpu for one in found] for name, found in after.items()},
    )


def compare_in_turn(arms: Mapping[str, Callable[[], object]]) -> Figures:
    """Calls per second of one thread."""
    rates: dict[str, list[float]] = defaultdict(list)
    for turn in range(_ROUNDS + 1):
        for name in list(arms) if turn % 2 else reversed(list(arms)):
            count, end = 0, time.perf_counter() + _SECONDS
            while time.perf_counter() < end:
                arms[name]()
                count += 1
            if turn:
                rates[name].append(count / _SECONDS)
    return rates


def ratio(figures: Figures) -> float:
    """Ours by theirs."""
    return median(a / b for a, b in zip(figures["ours"], figures["supabase-py"], strict=True))


async def fill(shop: AsyncOrderbase) -> None:
    """Place orders until there are enough to list."""
    ids = iter(range(LISTED))

    async def some() -> None:
        for _ in ids:
            await place(shop)

    await asyncio.gather(*(some() for _ in range(_IN_FLIGHT)))


def import_ratio() -> float:
    """Time of new interpreters that import ours, by theirs; the best of each."""
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(10):
        for module in ("orderbase", "supabase"):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)  # noqa: S603 - ours
            times[module].append(time.perf_counter() - begun)
    return min(times["orderbase"]) / min(times["supabase"])


def milliseconds_for_a_user(shop: AsyncOrderbase, access_token: str) -> float:
    """What a client for another user takes."""
    begun = time.perf_counter()
    for _ in range(1000):
        shop.as_user(access_token)
    return time.perf_counter() - begun


def events_per_second(settings: Settings) -> float:
    """Of a watch that blocks, over the gateway."""
    key = settings.keys.secret_key
    with Orderbase(settings.api_url, key) as shop, shop.orders.watch(after="0-0") as events:
        next(events)
        begun = time.perf_counter()
        for _ in islice(events, _EVENTS):
            pass
        return _EVENTS / (time.perf_counter() - begun)


def growth_of_watching(settings: Settings) -> float:
    """Peak of the memory that Python has, later by that of the first two pages."""
    peaks = []
    key = settings.keys.secret_key
    with Orderbase(settings.api_url, key) as shop, shop.orders.watch(after="0-0") as events:
        next(events)
        tracemalloc.start()
        for count in (2 * PAGE_ROWS, _EVENTS - 2 * PAGE_ROWS):
            for _ in islice(events, count):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        tracemalloc.stop()
    return peaks[1] / peaks[0]


async def calls(settings: Settings, report: Report) -> None:
    """Everything that is compared call by call."""
    shops = Shops(settings)
    await fill(shops.ours.as_user(shops.token))
    for name, arms, faster in (
        ("placing orders", shops.placing(), 2.8),
        ("small reads", shops.reading_a_row(), 4.5),
        ("reads of a product with its stock", shops.reading(), None),
    ):
        rates, slowest, costs = await compare(arms, _IN_FLIGHT)
        report.add(f"{name}, {_IN_FLIGHT} in flight", median(rates["ours"]), "calls/s")
        report.add("  ours / supabase-py", ratio(rates), "x", at_least=faster)
        report.add("  p99, ours / supabase-py", ratio(slowest), "x", at_most=0.2)
        report.add("  CPU of the client", median(costs["ours"]), "ms/call", at_most=0.35)
        report.add("  CPU, ours / supabase-py", ratio(costs), "x")
        rates, _, _ = await compare(arms, 1)
        report.add(f"{name}, one at a time", median(rates["ours"]), "calls/s")
        report.add("  ours / supabase-py", ratio(rates), "x", at_least=1)
    rates, _, _ = await compare(shops.listing(), 1)
    report.add(f"{LISTED} orders with items", 1000 / median(rates["ours"]), "ms")
    report.add("  time, ours / supabase-py's dicts", 1 / ratio(rates), "x", at_most=1.3)
    milliseconds = milliseconds_for_a_user(shops.ours, shops.token)
    report.add("a client for another user", milliseconds, "ms", at_most=0.2)
    rates = await asyncio.to_thread(compare_in_turn, shops.reading_in_turn())
    report.add("small reads of code that blocks", median(rates["ours"]), "calls/s")
    report.add("  ours / supabase-py", ratio(rates), "x", at_least=1)
    shops.blocking.close()
    await shops.ours.aclose()


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("The Python SDK")
    report.add("import orderbase / import supabase", import_ratio(), "x", at_most=0.5)
    with stack(without=["functions"]) as started:
        open_shop(started.settings)
        promise_to_look(started.settings)
        asyncio.run(calls(started.settings, report))
        per_second = events_per_second(started.settings)
        growth = growth_of_watching(started.settings)
    report.add("events of the feed to one watcher", per_second, "events/s", at_least=10_000)
    report.add("  its memory, later / at first", growth, "x", at_most=1.1)
    million = growth_over(1_000_000)
    report.add("  its process, after a million / at first", million, "x", at_most=1.1)
    report.show()
