"""Quotes: prices that the shop stands by for a while."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import AliasChoices, Field, model_validator

from orderbase.models.base import Model, share_currency
from orderbase.money import Money


class QuoteLine(Model, frozen=True):
    """A line of a quote, in its `currency`."""

    product_id: UUID
    name: str
    quantity: int
    unit_price_amount: int = Field(validation_alias="unit_price", serialization_alias="unit_price")
    currency: str = ""  # the quote says it

    @property
    def unit_price(self) -> Money:
        """What one will cost."""
        return Money(self.unit_price_amount, self.currency)

    @property
    def total(self) -> Money:
        """Price of the whole line."""
        return self.unit_price * self.quantity


class Quote(Model, frozen=True):
    """What a basket will cost whoever asked, delivered to `country`, until `expires_at`.

    `token` is signed by the shop: `orders.place(quote=...)` takes it, or the whole quote. `arms`
    are the caller's arms of the experiments that this quote takes part in, by experiment.
    """

    token: str = Field(validation_alias=AliasChoices("token", "quote"), repr=False)
    country: str
    currency: str
    lines: tuple[QuoteLine, ...]
    total_amount: int = Field(validation_alias="total", serialization_alias="total")
    arms: dict[str, str]
    expires_at: datetime

    @property
    def total(self) -> Money:
        """What the order will cost."""
        return Money(self.total_amount, self.currency)

    @model_validator(mode="after")
    def _share_currency(self) -> Self:
        share_currency(self.currency, self.lines)
        return self
