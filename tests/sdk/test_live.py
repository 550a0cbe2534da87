"""The client against a shop: the whole stack, and the fake."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    ConnectionFailed,
    IdempotencyMismatch,
    InvalidRequest,
    Item,
    Money,
    NotFound,
    Orderbase,
    OrderbaseError,
    OutOfStock,
    Request,
    Response,
    Transport,
)
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import ADDRESS, PASSWORD, create_product, new_email, place
from tests.sdk.worlds import World


@pytest.fixture
def product(world: World) -> UUID:
    return world.create_product(stock=1000)


@pytest.fixture
async def shop(open_shop: OpenShop, world: World) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a guest."""
    async with open_shop(world) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


async def test_everyone_browses(open_shop: OpenShop, world: World, product: UUID) -> None:
    async with open_shop(world) as shop:
        by_id = await shop.products.get(product)
        assert await shop.products.get(by_id.slug) == by_id
        assert (by_id.price, by_id.available) == (Money(1250, "EUR"), 1000)
        everything = await shop.products.list()
        assert [p.name for p in everything] == sorted(p.name for p in everything)
        first = await shop.products.list(limit=1)
        assert await shop.products.list(limit=2, after=first.next) == everything[1:3]
        assert by_id in await shop.products.list(search="cup", limit=1000)
        assert await shop.products.list(search="cup -cup & :* ' (") == []
        with pytest.raises(NotFound):
            await shop.products.get("there-is-no-such-product")


async def test_an_order_is_read_back_with_its_items(shop: AsyncOrderbase, product: UUID) -> None:
    placed = await place(shop, product, 3)
    assert placed.total == Money(3750, "EUR")
    assert placed.shipping_address == ADDRESS
    order = await shop.orders.get(placed.id)
    (item,) = order.items
    assert (item.name, item.quantity, item.total) == ("Cup", 3, placed.total)
    assert item.product is not None
    assert item.product.price == Money(1250, "EUR")
    assert (await shop.orders.events(placed.id))[0].type == "order.placed"


async def test_my_orders_come_newest_first_page_by_page(
    shop: AsyncOrderbase, product: UUID
) -> None:
    numbers = [(await place(shop, product)).number for _ in range(5)]
    first = await shop.orders.list(limit=2)
    second = await shop.orders.list(limit=2, after=first.next)
    third = await shop.orders.list(limit=2, after=second.next)
    assert [order.number for order in first + second + third] == numbers[::-1]
    assert third.next is None


async def test_nobody_reads_anothers_order(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place(shop, product)
    async with open_shop(world) as other:
        with pytest.raises(AuthError):
            await other.orders.get(order.id)
        await other.auth.sign_in_as_guest()
        assert await other.orders.list() == []
        for attempt in (
            other.orders.get(order.id),
            other.orders.cancel(order.id),
            other.orders.events(order.id),
        ):
            with pytest.raises(NotFound) as refusal:
                await attempt
            assert refusal.value.code == "order_not_found"
        with pytest.raises(NotFound):
            await anext(other.orders.watch(order_id=order.id))


async def test_staff_list_their_own_orders_and_open_all(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place(shop, product)
    async with open_shop(world) as back_office:
        staff = await back_office.auth.sign_in(**world.staff)
        assert staff.is_staff
        assert (await back_office.orders.get(order.id)).id == order.id
        assert order.id not in {mine.id for mine in await back_office.orders.list()}


async def test_the_same_key_is_the_same_order(shop: AsyncOrderbase, product: UUID) -> None:
    key = uuid4()

    async def again(quantity: int) -> UUID:
        order = await shop.orders.place(
            [Item(product, quantity)],
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            idempotency_key=key,
            email="ada@example.com",
        )
        return order.id

    ids = await asyncio.gather(*(again(1) for _ in range(10)))
    assert len(set(ids)) == 1
    with pytest.raises(IdempotencyMismatch) as refusal:
        await again(2)
    assert refusal.value.context == {"order_id": str(ids[0])}
    assert refusal.value.idempotency_key == key


class LosesAnswers:
    """Lets requests through and loses the first answer to each."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.lost: set[bytes] = set()

    async def send(self, request: Request) -> Response:
        response = await self.transport.send(request)
        if "/rpc/" in request.url and request.content not in self.lost:
            assert request.content is not None
            self.lost.add(request.content)
            raise ConnectionFailed("the line is dead")
        return response

    async def aclose(self) -> None:
        await self.transport.aclose()


async def test_a_lost_answer_does_not_order_twice(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    transport = LosesAnswers(world.transport())
    async with open_shop(world, transport=transport) as shop:
        await shop.auth.sign_in_as_guest()
        order = await place(shop, product)
        assert [mine.id for mine in await shop.orders.list()] == [order.id]
    assert len(transport.lost) == 1


async def test_too_little_stock_is_refused_by_product(world: World, shop: AsyncOrderbase) -> None:
    rare = world.create_product(stock=2)
    with pytest.raises(OutOfStock) as refusal:
        await place(shop, rare, 3)
    (short,) = refusal.value.products
    assert (short.product_id, short.name, short.requested, short.available) == (rare, "Cup", 3, 2)
    assert (await shop.products.get(rare)).available == 2
    assert await shop.orders.list() == []


REFUSED: list[tuple[dict[str, object], str, type[OrderbaseError]]] = [
    ({"items": []}, "empty_basket", InvalidRequest),
    ({"items": {uuid4(): 1}}, "unknown_product", InvalidRequest),
    ({"items": [Item("cup")]}, "invalid_item", InvalidRequest),
    ({"quantity": 0}, "invalid_quantity", InvalidRequest),
    ({"quantity": -1}, "invalid_quantity", InvalidRequest),
    ({"quantity": 1.5}, "invalid_quantity", InvalidRequest),
    ({"quantity": 10**30}, "invalid_quantity", InvalidRequest),
    ({"currency": "USD"}, "currency_mismatch", InvalidRequest),
    ({"expected_total": Money(1, "EUR")}, "price_changed", Conflict),
    ({"expected_total": Money(1250, "USD")}, "price_changed", Conflict),
    ({"payment_method": "card"}, "invalid_payment_method", InvalidRequest),
    ({"email": "nobody"}, "invalid_email", InvalidRequest),
    ({"email": None}, "email_required", InvalidRequest),
    ({"country": "Germany"}, "invalid_address", InvalidRequest),
]


@pytest.mark.parametrize(("change", "code", "kind"), REFUSED)
async def test_refusals_have_a_code_and_a_class(
    shop: AsyncOrderbase,
    product: UUID,
    change: dict[str, object],
    code: str,
    kind: type[OrderbaseError],
) -> None:
    arguments: dict[str, object] = {
        "items": [Item(product, change.get("quantity", 1))],  # type: ignore[arg-type]
        "shipping_address": ADDRESS.model_copy(update={"country": change.get("country", "DE")}),
        "payment_method": "pm_card_visa",
        "email": "ada@example.com",
    } | {name: value for name, value in change.items() if name not in ("quantity", "country")}
    with pytest.raises(kind) as refusal:
        await shop.orders.place(**arguments)  # type: ignore[arg-type]
    assert type(refusal.value) is kind
    assert refusal.value.code == code
    assert await shop.orders.list() == []


async def test_only_someone_who_is_signed_in_orders(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world) as shop:
        attempts = [place(shop, product), shop.orders.list(), shop.orders.position()]
        for attempt in attempts:
            with pytest.raises(AuthError):
                await attempt
        with pytest.raises(AuthError):
            await anext(shop.orders.watch(after="0-0"))


async def test_a_guest_keeps_orders_as_an_account(
    world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place(shop, product)
    email = new_email()
    account = await shop.auth.become_account(email=email, password=PASSWORD)
    assert (account.email, account.is_guest) == (email, False)
    await shop.auth.sign_out()
    with pytest.raises(AuthError) as refusal:
        await shop.auth.sign_in(email=email, password=f"{PASSWORD}?")
    assert refusal.value.code == "invalid_credentials"
    assert await shop.auth.sign_in(email=email, password=PASSWORD) == account
    assert [mine.id for mine in await shop.orders.list()] == [order.id]
    with pytest.raises(Conflict):
        await shop.auth.sign_up(email=email, password=PASSWORD)


async def test_two_shops_in_one_process_are_two_people(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world) as first, open_shop(world) as second:
        one = await first.auth.sign_up(email=new_email(), password=PASSWORD)
        two = await second.auth.sign_up(email=new_email(), password=PASSWORD)
        orders = await asyncio.gather(
            *(place(shop, product) for shop in (first, second) for _ in range(5))
        )
    assert [order.user_id for order in orders] == [one.id] * 5 + [two.id] * 5


async def test_cancelling_ends_in_a_cancelled_order_or_a_reason(
    shop: AsyncOrderbase, product: UUID
) -> None:
    order = await place(shop, product)
    outcomes = await asyncio.gather(
        *(shop.orders.cancel(order.id) for _ in range(3)), return_exceptions=True
    )
    refused = [error for error in outcomes if isinstance(error, Conflict)]
    cancelled = [done for done in outcomes if not isinstance(done, BaseException)]
    assert len(refused) + len(cancelled) == 3
    assert {error.code for error in refused} <= {"order_not_cancellable"}
    assert {done.ending or done.status for done in cancelled} <= {"cancelled"}
    assert not (refused and cancelled)  # the first to come decides


async def test_someone_signs_in_with_the_code_of_a_mail(open_shop: OpenShop, world: World) -> None:
    email = new_email()
    async with open_shop(world) as shop:
        with pytest.raises(NotFound):
            await shop.auth.send_code(email=email, create_account=False)
        await shop.auth.send_code(email=email)
        code = await world.code_mailed_to(email)
        with pytest.raises(AuthError) as refusal:
            await shop.auth.sign_in_with_code(email=email, code=f"{(int(code) + 1) % 10**6:06}")
        assert refusal.value.code == "otp_expired"
        user = await shop.auth.sign_in_with_code(email=email, code=code)
        assert (user.email, user.is_guest) == (email, False)
        assert await shop.orders.list() == []


async def test_a_web_server_calls_as_each_of_its_users(
    open_shop: OpenShop, world: World, product: UUID
) -> None:
    async with open_shop(world) as server, open_shop(world) as browser:
        user = await browser.auth.sign_up(email=new_email(), password=PASSWORD)
        token = await browser.auth.token()
        assert token is not None
        shop = server.as_user(token)
        assert shop.auth.user == user
        order = await place(shop, product)
        assert [mine.id for mine in await browser.orders.list()] == [order.id]
        with pytest.raises(AuthError):
            await server.orders.list()


async def test_the_official_client_calls_as_the_same_user(stack: Stack) -> None:
    product = create_product(stack, stock=1)
    url, key = stack.environment["SUPABASE_URL"], stack.environment["SUPABASE_PUBLISHABLE_KEY"]
    async with AsyncOrderbase(url, key) as shop:
        await shop.auth.sign_in_as_guest()
        order = await place(shop, product)
        found = await shop.supabase.table("orders").select("id").execute()
        assert found.data == [{"id": str(order.id)}]


def test_the_official_client_blocks_too(stack: Stack) -> None:
    url, key = stack.environment["SUPABASE_URL"], stack.environment["SUPABASE_PUBLISHABLE_KEY"]
    with Orderbase(url, key) as shop:
        user = shop.auth.sign_in_as_guest()
        found = shop.supabase.table("profiles").select("user_id").execute()
        assert found.data == [{"user_id": str(user.id)}]
