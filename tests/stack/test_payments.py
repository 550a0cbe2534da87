"""The Stripe test double, through the official package and real sockets: payments and refunds."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web

from local_stack.payments import create_app
from local_stack.ports import HOST

API_KEY = "sk_test_double"

DAY = 24 * 3600
REFUND_SECONDS = 2
WEBHOOK_SECRET = "whsec_double"  # noqa: S105 - not a secret of anything

CARD = {"payment_method_types": ["card"], "confirm": True}

Answer = Any
"""What the official client returns: its own types are unions too wide to assert on."""


class Double:
    """A running double, an official client of it, and its clock."""

    url: str
    client: Answer

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.http: Answer = stripe.AIOHTTPClient(timeout=5)

    def connect(self, *, api_key: str = API_KEY, retries: int = 0) -> Answer:
        addresses: Answer = {"base_addresses": {"api": self.url}, "http_client": self.http}
        return stripe.StripeClient(api_key, max_network_retries=retries, **addresses).v1

    async def pay(
        self, payment_method: str = "pm_card_visa", key: str | None = None, **params: object
    ) -> Answer:
        params = {"amount": 1999, "currency": "usd", "payment_method": payment_method} | params
        options = {"idempotency_key": key} if key else {}
        return await self.client.payment_intents.create_async(CARD | params, options)

    async def refund(self, key: str | None = None, **params: object) -> Answer:
        options = {"idempotency_key": key} if key else {}
        return await self.client.refunds.create_async(params, options)

    async def request(self, method: str, path: str, **arguments: Answer) -> tuple[int, Answer]:
        async with aiohttp.request(method, self.url + path, **arguments) as reply:
            return reply.status, await reply.json()

    async def ledger(self, order: str | None = None) -> Answer:
        return (await self.request("GET", "/_ledger", params={"order_id": order} if order else {}))[
            1
        ]

    async def fault(self, mode: str, **settings: object) -> None:
        await self.put("/_faults", {"mode": mode, **settings})

    async def put(self, path: str, settings: object) -> Answer:
        status, answer = await self.request("PUT", path, json=settings)
        assert status == 200, answer
        return answer

    async def authenticate(self, intent: str, outcome: str) -> tuple[int, Answer]:
        return await self.request("POST", f"/_authenticate/{intent}", json={"outcome": outcome})

    async def events(self) -> list[str]:
        """The kinds of all events, in the order they happened."""
        listed = await self.client.events.list_async({"limit": 100})
        return [event.type for event in reversed(listed.data)]


@asynccontextmanager
async def serve(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    try:
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(ledger: Path, **options: Answer) -> AsyncIterator[Double]:
    double = Double()
    app = create_app(ledger, API_KEY, clock=lambda: double.now, **options)
    async with serve(app) as double.url:
        double.client = double.connect()
        yield double
        await double.http.close_async()


async def refusal(
    call: Awaitable[Answer],
    kind: type[stripe.StripeError] = stripe.InvalidRequestError,
    match: str | None = None,
) -> Answer:
    """The error that the official client raises."""
    with pytest.raises(kind, match=match) as caught:
        await call
    return caught.value


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    async with running(tmp_path / "ledger.db") as started:
        yield started


async def test_charge(double: Double) -> None:
    intent = await double.pay(
        "pm_card_amex", currency="USD", metadata={"a": "b", "c": ""}, expand=["latest_charge"]
    )
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 1999, "usd")
    assert intent.metadata.to_dict() == {"a": "b"}
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.latest_charge.payment_method_details.card.brand == "amex"
    ledger = await double.ledger()
    assert [charge["payment_intent"] for charge in ledger["charges"]] == [intent.id]
    assert ledger["balance"] == {"usd": 1999}


DECLINES = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
]


@pytest.mark.parametrize(("payment_method", "code", "decline_code"), DECLINES)
async def test_decline(double: Double, payment_method: str, code: str, decline_code: str) -> None:
    error = await refusal(double.pay(payment_method), stripe.CardError)
    assert (error.http_status, error.code) == (402, code)
    error = error.error
    assert (error.type, error.decline_code) == ("card_error", decline_code)
    assert error.message
    assert error.doc_url.endswith(code.replace("_", "-"))
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.last_payment_error.decline_code == decline_code
    ledger = await double.ledger()
    assert [row["id"] for row in ledger["charges"]] == [error.charge]
    assert ledger["balance"] == {}


async def test_a_declined_intent_is_paid_by_another_card(double: Double) -> None:
    error = await refusal(double.pay("pm_card_visa_chargeDeclined"), stripe.CardError)
    declined = error.error.payment_intent
    intents = double.client.payment_intents
    await refusal(intents.confirm_async(declined.id), match="missing a payment method")
    paid = await intents.confirm_async(declined.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    again = await refusal(intents.confirm_async(declined.id, {"payment_method": "pm_card_visa"}))
    assert again.code == "payment_intent_unexpected_state"


async def test_manual_capture(double: Double) -> None:
    intents = double.client.payment_intents
    held = await double.pay(capture_method="manual")
    assert (held.status, held.amount_capturable) == ("requires_capture", 1999)
    assert (await double.ledger())["balance"] == {}
    error = await refusal(intents.capture_async(held.id, {"amount_to_capture": 2000}))
    assert (error.code, error.param) == ("amount_too_large", "amount_to_capture")
    taken = await intents.capture_async(held.id, {"amount_to_capture": 1500})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 1500, 0)
    assert (await double.ledger())["balance"] == {"usd": 1500}
    await refusal(intents.cancel_async(held.id), match="status of succeeded")
    double.now += 8 * DAY
    assert (await intents.retrieve_async(held.id)).status == "succeeded"
    assert await double.events() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_canceling_releases_authorised_money(double: Double) -> None:
    intents = double.client.payment_intents
    held = await double.pay(capture_method="manual")
    gone = await intents.cancel_async(
        held.id, {"cancellation_reason": "abandoned", "expand": ["latest_charge"]}
    )
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    charge = gone.latest_charge
    assert (charge.status, charge.captured, charge.amount_captured) == ("succeeded", False, 0)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    await refusal(intents.capture_async(held.id), match="status of canceled")
    assert (await double.ledger())["balance"] == {}
    assert (await double.events())[-1] == "payment_intent.canceled"


async def test_an_authorisation_expires_after_seven_days(double: Double) -> None:
    intents = double.client.payment_intents
    held = await double.pay(capture_method="manual")
    double.now += 7 * DAY - 1
    assert (await intents.retrieve_async(held.id)).status == "requires_capture"
    double.now += 1
    error = await refusal(intents.capture_async(held.id))
    assert (error.http_status, error.code) == (400, "charge_expired_for_capture")
    gone = await intents.retrieve_async(held.id)
    assert (gone.status, gone.cancellation_reason) == ("canceled", "expired")
    assert (gone.amount_capturable, gone.canceled_at) == (0, int(double.now))
    assert (await double.events())[-2:] == ["charge.expired", "payment_intent.canceled"]
    assert (await double.ledger())["balance"] == {}


async def test_refunds(double: Double) -> None:
    intent = await double.pay()
    part = await double.refund(payment_intent=intent.id, amount=500)
    assert (part.status, part.amount, part.charge) == ("succeeded", 500, intent.latest_charge)
    error = await refusal(double.refund(payment_intent=intent.id, amount=1500))
    assert (error.param, error.code) == ("amount", None)
    rest = await double.refund(payment_intent=intent.id)
    assert rest.amount == 1499
    error = await refusal(double.refund(payment_intent=intent.id))
    assert error.code == "charge_already_refunded"
    listed = await double.client.refunds.list_async({"payment_intent": intent.id})
    assert [refund.id for refund in listed.data] == [rest.id, part.id]
    assert (await double.client.refunds.retrieve_async(part.id)).amount == 500
    ledger = await double.ledger()
    assert ledger["balance"] == {"usd": 0}
    assert [charge["amount_refunded"] for charge in ledger["charges"]] == [1999]
    movements = await double.client.balance_transactions.list_async()
    assert [row.amount for row in movements.data] == [-1499, -500, 1999]


async def test_a_pending_refund_succeeds_later(double: Double) -> None:
    intent = await double.pay("pm_card_pendingRefund")
    refund = await double.refund(payment_intent=intent.id)
    assert refund.status == "pending"
    double.now += REFUND_SECONDS
    assert (await double.client.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert (await double.ledger())["balance"] == {"usd": 0}
    assert (await double.events())[-4:] == [
        "charge.refunded",
        "refund.created",
        "charge.refund.updated",
        "refund.updated",
    ]


async def test_a_refund_fails_later_and_the_money_is_back(double: Double) -> None:
    intent = await double.pay("pm_card_refundFail", metadata={"order_id": "o1"})
    refund = await double.refund(payment_intent=intent.id, amount=500)
    assert refund.status == "succeeded"
    assert (await double.ledger("o1"))["balance"] == {"usd": 1499}
    double.now += REFUND_SECONDS
    failed = await double.client.refunds.retrieve_async(
        refund.id, {"expand": ["failure_balance_transaction"]}
    )
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction.amount == 500
    for ledger in (await double.ledger(), await double.ledger("o1")):
        assert ledger["balance"] == {"usd": 1999}
        assert [charge["amount_refunded"] for charge in ledger["charges"]] == [0]
    assert (await double.events())[-3:] == [
        "charge.refund.updated",
        "refund.updated",
        "refund.failed",
    ]
    assert (await double.refund(payment_intent=intent.id)).amount == 1999


async def test_nothing_to_refund(double: Double) -> None:
    held = await double.pay(capture_method="manual")
    await refusal(double.refund(payment_intent=held.id), match="Cancel its PaymentIntent")
    declined = await refusal(double.pay("pm_card_chargeDeclined"), stripe.CardError)
    await refusal(
        double.refund(payment_intent=declined.error.payment_intent.id), match="successful charge"
    )
    for params in ({"payment_intent": "pi_none"}, {"charge": "ch_none"}):
        error = await refusal(double.refund(**params))
        assert (error.http_status, error.code) == (400, "resource_missing")
    error = await refusal(double.refund())
    assert error.code == "parameter_missing"


async def test_list_and_search(double: Double) -> None:
    intents = double.client.payment_intents
    made = []
    for number in range(5):
        made.append(await double.pay(metadata={"order_id": f"o{number % 2}"}))
        double.now += 1
    newest_first = [intent.id for intent in reversed(made)]
    page = await intents.list_async({"limit": 2})
    assert (page.has_more, [intent.id for intent in page.data]) == (True, newest_first[:2])
    listed = [intent.id async for intent in page.auto_paging_iter()]
    assert listed == newest_first
    recent = await intents.list_async({"created": {"gte": made[3].created}})
    assert [intent.id for intent in recent.data] == newest_first[:2]
    query = "metadata['order_id']:'o0' AND status:'succeeded'"
    found = await intents.search_async({"query": query, "limit": 2})
    assert [intent.id async for intent in found.auto_paging_iter()] == newest_first[::2]
    for params in ({"limit": 0}, {"limit": 101}, {"starting_after": "pi_none"}):
        await refusal(intents.list_async(params))
    for query in ("order 5", "amount:'5'", "metadata['a']:'b' AND", ""):
        await refusal(intents.search_async({"query": query}))


async def test_the_ledger_of_one_order(double: Double) -> None:
    await refusal(
        double.pay("pm_card_chargeDeclined", metadata={"order_id": "o1"}), stripe.CardError
    )
    paid = await double.pay(metadata={"order_id": "o1"})
    await double.pay(metadata={"order_id": "o2"}, amount=7)
    refund = await double.refund(payment_intent=paid.id, amount=500)
    ledger = await double.ledger("o1")
    assert [intent["status"] for intent in ledger["intents"]] == [
        "succeeded",
        "requires_payment_method",
    ]
    assert [charge["status"] for charge in ledger["charges"]] == ["succeeded", "failed"]
    assert [row["id"] for row in ledger["refunds"]] == [refund.id]
    assert ledger["balance"] == {"usd": 1499}
    everything = await double.ledger()
    assert (len(everything["intents"]), everything["balance"]) == (3, {"usd": 1506})
    nothing: Answer = {"intents": [], "charges": [], "refunds": [], "balance": {}}
    assert await double.ledger("o3") == nothing
