"""Payments: what becomes of an order's money, and how its buyer answers the bank."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field, SecretStr

from orderbase.models.base import Model, Told
from orderbase.money import Money

PaymentStatus: TypeAlias = Literal[
    "requires_action", "authorized", "succeeded", "canceled", "failed"
]


class Payment(Model, frozen=True):
    """An attempt to take an order's money, by its `reference` at the `provider`.

    "requires_action": the bank asks the buyer, whose browser confirms the payment with the
    `client_secret`; it is None otherwise, and for staff. What was `captured` is the shop's, but
    for what was `refunded` of it.
    """

    id: UUID
    order_id: UUID
    provider: str
    reference: str
    status: Told[PaymentStatus]
    client_secret: SecretStr | None = None
    amount_amount: int = Field(validation_alias="amount", serialization_alias="amount")
    captured_amount: int = Field(validation_alias="captured", serialization_alias="captured")
    refunded_amount: int = Field(validation_alias="refunded", serialization_alias="refunded")
    currency: str
    failure_code: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        """What was asked for."""
        return Money(self.amount_amount, self.currency)

    @property
    def captured(self) -> Money:
        """What came."""
        return Money(self.captured_amount, self.currency)

    @property
    def refunded(self) -> Money:
        """What of it went back."""
        return Money(self.refunded_amount, self.currency)
