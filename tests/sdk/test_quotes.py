"""Quotes, on the whole stack and on the fake."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from orderbase import (
    AsyncOrderbase,
    AuthError,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    Money,
    Order,
    Quote,
)
from tests.conftest import Stack
from tests.sdk.conftest import OpenShop
from tests.sdk.live import ADDRESS, create_product
from tests.sdk.worlds import World


@pytest.fixture
def product(world: World) -> UUID:
    """Of the test's own: its price changes."""
    return world.create_product(stock=1000)


@pytest.fixture
async def shop(open_shop: OpenShop, world: World) -> AsyncIterator[AsyncOrderbase]:
    """A shop with a guest."""
    async with open_shop(world) as shop:
        await shop.auth.sign_in_as_guest()
        yield shop


def execute(stack: Stack, statement: str, *arguments: object) -> None:
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        connection.execute(statement.encode(), arguments)


async def place(
    shop: AsyncOrderbase, product: UUID, quote: Quote | str, quantity: int = 2, **changed: str
) -> Order:
    return await shop.orders.place(
        {product: quantity},
        shipping_address=ADDRESS.model_copy(update=changed),
        payment_method="pm_card_visa",
        email="ada@example.com",
        quote=quote,
    )


async def test_a_quote_says_what_it_will_cost(shop: AsyncOrderbase, product: UUID) -> None:
    quote = await shop.orders.quote({product: 2}, country="DE")
    (line,) = quote.lines
    assert (line.product_id, line.name, line.quantity) == (product, "Cup", 2)
    assert (line.unit_price, line.total) == (Money(1250, "EUR"), Money(2500, "EUR"))
    assert (quote.total, quote.country, quote.arms) == (Money(2500, "EUR"), "DE", {})
    assert timedelta() < quote.expires_at - datetime.now(UTC) <= timedelta(minutes=15)


async def test_the_quoted_price_holds_though_the_product_costs_more_now(
    world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    quote = await shop.orders.quote({product: 2}, country="DE")
    world.set_price(product, Money(9999, "EUR"))
    assert (await place(shop, product, quote)).total == quote.total
    assert (await place(shop, product, quote.token)).total == quote.total
    assert (await shop.orders.quote({product: 2}, country="DE")).total == Money(19998, "EUR")


async def test_a_quote_that_has_expired_is_refused(open_shop: OpenShop, stack: Stack) -> None:
    product = create_product(stack, stock=2)
    async with open_shop(stack) as shop:
        user = await shop.auth.sign_in_as_guest()
        with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
            row = connection.execute(
                "select private.sign_quote(jsonb_build_object("
                "'v', 1, 'id', %s::text, 'user', %s::text, 'country', 'DE',"
                " 'currency', 'EUR', 'basket', jsonb_build_object(%s::text, 2),"
                " 'prices', jsonb_build_object(%s::text, 1), 'arms', '{}'::jsonb, 'expires', 1))",
                (str(uuid4()), str(user.id), str(product), str(product)),
            ).fetchone()
        assert row is not None
        with pytest.raises(Conflict) as refusal:
            await place(shop, product, row[0])
        assert refusal.value.code == "quote_expired"
        assert await shop.orders.list() == []


async def test_a_quote_is_for_one_person_one_basket_and_one_country(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    quote = await shop.orders.quote({product: 2}, country="DE")
    async with open_shop(world) as other:
        await other.auth.sign_in_as_guest()
        for attempt, differs in (
            (place(other, product, quote), "user"),
            (place(shop, product, quote, 3), "items"),
            (place(shop, product, quote, country="CH"), "country"),
        ):
            with pytest.raises(Conflict) as refusal:
                await attempt
            assert refusal.value.code == "quote_mismatch"
            assert refusal.value.context == {"differs": differs}
    for forged in ("", "x", quote.token[:-1]):
        with pytest.raises(InvalidRequest) as wrong:
            await place(shop, product, forged)
        assert wrong.value.code == "invalid_quote"
    assert await shop.orders.list() == []


async def test_the_same_key_with_another_quote_is_another_request(
    shop: AsyncOrderbase, product: UUID
) -> None:
    key = uuid4()
    first, second = [await shop.orders.quote({product: 1}, country="DE") for _ in range(2)]
    placed = [
        await shop.orders.place(
            {product: 1},
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            email="ada@example.com",
            idempotency_key=key,
            quote=quote,
        )
        for quote in (first, first.token)
    ]
    assert placed[0].id == placed[1].id
    with pytest.raises(IdempotencyMismatch):
        await shop.orders.place(
            {product: 1},
            shipping_address=ADDRESS,
            payment_method="pm_card_visa",
            email="ada@example.com",
            idempotency_key=key,
            quote=second,
        )


async def test_what_cannot_be_ordered_is_not_quoted(
    open_shop: OpenShop, world: World, shop: AsyncOrderbase, product: UUID
) -> None:
    for items, country, code in (
        ({product: 1}, "Germany", "invalid_country"),
        ({uuid4(): 1}, "DE", "unknown_product"),
        ({product: 0}, "DE", "invalid_quantity"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await shop.orders.quote(items, country=country)
        assert refusal.value.code == code
    async with open_shop(world) as nobody:
        with pytest.raises(AuthError):
            await nobody.orders.quote({product: 1}, country="DE")


async def test_the_arms_of_experiments_on_prices_are_told(
    open_shop: OpenShop, stack: Stack
) -> None:
    product = create_product(stack, stock=2)
    name = f"sale_{uuid4().hex}"
    execute(
        stack,
        "insert into experiments (name, description, active) values (%s, 'Does it sell?', true)",
        name,
    )
    execute(
        stack,
        "insert into experiment_arms (experiment, name, weight, price_percent)"
        " values (%s, 'half', 1, 50), (%s, 'full', 0, 100)",
        name,
        name,
    )
    try:
        async with open_shop(stack) as shop:
            await shop.auth.sign_in_as_guest()
            quote = await shop.orders.quote({product: 2}, country="DE")
            assert quote.arms[name] == "half"
            assert quote.total == Money(1250, "EUR")
            assert (await place(shop, product, quote)).total == quote.total
    finally:
        execute(stack, "update experiments set active = false where name = %s", name)
