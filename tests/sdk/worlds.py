"""The shops that the client's contract is tested on: a whole stack, and the fake of its users."""

import re
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import aiohttp
import psycopg

from orderbase import Money, Payment, Transport
from orderbase._http import AiohttpTransport
from orderbase.testing import FakeShop
from tests.conftest import Stack
from tests.sdk import live
from tests.waiting import until

_STAFF_PASSWORD = "correct horse 2"  # noqa: S105 - of a fake
CUP_PRICE = Money(1250, "EUR")
NOT_CONFIRMED = "payment_intent_authentication_failure"
# Some of those that the stack begins with.
_DEMO_PRODUCTS = {
    "oak-cutting-board": (
        "Oak cutting board",
        "Solid oak, oiled, with a groove for juice. 40 x 28 cm.",
        3490,
    ),
    "chefs-knife": (
        "Chef's knife",
        "A 20 cm blade of stainless steel that keeps its edge.",
        5900,
    ),
    "bread-knife": ("Bread knife", "Serrated, 24 cm, for crusts of any temper.", 4200),
    "stoneware-plate": ("Stoneware plate", "Hand-glazed, 27 cm, fit for the dishwasher.", 1850),
    "stoneware-bowl": ("Stoneware bowl", "For soup, porridge or salad. 16 cm.", 1650),
}


class World(Protocol):
    """A shop, and what a test needs of it beyond the client."""

    url: str
    key: str
    staff: dict[str, str]

    def transport(self) -> Transport:
        """What carries the requests of a client."""

    def create_product(
        self,
        *,
        stock: int,
        name: str = "Cup",
        slug: str | None = None,
        price: Money = CUP_PRICE,
        prices: Mapping[str, Money] | None = None,
    ) -> UUID:
        """A product of the test's own, with other prices in some countries."""

    def set_price(self, product: UUID, price: Money) -> None:
        """Sell it for another price from now on."""

    async def code_mailed_to(self, email: str) -> str:
        """The code of the only mail."""

    async def answer_bank(self, payment: Payment, *, agree: bool) -> None:
        """What the buyer says when the bank asks: done with the browser."""


class StackWorld:
    """The whole stack."""

    def __init__(self, stack: Stack) -> None:
        environment = stack.environment
        self.url = environment["SUPABASE_URL"]
        self.key = environment["SUPABASE_PUBLISHABLE_KEY"]
        self.staff = {
            "email": environment["DEMO_STAFF_EMAIL"],
            "password": environment["DEMO_PASSWORD"],
        }
        self._stack = stack

    def transport(self) -> Transport:
        return AiohttpTransport()

    def create_product(
        self,
        *,
        stock: int,
        name: str = "Cup",
        slug: str | None = None,
        price: Money = CUP_PRICE,
        prices: Mapping[str, Money] | None = None,
    ) -> UUID:
        product = live.create_product(self._stack, stock=stock)
        with psycopg.connect(self._stack.environment["DATABASE_URL"]) as connection:
            connection.execute(
                "update products set name = %s, slug = coalesce(%s, slug), price = %s, "
                "currency = %s where id = %s",
                (name, slug, price.amount, price.currency, product),
            )
            for country, there in (prices or {}).items():
                connection.execute(
                    "insert into product_prices (product_id, country, price, currency) "
                    "values (%s, %s, %s, %s)",
                    (product, country, there.amount, there.currency),
                )
        return product

    def set_price(self, product: UUID, price: Money) -> None:
        with psycopg.connect(self._stack.environment["DATABASE_URL"]) as connection:
            connection.execute(
                "update products set price = %s, currency = %s where id = %s",
                (price.amount, price.currency, product),
            )

    async def code_mailed_to(self, email: str) -> str:
        url = f"{self._stack.environment['MAIL_URL']}/api/v1"

        async def arrived() -> str | None:
            async with aiohttp.ClientSession(raise_for_status=True) as http:
                async with http.get(f"{url}/search", params={"query": f"to:{email}"}) as answer:
                    found = (await answer.json())["messages"]
                for message in found:  # a new account is welcomed, too
                    async with http.get(f"{url}/message/{message['ID']}") as answer:
                        code = re.search(r"\b\d{6}\b", (await answer.json())["Text"])
                    if code:
                        return code[0]
            return None

        return await until(arrived)

    async def answer_bank(self, payment: Payment, *, agree: bool) -> None:
        provider = self._stack.environment["STRIPE_API_BASE"]
        answer = {"outcome": "succeeded" if agree else "failed"}
        async with (
            aiohttp.ClientSession(provider, raise_for_status=True) as http,
            http.post(f"/_authenticate/{payment.reference}", json=answer),
        ):
            pass


class FakeWorld:
    """The shop in memory."""

    def __init__(self) -> None:
        self.fake = FakeShop()
        self.url, self.key = self.fake.url, self.fake.key
        self.staff = {"email": "staff@example.com", "password": _STAFF_PASSWORD}
        self.fake.add_user(**self.staff, is_staff=True)
        for slug, (name, description, price) in _DEMO_PRODUCTS.items():
            self.fake.add_product(
                slug=slug, name=name, description=description, price=Money(price, "EUR")
            )

    def transport(self) -> Transport:
        return self.fake.transport()

    def create_product(
        self,
        *,
        stock: int,
        name: str = "Cup",
        slug: str | None = None,
        price: Money = CUP_PRICE,
        prices: Mapping[str, Money] | None = None,
    ) -> UUID:
        product = self.fake.add_product(
            name=name, slug=slug, price=price, stock=stock, prices=prices
        )
        return product.id

    def set_price(self, product: UUID, price: Money) -> None:
        self.fake.set_price(product, price)

    async def code_mailed_to(self, email: str) -> str:
        return self.fake.code_for(email)

    async def answer_bank(self, payment: Payment, *, agree: bool) -> None:
        if agree:
            self.fake.pay(payment.order_id)
        else:
            self.fake.fail_payment(payment.order_id, code=NOT_CONFIRMED)
