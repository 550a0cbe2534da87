"""The SDK against supabase-py as it comes: calls, lists and imports; and how fast a watch reads.

Both speak to PostgREST itself, so that neither waits for the gateway; the server shares the
machine with them. Every ratio is taken within a round.
"""

import asyncio
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.report import Report, percentile
from benchmarks.sdk_clients import LISTED, Call, Shops, place
from benchmarks.shop import open_shop
from benchmarks.stack import stack
from local_stack.settings import Settings
from orderbase import AsyncOrderbase, Orderbase

_IN_FLIGHT = 16
_ROUNDS = 4
_SECONDS = 1.5
_EVENTS = 5_000

Figures = Mapping[str, Sequence[float]]
"""By arm, one value per round."""


async def load(call: Call, in_flight: int) -> tuple[float, float]:
    """Calls per second, and the 99th percentile of their times in ms."""
    times: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def caller() -> None:
        while (begun := time.perf_counter()) < end:
            await call()
            times.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return len(times) / _SECONDS, percentile(times, 99)


async def compare(
    arms: Mapping[str, Call], in_flight: int, rounds: int = _ROUNDS
) -> tuple[Figures, Figures]:
    """Calls per second and 99th percentiles, forth and back; the first round warms up."""
    rates: dict[str, list[float]] = defaultdict(list)
    slowest: dict[str, list[float]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name in list(arms) if turn % 2 else reversed(list(arms)):
            rate, late = await load(arms[name], in_flight)
            if turn:
                rates[name].append(rate)
                slowest[name].append(late)
    return rates, slowest


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


def events_per_second(settings: Settings) -> tuple[float, float]:
    """Of a watch that blocks, over the gateway; and how much memory it took, in MiB."""
    key = settings.keys.secret_key
    with Orderbase(settings.api_url, key) as shop, shop.orders.watch(after="0-0") as events:
        next(events)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        for count, _ in enumerate(events, 1):
            if count == _EVENTS:
                break
        seconds = time.perf_counter() - begun
    return _EVENTS / seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


async def calls(settings: Settings, report: Report) -> None:
    """Everything that is compared call by call."""
    shops = Shops(settings)
    await fill(shops.ours.as_user(shops.token))
    for name, arms, faster in (
        ("placing orders", shops.placing(), 2.8),
        ("small reads", shops.reading(), 4.5),
    ):
        rates, slowest = await compare(arms, _IN_FLIGHT)
        report.add(f"{name}, {_IN_FLIGHT} in flight", median(rates["ours"]), "calls/s")
        report.add("  ours / supabase-py", ratio(rates), "x", at_least=faster)
        report.add("  p99, ours / supabase-py", ratio(slowest), "x", at_most=0.2)
        rates, _ = await compare(arms, 1)
        report.add(f"{name}, one at a time", median(rates["ours"]), "calls/s")
        report.add("  ours / supabase-py", ratio(rates), "x", at_least=1)
    rates, _ = await compare(shops.listing(), 1)
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
        asyncio.run(calls(started.settings, report))
        per_second, memory = events_per_second(started.settings)
    report.add("events of the feed to one watcher", per_second, "events/s", at_least=10_000)
    report.add("  memory that it takes beyond a page", memory, "MiB", at_most=5)
    report.show()
