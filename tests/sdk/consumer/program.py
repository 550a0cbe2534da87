"""A program of a user, as both type checkers should see it."""

from collections.abc import Awaitable, Coroutine
from typing import Any, assert_type
from uuid import UUID

from orderbase import (
    Address,
    AsyncOrderbase,
    AsyncSubscription,
    FeedEvent,
    Item,
    Money,
    Order,
    Orderbase,
    OrderDetails,
    OrderStatus,
    Product,
    Snapshot,
    Subscription,
    User,
)

HOME = Address(name="Ada", line1="Main St 1", city="Berlin", postal_code="10115", country="DE")


def blocks(shop: Orderbase, cup: UUID, password: str) -> None:
    assert_type(shop.auth.sign_in(email="a@example.com", password=password), User)
    assert_type(shop.auth.user, User | None)
    order = shop.orders.place({cup: 2}, shipping_address=HOME, payment_method="pm_card_visa")
    assert_type(order, Order)
    assert_type(order.total, Money)
    assert_type(order.status, OrderStatus)
    assert_type(shop.orders.list(limit=5, before=order), list[OrderDetails])
    assert_type(shop.orders.get(order.id).items[0].unit_price, Money)
    assert_type(shop.products.get("cup"), Product)
    assert_type(shop.products.get(product=cup).available, int)
    assert_type(shop.orders.snapshot(), Snapshot)
    with shop.orders.watch(after=shop.orders.position(), statuses={"paid"}) as events:
        for event in events:
            assert_type(event, FeedEvent)
    assert_type(shop.orders.on_change(print, types=["order.paid"]), Subscription)
    assert_type(shop.as_user("token"), Orderbase)


async def awaits(shop: AsyncOrderbase, cup: UUID) -> None:
    assert_type(await shop.auth.sign_in_as_guest(), User)
    placing: Coroutine[Any, Any, Order] = shop.orders.place(
        [Item(cup, 2)], shipping_address=HOME, payment_method="pm_card_visa"
    )
    order = await placing
    assert_type(order, Order)
    later: Awaitable[list[OrderDetails]] = shop.orders.list()
    await later
    async with shop.orders.watch(order_id=order.id, poll_every=1.0) as events:
        async for event in events:
            assert_type(event.status, OrderStatus)
    assert_type(await shop.orders.on_change(told), AsyncSubscription)


async def told(event: FeedEvent) -> None:
    assert_type(event.position, str)
