"""Quotes: prices that the shop stands by for a while."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from orderbase.models.base import Model
from orderbase.money import Money


class QuoteLine(Model):
    """A line of a quote."""

    product_id: UUID
    name: str
    quantity: int
    unit_price_amount: int = Field(alias="unit_price")
    _currency: str = ""  # the quote's, which sets it

    @property
    def unit_price(self) -> Money:
        """What one will cost."""
        return Money(self.unit_price_amount, self._currency)

    @property
    def total(self) -> Money:
        """Price of the whole line."""
        return self.unit_price * self.quantity


class Quote(Model):
    """What a basket will cost whoever asked, delivered to `country`, until `expires_at`.

    `token` is signed by the shop: `orders.place(quote=...)` takes it, or the whole quote. `arms`
    are the caller's arms of the experiments that this quote takes part in, by experiment.
    """

    token: str = Field(alias="quote", repr=False)
    country: str
    currency: str
    lines: tuple[QuoteLine, ...]
    total_amount: int = Field(alias="total")
    arms: dict[str, str]
    expires_at: datetime

    @property
    def total(self) -> Money:
        """What the order will cost."""
        return Money(self.total_amount, self.currency)

    @model_validator(mode="after")
    def _share_currency(self) -> Self:
        for line in self.lines:
            # One answer of the shop.
            line._currency = self.currency  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return self
