"""POST /quotes: what is quoted over HTTP is what an order is charged."""

import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.api.calling import order_of
from tests.api.conftest import NewPerson
from tests.api.edge import execute, token_of
from tests.conftest import Stack
from tests.end_to_end.conftest import ADDRESS


async def order(stack: Stack, token: dict[str, str], product: str, quote: str) -> tuple[int, Any]:
    """What REST answers."""
    url = f"{stack.settings.api_url}/rest/v1/rpc/place_order"
    request = {
        "items": [{"product_id": product, "quantity": 2}],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
        "email": "guest@example.com",
        "quote": quote,
    }
    headers = token | {"apikey": stack.settings.keys.publishable_key}
    async with (
        aiohttp.ClientSession() as rest,
        rest.post(url, json=request, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_an_order_is_charged_what_was_quoted(
    stack: Stack,
    client: aiohttp.ClientSession,
    new_person: NewPerson,
    new_product: Callable[..., str],
) -> None:
    product, token = new_product(price=1000), token_of(await new_person(guest=True))
    wanted = {"items": [{"productId": product, "quantity": 2}], "country": "DE"}
    async with client.post("/quotes", json=wanted, headers=token) as answer:
        quoted = await answer.json()
        assert answer.status == 201, quoted
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert (quoted["country"], quoted["currency"], quoted["total"]) == ("DE", "EUR", 2000)
    [row] = quoted["lines"]
    assert (row["productId"], row["quantity"], row["unitPrice"]) == (product, 2, 1000)
    assert set(quoted) == {"quote", "country", "currency", "lines", "total", "arms", "expiresAt"}
    execute(stack, "update public.products set price = 5 where id = %s", product)
    status, placed = await order(stack, token, product, quoted["quote"])
    assert (status, placed["total"]) == (200, 2000)
    status, refused = await order(
        stack, token_of(await new_person(guest=True)), product, quoted["quote"]
    )
    assert (status, refused["details"]) == (409, "quote_mismatch")


async def test_the_largest_basket_can_be_quoted_and_ordered_over_http(
    stack: Stack,
    client: aiohttp.ClientSession,
    new_person: NewPerson,
    new_product: Callable[..., str],
) -> None:
    products, token = [new_product(price=900) for _ in range(100)], token_of(await new_person())
    items = [{"productId": product, "quantity": 100} for product in products]
    wanted = {"items": items, "country": "DE"}
    async with client.post("/quotes", json=wanted, headers=token) as answer:
        quoted = await answer.json()
    execute(stack, "update public.products set price = 1 where id = any (%s::uuid[])", products)
    request = order_of(items=items, quote=quoted["quote"])
    async with client.post("/orders", json=request, headers=token) as answer:
        placed = await answer.json()
        assert answer.status == 201, placed
    assert placed["total"] == quoted["total"] == 9_000_000


LINE = {"productId": str(uuid.uuid4()), "quantity": 1}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "invalid_request"),
        ({"items": [LINE]}, "invalid_request"),
        ({"items": [], "country": "DE"}, "invalid_request"),
        ({"items": [LINE] * 101, "country": "DE"}, "invalid_request"),
        ({"items": [LINE], "country": "de"}, "invalid_request"),
        ({"items": [LINE | {"quantity": 0}], "country": "DE"}, "invalid_request"),
        ({"items": [LINE | {"quantity": "1"}], "country": "DE"}, "invalid_request"),
        ({"items": [LINE | {"unitPrice": 1}], "country": "DE"}, "invalid_request"),
        ({"items": [LINE], "country": "DE", "arms": {}}, "invalid_request"),
        ({"items": [LINE], "country": "DE"}, "unknown_product"),
    ],
)
async def test_what_cannot_be_quoted_is_refused(
    client: aiohttp.ClientSession, new_person: NewPerson, wanted: dict[str, Any], code: str
) -> None:
    token = token_of(await new_person(guest=True))
    async with client.post("/quotes", json=wanted, headers=token) as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, code)


async def test_nobody_gets_a_quote_without_signing_in(client: aiohttp.ClientSession) -> None:
    async with client.post("/quotes", json={"items": [LINE], "country": "DE"}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "sign_in_required")
