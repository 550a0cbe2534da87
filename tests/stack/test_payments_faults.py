"""What can be made to go wrong at the Stripe test double, and its clock."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import stripe

from local_stack.payments.faults import Fault
from tests.stack.test_payments import API_KEY, DAY, Double, refusal, running


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    async with running(tmp_path / "ledger.db") as started:
        yield started


async def test_fault_charge_then_hang(double: Double) -> None:
    await double.fault("charge_then_hang", delay_seconds=0.2)
    await refusal(double.pay(key="k1"), stripe.APIConnectionError)
    assert (await double.ledger())["balance"] == {"usd": 1999}
    assert (await double.pay(key="k1")).status == "succeeded"
    assert (await double.ledger())["balance"] == {"usd": 1999}


async def test_fault_charge_then_500(double: Double) -> None:
    await double.fault("charge_then_500", times=1)
    double.client = double.connect(retries=2)
    for _ in range(2):
        error = await refusal(double.pay(key="k1", metadata={"order_id": "o1"}), stripe.APIError)
        assert error.http_status == 500
    found = await double.client.payment_intents.search_async({"query": "metadata['order_id']:'o1'"})
    assert [intent.status for intent in found.data] == ["succeeded"]


async def test_fault_refuse(double: Double) -> None:
    await double.fault("refuse", path="/v1/payment_intents")
    await refusal(double.pay(), stripe.APIConnectionError)
    await refusal(double.refund(payment_intent="pi_none"))
    await double.fault("none")
    assert (await double.ledger())["charges"] == []


async def test_fault_slow_charges_a_caller_who_left(double: Double) -> None:
    await double.fault("slow", delay_seconds=2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(double.pay(key="k1"), 1.5)
    double.client = double.connect(retries=5)
    replayed = await double.pay(key="k1")
    assert replayed.last_response.headers["Idempotent-Replayed"] == "true"


async def test_fault_error_503_is_tried_again_and_nothing_is_kept(double: Double) -> None:
    await double.fault("error_503", times=1)
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": "k1"}
    async with aiohttp.request(
        "POST", f"{double.url}/v1/payment_intents", headers=headers, data={"amount": 1}
    ) as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert (await reply.json())["error"]["type"] == "api_error"
    assert (await double.ledger())["intents"] == []
    assert (await double.pay(key="k1")).status == "succeeded"


async def test_fault_rate_limit(double: Double) -> None:
    await double.fault("rate_limit", times=1)
    error = await refusal(double.pay(key="k1"), stripe.RateLimitError)
    assert (error.http_status, error.error.code) == (429, "rate_limit")
    assert (await double.pay(key="k1")).status == "succeeded"
    assert len((await double.ledger())["charges"]) == 1


async def test_fault_garbage(double: Double) -> None:
    await double.fault("garbage", method="POST")
    error = await refusal(double.pay(key="k1"), stripe.APIError, match="Invalid response body")
    assert error.http_status == 200
    assert (await double.client.payment_intents.list_async()).data == []


async def test_fault_black_hole(double: Double) -> None:
    await double.fault("black_hole", delay_seconds=0.1)
    await refusal(double.pay(), stripe.APIConnectionError)
    await double.fault("black_hole", delay_seconds=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(double.pay(), 0.2)
    assert (await double.ledger())["intents"] == []


async def test_the_first_fault_that_applies_strikes(double: Double) -> None:
    await double.put(
        "/_faults",
        [
            {"mode": "rate_limit", "path": "/v1/refunds"},
            {"mode": "charge_then_500", "times": 1},
            {"mode": "garbage", "method": "POST", "times": 1},
            {"mode": "refuse", "path": "/v1/events"},
        ],
    )
    assert (await double.client.payment_intents.list_async()).data == [], "500 is for writes"
    error = await refusal(double.pay(), stripe.APIError)
    assert error.http_status == 500
    await refusal(double.pay(), stripe.APIError, match="Invalid response body")
    paid = await double.pay()
    await refusal(double.refund(payment_intent=paid.id), stripe.RateLimitError)
    await refusal(double.client.events.list_async(), stripe.APIConnectionError)
    assert len((await double.ledger())["charges"]) == 2
    _, shown = await double.request("GET", "/_faults")
    assert [(fault["mode"], fault["times"]) for fault in shown] == [
        ("rate_limit", None),
        ("charge_then_500", 0),
        ("garbage", 0),
        ("refuse", None),
    ]
    assert await double.put("/_faults", []) == []
    assert (await double.refund(payment_intent=paid.id)).status == "succeeded"


async def test_fault_settings(double: Double) -> None:
    def strikes() -> list[bool]:
        fault = Fault(mode="slow", rate=0.5, times=5)
        return [fault.applies("GET", "/v1/refunds") and fault.spend() for _ in range(20)]

    assert strikes() == strikes()
    assert sum(strikes()) == 5
    wrong: list[object] = [{"mode": "arson"}, {"rate": 2}, {"times": 0}, [{"method": "PATCH"}], 5]
    for settings in wrong:
        assert (await double.request("PUT", "/_faults", json=settings))[0] == 400


async def test_the_clock_moves(double: Double) -> None:
    first = await double.pay(key="k1")
    assert await double.put("/_clock", {"offset_seconds": DAY}) == {
        "offset_seconds": DAY,
        "webhook_offset_seconds": 0,
        "now": int(double.now) + DAY,
    }
    second = await double.pay(key="k1", amount=5)
    assert second.created == first.created + DAY
    await double.put("/_clock", {"offset_seconds": 0})
    assert (await double.request("GET", "/_clock"))[1]["now"] == int(double.now)
    for settings in (
        {},
        {"offset_seconds": "x"},
        {"offset_seconds": 1e12},
        {"offset_seconds": 1, "x": 1},
    ):
        assert (await double.request("PUT", "/_clock", json=settings))[0] == 400


async def test_moving_the_clock_makes_due_what_is_planned(double: Double) -> None:
    held = await double.pay(capture_method="manual")
    await double.put("/_clock", {"offset_seconds": 8 * DAY})
    (intent,) = (await double.ledger())["intents"]
    assert (intent["id"], intent["status"]) == (held.id, "canceled")
