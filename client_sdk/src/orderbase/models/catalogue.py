"""The catalogue: products, their prices and their stock."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from orderbase.models.base import Model
from orderbase.money import Money


class Inventory(Model):
    """How many of a product the shop has, and how many of those are promised to orders."""

    on_hand: int
    reserved: int


class Product(Model):
    """Something the shop sells.

    `price` is for a delivery without a market price of its own; `place` prices by the country of
    the address.
    """

    id: UUID
    slug: str
    name: str
    description: str
    price_amount: int = Field(alias="price")
    currency: str
    inventory: Inventory
    created_at: datetime
    updated_at: datetime

    @property
    def price(self) -> Money:
        """What one costs."""
        return Money(self.price_amount, self.currency)

    @property
    def available(self) -> int:
        """How many can be ordered now."""
        return self.inventory.on_hand - self.inventory.reserved
