"""Webhooks: endpoints that are told of events, and deliveries to them."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import AliasChoices, Field, JsonValue, SecretStr

from orderbase.models.base import Model, Told

WebhookDisabledReason: TypeAlias = Literal["staff", "gone", "failing"]
WebhookDeliveryStatus: TypeAlias = Literal[
    "pending", "delivering", "delivered", "failed", "discarded"
]


class WebhookEndpoint(Model, frozen=True):
    """An address that is told of events; of all if `event_types` has "*".

    `disabled_reason` is set while it is not `active`: "staff" did it, it answered that it is
    "gone" (410), or it was "failing" for days. `failures` is how often in a row it did not answer
    as a server should; `failing_since` and `failed_attempts` are since its last success.
    It is left alone until `paused_until`.
    """

    id: UUID
    url: str
    description: str
    event_types: tuple[str, ...]
    active: bool
    disabled_reason: Told[WebhookDisabledReason] | None
    failures: int
    failing_since: datetime | None
    failed_attempts: int
    paused_until: datetime | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


class NewWebhookEndpoint(Model, frozen=True):
    """A new endpoint and its secret, which is shown this once and never again.

    It is not printed: `secret.get_secret_value()` is the text ("whsec_...") that
    `orderbase.webhooks.verify` takes.
    """

    id: UUID = Field(validation_alias=AliasChoices("id", "endpoint_id"))
    secret: SecretStr


class WebhookDelivery(Model, frozen=True):
    """An event for an endpoint.

    `webhook_id` is the header of that name, the same whenever it is sent. `event_id`, `order_id`
    and `version` are None if it is about no order. `status`: "failed", after all attempts;
    "discarded", nobody wants it any more. `due_at` is when it is tried next, while it is
    "pending". `attempts` counts all, `failures` those since it was last asked for; `error` is the
    last one's. `payload` is what is sent.
    """

    id: int
    webhook_id: str
    endpoint_id: UUID
    event_id: int | None
    order_id: UUID | None
    version: int | None
    type: str
    payload: dict[str, JsonValue]
    status: Told[WebhookDeliveryStatus]
    due_at: datetime
    attempts: int = Field(validation_alias=AliasChoices("attempts", "starts"))
    failures: int
    error: str | None
    created_at: datetime
    delivered_at: datetime | None


class WebhookAttempt(Model, frozen=True):
    """An attempt of a delivery, and what the endpoint answered.

    `response` is the beginning of the answer's body. `error` is a stable code, set where there
    was no answer.
    """

    number: int
    ended_at: datetime
    status_code: int | None
    milliseconds: int | None
    response: str | None
    error: str | None
