"""The saga as data, its time-outs, and the carrier."""

import asyncio
import dataclasses

import pytest

from functions.kit.queue import Job, Outcome
from functions.orders import saga
from functions.orders.payments import Payments
from functions.orders.saga import Providers
from functions.orders.settings import OrderSettings
from functions.orders.shipping import TestCarrier
from tests.functions.engine import SECRET_KEY, WEBHOOK_SECRET


@pytest.fixture
def providers() -> Providers:
    settings = OrderSettings.model_validate(
        {
            "supabase_url": "http://127.0.0.1",
            "supabase_secret_key": SECRET_KEY,
            "webhook_secret": WEBHOOK_SECRET,
            "stripe_api_key": "sk_test_unused",
        }
    )
    return Providers(Payments(settings), TestCarrier())


def test_events_start_steps() -> None:
    assert saga.STARTS == {"order.placed": "charge", "order.paid": "ship"}


async def test_an_order_of_nothing_is_paid_without_a_provider(providers: Providers) -> None:
    job = {"step": "charge", "key": "order-1-charge-1", "amount": 0, "currency": "EUR"}
    assert await saga.perform(providers, job) == Outcome(
        "succeeded",
        {"provider": "none", "reference": "order-1-charge-1", "amount": 0, "currency": "EUR"},
    )


async def test_a_parcel_has_one_tracking_number_per_key(providers: Providers) -> None:
    async def ship(key: str) -> Outcome:
        return await saga.perform(providers, {"step": "ship", "key": key})

    first, again, other = [await ship(key) for key in ("key-1", "key-1", "key-2")]
    assert first == again != other
    assert first.status == "succeeded"
    assert first.data["carrier"] == "test"
    number = str(first.data["tracking_number"])
    assert (number[:4], len(number), number[4:].isdigit()) == ("TEST", 16, True)


async def test_a_step_that_takes_too_long_is_tried_again(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_providers: Providers, _job: Job) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    slow = dataclasses.replace(saga.SAGA[1], effect=hang, timeout=0.01)
    monkeypatch.setitem(saga._STEPS, "ship", slow)
    outcome = await saga.perform(providers, {"step": "ship", "key": "k"})
    assert outcome == Outcome.retry("ship took longer than 0.01 s")
