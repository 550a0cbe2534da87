"""Lists of orders and products: filters, orders, pages, against the whole stack."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from orderbase import AsyncOrderbase, InvalidRequest, Money, Page, Product
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import create_product, place


@pytest.fixture(scope="module")
def product(stack: Stack) -> UUID:
    return create_product(stack, stock=1000)


@pytest.fixture
async def shop(open_shop: OpenShop, stack: Stack) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a guest."""
    async with open_shop(stack) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


async def test_orders_are_found_by_what_they_are(shop: AsyncOrderbase, product: UUID) -> None:
    small, middle, large = [await place(shop, product, quantity) for quantity in (1, 2, 4)]

    async def found(**wanted: object) -> list[int]:
        page = await shop.orders.list(**wanted)  # type: ignore[arg-type]
        assert page.next is None
        return [order.number for order in page]

    everything = [large.number, middle.number, small.number]
    assert await found() == everything
    assert await found(order_by="oldest") == everything[::-1]
    assert await found(order_by="dearest") == everything
    assert await found(number=middle.number) == [middle.number]
    assert await found(order_ids=[small.id, str(large.id), uuid4()]) == [large.number, small.number]
    assert await found(order_ids=[]) == []
    assert await found(order_ids=[small.id.hex, *(uuid4() for _ in range(199))]) == [small.number]
    for prefix in (str(middle.id)[:13], middle.id.hex[:12].upper(), str(middle.id)):
        assert await found(id_prefix=prefix) == [middle.number]
    assert await found(id_prefix=f"{middle.id.hex[:31]}{'10'[middle.id.hex[31] == '1']}") == []
    assert await found(statuses=["cancelled"]) == []
    assert await found(statuses={small.status, "paid", "shipped", "completed"}) == everything
    assert await found(placed_since=middle.created_at) == everything[:2]
    assert await found(placed_before=middle.created_at) == [small.number]
    assert (
        await found(placed_before=middle.created_at + timedelta(microseconds=1)) == everything[1:]
    )
    assert await found(currency="EUR") == everything
    assert await found(currency="USD") == []
    assert await found(total_at_least=middle.total) == everything[:2]
    assert await found(total_at_most=middle.total) == everything[1:]
    assert await found(total_at_least=middle.total, total_at_most=middle.total) == [middle.number]
    assert await found(total_at_least=Money(1, "USD")) == []
    assert await found(statuses=None, number=None) == everything


async def test_a_filter_that_makes_no_sense_is_refused(shop: AsyncOrderbase) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    wrong: list[tuple[dict[str, object], str]] = [
        ({"placed_since": naive}, "invalid_placed_since"),
        ({"placed_before": naive}, "invalid_placed_before"),
        ({"id_prefix": ""}, "invalid_id_prefix"),
        ({"id_prefix": "3f_"}, "invalid_id_prefix"),
        ({"id_prefix": "0" * 33}, "invalid_id_prefix"),
        ({"order_by": "prettiest"}, "invalid_order_by"),
        ({"limit": 0}, "invalid_limit"),
        ({"limit": 1001}, "invalid_limit"),
        ({"after": "?"}, "invalid_cursor"),
        ({"statuses": ["eaten"]}, "invalid_statuses"),
        ({"order_ids": ["7"]}, "invalid_order_ids"),
        ({"order_ids": [uuid4() for _ in range(201)]}, "invalid_order_ids"),
        ({"placed_since": datetime.now(UTC).date()}, "invalid_placed_since"),
    ]
    for options, code in wrong:
        with pytest.raises(InvalidRequest) as refusal:
            await shop.orders.list(**options)  # type: ignore[arg-type]
        assert refusal.value.code == code
    for unknown in ("status", "user_id"):
        with pytest.raises(TypeError, match=unknown):
            await shop.orders.list(**{unknown: "paid"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        await shop.orders.list(limit=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("order_by", ["newest", "oldest", "dearest"])
async def test_pages_of_orders_join_without_a_gap(
    shop: AsyncOrderbase, product: UUID, order_by: str
) -> None:
    for quantity in (2, 1, 2, 1, 3):
        await place(shop, product, quantity)
    everything = [order.id for order in await shop.orders.list(order_by=order_by)]  # type: ignore[arg-type]
    for size in (1, 2, 5):
        page = await shop.orders.list(limit=size, order_by=order_by)  # type: ignore[arg-type]
        found = [order.id for order in page]
        while page.next is not None:
            page = await shop.orders.list(limit=size, order_by=order_by, after=page.next)  # type: ignore[arg-type]
            assert page
            found += [order.id for order in page]
        assert found == everything
    assert [order.id async for order in shop.orders.each(order_by=order_by)] == everything  # type: ignore[arg-type]


async def test_what_is_placed_meanwhile_moves_no_page(shop: AsyncOrderbase, product: UUID) -> None:
    first, second = await place(shop, product), await place(shop, product)
    page = await shop.orders.list(limit=1)
    await place(shop, product)
    following = await shop.orders.list(limit=1, after=page.next)
    assert [order.id for order in (*page, *following)] == [second.id, first.id]
    assert following.next is None


async def test_a_cursor_is_good_for_its_own_list_alone(shop: AsyncOrderbase, product: UUID) -> None:
    for _ in range(2):
        await place(shop, product)
    after = (await shop.orders.list(limit=1)).next
    assert after is not None
    assert await shop.orders.list(after=after, currency="USD") == []
    for attempt in (
        shop.orders.list(after=after, order_by="oldest"),
        shop.products.list(after=after),
        shop.orders.list(after=after[:-4]),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == "invalid_cursor"


@pytest.fixture(scope="module")
def teapots(stack: Stack) -> str:
    """A word that some products of different prices have in common."""
    word = f"teapot{uuid4().hex}"
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        for number, (price, currency, stock) in enumerate(
            [(300, "EUR", 1), (100, "EUR", 0), (200, "EUR", 5), (200, "USD", 1)]
        ):
            row = connection.execute(
                "insert into products (slug, name, price, currency, created_at)"
                " values (%s, %s, %s, %s, %s) returning id",
                (
                    f"{word}-{number}",
                    f'{word} "{"abca"[number]}", (fine)',
                    price,
                    currency,
                    datetime.now(UTC) + timedelta(seconds=number),
                ),
            ).fetchone()
            assert row is not None
            if stock:
                connection.execute(
                    "insert into stock_movements (product_id, kind, on_hand_change,"
                    " reserved_change) values (%s, 'received', %s, 0)",
                    (row[0], stock),
                )
    return word


async def test_products_are_found_by_price_and_stock(
    open_shop: OpenShop, stack: Stack, teapots: str
) -> None:
    async with open_shop(stack) as shop:

        async def found(**wanted: object) -> list[int]:
            page: Page[Product] = await shop.products.list(search=teapots, **wanted)  # type: ignore[arg-type]
            assert page.next is None
            return [int(product.slug[-1]) for product in page]

        assert sorted((await found())[:2]) == [0, 3]  # they have the same name
        assert (await found())[2:] == [1, 2]
        assert await found(order_by="newest") == [3, 2, 1, 0]
        assert await found(order_by="cheapest") == [1, 2, 0, 3]
        assert await found(order_by="dearest") == [0, 2, 1, 3]
        assert await found(order_by="cheapest", in_stock=True) == [2, 0, 3]
        assert await found(order_by="newest", price_at_least=Money(200, "EUR")) == [2, 0]
        assert await found(order_by="newest", price_at_most=Money(200, "EUR")) == [2, 1]
        assert await found(price_at_most=Money(200, "USD")) == [3]


@pytest.mark.parametrize("order_by", ["name", "cheapest", "dearest", "newest"])
async def test_pages_of_products_join_without_a_gap(
    open_shop: OpenShop, stack: Stack, teapots: str, order_by: str
) -> None:
    async with open_shop(stack) as shop:
        wanted = {"search": teapots, "order_by": order_by}
        everything = await shop.products.list(**wanted)  # type: ignore[arg-type]
        page = await shop.products.list(limit=1, **wanted)  # type: ignore[arg-type]
        found = list(page)
        while page.next is not None:
            page = await shop.products.list(limit=1, after=page.next, **wanted)  # type: ignore[arg-type]
            found += page
        assert found == everything
        assert [one async for one in shop.products.each(**wanted)] == everything  # type: ignore[arg-type]
