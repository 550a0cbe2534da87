"""Ten thousand webhooks of the provider: repeated, shuffled, about orders of every kind."""

import asyncio
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp
import psycopg
from stripe import WebhookSignature
from supabase import AsyncClient

from local_stack.settings import Settings
from tests.conftest import Stack
from tests.end_to_end.conftest import charges, final_status, place
from tests.waiting import until

DELIVERIES = 10_000
AT_ONCE = 50
KINDS = (
    "payment_intent.created",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.succeeded",
    "charge.refunded",
    "refund.created",
    "refund.updated",
)
Row = dict[str, Any]

_BOOKS = """
  select jsonb_build_object(
    'orders', (select jsonb_agg(jsonb_build_array(id, status, version) order by id)
      from public.orders where id = any (%(ids)s)),
    'entries', (select jsonb_agg(jsonb_build_array(kind, reference, amount) order by id)
      from public.payment_entries where order_id = any (%(ids)s)),
    'refunds', (select count(*) from public.refunds where order_id = any (%(ids)s)),
    'stock', (select jsonb_agg(jsonb_build_array(kind, reserved_change) order by id)
      from public.stock_movements where order_id = any (%(ids)s)))
"""
_WAITING = """
  select count(*) from (
    select subject from private.outbox
    union all select message from pgmq.q_orders
    union all select message from pgmq.q_emails
  ) as waiting (message)
  where (message ->> 'order_id')::uuid = any (%(ids)s)
"""


async def test_ten_thousand_repeated_and_shuffled_webhooks_change_nothing(
    stack: Stack, shopper: AsyncClient, new_product: Callable[..., str]
) -> None:
    settings = stack.settings
    product = new_product(stock=100)
    placed = [await place(shopper, product) for _ in range(15)]
    placed += [
        await place(shopper, product, payment_method="pm_card_chargeDeclined") for _ in range(5)
    ]
    for order in placed:
        await final_status(shopper, order)
    mine = [order["id"] for order in placed]
    await until(lambda: at_rest(settings, mine))
    before, charged = books(settings, mine), await charges_of(settings, mine)

    intents = await known_intents(settings, mine)
    assert len(intents) == len(placed)
    deliveries = shuffled(events_of(intents))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=AT_ONCE),
        timeout=aiohttp.ClientTimeout(total=None),  # most of them wait for their turn
    ) as session:
        statuses = await asyncio.gather(
            *(deliver(session, settings, event) for event in deliveries)
        )
    assert Counter(statuses) == {200: DELIVERIES}
    await until(lambda: at_rest(settings, mine))
    assert books(settings, mine) == before
    assert await charges_of(settings, mine) == charged


def events_of(intents: list[Row]) -> list[Row]:
    """Events of every kind for each intent, true or not: what they say is not believed."""
    return [
        {
            "id": f"evt_{uuid.uuid4().hex}",
            "object": "event",
            "type": kind,
            "data": {"object": intent},
        }
        for intent in intents
        for kind in KINDS
    ]


def shuffled(events: list[Row]) -> list[Row]:
    """Each of them at least once, in any order."""
    chance = random.Random(13)  # noqa: S311 - chance, not secrecy
    deliveries = events + chance.choices(events, k=DELIVERIES - len(events))
    chance.shuffle(deliveries)
    return deliveries


async def deliver(session: aiohttp.ClientSession, settings: Settings, event: Row) -> int:
    body = json.dumps(event)
    secret = settings.keys.stripe_webhook_secret
    signature = WebhookSignature.generate_signature_header(body, secret)
    headers = {"Stripe-Signature": signature}
    url = f"{settings.functions_url}/orders/stripe"
    async with session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def known_intents(settings: Settings, order_ids: list[str]) -> list[Row]:
    url = f"{settings.payments_url}/v1/payment_intents?limit=100"
    headers = {"Authorization": f"Bearer {settings.keys.stripe_api_key}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        found = (await answer.json())["data"]
    return [intent for intent in found if intent["metadata"].get("order_id") in order_ids]


async def charges_of(settings: Settings, order_ids: list[str]) -> list[Row]:
    return [
        charge
        for charge in await charges(settings)
        if charge["metadata"].get("order_id") in order_ids
    ]


def books(settings: Settings, order_ids: list[str]) -> Row:
    with psycopg.connect(settings.database_url()) as connection:
        [(found,)] = connection.execute(_BOOKS, {"ids": order_ids}).fetchall()
    return dict(found)


async def at_rest(settings: Settings, order_ids: list[str]) -> bool:
    """Whether no message of these orders waits."""
    async with await psycopg.AsyncConnection.connect(settings.database_url()) as connection:
        cursor = await connection.execute(_WAITING, {"ids": order_ids})
        return await cursor.fetchone() == (0,)
