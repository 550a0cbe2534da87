"""Charges of orders that are being cancelled: they never happen, or it is known that they have."""

import asyncio

import pytest
import stripe

from functions.kit.queue import Outcome
from functions.orders.payments import Payments
from tests import waiting
from tests.functions.double import HOUR, Stripe, charge_job
from tests.functions.engine import until

CANCELLED = charge_job(cancelling=True, starts=2)


def never_happened(outcome: Outcome) -> bool:
    return (outcome.status, outcome.data["failure_code"]) == ("failed", "canceled")


@pytest.mark.parametrize("starts", [1, 2, 5])
async def test_who_comes_late_with_the_charge_finds_its_key_used_up(
    double: Stripe, payments: Payments, starts: int
) -> None:
    outcome = await payments.charge(CANCELLED)
    assert never_happened(outcome)
    assert outcome.data["reference"] is None
    late = await payments.charge(charge_job(starts=starts))
    assert (late.status, late.trouble) == ("retry", False)
    assert await double.ledger("charges") == []


async def test_a_late_charge_at_shipment_is_refused_too(double: Stripe, payments: Payments) -> None:
    await payments.charge(CANCELLED | {"capture": "on_shipment"})
    assert (await payments.charge(charge_job(capture="on_shipment"))).status == "retry"
    assert await double.ledger("charges") == []


@pytest.mark.parametrize("hours", [0, 25])
async def test_it_may_be_forestalled_twice(double: Stripe, payments: Payments, hours: int) -> None:
    assert never_happened(await payments.charge(CANCELLED))
    double.now += hours * HOUR
    assert never_happened(await payments.charge(CANCELLED | {"starts": 3}))
    assert (await payments.charge(charge_job())).status == "retry"
    assert await double.ledger("charges") == []


@pytest.mark.parametrize("capture", ["at_once", "on_shipment"])
@pytest.mark.parametrize("hours", [0, 25])
async def test_a_charge_that_has_happened_is_found(
    double: Stripe, payments: Payments, capture: str, hours: int
) -> None:
    await double.strike("charge_then_500", times=1)
    assert (await payments.charge(charge_job(capture=capture))).status == "retry"
    double.now += hours * HOUR
    outcome = await payments.charge(CANCELLED | {"capture": capture})
    assert (outcome.status, outcome.data["captured"]) == ("succeeded", capture == "at_once")
    assert len(await double.charges()) == 1


@pytest.mark.parametrize("known", [True, False])
async def test_a_charge_that_the_bank_asks_about_is_canceled(
    double: Stripe, payments: Payments, *, known: bool
) -> None:
    asked = await payments.charge(charge_job("pm_card_authenticationRequired"))
    reference = asked.data["reference"]
    job = CANCELLED | {"reference": reference if known else None}
    for starts in (2, 3):
        outcome = await payments.charge(job | {"starts": starts})
        assert never_happened(outcome)
        assert outcome.data["reference"] == reference
    (intent,) = await double.ledger("intents")
    assert intent["status"] == "canceled"


async def test_a_question_that_was_answered_just_before_is_a_charge(
    double: Stripe, payments: Payments
) -> None:
    asked = await payments.charge(charge_job("pm_card_authenticationRequired"))
    await double.authenticate(asked.data["reference"])
    job = CANCELLED | {"reference": asked.data["reference"]}
    assert (await payments.charge(job)).status == "succeeded"


async def test_a_declined_charge_stays_declined(payments: Payments) -> None:
    await payments.charge(charge_job("pm_card_visa_chargeDeclined"))
    outcome = await payments.charge(CANCELLED)
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", "card_declined")


async def test_a_charge_in_flight_is_waited_for(double: Stripe, payments: Payments) -> None:
    await double.strike("slow", times=1, delay_seconds=3, method="POST")
    charging = asyncio.create_task(payments.charge(charge_job()))
    outcomes: list[Outcome] = []
    await waiting.until(double.has_struck)
    outcomes.append(await payments.charge(CANCELLED))
    await until(charging.done)
    outcomes.append(await payments.charge(CANCELLED | {"starts": 3}))
    assert [outcome.status for outcome in outcomes] == ["retry", "succeeded"]
    assert len(await double.charges()) == 1


@pytest.mark.parametrize("mode", ["refuse", "error_503"])
async def test_while_stripe_is_ill_nothing_is_known(
    double: Stripe, payments: Payments, mode: str
) -> None:
    await double.strike(mode, times=1, method="POST")
    outcome = await payments.charge(CANCELLED)
    assert outcome.trouble
    assert never_happened(await payments.charge(CANCELLED | {"starts": 3}))
    assert (await payments.charge(charge_job())).status == "retry"
    assert await double.ledger("charges") == []


@pytest.mark.parametrize("replayed", [False, True])
async def test_a_key_that_was_used_up_though_stripe_said_500_is_used_up(
    double: Stripe, payments: Payments, *, replayed: bool
) -> None:
    """Within a day, the key replays its 500; the order need not wait for that."""
    await double.strike("charge_then_500", times=1)
    if replayed:
        with pytest.raises(stripe.APIError):
            await payments._create_unpaid(CANCELLED)
    assert never_happened(await payments.charge(CANCELLED | {"starts": 3}))
    assert (await payments.charge(charge_job())).status == "retry"
    assert await double.ledger("charges") == []
