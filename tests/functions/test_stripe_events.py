"""Stripe's webhooks: proven to be Stripe's, then recorded once; any other changes nothing."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr

from functions.kit.database import Database, DatabaseError
from functions.kit.webhooks import WebhookRefused
from functions.orders.stripe_events import StripeEvents
from tests.functions.engine import Engine, until
from tests.functions.signing import NOW, sign, stripe_headers, stripe_signature
from tests.functions.working import sample

SECRET = "whsec_of_stripe"  # noqa: S105 - of a test
ORDER_ID = "6b0c5f0e-7a55-4a0b-9a0e-0e4f2d0b6a11"
METADATA = {"order_id": ORDER_ID, "order_number": "1042", "idempotency_key": "key-1"}
INTENT = {"id": "pi_1", "amount": 1999, "currency": "eur", "metadata": METADATA}


def event(
    kind: str = "payment_intent.succeeded", name: str = "evt_1", **changed: object
) -> dict[str, Any]:
    """An event about an order's payment intent."""
    return {"id": name, "type": kind, "data": {"object": INTENT | changed}}


def body_of(content: object) -> bytes:
    return json.dumps(content).encode()


BODY = body_of(event())


@pytest.fixture
def events(database: Database) -> StripeEvents:
    return StripeEvents(database, SecretStr(SECRET), clock=lambda: NOW)


async def receive(events: StripeEvents, content: object) -> None:
    body = body_of(content)
    await events.receive(stripe_headers(SECRET, body), body)


async def test_a_payment_is_recorded(engine: Engine, events: StripeEvents) -> None:
    await events.receive(stripe_headers(SECRET, BODY), BODY)
    payment = {
        "provider": "stripe",
        "reference": "pi_1",
        "key": "key-1",
        "status": "succeeded",
        "amount": 1999,
        "currency": "EUR",
    }
    known = {"id": "evt_1", "type": "payment_intent.succeeded", "order_id": ORDER_ID}
    assert engine.calls == [("receive_payment_events", {"events": [known | {"payment": payment}]})]


async def test_the_same_bytes_again_are_taken_and_change_nothing(
    engine: Engine, events: StripeEvents
) -> None:
    before = sample("orderbase_webhooks_total", provider="stripe", result="repeated")
    for _ in range(3):
        await events.receive(stripe_headers(SECRET, BODY), BODY)
    assert len(engine.events) == 1
    after = sample("orderbase_webhooks_total", provider="stripe", result="repeated")
    assert after - before == 2


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("payment_intent.succeeded", "succeeded"),
        ("payment_intent.amount_capturable_updated", "authorized"),
        ("payment_intent.payment_failed", "failed"),
        ("payment_intent.canceled", "canceled"),
    ],
)
async def test_news_of_payments(
    engine: Engine, events: StripeEvents, kind: str, status: str
) -> None:
    await receive(events, event(kind, amount=500_000, currency="isk"))
    payment = engine.events[0]["payment"]
    assert (payment["status"], payment["amount"], payment["currency"]) == (status, 5000, "ISK")


async def test_news_of_refunds(engine: Engine, events: StripeEvents) -> None:
    refund = {"id": "re_1", "amount": 5, "currency": "eur", "status": "failed"}
    reason = {"failure_reason": "expired_or_canceled_card", "payment_intent": "pi_1"}
    thing = refund | reason | {"object": "refund", "metadata": METADATA, "balance": "secret"}
    await receive(events, {"id": "evt_1", "type": "refund.failed", "data": {"object": thing}})
    known = {"id": "evt_1", "type": "refund.failed", "order_id": ORDER_ID}
    assert engine.events == [known | {"refund": refund | reason}]


@pytest.mark.parametrize("metadata", [None, {}, {"order_id": 7}])
async def test_what_is_not_ours_is_recorded_and_left_to_the_database(
    engine: Engine, events: StripeEvents, metadata: object
) -> None:
    await receive(events, event("payment_intent.succeeded", metadata=metadata))
    await receive(events, event("customer.created", "evt_2"))
    first, second = engine.events
    assert first["payment"]["key"] is None
    assert second == {"id": "evt_2", "type": "customer.created", "order_id": ORDER_ID}


# Who signed it


def signed(signature: str) -> dict[str, str]:
    return {"stripe-signature": signature}


GOOD = stripe_signature(SECRET, BODY)
OTHER = stripe_signature("whsec_another", BODY)
ACCEPTED = {
    "first of two signatures": signed(f"t={NOW},v1={GOOD},v1={OTHER}"),
    "second of two signatures": signed(f"t={NOW},v1={OTHER},v1={GOOD}"),
    "beside another scheme": signed(f"t={NOW},v0={OTHER},v1={GOOD}"),
    "300 s old": stripe_headers(SECRET, BODY, NOW - 300),
    "300 s ahead": stripe_headers(SECRET, BODY, NOW + 300),
}


@pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED)
async def test_accepted(engine: Engine, events: StripeEvents, headers: dict[str, str]) -> None:
    await events.receive(headers, BODY)
    assert len(engine.events) == 1


OLD, AHEAD = (stripe_signature(SECRET, BODY, NOW + seconds) for seconds in (-301, 301))
REFUSED = {
    "no header": {},
    "empty header": signed(""),
    "another secret": signed(f"t={NOW},v1={OTHER}"),
    "another scheme": signed(f"t={NOW},v0={GOOD}"),
    "no scheme": signed(f"t={NOW},{GOOD}"),
    "no time": signed(f"v1={GOOD}"),
    "another time": signed(f"t={NOW + 1},v1={GOOD}"),
    "301 s old": signed(f"t={NOW - 301},v1={OLD}"),
    "301 s ahead": signed(f"t={NOW + 301},v1={AHEAD}"),
    "text as time": stripe_headers(SECRET, BODY, "now"),
    "negative time": stripe_headers(SECRET, BODY, -NOW),
    "endless time": stripe_headers(SECRET, BODY, "9" * 5000),
    "a fraction as time": stripe_headers(SECRET, BODY, f"{NOW}.0"),
    "old, then a second time of now": signed(f"t={NOW - 301},t={NOW},v1={OLD}"),
    "now, then a second time that is signed": signed(f"t={NOW},t={NOW - 301},v1={OLD}"),
    "not ASCII": signed(f"t={NOW},v1=ä"),
    "cut short": signed(f"t={NOW},v1={GOOD[:-1]}"),
    "in capitals": signed(f"t={NOW},v1={GOOD.upper()}"),
    "signed as the database signs": signed(sign(SECRET, BODY)),
}
CHANGED = {
    "one space more": BODY.replace(b":", b": ", 1),
    "another id": BODY.replace(b"evt_1", b"evt_2"),
    "another sum": BODY.replace(b"1999", b"1"),
    "a line feed at the end": BODY + b"\n",
    "nothing": b"",
    "bytes that are no text": BODY + b"\xff",
}


async def refused(
    engine: Engine, events: StripeEvents, headers: dict[str, str], body: bytes
) -> str:
    before = sample("orderbase_webhooks_total", provider="stripe", result="refused")
    with pytest.raises(WebhookRefused) as refusal:
        await events.receive(headers, body)
    after = sample("orderbase_webhooks_total", provider="stripe", result="refused")
    assert (engine.calls, after - before) == ([], 1)
    return str(refusal.value)


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_refused(engine: Engine, events: StripeEvents, headers: dict[str, str]) -> None:
    await refused(engine, events, headers, BODY)


@pytest.mark.parametrize("body", CHANGED.values(), ids=CHANGED)
async def test_a_changed_body_is_refused(engine: Engine, events: StripeEvents, body: bytes) -> None:
    assert body != BODY
    await refused(engine, events, stripe_headers(SECRET, BODY), body)


async def test_bytes_that_are_no_text_are_refused_though_signed(
    engine: Engine, events: StripeEvents
) -> None:
    await refused(engine, events, stripe_headers(SECRET, b"\xff"), b"\xff")


NO_EVENTS = {
    "nothing": b"",
    "no JSON": b"{",
    "a number": b"1",
    "null": b"null",
    "a list": b"[]",
    "no id": b'{"type": "x", "data": {"object": {}}}',
    "a number as id": b'{"id": 1, "type": "x", "data": {"object": {}}}',
    "no data": b'{"id": "evt_1", "type": "x"}',
    "null as data": b'{"id": "evt_1", "type": "x", "data": null}',
    "text as object": b'{"id": "evt_1", "type": "x", "data": {"object": "pi_1"}}',
    "a list as metadata": body_of(event(metadata=["x"])),
    "a payment without a currency": BODY.replace(b"currency", b"other"),
    "a payment without an amount": body_of(event(amount=None)),
    "deep nesting": b"[" * 500_000,
    "an event with deep nesting": BODY.replace(b"1999", b"[" * 200_000),
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS)
async def test_what_is_no_event_is_refused_though_signed(
    engine: Engine, events: StripeEvents, body: bytes
) -> None:
    said = await refused(engine, events, stripe_headers(SECRET, body), body)
    assert said == "This is not an event."


@pytest.mark.parametrize("secret", [None, SecretStr("")])
async def test_without_a_secret_none_is_taken(
    engine: Engine, database: Database, secret: SecretStr | None
) -> None:
    events = StripeEvents(database, secret, clock=lambda: NOW)
    await refused(engine, events, stripe_headers("", BODY), BODY)


# Recording


async def test_fifty_at_once_are_few_calls(engine: Engine, events: StripeEvents) -> None:
    engine.open["receive"] = asyncio.Event()
    arriving = [
        asyncio.create_task(receive(events, event(name=f"evt_{number}"))) for number in range(50)
    ]
    await until(lambda: len(engine.called("receive")) == 1)
    engine.open["receive"].set()
    await asyncio.gather(*arriving)
    assert len(engine.events) == 50
    assert len(engine.calls) <= 2


async def test_without_the_database_it_has_to_be_sent_again(
    engine: Engine, events: StripeEvents
) -> None:
    for fault in (503, 400, 0):
        engine.faults = [fault]
        with pytest.raises(DatabaseError):
            await events.receive(stripe_headers(SECRET, BODY), BODY)
    await events.receive(stripe_headers(SECRET, BODY), BODY)
    assert len(engine.events) == 1, "though the lost reply had recorded it"
