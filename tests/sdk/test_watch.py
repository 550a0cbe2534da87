"""Watching, on both clients, over a feed that a test controls."""

import asyncio
import gc
import math
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from uuid import UUID

import httpx
import pytest

from orderbase import (
    AsyncOrderbase,
    FeedEvent,
    InvalidRequest,
    PermissionDenied,
    Request,
    Response,
    Snapshot,
    WatchOptions,
)
from orderbase._feed import PAGE_ROWS
from orderbase._realtime import Listener
from tests.sdk.conftest import OpenShop
from tests.sdk.feed_server import ORDERS, USERS, FeedServer
from tests.sdk.server import HandlerTransport
from tests.waiting import until

SOON = 10.0
START = "0-0"
POLL = 0.01


@pytest.fixture(autouse=True)
def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is heard: the feed is read by the timer."""

    async def hear_nothing(_: Listener) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Listener, "run", hear_nothing)


async def take(events: AsyncIterator[FeedEvent], count: int) -> list[str]:
    """The positions of the next events."""
    async with asyncio.timeout(SOON):
        return [(await anext(events)).position for _ in range(count)]


def places(*numbers: int) -> list[str]:
    return [f"{number}-{number}" for number in numbers]


async def test_what_was_and_what_comes_is_told_once_and_in_order(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(2)
    async with shop_over(server) as shop, shop.orders.watch(after=START, poll_every=POLL) as events:
        assert await take(events, 2) == places(1, 2)
        server.happen(2)
        assert await take(events, 2) == places(3, 4)


async def test_a_watch_begins_when_it_is_entered(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(2)
    async with shop_over(server) as shop, shop.orders.watch(poll_every=POLL) as events:
        server.happen(1)
        assert await take(events, 1) == places(3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"statuses": {"paid"}}, [2, 5]),
        ({"types": ["order.placed"]}, [1, 4]),
        ({"order_id": ORDERS[1]}, [4, 5, 6]),
        ({"user_id": UUID(USERS[1])}, [4, 5, 6]),
        ({"order_id": ORDERS[0], "statuses": ["shipped", "placed"]}, [1, 3]),
        ({"statuses": set()}, []),
    ],
)
async def test_only_what_is_wanted_is_told(
    shop_over: OpenShop, options: WatchOptions, told: list[int]
) -> None:
    server = FeedServer()
    for order in range(2):
        for kind, status in (("placed", "placed"), ("paid", "paid"), ("shipped", "shipped")):
            server.happen(order=order, kind=f"order.{kind}", status=status)
    asked: WatchOptions = {"after": START, "poll_every": POLL, **options}
    async with shop_over(server) as shop, shop.orders.watch(**asked) as events:
        assert await take(events, len(told)) == places(*told)


async def test_the_position_says_where_to_go_on(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(3)
    server.happen(2, kind="order.shipped", status="shipped")
    async with shop_over(server) as shop:
        async with shop.orders.watch(after=START, poll_every=POLL, types=["order.paid"]) as events:
            assert events.position == START
            await take(events, 2)
            assert events.position == "2-2"
            await take(events, 1)
            assert events.position == "3-3"  # the rest was not asked for yet
            asked = asyncio.ensure_future(anext(events))

            async def dealt_with() -> bool:
                return events.position == "5-5"  # not wanted

            await until(dealt_with)
        with suppress(StopAsyncIteration):
            await asked
        server.happen(1)
        async with shop.orders.watch(after="5-5", poll_every=POLL) as events:
            assert await take(events, 1) == places(6)


async def test_a_snapshot_and_its_watch_leave_nothing_out(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(2, order=1)
    async with shop_over(server) as shop:
        snapshot = await shop.orders.snapshot()
        assert snapshot.position == "3-0"
        assert [(str(order.id), order.version) for order in snapshot.orders] == [(ORDERS[1], 2)]
        server.happen(1, order=1)
        server.happen(1, order=2)
        async with shop.orders.watch(after=snapshot, poll_every=POLL) as events:
            assert await take(events, 2) == places(3, 4)


async def test_what_a_snapshot_has_is_not_told_again(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(1, order=1)
    async with shop_over(server) as shop:
        early = await shop.orders.position()
        server.happen(1, order=1)  # between the position and the orders
        snapshot = await shop.orders.snapshot()
        torn = type(snapshot)(early, snapshot.orders)
        server.happen(1, order=1)
        async with shop.orders.watch(after=torn, poll_every=POLL) as events:
            assert await take(events, 1) == places(3)


async def test_a_slow_consumer_is_not_read_ahead_for(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(3 * PAGE_ROWS)
    async with shop_over(server) as shop, shop.orders.watch(after=START) as events:
        await take(events, PAGE_ROWS)
        assert server.reads == [START]
        await take(events, 1)
        assert len(server.reads) == 2


async def test_an_event_that_was_awaited_in_vain_comes_next_time(shop_over: OpenShop) -> None:
    server = FeedServer()
    async with shop_over(server) as shop, shop.orders.watch(after=START, poll_every=POLL) as events:
        for _ in range(3):
            if not hasattr(events, "blocking"):  # a thread cannot be told to stop waiting
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(events), 0.05)
        server.happen(3)
        assert await take(events, 3) == places(1, 2, 3)


async def test_closing_ends_the_iteration_of_who_waits(shop_over: OpenShop) -> None:
    server = FeedServer()
    async with shop_over(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL)
        waiting = asyncio.ensure_future(anext(events))

        async def has_read() -> int:
            return len(server.reads)

        await until(has_read)
        await events.aclose()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, SOON)
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_it_says_stale_while_nobody_can_know(shop_over: OpenShop) -> None:
    server = FeedServer()
    states: list[str] = []
    async with shop_over(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL, on_state=states.append)
        seen: list[str] = [events.state]
        server.happen(1)
        await take(events, 1)
        seen.append(events.state)
        server.troubles = [
            httpx.ConnectError("gone"),
            httpx.Response(503, json={}),
            httpx.Response(500, json={"code": "57014", "message": "statement timeout"}),
            httpx.Response(400, json={"code": "", "message": ""}),
        ]
        server.happen(1)
        assert await take(events, 1) == places(2)
        await events.aclose()
    assert seen == ["starting", "live"]
    assert states == ["live", "stale", "live"]


async def test_it_is_not_live_before_it_has_caught_up(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(PAGE_ROWS + 1)
    async with shop_over(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL)
        await take(events, 1)
        behind = events.state
        await take(events, PAGE_ROWS)
        assert (behind, events.state) == ("starting", "live")
        await events.aclose()


async def test_whose_watch_has_failed_is_not_live() -> None:
    server = FeedServer()
    server.happen(1)
    async with _async_shop(server) as shop:
        subscription = await shop.orders.on_change(_noting([]), after=START, poll_every=POLL)
        server.troubles = [httpx.Response(403, json={"message": "No."})]
        with pytest.raises(PermissionDenied):
            await asyncio.wait_for(subscription.wait(), SOON)
        assert subscription.state == "stale"


async def test_a_watch_that_is_closed_while_it_starts_reads_nothing() -> None:
    server = FeedServer()
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(HandlerTransport):
        async def send(self, request: Request) -> Response:
            asked.set()
            await answer.wait()
            return await super().send(request)

    async with AsyncOrderbase("http://shop.test", "key", transport=Slow(server)) as shop:
        events = shop.orders.watch(poll_every=POLL)
        waiting = asyncio.create_task(anext(events, None))
        await asyncio.wait_for(asked.wait(), SOON)
        await events.aclose()
        answer.set()
        assert await asyncio.wait_for(waiting, SOON) is None
    assert server.reads == []


async def test_a_callback_that_meets_a_cancelled_task_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def give_up(_: FeedEvent) -> None:
        raise asyncio.CancelledError

    server = FeedServer()
    server.happen(1)
    async with _async_shop(server) as shop:
        subscription = await shop.orders.on_change(give_up, after=START, poll_every=POLL)
        with pytest.raises(RuntimeError, match="cancelled"):
            await asyncio.wait_for(subscription.wait(), SOON)
    assert "subscription" in caplog.text


async def test_a_refusal_ends_the_watch(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.troubles = [httpx.Response(403, json={"message": "No."})]
    async with shop_over(server) as shop, shop.orders.watch(after=START) as events:
        with pytest.raises(PermissionDenied):
            await take(events, 1)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"order_id": "seven"}, "invalid_order_id"),
        ({"user_id": "ada"}, "invalid_user_id"),
        ({"after": "yesterday"}, "invalid_position"),
        ({"statuses": {"eaten"}}, "invalid_statuses"),
        ({"statuses": "paid"}, "invalid_statuses"),
        ({"types": "order.paid"}, "invalid_types"),
        ({"types": {"order.payed"}}, "unknown_event_type"),
        ({"types": ["order.paid", "image.processed"]}, "unknown_event_type"),
        ({"poll_every": 0}, "invalid_poll_every"),
        ({"poll_every": math.nan}, "invalid_poll_every"),
        ({"after": "9-1"}, "position_ahead"),
        ({"after": Snapshot("9-0", ())}, "position_ahead"),
    ],
)
async def test_nonsense_is_refused(shop_over: OpenShop, options: WatchOptions, code: str) -> None:
    async with shop_over(FeedServer()) as shop:
        with pytest.raises(InvalidRequest) as refusal:
            await take(shop.orders.watch(**options), 1)
    assert refusal.value.code == code


async def test_a_shop_that_was_restored_ends_the_watch(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(3)
    async with shop_over(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL)
        await take(events, 3)
        server.troubles = [httpx.ConnectError("gone")]
        del server.events[1:]
        with pytest.raises(InvalidRequest) as refusal:
            await take(events, 1)
        await events.aclose()
    assert refusal.value.code == "position_ahead"
    assert events.position == "3-3"


async def test_who_closes_a_watch_is_told_nothing_more(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(3)
    async with shop_over(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL)
        await take(events, 1)
        await events.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert events.position == "1-1"


async def test_a_type_that_only_a_newer_shop_knows_is_told(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(1, kind="order.gift_wrapped")
    async with shop_over(server) as shop, shop.orders.watch(after=START) as events:
        async with asyncio.timeout(SOON):
            assert (await anext(events)).type == "order.gift_wrapped"


async def test_a_callback_hears_of_everything_from_the_call_on(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.happen(1)
    told: list[str] = []

    async def all_told() -> bool:
        return len(told) == 3

    async with shop_over(server) as shop:
        subscription = await shop.orders.on_change(_noting(told), poll_every=POLL)
        server.happen(3)
        await until(all_told)
        assert told == places(2, 3, 4)
        assert subscription.position == "4-4"
        await subscription.aclose()
        await subscription.wait()
        server.happen(1)
    assert told == places(2, 3, 4)


def _noting(told: list[str]) -> Callable[[FeedEvent], None]:
    def note(event: FeedEvent) -> None:
        told.append(event.position)

    return note


async def test_a_callback_that_fails_ends_its_subscription(
    shop_over: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    server = FeedServer()
    server.happen(2)
    told: list[str] = []

    def fail(event: FeedEvent) -> None:
        told.append(event.position)
        raise LookupError("a bug")

    async with shop_over(server) as shop:
        subscription = await shop.orders.on_change(fail, after=START, poll_every=POLL)
        with pytest.raises(LookupError, match="a bug"):
            await asyncio.wait_for(subscription.wait(), SOON)
    assert told == places(1)
    assert "subscription" in caplog.text


async def test_a_subscription_ends_with_a_refusal(shop_over: OpenShop) -> None:
    server = FeedServer()
    server.troubles = [httpx.Response(403, json={"message": "No."})]
    async with shop_over(server) as shop:
        subscription = await shop.orders.on_change(_noting([]), after=START)
        with pytest.raises(PermissionDenied):
            await asyncio.wait_for(subscription.wait(), SOON)


async def test_a_callback_may_be_awaited() -> None:
    server = FeedServer()
    server.happen(3)
    told: list[str] = []

    async def note(event: FeedEvent) -> None:
        await asyncio.sleep(0)
        told.append(event.position)

    async def all_told() -> bool:
        return len(told) == 3

    async with _async_shop(server) as shop:
        subscription = await shop.orders.on_change(note, after=START, poll_every=POLL)
        async with subscription:
            await until(all_told)
    assert told == places(1, 2, 3)


async def test_a_watch_that_is_dropped_leaves_nothing_running() -> None:
    server = FeedServer()
    server.happen(1)
    before = asyncio.all_tasks()
    async with _async_shop(server) as shop:
        events = shop.orders.watch(after=START, poll_every=POLL)
        await take(events, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)
        assert asyncio.all_tasks() - before
        del events
        gc.collect()

        async def quiet() -> bool:
            return asyncio.all_tasks() <= before

        await until(quiet)


def _async_shop(server: FeedServer) -> AsyncOrderbase:
    return AsyncOrderbase("http://shop.test", "key", transport=HandlerTransport(server))
