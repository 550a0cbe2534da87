"""The Stripe test double, through the official package and real sockets."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stripe
from aiohttp import web

from local_stack.payments import create_app
from local_stack.payments.faults import Faults
from local_stack.ports import HOST, Ports
from local_stack.settings import REPOSITORY

API_KEY = "sk_test_double"
WEBHOOK_SECRET = "whsec_double"  # noqa: S105 - not a secret of anything
CARD = {"payment_method_types": ["card"], "confirm": True}
SECRETS = {"STRIPE_API_KEY": API_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}
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

    async def ledger(self) -> Answer:
        return (await self.request("GET", "/_ledger"))[1]

    async def fault(self, mode: str, **settings: object) -> None:
        status, _ = await self.request("PUT", "/_faults", json={"mode": mode, **settings})
        assert status == 200


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


async def test_manual_capture_and_cancel(double: Double) -> None:
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
    other = await double.pay(capture_method="manual")
    gone = await intents.cancel_async(other.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    await refusal(intents.capture_async(other.id), match="status of canceled")


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


INVALID: list[tuple[dict[str, Any], str | None, str]] = [
    ({"amount": 0}, "parameter_invalid_integer", "amount"),
    ({"amount": "12.50"}, "parameter_invalid_integer", "amount"),
    ({"amount": "9" * 30}, "parameter_invalid_integer", "amount"),
    ({"amount": 100_000_000}, "amount_too_large", "amount"),
    ({"currency": "xxx"}, None, "currency"),
    ({"payment_method": "pm_card_unheard"}, "resource_missing", "payment_method"),
    ({"capture_method": "later"}, None, "capture_method"),
    ({"confirm": "yes"}, None, "confirm"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"metadata": {"a" * 41: "x"}}, None, "metadata[" + "a" * 41 + "]"),
    ({"metadata": {str(n): "x" for n in range(51)}}, None, "metadata"),
    ({"confirm": False, "off_session": True}, None, "off_session"),
    ({"expand": ["secrets"]}, None, "expand[0]"),
]


@pytest.mark.parametrize(("params", "code", "param"), INVALID)
async def test_invalid_parameters(
    double: Double, params: dict[str, Any], code: str | None, param: str
) -> None:
    error = await refusal(double.pay(**params))
    assert (error.http_status, error.code) == (400, code)
    assert (error.param, error.error.type) == (param, "invalid_request_error")
    assert error.user_message
    assert error.request_id.startswith("req_")
    assert (await double.client.payment_intents.list_async()).data == []


async def test_missing_parameters_and_objects(double: Double) -> None:
    intents = double.client.payment_intents
    error = await refusal(intents.create_async({"currency": "usd"}))
    assert (error.code, error.param) == ("parameter_missing", "amount")
    await refusal(double.pay(payment_method_types=[]), match="return_url")
    for identifier in ("pi_none", "pi_\N{SNOWMAN}"):
        error = await refusal(intents.retrieve_async(identifier))
        assert (error.http_status, error.code) == (404, "resource_missing")
    await refusal(double.client.customers.create_async(), match="Unrecognized request URL")


async def test_authentication_of_the_caller(double: Double) -> None:
    other = double.connect(api_key="sk_test_other")
    await refusal(other.payment_intents.list_async(), stripe.AuthenticationError)
    basic = aiohttp.encode_basic_auth(API_KEY, "")
    for value, expected in [("", 401), ("Basic !", 401), ("Bearer", 401), (basic, 200)]:
        headers = {"Authorization": value}
        status, _ = await double.request("GET", "/v1/payment_intents", headers=headers)
        assert status == expected


async def test_malformed_bodies(double: Double) -> None:
    form = "application/x-www-form-urlencoded"
    twice = [b"amount=1&amount=2", b"amount=1&amount[a]=2", b"amount[a]=1&amount=2"]
    deep = [b"a[b][c][d][e][f][g]=1", b"[]=1&[=2&]=3", b"&".join(b"a%d=1" % n for n in range(2000))]
    for body, content_type, expected in [
        *((body, form, 400) for body in [b"amount=%ff", b"\xff", *twice, *deep]),
        (b"a=" + b"x" * 200_000, form, 413),
        (b'{"amount": 1}', "application/json", 400),
    ]:
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": content_type}
        status, answer = await double.request(
            "POST", "/v1/payment_intents", data=body, headers=headers
        )
        assert (status, answer["error"]["type"]) == (expected, "invalid_request_error"), body


async def test_same_key_same_answer(double: Double) -> None:
    first = await double.pay(key="k1")
    second = await double.pay(key="k1")
    assert second.id == first.id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert second.last_response.headers["Original-Request"] == first.last_response.request_id
    assert second.last_response.request_id != first.last_response.request_id
    assert len((await double.ledger())["charges"]) == 1


async def test_same_key_other_request(double: Double) -> None:
    intent = await double.pay(key="k1")
    other = [double.pay(key="k1", amount=2000), double.refund("k1", payment_intent=intent.id)]
    for request, difference in zip(other, ("same parameters", "same endpoint"), strict=True):
        await refusal(request, stripe.IdempotencyError, match=difference)
    await refusal(double.pay(key="k" * 256), match="255")
    assert (await double.ledger())["balance"] == {"usd": 1999}


async def test_a_decline_is_replayed_but_no_validation_error(double: Double) -> None:
    first = await refusal(double.pay("pm_card_chargeDeclined", key="k1"), stripe.CardError)
    second = await refusal(double.pay("pm_card_chargeDeclined", key="k1"), stripe.CardError)
    assert first.http_body == second.http_body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await double.ledger())["charges"]) == 1
    await refusal(double.pay(key="k2", amount=0))
    assert (await double.pay(key="k2")).status == "succeeded"


async def test_a_key_is_new_again_after_a_day(double: Double) -> None:
    first = await double.pay(key="k1")
    double.now += 24 * 3600 - 1
    assert (await double.pay(key="k1")).id == first.id
    double.now += 1
    assert (await double.pay(key="k1", amount=5)).id != first.id
    assert (await double.ledger())["balance"] == {"usd": 2004}


async def test_a_key_in_flight_is_refused(double: Double) -> None:
    await double.fault("slow", delay_seconds=0.5)
    calls = [double.pay(key="k1") for _ in range(30)]
    answers: list[Answer] = await asyncio.gather(*calls, return_exceptions=True)
    refused: list[Answer] = [one for one in answers if isinstance(one, stripe.APIError)]
    assert {error.http_status for error in refused} == {409}
    assert [error.error.code for error in refused] == ["idempotency_key_in_use"] * 29
    assert len((await double.ledger())["charges"]) == 1


async def test_concurrent_callers_with_one_key_get_one_charge(double: Double) -> None:
    await double.fault("slow", delay_seconds=0.1, times=1)
    double.client = double.connect(retries=2)
    intents = await asyncio.gather(*(double.pay(key="k1") for _ in range(30)))
    assert len({intent.id for intent in intents}) == 1
    assert len((await double.ledger())["charges"]) == 1


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
    await double.fault("slow", delay_seconds=0.5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(double.pay(key="k1"), 0.25)
    double.client = double.connect(retries=2)
    replayed = await double.pay(key="k1")
    assert replayed.last_response.headers["Idempotent-Replayed"] == "true"


async def test_fault_settings(double: Double) -> None:
    def strikes() -> list[bool]:
        faults = Faults(mode="slow", rate=0.5, times=5)
        return [faults.strike("slow", "/v1/refunds") for _ in range(20)]

    assert strikes() == strikes()
    assert sum(strikes()) == 5
    wrong: list[object] = [{"mode": "arson"}, {"rate": 2}, {"times": 0}, []]
    for settings in wrong:
        assert (await double.request("PUT", "/_faults", json=settings))[0] == 400


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


async def test_webhooks_are_signed_and_retried(tmp_path: Path) -> None:
    received: dict[str, Answer] = {}
    complete = asyncio.Event()
    refusals = [web.Response(status=503)]

    async def receive(request: web.Request) -> web.Response:
        signature = request.headers["Stripe-Signature"]
        event = stripe.Webhook.construct_event(await request.read(), signature, WEBHOOK_SECRET)
        if refusals:
            return refusals.pop()
        received[event.type] = event.data.object
        if len(received) == 3:
            complete.set()
        return web.Response()

    listener = web.Application()
    listener.router.add_post("/hook", receive)
    options = {"webhook_secret": WEBHOOK_SECRET, "retry_seconds": (0.05,)}
    async with (
        serve(listener) as url,
        running(tmp_path / "ledger.db", webhook_url=f"{url}/hook", **options) as double,
    ):
        intent = await double.pay(metadata={"order_id": "o1"})
        await double.refund(payment_intent=intent.id)
        await refusal(double.pay("pm_card_chargeDeclined"), stripe.CardError)
        await asyncio.wait_for(complete.wait(), 5)
    assert received["payment_intent.succeeded"]["metadata"]["order_id"] == "o1"
    assert received["charge.refunded"]["amount_refunded"] == 1999
    assert received["payment_intent.payment_failed"]["status"] == "requires_payment_method"


def start(ledger: Path, port: int, secrets: dict[str, str] = SECRETS) -> Answer:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "local_stack.payments", "--port", str(port), "--ledger", ledger],
        env={"PATH": os.environ["PATH"], **secrets},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nothing_is_forgotten_over_a_crash(tmp_path: Path) -> None:
    ledger, port = tmp_path / "ledger.db", Ports.free().payments
    url = f"http://{HOST}:{port}"
    http: Answer = stripe.RequestsClient()
    client = stripe.StripeClient(API_KEY, base_addresses={"api": url}, http_client=http).v1
    params: Answer = {"amount": 700, "currency": "eur", "payment_method": "pm_card_visa", **CARD}

    process = start(ledger, port)
    assert process.stdout.readline() == f"payments ready on {url}\n"
    intent = client.payment_intents.create(params, {"idempotency_key": "k1"})
    process.kill()
    assert process.communicate(timeout=10) == ("", "")

    process = start(ledger, port)
    assert process.stdout.readline()
    assert client.payment_intents.create(params, {"idempotency_key": "k1"}).id == intent.id
    refund = client.refunds.create({"payment_intent": intent.id, "amount": 200})
    assert client.payment_intents.retrieve(intent.id).amount_received == 700
    http.close()
    with contextlib.closing(sqlite3.connect(ledger)) as reader:
        movements = "select type, amount, currency, source from balance_transactions"
        assert reader.execute(movements).fetchall() == [
            ("charge", 700, "eur", intent.latest_charge),
            ("refund", -200, "eur", refund.id),
        ]
    process.terminate()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("ledger", "secrets", "reason"),
    [
        ("ledger.db", {}, "set STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET"),
        ("text", SECRETS, "cannot be used: file is not a database"),
        ("missing/ledger.db", SECRETS, "cannot be used: unable to open"),
        ("ledger.db", SECRETS, "cannot listen on"),
    ],
)
def test_it_says_in_one_line_why_it_cannot_start(
    tmp_path: Path, ledger: str, secrets: dict[str, str], reason: str
) -> None:
    (tmp_path / "text").write_text("neither a database nor empty")
    with socket.create_server((HOST, 0)) as listener:
        process = start(tmp_path / ledger, listener.getsockname()[1], secrets)
        said, complaints = process.communicate(timeout=20)
    assert (said, process.returncode) == ("", 1)
    assert reason in complaints
    assert complaints.count("\n") == 1
