"""3-D Secure and test card numbers at the Stripe test double."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import stripe

from local_stack.payments import card_numbers, cards
from tests.stack.test_payments import Answer, Double, refusal, running

VISA = "4242424242424242"


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    async with running(tmp_path / "ledger.db") as started:
        yield started


async def make_method(double: Double, number: str = VISA, **card: object) -> Answer:
    details = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"} | card
    return await double.client.payment_methods.create_async({"type": "card", "card": details})


@pytest.mark.parametrize(
    "payment_method", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"]
)
async def test_authentication(double: Double, payment_method: str) -> None:
    intent = await double.pay(payment_method)
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")
    error = await refusal(double.pay(payment_method, off_session=True), stripe.CardError)
    assert (error.code, error.error.decline_code) == ("authentication_required",) * 2
    error = await refusal(
        double.pay(payment_method, error_on_requires_action=True), stripe.CardError
    )
    assert error.error.decline_code == "authentication_not_handled"
    assert (await double.ledger())["balance"] == {}


async def test_authentication_that_succeeds(double: Double) -> None:
    intent = await double.pay("pm_card_authenticationRequired", metadata={"order_id": "o1"})
    assert intent.next_action.use_stripe_sdk.type == "three_d_secure_redirect"
    status, answer = await double.authenticate(intent.id, "succeeded")
    assert (status, answer["status"], answer["next_action"]) == (200, "succeeded", None)
    paid = await double.client.payment_intents.retrieve_async(intent.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 1999)
    assert (await double.ledger("o1"))["balance"] == {"usd": 1999}
    assert await double.events() == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    status, answer = await double.authenticate(intent.id, "succeeded")
    assert (status, answer["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert (await double.ledger())["balance"] == {"usd": 1999}


async def test_authentication_with_manual_capture(double: Double) -> None:
    intent = await double.pay("pm_card_threeDSecure2Required", capture_method="manual")
    _, answer = await double.authenticate(intent.id, "succeeded")
    assert (answer["status"], answer["amount_capturable"]) == ("requires_capture", 1999)
    assert (await double.events())[-1] == "payment_intent.amount_capturable_updated"
    taken = await double.client.payment_intents.capture_async(intent.id)
    assert taken.status == "succeeded"


async def test_authentication_that_fails(double: Double) -> None:
    intents = double.client.payment_intents
    intent = await double.pay("pm_card_authenticationRequired")
    _, answer = await double.authenticate(intent.id, "failed")
    assert answer["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    failed = await intents.retrieve_async(intent.id)
    assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
    assert (await double.events())[-1] == "payment_intent.payment_failed"
    assert (await double.ledger())["charges"] == []
    paid = await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


@pytest.mark.parametrize(
    ("payment_method", "decline_code"),
    [
        ("pm_card_threeDSecureRequiredChargeDeclined", "generic_decline"),
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
async def test_a_card_declined_after_authentication(
    double: Double, payment_method: str, decline_code: str
) -> None:
    intent = await double.pay(payment_method)
    status, answer = await double.authenticate(intent.id, "succeeded")
    assert (status, answer["status"]) == (200, "requires_payment_method")
    assert answer["last_payment_error"]["decline_code"] == decline_code
    assert (await double.events())[-2:] == ["charge.failed", "payment_intent.payment_failed"]


async def test_a_card_set_up_for_off_session_asks_nothing_then(double: Double) -> None:
    method = "pm_card_authenticationRequiredSetupForOffSession"
    assert (await double.pay(method)).status == "requires_action"
    assert (await double.pay(method, off_session=True)).status == "succeeded"


async def test_what_cannot_be_authenticated(double: Double) -> None:
    asked = await double.pay("pm_card_authenticationRequired")
    await double.client.payment_intents.cancel_async(asked.id)
    paid = await double.pay()
    for intent, expected in [(asked.id, 400), (paid.id, 400), ("pi_none", 404)]:
        assert (await double.authenticate(intent, "succeeded"))[0] == expected
    assert (await double.authenticate(asked.id, "perhaps"))[0] == 400
    path = f"{double.url}/_authenticate/{asked.id}"
    async with aiohttp.request("OPTIONS", path) as reply:
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_payment_method_of_a_number(double: Double) -> None:
    method = await double.client.payment_methods.create_async(
        {
            "type": "card",
            "card": {"number": "5555 5555 5555 4444", "exp_month": 7, "exp_year": 34, "cvc": "123"},
            "billing_details": {"name": "Ada", "address": {"country": "DE"}},
            "metadata": {"shopper": "s1"},
        }
    )
    assert method.id.startswith("pm_")
    card = method.card
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == (
        "mastercard",
        "4444",
        7,
        2034,
    )
    assert (method.billing_details.name, method.metadata.shopper) == ("Ada", "s1")
    assert await double.client.payment_methods.retrieve_async(method.id) == method
    paid = await double.pay(method.id, expand=["payment_method", "latest_charge"])
    assert (paid.status, paid.payment_method.card.last4) == ("succeeded", "4444")
    assert paid.latest_charge.payment_method_details.card.brand == "mastercard"
    again = await make_method(double, "5555555555554444")
    assert again.card.fingerprint == card.fingerprint


async def outcome(double: Double, payment_method: str) -> Answer:
    """The status of the intent, or why it was declined."""
    try:
        return (await double.pay(payment_method)).status
    except stripe.CardError as error:
        return error.error and error.error.decline_code


@pytest.mark.parametrize("number", card_numbers.documented())
async def test_a_number_behaves_as_its_documented_id(double: Double, number: str) -> None:
    name = card_numbers.name_of(number)
    assert isinstance(name, str)
    assert number.endswith(cards.named(name).last4) or cards.named(name).decline is None
    cvc = "1234" if cards.named(name).brand == "amex" else "123"
    method = await make_method(double, number, cvc=cvc)
    outcomes = [await outcome(double, one) for one in (method.id, f"pm_card_{name}")]
    assert outcomes[0] == outcomes[1]


WRONG_CARDS: list[tuple[dict[str, object], str, str | None]] = [
    ({"number": "4242424242424241"}, "incorrect_number", "number"),
    ({"number": "4242"}, "invalid_number", "number"),
    ({"number": "4242x"}, "invalid_number", "number"),
    ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
    ({"exp_month": 0}, "invalid_expiry_month", "exp_month"),
    ({"exp_year": 2026}, "invalid_expiry_year", "exp_year"),
    ({"exp_year": 2095}, "invalid_expiry_year", "exp_year"),
    ({"exp_year": -1}, "invalid_expiry_year", "exp_year"),
    ({"cvc": "99"}, "invalid_cvc", "cvc"),
    ({"cvc": "1234"}, "invalid_cvc", "cvc"),
    ({"number": "4111111111111111"}, "card_declined", None),
]


@pytest.mark.parametrize(("card", "code", "param"), WRONG_CARDS)
async def test_a_wrong_card(
    double: Double, card: dict[str, object], code: str, param: str | None
) -> None:
    error = await refusal(make_method(double, **card), stripe.CardError)  # type: ignore[arg-type]
    assert (error.http_status, error.code, error.param) == (402, code, param)
    assert error.error.decline_code == ("test_mode_live_card" if not param else None)


async def test_no_payment_method(double: Double) -> None:
    methods = double.client.payment_methods
    error = await refusal(methods.retrieve_async("pm_none"))
    assert (error.http_status, error.code) == (404, "resource_missing")
    assert (await methods.retrieve_async("pm_card_amex")).card.brand == "amex"
    error = await refusal(methods.create_async({"type": "card"}))
    assert (error.code, error.param) == ("parameter_missing", "card")


async def test_card_numbers_are_never_kept(tmp_path: Path) -> None:
    real, code = "4111111111111111", "987"
    async with running(tmp_path / "ledger.db") as double:

        async def make(number: str) -> Answer:
            details = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": code}
            return await double.client.payment_methods.create_async(
                {"type": "card", "card": details}, {"idempotency_key": f"key-{number[:3]}"}
            )

        made = await make(VISA)
        assert (await make(VISA)).id == made.id
        await refusal(make(real), stripe.CardError)
        await double.pay(made.id)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as reader:
        dump = "\n".join(reader.iterdump())
    assert made.id in dump
    assert [kept for kept in (VISA, real, f'"{code}"') if kept in dump] == []
