"""What the fake shop can do beyond what a shop does: faults, the clock, and moves by hand."""

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import orderbase.testing
from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    ConnectionFailed,
    Money,
    NotFound,
    Order,
    OutOfStock,
    Product,
    RateLimited,
    Request,
    ServerError,
    TimedOut,
)
from orderbase.testing import FakeShop
from orderbase.testing._rest import ARGUMENTS
from tests.sdk.live import ADDRESS, NEVER, PASSWORD, PATIENCE

WATCHING = """
from orderbase.testing import FakeShop
with FakeShop().client() as shop:
    shop.auth.sign_in_as_guest()
    with shop.orders.watch():
        pass
"""
SOURCE = Path(__file__).parents[2] / "client_sdk" / "src"


@pytest.fixture
def fake() -> FakeShop:
    return FakeShop()


@pytest.fixture
def cup(fake: FakeShop) -> Product:
    return fake.add_product(name="Cup", slug="cup", price=Money(1250, "EUR"), stock=10)


async def place(shop: AsyncOrderbase, cup: Product, card: str = "pm_card_visa") -> Order:
    if shop.auth.user is None:
        await shop.auth.sign_in_as_guest()
    return await shop.orders.place(
        {cup.id: 2}, shipping_address=ADDRESS, payment_method=card, email="ada@example.com"
    )


def test_a_blocking_test_reads_like_a_program(fake: FakeShop, cup: Product) -> None:
    with fake.client() as shop:
        shop.auth.sign_in_as_guest()
        with shop.orders.watch(poll_every=NEVER) as events:
            order = shop.orders.place(
                {cup.id: 2},
                shipping_address=ADDRESS,
                payment_method="pm_card_visa",
                email="ada@example.com",
                expected_total=cup.price * 2,
            )
            statuses = [next(events).status for _ in range(4)]
    assert statuses == ["placed", "paid", "shipped", "completed"]
    assert fake.order(order.id).status == "completed"
    assert fake.product(cup).inventory.on_hand == 8


async def test_a_watch_hears_at_once_what_the_test_does(fake: FakeShop, cup: Product) -> None:
    fake.settles = False
    async with fake.async_client() as shop:
        order = await place(shop, cup)
        watch = shop.orders.watch(order_id=order.id, poll_every=NEVER)
        async with asyncio.timeout(PATIENCE), watch as events:
            assert (await anext(events)).status == "placed"
            for move, status in (
                (fake.pay, "paid"),
                (fake.ship, "shipped"),
                (fake.complete, "completed"),
            ):
                waiting = asyncio.create_task(anext(events))
                await asyncio.sleep(0)
                assert move(order).status == status
                assert (await waiting).status in (status, "shipped")
            assert (await anext(events)).type == "order.completed"


def test_a_subscription_hears_what_another_thread_does(fake: FakeShop, cup: Product) -> None:
    fake.settles = False
    told: list[str] = []
    heard = threading.Event()

    def hear(event: orderbase.FeedEvent) -> None:
        told.append(event.status)
        heard.set()

    with fake.client() as shop:
        shop.auth.sign_up(email="ada@example.com", password=PASSWORD)
        order = shop.orders.place(
            {cup.id: 1}, shipping_address=ADDRESS, payment_method="pm_card_visa"
        )
        with shop.orders.on_change(hear, poll_every=NEVER):
            mover = threading.Thread(target=fake.pay, args=[order])
            mover.start()
            mover.join()
            assert heard.wait(PATIENCE)
    assert told == ["paid"]


async def test_orders_wait_for_the_test(fake: FakeShop, cup: Product) -> None:
    fake.settles = False
    async with fake.async_client() as shop:
        order = await place(shop, cup)
        assert fake.order(order).status == "placed"
        with pytest.raises(ValueError, match="is placed, not paid"):
            fake.ship(order)
        assert fake.fail_payment(order, code="expired_card").failure_code == "expired_card"
        with pytest.raises(ValueError, match="is payment_failed, not placed"):
            fake.pay(order)
        second = await place(shop, cup)
        assert fake.complete(second).status == "completed"
        third = await place(shop, cup)
        fake.pay(third)
        shipped = fake.ship(third, carrier="dhl", tracking_number="JD1")
        assert shipped.status == "shipped"
        fourth = await place(shop, cup)
        fake.settle()
        assert fake.order(fourth).status == "completed"
    assert fake.product(cup).inventory.on_hand == 10 - 3 * 2
    with pytest.raises(NotFound):
        fake.pay("00000000-0000-4000-8000-000000000001")


async def test_a_paid_order_is_cancelled_once_its_money_is_back(
    fake: FakeShop, cup: Product
) -> None:
    fake.settles = False
    async with fake.async_client() as shop:
        order = await place(shop, cup)
        fake.pay(order)
        cancelled = await shop.orders.cancel(order.id)
        assert (cancelled.status, cancelled.ending) == ("paid", "cancelled")
        fake.settle()
        types = [event.type for event in await shop.orders.events(order.id)]
    assert types[2:] == ["order.refund_due", "order.refund_completed", "order.cancelled"]
    assert fake.product(cup).available == 10


async def test_an_unpaid_order_is_cancelled_at_once(fake: FakeShop, cup: Product) -> None:
    fake.settles = False
    async with fake.async_client() as shop:
        order = await place(shop, cup)
        assert fake.product(cup).available == 8
        assert (await shop.orders.cancel(order.id)).status == "cancelled"
    assert fake.product(cup).available == 10


async def test_a_shopper_confirms_or_lets_time_pass(fake: FakeShop, cup: Product) -> None:
    async with fake.async_client() as shop:
        order = await place(shop, cup, "pm_card_authenticationRequired")
        assert fake.order(order).status == "placed"
        assert fake.pay(order).status == "completed"
        late = await place(shop, cup, "pm_card_authenticationRequired")
        fake.clock.advance(1801)
        fake.settle()
        assert fake.order(late).failure_code == "payment_expired"
        assert fake.order(late).status == "payment_failed"


async def test_staff_ship_and_deliver(fake: FakeShop, cup: Product) -> None:
    fake.settles = False
    fake.add_user(email="staff@example.com", password=PASSWORD, is_staff=True)
    with pytest.raises(ValueError, match="has an account"):
        fake.add_user(email="Staff@example.com", password=PASSWORD)
    async with fake.async_client() as shop, fake.async_client() as back_office:
        staff = await back_office.auth.sign_in(email="staff@example.com", password=PASSWORD)
        assert staff.is_staff
        order = await place(shop, cup)
        fake.pay(order)
        parcel = {"carrier": "dhl", "tracking_number": "JD1"}
        with pytest.raises(orderbase.PermissionDenied):
            await shop.staff.orders.ship(order.id, **parcel)
        for _ in range(2):
            shipped = await back_office.staff.orders.ship(order.id, **parcel)
            assert shipped.status == "shipped"
        assert (await back_office.staff.orders.deliver(order.id)).status == "completed"
        types = [event.type for event in await shop.orders.events(order.id)]
    assert types[2:] == ["order.shipped", "order.delivered", "order.completed"]


async def test_lines_are_cut_and_calls_repeated(fake: FakeShop, cup: Product) -> None:
    async with fake.async_client(retries=2) as shop:
        fake.fail_next(ConnectionFailed, times=2)
        assert await shop.products.list() == [cup]
        fake.fail_next(503)
        assert await shop.products.list() == [cup]
    async with fake.async_client(retries=0) as shop:
        for fault, kind in (
            (ConnectionFailed, ConnectionFailed),
            (503, ServerError),
            (500, ServerError),
            (RateLimited, RateLimited),
        ):
            fake.fail_next(fault)
            with pytest.raises(kind):
                await shop.products.list()
        assert await shop.products.list() == [cup]


async def test_a_server_says_when_to_come_again(fake: FakeShop) -> None:
    async with fake.async_client(retries=0) as shop:
        fake.fail_next(RateLimited, retry_after=7)
        with pytest.raises(RateLimited) as refusal:
            await shop.products.list()
    assert refusal.value.retry_after == 7


async def test_no_answer_comes_in_time(fake: FakeShop) -> None:
    async with fake.async_client(retries=0, timeout=0.01) as shop:
        fake.fail_next(TimedOut)
        with pytest.raises(TimedOut):
            await shop.products.list()


async def test_a_fault_waits_for_its_path(fake: FakeShop, cup: Product) -> None:
    async with fake.async_client(retries=0) as shop:
        fake.fail_next(ConnectionFailed, path="place_order")
        assert await shop.products.list() == [cup]
        with pytest.raises(ConnectionFailed):
            await place(shop, cup)
        assert await shop.orders.list() == []


@pytest.mark.parametrize("fault", [200, 600, NotFound])
def test_what_is_no_fault_is_refused(fake: FakeShop, fault: int) -> None:
    with pytest.raises(ValueError, match="does not know how to fail"):
        fake.fail_next(fault)


async def test_a_lost_answer_orders_once(fake: FakeShop, cup: Product) -> None:
    async with fake.async_client(retries=0) as shop:
        fake.lose_next_answer(path="place_order")
        with pytest.raises(ConnectionFailed) as lost:
            await place(shop, cup)
        (order,) = await shop.orders.list()
        again = await shop.orders.place(
            {cup.id: 2},
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            email="ada@example.com",
            idempotency_key=lost.value.idempotency_key,
        )
    assert again.id == order.id


async def test_expired_tokens_are_renewed_and_ended_sessions_are_not(
    fake: FakeShop, cup: Product
) -> None:
    async with fake.async_client() as shop:
        await place(shop, cup)
        first = await shop.auth.token()
        fake.expire_tokens()
        assert len(await shop.orders.list()) == 1
        second = await shop.auth.token()
        assert second != first
        fake.clock.advance(3600)
        assert len(await shop.orders.list()) == 1
        assert await shop.auth.token() != second
        fake.end_sessions()
        fake.expire_tokens()
        with pytest.raises(AuthError):
            await shop.orders.list()
        assert shop.auth.user is None


async def test_the_fake_tells_the_code_of_a_mail(fake: FakeShop) -> None:
    with pytest.raises(LookupError):
        fake.code_for("ada@example.com")
    async with fake.async_client() as shop:
        await shop.auth.send_code(email="ada@example.com")
        code = fake.code_for("ada@example.com")
        fake.clock.advance(3601)
        with pytest.raises(AuthError):
            await shop.auth.sign_in_with_code(email="ada@example.com", code=code)


async def test_time_ends_quotes_and_opens_limits(fake: FakeShop, cup: Product) -> None:
    fake.set_stock(cup, 100)
    async with fake.async_client(retries=0) as shop:
        for _ in range(10):
            await place(shop, cup)
        with pytest.raises(RateLimited):
            await place(shop, cup)
        quote = await shop.orders.quote({cup.id: 2}, country="DE")
        fake.clock.advance(3601)
        await place(shop, cup)
        with pytest.raises(Conflict) as refusal:
            await shop.orders.place(
                {cup.id: 2},
                shipping_address=ADDRESS,
                payment_method="pm_card_visa",
                email="ada@example.com",
                quote=quote,
            )
    assert refusal.value.code == "quote_expired"
    with pytest.raises(ValueError, match="never back"):
        fake.clock.advance(-1)


async def test_the_shelves_change(fake: FakeShop, cup: Product) -> None:
    async with fake.async_client() as shop:
        fake.set_stock(cup, 1)
        with pytest.raises(OutOfStock) as short:
            await place(shop, cup)
        assert [product.available for product in short.value.products] == [1]
        fake.set_price(cup, Money(999, "EUR"))
        assert (await shop.products.get("cup")).price == Money(999, "EUR")
        fake.take_off_sale(cup)
        with pytest.raises(NotFound):
            await shop.products.get(cup.id)
        assert fake.product(cup).price == Money(999, "EUR")


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "No Slug"},
        {"slug": "cup"},
        {"name": ""},
        {"stock": -1},
        {"price": Money(-1, "EUR")},
        {"prices": {"Germany": Money(1, "EUR")}},
    ],
)
def test_a_product_that_no_shop_takes(
    fake: FakeShop, cup: Product, wrong: dict[str, object]
) -> None:
    right: dict[str, object] = {"name": "Mug", "price": Money(1, "EUR")}
    with pytest.raises(ValueError):  # noqa: PT011 - says what
        fake.add_product(**(right | wrong))  # type: ignore[arg-type]


async def test_what_the_fake_does_not_know_is_no_success(fake: FakeShop, cup: Product) -> None:
    headers = {"authorization": f"Bearer {fake.secret_key}"}

    async def status(method: str, path: str, content: bytes | None = b"{}") -> int:
        line = fake.transport()
        return (await line.send(Request(method, fake.url + path, headers, content))).status

    for method, path in (
        ("GET", "/storage/v1/object/list"),
        ("POST", "/auth/v1/recover"),
        ("POST", "/auth/v1/token?grant_type=pkce"),
        ("GET", "/rest/v1/alarms"),
        ("POST", "/rest/v1/rpc/sales_report"),
        ("GET", "/rest/v1/rpc/place_order"),
        ("POST", "/rest/v1/rpc/order_feed?limit=1"),
        ("PATCH", "/rest/v1/products?id=eq.1"),
        ("GET", "/rest/v1/products?select=magic"),
        ("GET", "/rest/v1/products?select=price::numeric"),
        ("GET", "/rest/v1/products?select=emails(id)"),
        ("GET", "/rest/v1/products?magic=eq.1"),
        ("GET", "/rest/v1/products?name=adj.1"),
        ("GET", "/rest/v1/products?price=wfts(french).chat"),
    ):
        assert await status(method, path) == 501, path
    assert await status("POST", "/rest/v1/rpc/order_feed", b'{"before": "0-0"}') == 501
    for form in ({"accept": "application/vnd.pgrst.object+json"}, {"range": "0-1"}):
        headers |= form
        assert await status("GET", "/rest/v1/products") == 501
    async with fake.async_client(retries=0) as shop:
        with pytest.raises(ServerError, match="does not know what becomes of pm_card_refundFail"):
            await place(shop, cup, "pm_card_refundFail")
        assert await shop.orders.list() == []


async def test_requests_that_make_no_sense_are_refused(fake: FakeShop, cup: Product) -> None:
    async def status(method: str, path: str, content: bytes | None = None, key: str = "") -> int:
        line, headers = fake.transport(), {"authorization": f"Bearer {key or fake.key}"}
        return (await line.send(Request(method, fake.url + path, headers, content))).status

    assert await status("GET", "/rest/v1/products?price=eq.much") == 400
    assert await status("GET", "/rest/v1/products?price=much") == 400
    assert await status("GET", "/rest/v1/products?order=name.up") == 400
    assert await status("GET", "/rest/v1/products?or=name.eq.1") == 400
    assert await status("POST", "/auth/v1/signup", b"[") == 400
    assert await status("POST", "/auth/v1/signup", b"[]") == 400
    assert await status("GET", "/rest/v1/orders") == 401
    assert await status("POST", "/rest/v1/rpc/order_feed", b"{}") == 401
    for refused in (b'{"after": "never"}', b'{"max_rows": 0}', b'{"max_rows": 1001}'):
        assert await status("POST", "/rest/v1/rpc/order_feed", refused, fake.secret_key) == 422
    assert await status("POST", "/rest/v1/rpc/place_order", b"{}", fake.secret_key) == 401


@pytest.mark.parametrize("name", orderbase.testing.__all__)
def test_everything_public_is_explained(name: str) -> None:
    value: object = getattr(orderbase.testing, name)
    assert value.__doc__
    for member_name in dir(value):
        member = inspect.getattr_static(value, member_name)
        described: Callable[..., object] = getattr(member, "fget", None) or member
        ours = str(getattr(described, "__module__", "")).startswith("orderbase")
        if not member_name.startswith("_") and inspect.isfunction(described) and ours:
            assert described.__doc__, member_name


def test_each_verb_has_its_arguments(fake: FakeShop) -> None:
    assert set(ARGUMENTS) == set(fake._parts.verbs)


def test_all_is_sorted_and_complete() -> None:
    names = orderbase.testing.__all__
    assert names == sorted(names)
    public = {
        name
        for name, value in vars(orderbase.testing).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(names)


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import orderbase", {"orderbase.testing", "pytest"}),
        ("import orderbase.testing", {"pytest", "aiohttp", "httpx"}),
        (WATCHING, {"pytest", "httpx", "orderbase._realtime"}),
    ],
)
def test_nothing_is_imported_that_is_not_needed(program: str, absent: set[str]) -> None:
    code = f"{program}\nimport sys; print(*{absent!r} & set(sys.modules))"
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == ""
