"""Shoppers of a running stack, seen through the official client."""

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from supabase import AsyncClient, acreate_client

from local_stack.settings import Settings
from tests.conftest import Stack
from tests.products import product_maker
from tests.waiting import until

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
ADDRESS = {
    "name": "Test Person",
    "line1": "1 Test Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
FINAL = {
    *("completed", "payment_failed", "out_of_stock", "shipping_failed", "cancelled", "refunded"),
    "needs_attention",
}
Row = dict[str, Any]


async def new_shopper(stack: Stack, key: str = "SUPABASE_PUBLISHABLE_KEY") -> AsyncClient:
    """A client, signed up and signed in with an address of its own."""
    environment = stack.environment
    client = await acreate_client(environment["SUPABASE_URL"], environment[key])
    email = f"{uuid.uuid4().hex}@example.com"
    await client.auth.sign_up({"email": email, "password": PASSWORD})
    return client


async def user_of(client: AsyncClient) -> Any:  # noqa: ANN401 - the client's own type
    """The signed-in user."""
    answer = await client.auth.get_user()
    assert answer
    return answer.user


@pytest.fixture
async def shopper(stack: Stack) -> AsyncIterator[AsyncClient]:
    """A signed-in shopper."""
    client = await new_shopper(stack)
    yield client
    await client.remove_all_channels()


async def place(client: AsyncClient, *products: str, **changed: object) -> Row:
    """An order of one of each product, with a card that works unless said otherwise."""
    request: Row = {
        "items": [{"product_id": product, "quantity": 1} for product in products],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
    }
    answer: Any = await client.rpc("place_order", request | changed).execute()
    order: Row = answer.data
    return order


async def final_status(client: AsyncClient, order: Row, seconds: float = 60) -> str:
    """The status in which the order comes to rest."""

    async def look() -> str | None:
        query = client.table("orders").select("status").eq("id", order["id"])
        answer: Any = await query.execute()
        status = str(answer.data[0]["status"])
        return status if status in FINAL else None

    return await until(look, seconds)


async def mails_to(settings: Settings, email: str) -> list[Row]:
    """What the inbox holds for the address, oldest first."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{settings.mail_url}/api/v1/search", params={"query": f"to:{email}", "limit": "1000"}
        ) as answer,
    ):
        found = (await answer.json())["messages"]
    return sorted(found, key=lambda mail: str(mail["Created"]))


async def order_mails(settings: Settings, email: str) -> list[Row]:
    """Those of them that are about orders: an account is also welcomed."""
    return [mail for mail in await mails_to(settings, email) if "order" in mail["Subject"]]


async def charges(settings: Settings) -> list[Row]:
    """Every charge in the provider's own ledger."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{settings.payments_url}/_ledger") as answer,
    ):
        return list((await answer.json())["charges"])


@pytest.fixture
def new_product(stack: Stack) -> Callable[..., str]:
    """Makes products with so many in stock; returns their ids."""
    return product_maker(stack.settings)
