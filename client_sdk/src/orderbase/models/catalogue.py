"""The catalogue: products, their prices and their stock."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from orderbase.models.base import Model
from orderbase.models.images import ProductImage
from orderbase.money import Money


class Inventory(Model):
    """How many of a product the shop has, and how many of those are promised to orders."""

    on_hand: int
    reserved: int


class MarketPrice(Model):
    """What a product costs in a country that has a price of its own."""

    price_amount: int = Field(alias="price")
    currency: str

    @property
    def price(self) -> Money:
        """What one costs there."""
        return Money(self.price_amount, self.currency)


class Product(Model):
    """Something the shop sells.

    `price` is that of a delivery to the `country` that the product was asked for with: if the
    shop has another price there, it is in `market`. Without a country it is the base price. What
    `place` charges goes by the country of the address.

    `images` are in their order, if they were asked for: `get(images=True)` brings all of them,
    `list(images=True)` the first.
    """

    id: UUID
    slug: str
    name: str
    description: str
    base_price_amount: int = Field(alias="price")
    base_currency: str = Field(alias="currency")
    inventory: Inventory
    market: tuple[MarketPrice, ...] = ()
    images: tuple[ProductImage, ...] = ()
    created_at: datetime
    updated_at: datetime

    @property
    def price(self) -> Money:
        """What one costs."""
        return self.market[0].price if self.market else self.base_price

    @property
    def base_price(self) -> Money:
        """What one costs in countries without a price of their own."""
        return Money(self.base_price_amount, self.base_currency)

    @property
    def currency(self) -> str:
        """That of `price`."""
        return self.price.currency

    @property
    def available(self) -> int:
        """How many can be ordered now."""
        return self.inventory.on_hand - self.inventory.reserved
