"""One order at a time, from the call to the last mail, as a shopper of the SDK sees it.

The peer of every time is a bare call through the same gateway: what the machine can do at all.
"""

import asyncio
import time
import uuid
from contextlib import aclosing
from uuid import UUID

import aiohttp
import psycopg

from benchmarks.report import Report, percentile
from benchmarks.stack import Started, stack
from local_stack.settings import Settings
from orderbase import Address, AsyncOrderbase, FeedEvent

_ORDERS = 60
_ADDRESS = Address(
    name="Bench", line1="1 Example Street", city="Berlin", postal_code="10115", country="DE"
)


class Watcher:
    """Notes when each event of the feed arrived."""

    def __init__(self) -> None:
        self.arrivals: dict[str, float] = {}
        self._completed: dict[UUID, asyncio.Event] = {}

    async def follow(self, client: AsyncOrderbase, after: str) -> None:
        """Until cancelled."""
        async with aclosing(client.orders.watch(after=after)) as events:
            async for event in events:
                self._note(event)

    def _note(self, event: FeedEvent) -> None:
        self.arrivals[f"{event.order_id}{event.version}"] = time.time()
        if event.status == "completed":
            self.completion(event.order_id).set()

    def completion(self, order_id: UUID) -> asyncio.Event:
        """Set when the order's last event has arrived."""
        return self._completed.setdefault(order_id, asyncio.Event())


async def measure(started: Started, report: Report) -> None:
    """Place orders one after the other, each to its end."""
    settings = started.settings
    watcher = Watcher()
    url, key = settings.api_url, settings.keys.publishable_key
    async with AsyncOrderbase(url, key) as client:
        await client.auth.sign_up(
            email=f"{uuid.uuid4().hex}@example.com", password=uuid.uuid4().hex
        )
        position = await client.orders.position()
        following = asyncio.create_task(watcher.follow(client, position))
        products = [
            entry.id for entry in await client.products.list(limit=24) if entry.available > 3
        ]
        calls, completed = [], []
        for number in range(_ORDERS):
            begun = time.perf_counter()
            order = await client.orders.place(
                {products[number % len(products)]: 1},
                shipping_address=_ADDRESS,
                payment_method="pm_card_visa",
            )
            calls.append((time.perf_counter() - begun) * 1000)
            await asyncio.wait_for(watcher.completion(order.id).wait(), 30)
            completed.append((time.perf_counter() - begun) * 1000)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    live = [
        (watcher.arrivals[name] - committed) * 1000
        for name, committed in (await committed_at(settings)).items()
        if name in watcher.arrivals
    ]
    report.add("bare call through the gateway, p50", await bare_call(settings), "ms")
    report.add("place an order, p50", percentile(calls, 50), "ms")
    report.add(
        "order placed → completed, seen by the SDK, p50", percentile(completed, 50), "ms", 1000
    )
    report.add("order placed → completed, seen by the SDK, p99", percentile(completed, 99), "ms")
    report.add("event written → live event in the SDK, p50", percentile(live, 50), "ms", 100)
    report.add("event written → live event in the SDK, p99", percentile(live, 99), "ms")


async def committed_at(settings: Settings) -> dict[str, float]:
    """When each event was written, just before its commit: Unix time by order and version."""
    query = "select order_id, version, extract(epoch from created_at)::float from order_events"
    async with await psycopg.AsyncConnection.connect(settings.database_url()) as connection:
        rows = await (await connection.execute(query)).fetchall()
    return {f"{order_id}{version}": at for order_id, version, at in rows}


async def bare_call(settings: Settings) -> float:
    """The median of reading one product by its id, in milliseconds."""
    url = f"{settings.api_url}/rest/v1/products?select=id&limit=1"
    times = []
    async with aiohttp.ClientSession(headers={"apikey": settings.keys.publishable_key}) as session:
        for _ in range(200):
            begun = time.perf_counter()
            async with session.get(url) as answer:
                await answer.read()
            times.append((time.perf_counter() - begun) * 1000)
    return percentile(times, 50)


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("The order line")
    with stack() as started:
        report.add("make up: nothing → healthy", started.up_seconds, "s", 6)
        asyncio.run(measure(started, report))
        report.add("make down", started.down(), "s", 3)
    report.show()
