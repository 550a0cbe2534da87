"""A program of a user, as both type checkers should see it."""

from collections.abc import Awaitable, Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, assert_type
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from orderbase import (
    Address,
    AsyncOrderbase,
    AsyncSubscription,
    ConnectionFailed,
    FeedEvent,
    Item,
    Money,
    Order,
    Orderbase,
    OrderDetails,
    OrderStatus,
    Page,
    Preferences,
    Product,
    Profile,
    Quote,
    SavedAddress,
    Snapshot,
    Subscription,
    User,
    schema,
    tables,
)
from orderbase.rows import Condition
from orderbase.staff import (
    Alarm,
    DeadLetter,
    JobRun,
    NewWebhookEndpoint,
    Refund,
    StaffProduct,
    StockMovement,
    UserAccount,
    WebhookDelivery,
)
from orderbase.testing import FakeShop

HOME = Address(name="Ada", line1="Main St 1", city="Berlin", postal_code="10115", country="DE")


def blocks(shop: Orderbase, cup: UUID, password: str) -> None:
    assert_type(shop.auth.sign_in(email="a@example.com", password=password), User)
    assert_type(shop.auth.user, User | None)
    order = shop.orders.place({cup: 2}, shipping_address=HOME, payment_method="pm_card_visa")
    assert_type(order, Order)
    assert_type(order.total, Money)
    assert_type(order.status, OrderStatus)
    page = shop.orders.list(limit=5, statuses={"paid"}, total_at_least=Money(1, "EUR"))
    assert_type(page, Page[OrderDetails])
    assert_type(page.next, str | None)
    assert_type(page[0].number, int)
    assert_type(shop.orders.list(after=page.next, order_by="dearest"), Page[OrderDetails])
    assert_type(shop.products.list(in_stock=True, order_by="cheapest"), Page[Product])
    for each in shop.orders.each(placed_since=datetime.now(UTC)):
        assert_type(each, OrderDetails)
    assert_type(shop.orders.get(order.id).total, Money)
    assert_type(shop.orders.get(order.id).items[0].unit_price, Money)
    assert_type(shop.products.get("cup"), Product)
    assert_type(shop.products.get(product=cup).available, int)
    assert_type(shop.products.get(cup, country="CH").price, Money)
    assert_type(
        [
            shop.products.image_url(one, width=800)
            for one in shop.products.get(cup, images=True).images
        ],
        list[str],
    )
    assert_type(shop.orders.quote({cup: 2}, country="DE"), Quote)
    assert_type(shop.account.profile(), Profile)
    assert_type(shop.account.update_preferences(newsletter=True), Preferences)
    assert_type(shop.account.addresses.add(HOME, label="Home").address, Address)
    assert_type(shop.account.addresses.list(), list[SavedAddress])
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
    assert_type(await shop.account.addresses.set_default(cup), SavedAddress)
    later: Awaitable[list[OrderDetails]] = shop.orders.list()
    await later
    async for product in shop.products.each(search="cup"):
        assert_type(product, Product)
    async with shop.orders.watch(order_id=order.id, poll_every=1.0) as events:
        async for event in events:
            assert_type(event.status, OrderStatus)
    assert_type(await shop.orders.on_change(told), AsyncSubscription)


class Line(BaseModel):
    quantity: int


class Receipt(BaseModel):
    number: int
    lines: list[Line] = Field(alias="order_items")


def reads_tables(shop: Orderbase, cup: UUID) -> None:
    orders = shop.rows(tables.Orders)
    paid = orders.where(tables.Orders.status == "paid", tables.Orders.total >= 1000)
    dear = paid.order_by(tables.Orders.total.descending(), tables.Orders.number).limit(10)
    assert_type(dear.all(), list[schema.PublicOrders])
    assert_type(dear.first(), schema.PublicOrders | None)
    assert_type(dear.one().status, schema.PublicOrderStatus)
    assert_type(dear.count(), int)
    assert_type(dear.page(after="x"), Page[schema.PublicOrders])
    assert_type(orders.shaped(Receipt).where(tables.Orders.id == cup).one().lines, list[Line])
    either = (tables.Orders.email.ilike("a%")) | ~tables.Orders.ending.in_(["cancelled"])
    assert_type(either, Condition[schema.PublicOrders])
    for receipt in orders.where(either).shaped(Receipt).each():
        assert_type(receipt, Receipt)
    addresses = shop.rows(tables.Addresses)
    (home,) = addresses.insert({"address": {"city": "Berlin"}})
    assert_type(home, schema.PublicAddresses)
    mine = addresses.where(tables.Addresses.id == home.id)
    assert_type(mine.update({"label": "home"}), list[schema.PublicAddresses])
    assert_type(mine.delete(), list[schema.PublicAddresses])
    assert_type(shop.verb("order_feed_head", {}, str, repeat=True), str)
    assert_type(shop.verb("a_list", {"order_id": cup}, list[Receipt]), list[Receipt])


async def awaits_tables(shop: AsyncOrderbase) -> None:
    query = shop.rows(tables.Products).where(tables.Products.created_at < datetime.now(UTC))
    assert_type(await query.all(), list[schema.PublicProducts])
    assert_type(await query.shaped(Receipt).first(), Receipt | None)
    async for row in query.each():
        assert_type(row.price, int)
    assert_type(await shop.verb("order_feed_head", {}, TypeAdapter[str](str)), str)


def operates(shop: Orderbase, day: date) -> None:
    letters = shop.staff.dead_letters.list(only_open=False)
    assert_type(letters, Page[DeadLetter])
    assert_type(letters[0].actions, tuple[Literal["retry", "give_up"], ...])
    assert_type(shop.staff.jobs.run("daily"), JobRun)
    created = shop.staff.webhooks.create("https://example.com/", event_types=["order.paid"])
    assert_type(created, NewWebhookEndpoint)
    secret = shop.staff.webhooks.rotate_secret(created.id, overlap=timedelta(hours=1))
    assert_type(secret, SecretStr)
    for delivery in shop.staff.webhooks.deliveries.each(created.id, status="failed"):
        assert_type(delivery, WebhookDelivery)
    assert_type(shop.staff.reports.sales(day, day)[0].gross, Money)
    assert_type(shop.staff.reports.sales(day, day)[0].best_sellers[0].total, Money)
    assert_type(shop.staff.reports.orders_by_status(), dict[OrderStatus, int])
    assert_type(shop.staff.experiments.results("a").arms[0].revenue, dict[str, Money])


async def awaits_operations(shop: AsyncOrderbase, delivery_id: int) -> None:
    async for alarm in shop.staff.alarms.each():
        assert_type(alarm, Alarm)
    redelivered = await shop.staff.webhooks.deliveries.redeliver(delivery_id)
    assert_type(redelivered.attempts, int)


def sells(shop: Orderbase, order: UUID, cup: UUID) -> None:
    staff = shop.staff
    assert_type(staff.orders.list(email="a@example.com", statuses={"paid"}), Page[OrderDetails])
    assert_type(staff.orders.ship(order, carrier="dhl", tracking_number="1"), Order)
    refund = staff.orders.refund(order, amount=Money(100, "EUR"), reason="A scratch")
    assert_type(refund, Refund)
    assert_type(refund.amount, Money)
    assert_type(staff.stock.receive(cup, 40), StockMovement)
    product = staff.products.get(cup)
    assert_type(staff.products.change(cup, version=product.version, active=False), StaffProduct)
    for user in staff.users.each(email_prefix="a"):
        assert_type(user, UserAccount)


async def sells_too(shop: AsyncOrderbase, cup: UUID) -> None:
    upload = await shop.staff.images.upload(cup, Path("cup.jpg"), alt="A cup")
    assert_type((await shop.staff.images.wait(upload.id)).explanation, str | None)


def fakes() -> None:
    fake = FakeShop(settles=False)
    cup = fake.add_product(price=Money(1250, "EUR"), prices={"US": Money(1500, "USD")})
    assert_type(cup, Product)
    with fake.client(retries=0) as shop:
        assert_type(shop, Orderbase)
    assert_type(fake.async_client(), AsyncOrderbase)
    assert_type(fake.pay(cup.id), OrderDetails)
    fake.fail_next(ConnectionFailed, times=2)
    fake.fail_next(503)


async def told(event: FeedEvent) -> None:
    assert_type(event.position, str)
