"""Webhooks that the shop sends: proven to be from it (Standard Webhooks 1.0), and read.

    event = orderbase.webhooks.verify(await request.body(), request.headers, secret)

Answer with a 2xx status. The same event may come more than once, under the same `id`.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue, ValidationError

from orderbase.errors import WebhookRefused
from orderbase.models import OrderStatus
from orderbase.models.base import Model, Told
from orderbase.money import Money

TOLERANCE_SECONDS = 300.0

_PREFIX = "whsec_"
_VERSION = "v1,"
_MAX_DIGITS = 12


class WebhookItem(Model, frozen=True):
    """A line of an order; `unit_price` in minor units of the order's currency."""

    product_id: UUID
    quantity: int
    unit_price: int


class WebhookOrder(Model, frozen=True):
    """An order as an event left it; `total_amount` in minor units of the currency."""

    id: UUID
    number: int
    status: Told[OrderStatus]
    version: int
    total_amount: int = Field(validation_alias="total", serialization_alias="total")
    currency: str
    placed_at: datetime
    items: tuple[WebhookItem, ...]

    @property
    def total(self) -> Money:
        """What the order costs."""
        return Money(self.total_amount, self.currency)


class WebhookEvent(Model, frozen=True):
    """Something that happened, such as "order.paid".

    `id` is the same whenever the event is sent again. `position` is that of the order feed:
    `orders.watch(after=position)` goes on from there. `order` and `position` are None for events
    that are about no order, such as "webhook.test". `data` is all of what was sent.
    """

    id: str
    type: str
    timestamp: datetime
    data: dict[str, JsonValue]
    position: str | None
    order: WebhookOrder | None


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookEvent:
    """The event of a webhook that is proven to be from the shop, and from now.

    Args:
        body: the request's body exactly as it came, before any JSON is read.
        headers: the request's headers, in any case.
        secrets: the endpoint's secret, "whsec_..."; while it is changed, the old and the new.
        tolerance: seconds that the sender's clock and ours may be apart.
        now: seconds since 1970; by the machine's clock unless given.

    Raises:
        WebhookRefused: answer with 400, and do nothing else. Its `code` says why:
            "header_missing", "invalid_timestamp", "timestamp_out_of_tolerance",
            "signature_mismatch", "unreadable_event".
        ValueError: a secret is none, or there are none.
    """
    content = _encoded(body) if isinstance(body, str) else body
    message_id, timestamp, signatures = _headers(headers)
    _check_time(timestamp, time.time() if now is None else now, tolerance)
    signed = _encoded(f"{message_id}.{timestamp}.") + content
    expected = [_sign(key, signed) for key in _keys(secrets)]
    if not _any_equal(expected, signatures.split(" ")):
        raise WebhookRefused("No signature fits this message.", code="signature_mismatch")
    return _read(message_id, content)


def _headers(headers: Mapping[str, str]) -> tuple[str, str, str]:
    values = {name.lower(): value for name, value in headers.items()}
    try:
        return (
            values["webhook-id"],
            values["webhook-timestamp"],
            values["webhook-signature"],
        )
    except KeyError as missing:
        raise WebhookRefused(
            f"The header {missing.args[0]} is missing.", code="header_missing"
        ) from None


def _check_time(timestamp: str, now: float, tolerance: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS):
        raise WebhookRefused(
            "The timestamp is not a whole number of seconds.", code="invalid_timestamp"
        )
    if not abs(now - int(timestamp)) <= tolerance:  # not a number is too far
        raise WebhookRefused(
            "The timestamp is too far from now.", code="timestamp_out_of_tolerance"
        )


def _keys(secrets: str | Sequence[str]) -> list[bytes]:
    try:
        keys = [
            base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
            for secret in ([secrets] if isinstance(secrets, str) else secrets)
        ]
    except binascii.Error:
        raise ValueError("a webhook secret is whsec_ and Base64") from None
    if not keys or not all(keys):
        raise ValueError("a webhook is verified with at least one secret, and none is empty")
    return keys


def _sign(key: bytes, signed: bytes) -> str:
    return _VERSION + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    """Compares all with all, so that the time it takes tells nothing."""
    theirs = [_encoded(signature) for signature in given]
    equal = [hmac.compare_digest(ours.encode(), its) for ours in expected for its in theirs]
    return any(equal)


def _encoded(text: str) -> bytes:
    """Also of what some servers make of a header's bytes that are no text."""
    return text.encode("utf-8", "surrogatepass")


def _read(message_id: str, content: bytes) -> WebhookEvent:
    try:
        message = _Message.model_validate_json(content)
        data = message.data
        return WebhookEvent.model_validate(
            {
                "id": message_id,
                "type": message.type,
                "timestamp": message.timestamp,
                "data": data,
                "position": data.get("position"),
                "order": data.get("order"),
            }
        )
    except ValidationError as error:
        raise WebhookRefused(
            "The event is not what this version of orderbase expects.", code="unreadable_event"
        ) from error


class _Message(Model, frozen=True):
    type: str
    timestamp: datetime
    data: dict[str, JsonValue]
