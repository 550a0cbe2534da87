"""Money that goes back, by the official package against the Stripe double and its ledger."""

import aiohttp
import pytest

from functions.kit.queue import Outcome
from functions.orders.payments import Payments
from tests.functions.double import API_KEY, HOUR, Stripe, charge_job, refund_job

pytestmark = pytest.mark.usefixtures("payments")


@pytest.fixture
async def charged(payments: Payments) -> Outcome:
    return await payments.charge(charge_job())


@pytest.fixture
async def authorised(payments: Payments) -> Outcome:
    return await payments.charge(charge_job(capture="on_shipment"))


async def at_the_dashboard(double: Stripe, path: str, **form: object) -> None:
    """Somebody does this without us."""
    async with aiohttp.request(
        "POST",
        f"{double.url}/v1/{path}",
        data={name: str(value) for name, value in form.items()},
        headers={"Authorization": f"Bearer {API_KEY}"},
        raise_for_status=True,
    ):
        pass


async def test_a_refund_gives_all_back_once(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    first, again = [await payments.refund(refund_job(charged)) for _ in range(2)]
    (refund,) = await double.ledger("refunds")
    data = {"reference": refund["id"], "amount": 1999}
    assert first == again == Outcome("succeeded", data)
    assert await double.balance() == 0


async def test_it_may_go_back_in_parts_each_with_its_key(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    for revision, amount in ((1, 500), (2, 1000)):
        job = refund_job(charged, amount=amount, key=f"refund-{revision}")
        for starts in (1, 2, 3):
            outcome = await payments.refund(job | {"starts": starts})
            assert (outcome.status, outcome.data["amount"]) == ("succeeded", amount)
    assert await double.balance() == 499


async def test_of_a_sum_in_hundredths(double: Stripe, payments: Payments) -> None:
    charged = await payments.charge(charge_job(amount=5000, currency="ISK"))
    outcome = await payments.refund(refund_job(charged, amount=2000, currency="ISK"))
    assert outcome.data["amount"] == 2000
    assert [refund["amount"] for refund in await double.ledger("refunds")] == [200_000]


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize("known", [True, False])
async def test_a_refund_whose_reply_was_lost_is_found(
    double: Stripe, payments: Payments, charged: Outcome, hours: int, *, known: bool
) -> None:
    await double.strike("charge_then_500", times=1)
    first = await payments.refund(refund_job(charged, amount=700))
    assert (first.status, first.trouble) == ("retry", True)
    double.now += hours * HOUR
    (refund,) = await double.ledger("refunds")
    reference = refund["id"] if known else None
    again = refund_job(charged, amount=700, starts=2, reference=reference)
    found = await payments.refund(again)
    assert (found.status, found.data["reference"]) == ("succeeded", refund["id"])
    assert await double.balance() == 1299


async def test_a_refund_that_never_reached_stripe_is_made(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    await double.strike("refuse", times=1, method="POST")
    assert (await payments.refund(refund_job(charged))).trouble
    assert await double.balance() == 1999
    assert (await payments.refund(refund_job(charged, starts=2))).status == "succeeded"
    assert await double.balance() == 0


async def test_what_was_given_back_at_the_dashboard_is_not_given_back_again(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    await at_the_dashboard(double, "refunds", payment_intent=charged.data["reference"])
    [by_hand] = await double.ledger("refunds")
    for starts in (1, 2):
        outcome = await payments.refund(refund_job(charged, starts=starts))
        assert (outcome.status, outcome.data["reference"]) == ("succeeded", by_hand["id"])
    assert len(await double.ledger("refunds")) == 1


async def test_another_sum_that_was_given_back_at_the_dashboard_is_a_matter_for_people(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    await at_the_dashboard(double, "refunds", payment_intent=charged.data["reference"])
    for starts in (1, 2):
        outcome = await payments.refund(refund_job(charged, amount=1, starts=starts))
        assert (outcome.status, outcome.trouble) == ("failed", False)
        assert outcome.data["failure_code"] == "charge_already_refunded"
        assert outcome.data["failure_message"]


async def test_more_than_is_left_is_not_given_back(
    double: Stripe, payments: Payments, charged: Outcome
) -> None:
    await at_the_dashboard(double, "refunds", payment_intent=charged.data["reference"], amount=1)
    outcome = await payments.refund(refund_job(charged))
    assert (outcome.status, outcome.trouble) == ("retry", False)
    assert await double.balance() == 1998


async def test_what_no_provider_took_goes_back_without_one(double: Stripe) -> None:
    free = Outcome("succeeded", {"reference": "key", "captured": True})
    async with double.payments(stripe_api_base="http://127.0.0.1:1") as nobody:
        outcome = await nobody.refund(refund_job(free, provider="none", amount=0, key="back"))
    assert outcome == Outcome("succeeded", {"reference": "back", "amount": 0})


async def test_a_bank_may_take_its_time(double: Stripe, payments: Payments) -> None:
    charged = await payments.charge(charge_job("pm_card_pendingRefund"))
    first = await payments.refund(refund_job(charged))
    assert (first.status, first.trouble) == ("waiting", False)
    again = refund_job(charged, starts=2, reference=first.data["reference"])
    assert await payments.refund(again) == first
    double.now += HOUR
    outcome = await payments.refund(again | {"starts": 3})
    assert outcome == Outcome("succeeded", {**first.data, "amount": 1999})
    assert len(await double.ledger("refunds")) == 1


async def test_a_bank_may_refuse_it_later(double: Stripe, payments: Payments) -> None:
    charged = await payments.charge(charge_job("pm_card_refundFail"))
    first = await payments.refund(refund_job(charged))
    double.now += HOUR
    again = refund_job(charged, starts=2, reference=first.data["reference"])
    outcome = await payments.refund(again)
    assert (outcome.status, outcome.data["failure_code"]) == ("failed", "expired_or_canceled_card")
    assert outcome.error == outcome.data["failure_message"]


# What was only authorised is let go


async def test_an_authorisation_is_let_go_once(
    double: Stripe, payments: Payments, authorised: Outcome
) -> None:
    outcomes = [await payments.refund(refund_job(authorised, starts=n)) for n in (1, 1, 2)]
    data = {"reference": f"{authorised.data['reference']}:void", "amount": 1999}
    assert outcomes == [Outcome("succeeded", data)] * 3
    (intent,) = await double.ledger("intents")
    assert (intent["status"], await double.balance()) == ("canceled", 0)
    assert await double.ledger("refunds") == []


@pytest.mark.parametrize("hours", [0, 25])
async def test_a_release_whose_reply_was_lost_is_found(
    double: Stripe, payments: Payments, authorised: Outcome, hours: int
) -> None:
    await double.strike("charge_then_500", times=1)
    assert (await payments.refund(refund_job(authorised))).trouble
    double.now += hours * HOUR
    assert (await payments.refund(refund_job(authorised, starts=2))).status == "succeeded"


async def test_an_authorisation_that_ran_out_is_let_go_already(
    double: Stripe, payments: Payments, authorised: Outcome
) -> None:
    double.now += 8 * 24 * HOUR
    assert (await payments.refund(refund_job(authorised))).status == "succeeded"


async def test_what_was_captured_meanwhile_is_not_taken_for_let_go(
    double: Stripe, payments: Payments, authorised: Outcome
) -> None:
    reference = authorised.data["reference"]
    await at_the_dashboard(double, f"payment_intents/{reference}/capture")
    outcome = await payments.refund(refund_job(authorised))
    assert (outcome.status, outcome.trouble) == ("retry", False)
    assert await double.balance() == 1999
