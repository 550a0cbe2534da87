"""The orders function as a whole: jobs and Stripe's events in, outcomes and records out."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from functions.kit.app import create_app
from functions.kit.batching import Batcher
from functions.kit.database import Database
from functions.orders.function import orders
from functions.orders.settings import OrderSettings
from tests.functions.double import API_KEY, Stripe, charge_job
from tests.functions.engine import Engine, until
from tests.functions.serving import serving
from tests.functions.signing import stripe_headers

SECRET = "whsec_of_stripe"  # noqa: S105 - of a test
EVENT = {
    "id": "evt_1",
    "type": "payment_intent.canceled",
    "data": {"object": {"id": "pi_1", "amount": 5, "currency": "eur", "metadata": {}}},
}
BODY = json.dumps(EVENT).encode()


def settings_of(engine: Engine, double: Stripe, **more: object) -> OrderSettings:
    return OrderSettings.model_validate(
        engine.environment(stripe_api_key=API_KEY, stripe_api_base=double.url, **more)
    )


@pytest.fixture
async def client(engine: Engine, double: Stripe) -> AsyncIterator[aiohttp.ClientSession]:
    settings = settings_of(engine, double, stripe_webhook_secret=SECRET)
    async with serving(create_app("orders", settings, orders(settings))) as client:
        yield client


def ship_job(number: int) -> dict[str, object]:
    job = {"step": "ship", "key": f"order-{number}-ship-1", "starts": 1, "reference": None}
    return job | {"order_id": f"order-{number}", "items": [], "shipping_address": {}}


async def test_steps_are_taken_and_their_receipts_repeated(
    engine: Engine, database: Database, double: Stripe
) -> None:
    engine.due = [
        charge_job(key="key-1", message_id=1),
        charge_job("pm_card_visa_chargeDeclined", key="key-2", message_id=2),
        charge_job("pm_card_authenticationRequired", key="key-3", message_id=3),
        ship_job(4) | {"message_id": 4},
        {"step": "unheard of", "message_id": 5, "order_id": "o", "key": "k", "starts": 1},
    ]
    async with orders(settings_of(engine, double)).open(database) as running:
        assert running.worker
        running.worker.wake()
        await until(lambda: len(engine.results) == 5)
        await running.worker.stop(1)
    assert engine.outcomes() == ["succeeded", "failed", "waiting", "succeeded", "broken"]
    charged = next(row for row in engine.results if row["message_id"] == 1)
    receipt = {"step": "charge", "key": "key-1", "starts": 1}
    assert receipt.items() <= charged.items()
    assert charged["data"]["captured"] is True
    assert len(await double.charges()) == 1


async def test_staff_ship_where_there_is_no_carrier(
    engine: Engine, database: Database, double: Stripe
) -> None:
    engine.due = [ship_job(1) | {"message_id": 1}]
    async with orders(settings_of(engine, double, carrier="manual")).open(database) as running:
        assert running.worker
        running.worker.wake()
        await until(lambda: len(engine.results) == 1)
        await running.worker.stop(1)
    assert engine.outcomes() == ["waiting"]


async def post(client: aiohttp.ClientSession, headers: dict[str, str], body: bytes) -> int:
    async with client.post("/orders/stripe", data=body, headers=headers) as response:
        await response.read()
        return response.status


async def test_an_event_of_stripe_is_recorded_once(
    engine: Engine, client: aiohttp.ClientSession
) -> None:
    now = int(time.time())
    assert await post(client, {}, BODY) == 401
    assert await post(client, stripe_headers(SECRET, BODY, now), BODY + b" ") == 401
    assert await post(client, stripe_headers(SECRET, BODY, now - 400), BODY) == 401
    assert await post(client, stripe_headers(SECRET, BODY, now + 400), BODY) == 401
    odd = {"stripe-signature": f"t={now},v1=\u00e4"}
    assert await post(client, odd, BODY) == 401
    assert engine.events == []
    for _ in range(2):
        assert await post(client, stripe_headers(SECRET, BODY, now), BODY) == 200
    assert [event["id"] for event in engine.events] == ["evt_1"]


async def test_an_event_that_is_not_recorded_is_to_be_sent_again(
    engine: Engine, client: aiohttp.ClientSession
) -> None:
    headers = stripe_headers(SECRET, BODY, int(time.time()))
    engine.faults_of["receive"] = [503, 0]
    assert [await post(client, headers, BODY) for _ in range(3)] == [503, 503, 200]
    assert len(engine.events) == 1


async def test_fifty_events_at_once_are_few_calls(
    engine: Engine, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.open["receive"] = asyncio.Event()
    submit, submitted = Batcher.submit, 0

    async def counted(batcher: Batcher[object, object], item: object) -> object:
        nonlocal submitted
        submitted += 1
        return await submit(batcher, item)

    async def send(number: int) -> int:
        body = json.dumps(EVENT | {"id": f"evt_{number}"}).encode()
        return await post(client, stripe_headers(SECRET, body, int(time.time())), body)

    monkeypatch.setattr(Batcher, "submit", counted)
    sending = [asyncio.create_task(send(number)) for number in range(50)]
    await until(lambda: submitted == 50)
    engine.open["receive"].set()
    assert await asyncio.gather(*sending) == [200] * 50
    assert len(engine.events) == 50
    assert len(engine.called("receive")) <= 2


async def test_without_a_secret_no_event_is_taken(engine: Engine, double: Stripe) -> None:
    settings = settings_of(engine, double)
    async with serving(create_app("orders", settings, orders(settings))) as client:
        assert await post(client, stripe_headers("", BODY, int(time.time())), BODY) == 401
    assert engine.events == []
