"""Watching orders, while lines are cut and tokens change.

The timer is off in these tests: what arrives was hinted at, or found after a reconnect.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from time import time
from types import SimpleNamespace
from uuid import UUID

import pytest

from orderbase import AsyncOrderbase, AuthError, InvalidRequest, _session
from orderbase._feed import Position
from orderbase._realtime import Listener
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import (
    NEVER,
    PASSWORD,
    PATIENCE,
    Line,
    Watching,
    create_product,
    new_email,
    place,
)
from tests.sdk.worlds import World
from tests.waiting import until


@pytest.fixture
def product(world: World) -> UUID:
    return world.create_product(stock=1000)


@pytest.fixture
async def shop(open_shop: OpenShop, world: World) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a shopper: guests may place few orders."""
    async with open_shop(world) as shop:
        await shop.auth.sign_up(email=new_email(), password=PASSWORD)
        yield shop


async def test_each_event_arrives_once_and_in_order(shop: AsyncOrderbase, product: UUID) -> None:
    after = await shop.orders.position()
    async with Watching().of(shop, after) as watching:
        orders = await asyncio.gather(*(place(shop, product) for _ in range(20)))
        await watching.until_placed(*orders)
        positions = [Position.parse(event.position) for event in watching.events]
    assert positions == sorted(set(positions))
    for order in orders:
        versions = [event.version for event in watching.events if event.order_id == order.id]
        assert versions == list(range(1, len(versions) + 1))


async def test_another_shopper_hears_nothing(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    async with open_shop(world) as other:
        await other.auth.sign_in_as_guest()
        after = await other.orders.position()
        async with Watching().of(other, after) as watching:
            foreign = await place(shop, product)
            own = await place(other, product)
            await watching.until_placed(own)
    assert foreign.id not in {event.order_id for event in watching.events}


async def test_staff_hear_everything(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    async with open_shop(world) as back_office:
        await back_office.auth.sign_in(**world.staff)
        after = await back_office.orders.position()
        async with Watching().of(back_office, after) as watching:
            await watching.until_placed(await place(shop, product))


async def test_a_watch_outlives_its_connections(open_shop: OpenShop, stack: Stack) -> None:
    product = create_product(stack, stock=1000)
    line = Line(stack.environment["SUPABASE_URL"])
    async with (
        line.open() as url,
        open_shop(stack) as buyer,
        open_shop(stack, url) as watcher,
    ):
        email = new_email()
        await buyer.auth.sign_up(email=email, password=PASSWORD)
        await watcher.auth.sign_in(email=email, password=PASSWORD)
        async with Watching().of(watcher, await watcher.orders.position()) as watching:
            orders = []
            for _ in range(5):
                orders += [await place(buyer, product) for _ in range(3)]
                line.cut()
                orders += [await place(buyer, product) for _ in range(3)]
                await watching.until_placed(*orders)
    positions = [Position.parse(event.position) for event in watching.events]
    assert positions == sorted(set(positions))
    assert watching.placed() == {order.id for order in orders}


async def test_a_watch_goes_on_after_the_token_changes(shop: AsyncOrderbase, product: UUID) -> None:
    async with Watching().of(shop, await shop.orders.position()) as watching:
        await watching.until_placed(await place(shop, product))
        for _ in range(3):
            await shop.auth.token(rejected=await shop.auth.token())
            await watching.until_placed(await place(shop, product))


async def test_a_watch_ends_when_somebody_else_signs_in(
    shop: AsyncOrderbase, product: UUID
) -> None:
    async with aclosing(shop.orders.watch(after=await shop.orders.position())) as events:
        await place(shop, product)
        await anext(events)
        await shop.auth.sign_in_as_guest()
        for _ in range(2):
            with pytest.raises(AuthError) as end:
                await asyncio.wait_for(anext(events), PATIENCE)
            assert end.value.code == "user_changed"


async def test_who_signs_out_is_told_nothing_more(shop: AsyncOrderbase, product: UUID) -> None:
    async with aclosing(shop.orders.watch(after=await shop.orders.position())) as events:
        for _ in range(3):
            await place(shop, product)
        first = await anext(events)
        await shop.auth.sign_out()
        with pytest.raises(AuthError, match="Nobody is signed in any more") as end:
            await asyncio.wait_for(anext(events), PATIENCE)
        assert events.position == first.position  # the rest of the page was not told
    assert end.value.code == "sign_in_required"


async def test_a_watch_that_waits_ends_with_the_session(
    shop: AsyncOrderbase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear_nothing(_: Listener) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listener, "run", hear_nothing)
    watch = shop.orders.watch(poll_every=NEVER)
    async with watch as events:
        waiting = asyncio.ensure_future(anext(events))

        async def is_live() -> bool:
            return events.state == "live"

        await until(is_live)
        await shop.auth.sign_out()
        with pytest.raises(AuthError) as end:
            await asyncio.wait_for(waiting, PATIENCE)
    assert end.value.code == "sign_in_required"


async def test_a_later_process_continues_from_the_stored_position(
    shop: AsyncOrderbase, product: UUID
) -> None:
    after = await shop.orders.position()
    orders = [await place(shop, product) for _ in range(6)]
    seen: list[UUID] = []
    async with asyncio.timeout(PATIENCE):
        while len(seen) < len(orders):
            async with aclosing(shop.orders.watch(after=after)) as events:
                event = await anext(events)
            after = event.position
            if event.type == "order.placed":
                seen.append(event.order_id)
    assert seen == [order.id for order in orders]


async def test_watching_one_order_begins_with_its_first_event(
    shop: AsyncOrderbase, product: UUID
) -> None:
    before, order, _ = [await place(shop, product) for _ in range(3)]
    async with asyncio.timeout(PATIENCE), aclosing(shop.orders.watch(order_id=order.id)) as events:
        first = await anext(events)
    assert before.id != first.order_id == order.id
    assert (first.type, first.version) == ("order.placed", 1)


async def test_without_realtime_the_timer_keeps_the_feed_going(
    open_shop: OpenShop, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear_nothing(_: Listener) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listener, "run", hear_nothing)
    product = create_product(stack, stock=1)
    async with open_shop(stack) as shop:
        await shop.auth.sign_in_as_guest()
        after = await shop.orders.position()
        async with aclosing(shop.orders.watch(after=after, poll_every=0.1)) as events:
            order = await place(shop, product)
            async with asyncio.timeout(PATIENCE):
                assert (await anext(events)).order_id == order.id


@pytest.mark.parametrize(
    ("after", "code"), [("yesterday", "invalid_position"), ("999999999-1", "position_ahead")]
)
async def test_a_position_that_was_never_told_is_refused(
    shop: AsyncOrderbase, product: UUID, after: str, code: str
) -> None:
    await place(shop, product)
    with pytest.raises(InvalidRequest) as refusal:
        await anext(shop.orders.watch(after=after))
    assert refusal.value.code == code


async def test_a_connection_that_died_in_silence_is_given_up(
    open_shop: OpenShop, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sleep of the machine: nobody hangs up, nothing comes any more, tokens are old."""
    product = create_product(stack, stock=2)
    line = Line(stack.environment["SUPABASE_URL"])
    states: list[str] = []
    async with (
        line.open() as url,
        open_shop(stack) as buyer,
        open_shop(stack, url, timeout=2.0) as watcher,
    ):
        email = new_email()
        await buyer.auth.sign_up(email=email, password=PASSWORD)
        await watcher.auth.sign_in(email=email, password=PASSWORD)
        watch = watcher.orders.watch(poll_every=0.1, on_state=states.append)
        async with asyncio.timeout(3 * PATIENCE), watch as events:
            first = await place(buyer, product)
            assert (await anext(events)).order_id == first.id
            token = await watcher.auth.token()
            line.freeze()
            monkeypatch.setattr(_session, "time", SimpleNamespace(time=lambda: time() + 86_400.0))
            second = await place(buyer, product)
            while (await anext(events)).order_id != second.id:
                pass
            assert await watcher.auth.token() != token
    assert ("stale", "live") in set(pairwise(states))
