"""Charges, by the official package against the Stripe double and its ledger."""

import asyncio

import pytest

from functions.kit.queue import Outcome
from functions.orders.payments import Payments
from local_stack.ports import HOST, Ports
from tests.functions.double import HOUR, Stripe, capture_job, charge_job


async def test_a_charge_takes_the_money_once(double: Stripe, payments: Payments) -> None:
    first, again = [await payments.charge(charge_job()) for _ in range(2)]
    (charge,) = await double.charges()
    assert (charge["amount"], charge["currency"], charge["captured"]) == (1999, "eur", True)
    data = {
        "provider": "stripe",
        "reference": charge["payment_intent"],
        "amount": 1999,
        "currency": "EUR",
        "captured": True,
    }
    assert first == again == Outcome("succeeded", data)


async def test_ten_at_once_with_one_key_take_the_money_once(
    double: Stripe, payments: Payments
) -> None:
    outcomes = await asyncio.gather(*(payments.charge(charge_job()) for _ in range(10)))
    assert "succeeded" in {outcome.status for outcome in outcomes}
    assert {outcome.status for outcome in outcomes} <= {"succeeded", "retry"}
    assert len(await double.charges()) == 1


DECLINES = {
    "pm_card_visa_chargeDeclined": "card_declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "card_declined",
    "pm_card_visa_chargeDeclinedLostCard": "card_declined",
    "pm_card_visa_chargeDeclinedStolenCard": "card_declined",
    "pm_card_visa_chargeDeclinedFraudulent": "card_declined",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": "card_declined",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_chargeDeclinedIncorrectCvc": "incorrect_cvc",
    "pm_card_chargeDeclinedProcessingError": "processing_error",
    "pm_card_chargeCustomerFail": "card_declined",
    "pm_unheard_of": "resource_missing",
}


@pytest.mark.parametrize(("payment_method", "code"), DECLINES.items(), ids=DECLINES)
async def test_a_definite_no_is_a_failure_and_no_trouble(
    double: Stripe, payments: Payments, payment_method: str, code: str
) -> None:
    outcome = await payments.charge(charge_job(payment_method))
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", code)
    assert not outcome.trouble
    assert outcome.data["failure_message"]
    assert outcome.data["provider"] == "stripe"
    assert bool(outcome.data["reference"]) == (code != "resource_missing")
    assert await double.charges() == []


async def test_a_sum_that_stripe_never_takes_is_a_failure(payments: Payments) -> None:
    outcome = await payments.charge(charge_job(amount=10**9))
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", "amount_too_large")


async def test_our_own_mistakes_are_no_failure_of_the_payment(
    double: Stripe, payments: Payments
) -> None:
    async with double.payments(stripe_api_key="sk_test_wrong") as stranger:
        outcomes = [
            await payments.charge(charge_job(currency="XXX", key="another")),
            await stranger.charge(charge_job()),
        ]
    await payments.charge(charge_job())
    outcomes.append(await payments.charge(charge_job(amount=5000)))  # the key is of another request
    assert [(one.status, one.trouble) for one in outcomes] == [("retry", False)] * 3
    assert all(one.error for one in outcomes)
    assert len(await double.charges()) == 1


@pytest.mark.parametrize("currency", ["ISK", "UGX"])
async def test_stripe_counts_some_currencies_in_hundredths(
    double: Stripe, payments: Payments, currency: str
) -> None:
    outcome = await payments.charge(charge_job(amount=5000, currency=currency))
    assert (outcome.data["amount"], outcome.data["currency"]) == (5000, currency)
    assert [charge["amount"] for charge in await double.charges()] == [500_000]


async def test_an_order_of_nothing_is_paid_without_a_provider() -> None:
    stripe = Stripe()
    stripe.url = f"http://{HOST}:{Ports.free().payments}"
    async with stripe.payments() as payments:
        free = await payments.charge(charge_job(amount=0, key="key"))
        never = await payments.charge(charge_job(amount=0, key="key", cancelling=True))
    data = {"provider": "none", "reference": "key", "amount": 0, "currency": "EUR"}
    assert free == Outcome("succeeded", data | {"captured": True})
    assert (never.status, never.data["failure_code"]) == ("failed", "canceled")


async def test_the_bank_asks_and_the_answer_is_looked_up(
    double: Stripe, payments: Payments
) -> None:
    asked = await payments.charge(charge_job("pm_card_authenticationRequired"))
    reference, secret = asked.data["reference"], asked.data["client_secret"]
    assert (asked.status, asked.trouble, asked.data["provider"]) == ("waiting", False, "stripe")
    assert str(secret).startswith(f"{reference}_secret_")
    again = charge_job("pm_card_authenticationRequired", starts=2, reference=reference)
    assert await payments.charge(again) == asked
    assert await double.charges() == []
    await double.authenticate(reference)
    paid = await payments.charge(again | {"starts": 3})
    assert (paid.status, paid.data["reference"]) == ("succeeded", reference)
    assert len(await double.charges()) == 1


@pytest.mark.parametrize(
    ("payment_method", "answer", "code"),
    [
        ("pm_card_authenticationRequired", "failed", "payment_intent_authentication_failure"),
        ("pm_card_threeDSecureRequiredChargeDeclined", "succeeded", "card_declined"),
    ],
)
async def test_the_bank_asks_and_then_it_fails(
    double: Stripe, payments: Payments, payment_method: str, answer: str, code: str
) -> None:
    asked = await payments.charge(charge_job(payment_method))
    await double.authenticate(asked.data["reference"], answer)
    again = charge_job(payment_method, starts=2, reference=asked.data["reference"])
    outcome = await payments.charge(again)
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", code)
    assert await double.charges() == []


async def test_a_question_whose_reply_was_lost_is_found(double: Stripe, payments: Payments) -> None:
    await double.strike("charge_then_500", times=1)
    assert (await payments.charge(charge_job("pm_card_authenticationRequired"))).trouble
    again = charge_job("pm_card_authenticationRequired", starts=2)
    found = await payments.charge(again)
    assert (found.status, bool(found.data["client_secret"])) == ("waiting", True)


# Capture at shipment


async def test_an_authorised_sum_is_taken_at_shipment(double: Stripe, payments: Payments) -> None:
    authorised = await payments.charge(charge_job(capture="on_shipment"))
    assert (authorised.data["captured"], authorised.data["amount"]) == (False, 1999)
    assert await double.balance() == 0
    taken = await payments.capture(capture_job(authorised))
    assert taken.data == dict(authorised.data) | {"captured": True}
    assert await double.balance() == 1999
    for starts in (1, 2):
        assert await payments.capture(capture_job(authorised, starts=starts)) == taken


async def test_a_capture_whose_reply_was_lost_is_found(double: Stripe, payments: Payments) -> None:
    authorised = await payments.charge(charge_job(capture="on_shipment"))
    await double.strike("charge_then_500", times=1)
    assert (await payments.capture(capture_job(authorised))).trouble
    found = await payments.capture(capture_job(authorised, starts=2))
    assert (found.status, await double.balance()) == ("succeeded", 1999)


async def test_an_authorisation_that_ran_out_is_a_definite_no_once_looked_up(
    double: Stripe, payments: Payments
) -> None:
    authorised = await payments.charge(charge_job(capture="on_shipment"))
    double.now += 8 * 24 * HOUR
    first = await payments.capture(capture_job(authorised))
    assert (first.status, first.trouble) == ("retry", False)
    second = await payments.capture(capture_job(authorised, starts=2))
    assert (second.status, second.data["failure_code"]) == ("failed", "canceled")


# What nobody knows


UNKNOWN = ["refuse", "charge_then_500", "error_503", "rate_limit", "garbage"]


@pytest.mark.parametrize("mode", UNKNOWN)
async def test_no_answer_or_a_fault_is_unknown(
    double: Stripe, payments: Payments, mode: str
) -> None:
    await double.strike(mode)
    outcome = await payments.charge(charge_job())
    assert (outcome.status, outcome.trouble) == ("retry", True)
    assert outcome.error
    assert "pm_card" not in outcome.error
    await double.strike("none")
    assert (await payments.charge(charge_job(starts=2))).status == "succeeded"
    assert len(await double.charges()) == 1


async def test_a_black_hole_is_unknown(double: Stripe) -> None:
    await double.strike("black_hole")
    async with double.payments(patience=0.05) as impatient:
        outcome = await impatient.charge(charge_job())
    assert (outcome.status, outcome.trouble) == ("retry", True)


async def test_where_nobody_listens_nothing_was_asked(double: Stripe) -> None:
    double.url = f"http://{HOST}:{Ports.free().payments}"
    async with double.payments() as payments:
        for starts in (1, 2):
            outcome = await payments.charge(charge_job(starts=starts))
            assert (outcome.status, outcome.trouble) == ("postponed", True)


async def test_a_charge_whose_reply_was_lost_is_not_made_again(
    double: Stripe, payments: Payments
) -> None:
    await double.strike("charge_then_hang", times=1, delay_seconds=5)
    async with double.payments(patience=2) as impatient:
        assert (await impatient.charge(charge_job())).trouble
    assert (await payments.charge(charge_job(starts=2))).status == "succeeded"
    assert len(await double.charges()) == 1


@pytest.mark.parametrize("hours", [0, 25, 24 * 365])
async def test_an_earlier_attempt_is_found_though_its_key_says_500_or_is_forgotten(
    double: Stripe, payments: Payments, hours: int
) -> None:
    await double.strike("charge_then_500", times=1)
    assert (await payments.charge(charge_job())).status == "retry"
    assert (await payments.charge(charge_job())).status == "retry", "the 500 is replayed"
    double.now += hours * HOUR
    found = await payments.charge(charge_job(starts=2))
    (charge,) = await double.charges()
    assert (found.status, found.data["reference"]) == ("succeeded", charge["payment_intent"])


async def test_an_earlier_decline_is_found_too(double: Stripe, payments: Payments) -> None:
    declined = charge_job("pm_card_visa_chargeDeclined")
    first = await payments.charge(declined)
    double.now += 25 * HOUR
    assert await payments.charge(declined | {"starts": 2}) == first


async def test_an_attempt_that_never_reached_stripe_is_made(
    double: Stripe, payments: Payments
) -> None:
    assert (await payments.charge(charge_job(starts=2))).status == "succeeded"
    assert len(await double.charges()) == 1


async def test_what_stripe_said_to_an_earlier_call_tells_nothing_of_it_now(
    double: Stripe, payments: Payments
) -> None:
    """Else one key that replays its 500 for a day would keep all others from Stripe."""
    await double.strike("charge_then_500", times=1)
    outcomes = [await payments.charge(charge_job(starts=1)) for _ in range(2)]
    assert [(one.status, one.trouble) for one in outcomes] == [("retry", True), ("retry", False)]
