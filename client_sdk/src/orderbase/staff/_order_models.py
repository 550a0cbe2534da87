"""What belongs to an order: its money, its parcel, and its story."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from orderbase.models.base import Model, Told
from orderbase.money import Money

ShippingFailure: TypeAlias = Literal["out_of_stock", "shipping_failed"]
RefundStatus: TypeAlias = Literal["requested", "succeeded", "failed"]
HistoryKind: TypeAlias = Literal[
    "event", "step", "failure", "money", "stock", "mail", "dead_letter"
]


class Refund(Model, frozen=True):
    """Money that goes back: it was `requested`, and has `succeeded` once the provider says so.

    `revision` counts the refunds of the order. `reference` is the provider's; `idempotency_key`
    and `requested_by` are None for refunds that nobody but the shop itself asked for.
    """

    id: UUID
    order_id: UUID
    revision: int
    amount_amount: int = Field(validation_alias="amount", serialization_alias="amount")
    currency: str
    reason: str
    status: Told[RefundStatus]
    reference: str | None
    idempotency_key: UUID | None
    requested_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        """What goes back."""
        return Money(self.amount_amount, self.currency)


class Shipment(Model, frozen=True):
    """The parcel of an order; `delivered_at` is None until it has arrived."""

    id: UUID
    order_id: UUID
    carrier: str
    tracking_number: str
    delivered_at: datetime | None
    created_at: datetime


class HistoryEntry(Model, frozen=True):
    """Something in an order's story.

    `what` says which, and `data` has details. By `kind`, `what` is:

    - "event": the type, such as "order.paid"
    - "step": "charge", "ship", "capture" or "refund", and how far it is
    - "failure": the step whose attempt failed
    - "money": "charge" or "refund"; the `amount` in minor units
    - "stock": the kind of movement, such as "reserved"
    - "mail": the template
    - "dead_letter": the reason
    """

    at: datetime
    kind: Told[HistoryKind]
    what: str
    data: dict[str, JsonValue]
