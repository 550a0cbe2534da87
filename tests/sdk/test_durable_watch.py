"""Nothing is missed: many writers, lost connections, a new token, and a restart of PostgreSQL.

ORDERBASE_WATCHED_ORDERS and ORDERBASE_WATCH_CUTS make the run longer.
"""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest

from local_stack.testing import running_stack
from orderbase import AsyncOrderbase, FeedEvent, OrderbaseError
from orderbase._feed import Position
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.elsewhere import IS_ELSEWHERE
from tests.sdk.live import ADDRESS, PASSWORD, Line, create_product, new_email
from tests.waiting import until

T = TypeVar("T")

ORDERS = int(os.environ.get("ORDERBASE_WATCHED_ORDERS", "150"))
CUTS = int(os.environ.get("ORDERBASE_WATCH_CUTS", "10"))
WRITERS = 5
PATIENCE = 60.0 + ORDERS


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack whose database may be killed."""
    if IS_ELSEWHERE:
        pytest.skip("kills PostgreSQL, which only the embedded stack lets it do")
    with running_stack(without=["functions"]) as settings:
        yield Stack(settings)


class Writers:
    """Shoppers who place orders and cancel each second one, and keep trying until it is done."""

    def __init__(self, product: UUID) -> None:
        self._product = product
        self._numbers = iter(range(ORDERS))
        self.placed = 0

    async def write(self, shop: AsyncOrderbase) -> None:
        for number in self._numbers:
            placing = partial(
                shop.orders.place,
                {self._product: 1},
                shipping_address=ADDRESS,
                payment_method="pm_card_visa",
                idempotency_key=uuid4(),
            )
            order = await persist(placing)
            self.placed += 1
            if number % 2:
                await persist(partial(shop.orders.cancel, order.id))


async def persist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until it is done."""
    while True:
        try:
            return await attempt()
        except OrderbaseError as error:
            if not error.may_pass:
                raise


async def disturb(writers: Writers, line: Line, watcher: AsyncOrderbase, stack: Stack) -> None:
    """Cut the line every so many orders, once with a new token, once with a dead database."""
    for number in range(CUTS):

        async def far_enough(number: int = number) -> bool:
            return writers.placed >= number * ORDERS // CUTS

        await until(far_enough, PATIENCE)
        line.cut()
        if number == CUTS // 3:
            await rotate_token(watcher)
        if number == CUTS // 2:
            kill_postgres(stack)


async def rotate_token(shop: AsyncOrderbase) -> None:
    before = await persist(shop.auth.token)

    async def renewed() -> bool:
        return await persist(partial(shop.auth.token, rejected=before)) != before

    await until(renewed, PATIENCE)


def kill_postgres(stack: Stack) -> None:
    """A backend that is killed takes all the others with it, and recovery follows."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


async def what_happened(stack: Stack, after: str) -> list[str]:
    """All positions, from the table."""
    xid, id_ = Position.parse(after)
    url = stack.environment["DATABASE_URL"]
    try:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            cursor = await connection.execute(
                "select xid || '-' || id from public.order_events"
                " where (xid, id) > (%s::text::xid8, %s) order by xid, id",
                (xid, id_),
            )
            return [str(row[0]) for row in await cursor.fetchall()]
    except psycopg.OperationalError:  # not up again
        return []


async def collect(events: AsyncIterator[FeedEvent], seen: list[FeedEvent]) -> None:
    async for event in events:
        seen.append(event)  # noqa: PERF401 - others look meanwhile


async def test_no_order_is_missed_and_none_is_told_twice(
    open_shop: OpenShop, own_stack: Stack
) -> None:
    environment = own_stack.environment
    line = Line(environment["SUPABASE_URL"])
    writers = Writers(create_product(own_stack, stock=ORDERS))
    seen: list[FeedEvent] = []
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(line.open())
        watcher = await stack.enter_async_context(open_shop(own_stack, url))
        await watcher.auth.sign_in(
            email=environment["DEMO_STAFF_EMAIL"], password=environment["DEMO_PASSWORD"]
        )
        shops = [await stack.enter_async_context(open_shop(own_stack)) for _ in range(WRITERS)]
        for shop in shops:
            await shop.auth.sign_up(email=new_email(), password=PASSWORD)
        start = await watcher.orders.position()
        watch = watcher.orders.watch(after=start, poll_every=1.0)
        collecting = asyncio.create_task(collect(watch, seen))
        await asyncio.gather(
            *(writers.write(shop) for shop in shops), disturb(writers, line, watcher, own_stack)
        )

        async def all_seen() -> bool:
            truth = await what_happened(own_stack, start)
            return len(truth) > ORDERS and len(seen) >= len(truth)

        await until(all_seen, PATIENCE)
        await watch.aclose()
        await collecting
    assert [event.position for event in seen] == await what_happened(own_stack, start)
    assert_each_order_counts_up(seen)


def assert_each_order_counts_up(seen: list[FeedEvent]) -> None:
    versions: dict[UUID, list[int]] = defaultdict(list)
    for event in seen:
        versions[event.order_id].append(event.version)
    assert len(versions) == ORDERS
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
