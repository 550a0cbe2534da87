"""Charges, by the official package against the Stripe double and its ledger."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from functions.kit.queue import Job, Outcome
from functions.orders.payments import Payments
from functions.orders.settings import OrderSettings
from local_stack.payments import create_app
from local_stack.ports import HOST, Ports
from tests.functions.engine import SECRET_KEY, WEBHOOK_SECRET

API_KEY = "sk_test_of_a_test"
DAY = 24 * 3600


class Stripe:
    """The double, with its clock, its faults and its ledger."""

    url: str
    now = 1_800_000_000.0

    async def strike(self, mode: str, **settings: object) -> None:
        async with aiohttp.request(
            "PUT", f"{self.url}/_faults", json={"mode": mode, **settings}, raise_for_status=True
        ):
            pass

    async def charges(self) -> list[dict[str, Any]]:
        """Charges that took money."""
        async with aiohttp.request("GET", f"{self.url}/_ledger") as reply:
            return [c for c in (await reply.json())["charges"] if c["status"] == "succeeded"]

    def payments(self, api_key: str = API_KEY, timeout: float = 5) -> Payments:
        settings = OrderSettings.model_validate(
            {
                "supabase_url": "http://127.0.0.1",
                "supabase_secret_key": SECRET_KEY,
                "webhook_secret": WEBHOOK_SECRET,
                "stripe_api_key": api_key,
                "stripe_api_base": self.url,
            }
        )
        return Payments(settings, timeout=timeout)


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Stripe]:
    double = Stripe()
    app = create_app(tmp_path / "ledger.db", API_KEY, clock=lambda: double.now)
    async with TestServer(app) as server:
        double.url = str(server.make_url("")).rstrip("/")
        yield double


@pytest.fixture
async def payments(double: Stripe) -> AsyncIterator[Payments]:
    payments = double.payments()
    yield payments
    await payments.close()


def job(payment_method: str = "pm_card_visa", **changed: object) -> Job:
    return {
        "order_id": "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11",
        "number": 1042,
        "key": "order-6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11-charge-1",
        "starts": 1,
        "amount": 1999,
        "currency": "EUR",
        "payment_method": payment_method,
    } | changed


async def test_a_charge_takes_the_money_once(double: Stripe, payments: Payments) -> None:
    first, again = [await payments.charge(job()) for _ in range(2)]
    (charge,) = await double.charges()
    assert (charge["amount"], charge["currency"]) == (1999, "eur")
    assert (
        first
        == again
        == Outcome(
            "succeeded",
            {
                "provider": "stripe",
                "reference": charge["payment_intent"],
                "amount": 1999,
                "currency": "EUR",
            },
        )
    )


async def test_ten_at_once_with_one_key_take_the_money_once(
    double: Stripe, payments: Payments
) -> None:
    outcomes = await asyncio.gather(*(payments.charge(job()) for _ in range(10)))
    assert "succeeded" in {outcome.status for outcome in outcomes}
    assert {outcome.status for outcome in outcomes} <= {"succeeded", "retry"}
    assert len(await double.charges()) == 1


@pytest.mark.parametrize(
    ("payment_method", "code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required"),
        ("pm_card_threeDSecure2Required", "authentication_required"),
        ("pm_unheard_of", "resource_missing"),
    ],
)
async def test_a_definite_no_is_a_failure(
    double: Stripe, payments: Payments, payment_method: str, code: str
) -> None:
    outcome = await payments.charge(job(payment_method))
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", code)
    assert outcome.data["failure_message"]
    assert outcome.data["provider"] == "stripe"
    assert bool(outcome.data["reference"]) == (code != "resource_missing")
    assert await double.charges() == []


async def test_a_sum_that_stripe_never_takes_is_a_failure(payments: Payments) -> None:
    outcome = await payments.charge(job(amount=10**9))
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", "amount_too_large")


async def test_our_own_mistakes_are_no_failure_of_the_payment(
    double: Stripe, payments: Payments
) -> None:
    assert (await payments.charge(job(currency="XXX"))).status == "retry"
    await payments.charge(job())
    assert (await payments.charge(job(amount=5))).status == "retry", "key with other parameters"
    stranger = double.payments(api_key="sk_test_wrong")
    assert (await stranger.charge(job())).status == "retry"
    await stranger.close()


async def test_stripe_counts_some_currencies_in_hundredths(
    double: Stripe, payments: Payments
) -> None:
    outcome = await payments.charge(job(amount=500, currency="ISK"))
    assert (outcome.data["amount"], outcome.data["currency"]) == (500, "ISK")
    assert [charge["amount"] for charge in await double.charges()] == [50_000]


@pytest.mark.parametrize("mode", ["refuse", "charge_then_500"])
async def test_no_answer_or_a_fault_is_unknown(
    double: Stripe, payments: Payments, mode: str
) -> None:
    await double.strike(mode)
    outcome = await payments.charge(job())
    assert outcome.status == "retry"
    assert outcome.error


async def test_nobody_listening_is_unknown(double: Stripe) -> None:
    double.url = f"http://{HOST}:{Ports.free().payments}"
    payments = double.payments()
    assert (await payments.charge(job())).status == "retry"
    await payments.close()


async def test_a_charge_whose_reply_was_lost_is_not_made_again(double: Stripe) -> None:
    await double.strike("charge_then_hang", times=1, delay_seconds=1)
    impatient = double.payments(timeout=0.3)
    assert (await impatient.charge(job())).status == "succeeded"
    assert len(await double.charges()) == 1
    await impatient.close()


@pytest.mark.parametrize("days", [0, 2])
async def test_an_earlier_attempt_is_found_though_its_key_says_500_or_is_forgotten(
    double: Stripe, payments: Payments, days: int
) -> None:
    await double.strike("charge_then_500", times=1)
    assert (await payments.charge(job())).status == "retry"
    double.now += days * DAY
    found = await payments.charge(job(starts=2))
    (charge,) = await double.charges()
    assert (found.status, found.data["reference"]) == ("succeeded", charge["payment_intent"])


async def test_an_earlier_decline_is_found_too(double: Stripe, payments: Payments) -> None:
    declined = job("pm_card_visa_chargeDeclined")
    first = await payments.charge(declined)
    double.now += 2 * DAY
    assert await payments.charge(declined | {"starts": 2}) == first


async def test_an_attempt_that_never_reached_stripe_is_made(
    double: Stripe, payments: Payments
) -> None:
    assert (await payments.charge(job(starts=2))).status == "succeeded"
    assert len(await double.charges()) == 1
