"""What products cost where they are delivered, on the whole stack and on the fake."""

from collections.abc import Sequence
from uuid import uuid4

import pytest

from orderbase import InvalidRequest, Money, Product
from tests.sdk.conftest import OpenShop
from tests.sdk.live import ADDRESS
from tests.sdk.worlds import World


@pytest.fixture
def word(world: World) -> str:
    """A word that five products have in their names, two of which cost something else in CH."""
    word = f"mug{uuid4().hex}"
    for n in range(1, 6):
        there = Money(1000 - n * 100, "CHF")
        world.create_product(
            stock=10,
            name=f"{word} {n}",
            slug=f"{word}-{n}",
            price=Money(n * 100, "EUR"),
            prices={"CH": there, "LI": there} if n in (1, 3) else {},
        )
    return word


def prices(products: Sequence[Product]) -> list[str]:
    return [str(product.price) for product in products]


IN_SWITZERLAND = ["9.00 CHF", "2.00 EUR", "7.00 CHF", "4.00 EUR", "5.00 EUR"]
ELSEWHERE = ["1.00 EUR", "2.00 EUR", "3.00 EUR", "4.00 EUR", "5.00 EUR"]


async def test_a_product_costs_what_its_market_says(
    open_shop: OpenShop, world: World, word: str
) -> None:
    async with open_shop(world) as shop:
        there = await shop.products.get(f"{word}-1", country="CH")
        assert there.price == Money(900, "CHF")
        assert there.base_price == Money(100, "EUR")
        assert there.currency == "CHF"
        for elsewhere in (
            await shop.products.get(there.id, country="DE"),
            await shop.products.get(there.id),
        ):
            assert (elsewhere.price, elsewhere.currency) == (Money(100, "EUR"), "EUR")


async def test_a_market_is_written_as_it_is_shown(
    open_shop: OpenShop, world: World, word: str
) -> None:
    async with open_shop(world) as shop:
        (there, *_) = await shop.products.list(search=word, country="CH")
        written = there.model_dump(mode="json")
        assert (written["price"], written["currency"]) == (900, "CHF")
        assert (written["base_price"], written["base_currency"]) == (100, "EUR")


async def test_lists_pages_and_searches_show_the_markets_prices(
    open_shop: OpenShop, world: World, word: str
) -> None:
    async with open_shop(world) as shop:
        assert prices(await shop.products.list(search=word, country="CH")) == IN_SWITZERLAND
        assert prices(await shop.products.list(search=word, country="DE")) == ELSEWHERE
        assert prices(await shop.products.list(search=word)) == ELSEWHERE
        first = await shop.products.list(search=word, country="CH", limit=3)
        assert prices(first) == IN_SWITZERLAND[:3]
        rest = await shop.products.list(search=word, country="CH", limit=3, after=first.next)
        assert prices(rest) == IN_SWITZERLAND[3:]
        every = [p async for p in shop.products.each(search=word, country="LI", in_stock=True)]
        assert prices(every) == IN_SWITZERLAND


async def test_orders_and_filters_go_by_the_base_price(
    open_shop: OpenShop, world: World, word: str
) -> None:
    async with open_shop(world) as shop:
        found = await shop.products.list(
            search=word, country="CH", order_by="dearest", price_at_most=Money(300, "EUR"), limit=2
        )
        assert prices(found) == ["7.00 CHF", "2.00 EUR"]
        rest = await shop.products.list(
            search=word,
            country="CH",
            order_by="dearest",
            price_at_most=Money(300, "EUR"),
            after=found.next,
        )
        assert prices(rest) == ["9.00 CHF"]


async def test_what_is_shown_is_charged(open_shop: OpenShop, world: World, word: str) -> None:
    async with open_shop(world) as shop:
        await shop.auth.sign_in_as_guest()
        mug = await shop.products.get(f"{word}-3", country="CH")
        quote = await shop.orders.quote({mug.id: 2}, country="CH")
        order = await shop.orders.place(
            {mug.id: 2},
            shipping_address=ADDRESS.model_copy(update={"country": "CH"}),
            payment_method="pm_card_visa",
            email="ada@example.com",
            expected_total=mug.price * 2,
        )
        assert order.total == quote.total == Money(1400, "CHF")


@pytest.mark.parametrize("country", ["", "ch", "CHE", "C", "eq.CH", "CH\n"])
async def test_a_country_is_two_capital_letters(
    open_shop: OpenShop, world: World, country: str
) -> None:
    async with open_shop(world) as shop:
        for attempt in (
            shop.products.get("coffee-cup", country=country),
            shop.products.list(country=country),
        ):
            with pytest.raises(InvalidRequest) as refusal:
                await attempt
            assert refusal.value.code == "invalid_country"
