"""What REST answers to calls that must not work: the right 4xx, a stable code, nothing written."""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from supabase import AsyncClient

from local_stack.tokens import Tokens
from tests.conftest import Stack
from tests.end_to_end.conftest import ADDRESS, Row, new_shopper, place, user_of

Call = Callable[..., Any]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """Plain HTTP with the publishable key."""
    headers = {"apikey": stack.environment["SUPABASE_PUBLISHABLE_KEY"]}
    async with aiohttp.ClientSession(
        f"{stack.environment['SUPABASE_URL']}/rest/v1/", headers=headers
    ) as session:
        yield session


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def order_request(product: str) -> Row:
    return {
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": ADDRESS,
        "payment_method": "pm_card_visa",
        "idempotency_key": str(uuid.uuid4()),
    }


async def test_no_token_a_forged_one_or_an_expired_one_orders_nothing(
    stack: Stack, http: aiohttp.ClientSession, new_product: Callable[..., str]
) -> None:
    tokens = Tokens(stack.settings.keys)
    claims = {"sub": str(uuid.uuid4()), "role": "authenticated", "aud": "authenticated"}
    valid = tokens.sign(claims | {"exp": int(time.time()) + 60})
    expired = tokens.sign(claims | {"exp": int(time.time()) - 60})
    head, body, signature = valid.split(".")
    forged = ".".join((head, body, signature[::-1]))
    request = order_request(new_product())
    for headers in ({}, bearer(expired), bearer(forged), bearer("nonsense")):
        async with http.post("rpc/place_order", json=request, headers=headers) as answer:
            assert answer.status == 401, await answer.text()
    async with http.get("orders", headers=bearer(expired)) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 404),
        (b"{}", 404),
        (
            b'{"items": [], "shipping_address": {}, "payment_method": "", "idempotency_key": "x"}',
            400,
        ),
        (b'{"items": 1e999}', 404),
    ],
)
async def test_a_body_that_is_no_order_is_a_client_error(
    http: aiohttp.ClientSession, shopper: AsyncClient, body: bytes, status: int
) -> None:
    headers = bearer(await token_of(shopper)) | {"Content-Type": "application/json"}
    async with http.post("rpc/place_order", data=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"items": []}, 422, "empty_basket"),
        ({"items": [{"product_id": str(uuid.uuid4()), "quantity": 1}]}, 422, "unknown_product"),
        ({"currency": "XXX"}, 422, "currency_mismatch"),
        ({"payment_method": "4242424242424242"}, 422, "invalid_payment_method"),
    ],
)
async def test_a_refused_order_answers_status_code_and_a_sentence(
    http: aiohttp.ClientSession,
    shopper: AsyncClient,
    new_product: Callable[..., str],
    changed: Row,
    status: int,
    code: str,
) -> None:
    request = order_request(new_product()) | changed
    headers = bearer(await token_of(shopper))
    async with http.post("rpc/place_order", json=request, headers=headers) as answer:
        refusal = await answer.json()
    assert (answer.status, refusal["code"], refusal["details"]) == (status, f"PT{status}", code)
    assert refusal["message"].endswith(".")
    async with http.get("orders?select=id", headers=headers) as answer:
        assert await answer.json() == []


async def test_another_users_order_is_not_there(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str], http: aiohttp.ClientSession
) -> None:
    order = await place(shopper, new_product())
    stranger = await new_shopper(stack)
    headers = bearer(await token_of(stranger))
    async with http.post(
        "rpc/cancel_order", json={"order_id": order["id"]}, headers=headers
    ) as answer:
        assert (answer.status, (await answer.json())["details"]) == (404, "order_not_found")
    for table in ("orders", "order_items", "order_events", "payments", "shipments"):
        async with http.get(table, headers=headers) as answer:
            assert await answer.json() == []


async def test_nobody_reaches_the_engine_or_the_private_schema(
    stack: Stack, shopper: AsyncClient, http: aiohttp.ClientSession
) -> None:
    headers = bearer(await token_of(shopper))
    for schema, path, status in (
        ("engine", "rpc/claim_emails", 403),
        ("private", "rpc/move_order", 406),
        ("pgmq", "rpc/read", 406),
        ("public", "rpc/wake", 404),
    ):
        async with http.post(
            path, json={}, headers=headers | {"Content-Profile": schema}
        ) as answer:
            assert answer.status == status, await answer.text()


async def test_the_user_behind_an_order_is_the_token_not_the_request(
    http: aiohttp.ClientSession, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    request = order_request(new_product()) | {"user_id": str(uuid.uuid4()), "total": 1}
    headers = bearer(await token_of(shopper))
    async with http.post("rpc/place_order", json=request, headers=headers) as answer:
        assert answer.status == 404
    order = await place(shopper, new_product())
    assert order["user_id"] == (await user_of(shopper)).id


async def token_of(client: AsyncClient) -> str:
    session = await client.auth.get_session()
    assert session
    return session.access_token
