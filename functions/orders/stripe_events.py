"""Webhooks of Stripe: proven to be Stripe's, then recorded, each event once."""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from pydantic import SecretStr
from stripe import SignatureVerificationError, WebhookSignature

from functions.kit.batching import Batcher
from functions.kit.database import Database, Row
from functions.kit.metrics import WEBHOOKS
from functions.kit.webhooks import TOLERANCE_SECONDS, WebhookRefused
from functions.orders.outcomes import PROVIDER, factor
from functions.orders.payments import KEY_NAME

_NEWS_OF_PAYMENTS = {
    "payment_intent.succeeded": "succeeded",
    "payment_intent.amount_capturable_updated": "authorized",
    "payment_intent.payment_failed": "failed",
    "payment_intent.canceled": "canceled",
}


class StripeEvents:
    """Takes Stripe's webhooks and writes down what they mean for orders."""

    def __init__(
        self, database: Database, secret: SecretStr | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._batcher = Batcher(self._record)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return once the event is recorded; a repeated one changes nothing.

        Raises:
            WebhookRefused: it is not from Stripe, or not from now.
            DatabaseError: it is not recorded; Stripe has to send it again.
        """
        try:
            self._verify(headers.get("stripe-signature"), body)
            news = _parse(body)
        except WebhookRefused:
            WEBHOOKS.labels(PROVIDER, "refused").inc()
            raise
        reply = await self._batcher.submit(news)
        WEBHOOKS.labels(PROVIDER, reply["effect"]).inc()

    async def _record(self, events: Sequence[Row]) -> list[Row]:
        return await self._database.call("receive_payment_events", {"events": list(events)})

    def _verify(self, header: str | None, body: bytes) -> None:
        if self._secret is None:
            raise WebhookRefused("Nothing here takes this provider's webhooks.")
        try:
            text = body.decode()
            WebhookSignature.verify_header(text, header, self._secret.get_secret_value())
        except (SignatureVerificationError, ValueError, TypeError) as error:
            raise WebhookRefused("No signature fits this message.") from error
        if abs(self._clock() - _timestamp(header or "")) > TOLERANCE_SECONDS:
            raise WebhookRefused("The timestamp is too far from now.")


def _timestamp(header: str) -> int:
    """Stripe's package looks at the first time of the header, and only for the past."""
    return int(next(part for part in header.split(",") if part.startswith("t=")).split("=", 2)[1])


def _parse(body: bytes) -> Row:
    try:
        event = json.loads(body)
        if isinstance(event["id"], str):
            return _news(event)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise WebhookRefused("This is not an event.")


def _news(event: Row) -> Row:
    """What the database takes of an event."""
    thing, kind = event["data"]["object"], str(event.get("type"))
    metadata = thing.get("metadata") or {}
    news: Row = {"id": event["id"], "type": kind, "order_id": metadata.get("order_id")}
    if kind in _NEWS_OF_PAYMENTS:
        news["payment"] = _payment(thing, metadata, _NEWS_OF_PAYMENTS[kind])
    elif kind.startswith("refund."):
        names = ("id", "amount", "currency", "status", "failure_reason", "payment_intent")
        news["refund"] = {name: thing.get(name) for name in names}
    return news


def _payment(intent: Row, metadata: Row, status: str) -> Row:
    currency = str(intent["currency"]).upper()
    return {
        "provider": PROVIDER,
        "reference": intent["id"],
        "key": metadata.get(KEY_NAME),
        "status": status,
        "amount": intent["amount"] // factor(currency),
        "currency": currency,
    }
