"""The catalogue: products, their prices and their stock."""

from datetime import datetime
from uuid import UUID

from pydantic import AliasChoices, AliasPath, Field

from orderbase.models.base import Model
from orderbase.models.images import ProductImage
from orderbase.money import Money


class Inventory(Model, frozen=True):
    """How many of a product the shop has, and how many of those are promised to orders."""

    on_hand: int
    reserved: int


def _in_its_market(column: str) -> AliasChoices:
    """That of the market's row, if one was asked for and there is one."""
    return AliasChoices(AliasPath("market", 0, column), column)


class Product(Model, frozen=True):
    """Something the shop sells.

    `price` is that of a delivery to the `country` that the product was asked for with;
    without a country, and where there is no price of its own, it is the `base_price`. What `place`
    charges goes by the country of the address.

    `images` are in their order, if they were asked for: `get(images=True)` brings all of them,
    `list(images=True)` the first.
    """

    id: UUID
    slug: str
    name: str
    description: str
    price_amount: int = Field(serialization_alias="price", validation_alias=_in_its_market("price"))
    currency: str = Field(validation_alias=_in_its_market("currency"))
    base_price_amount: int = Field(
        serialization_alias="base_price", validation_alias=AliasChoices("base_price", "price")
    )
    base_currency: str = Field(validation_alias=AliasChoices("base_currency", "currency"))
    inventory: Inventory
    images: tuple[ProductImage, ...] = ()
    created_at: datetime
    updated_at: datetime

    @property
    def price(self) -> Money:
        """What one costs."""
        return Money(self.price_amount, self.currency)

    @property
    def base_price(self) -> Money:
        """What one costs in countries without a price of their own."""
        return Money(self.base_price_amount, self.base_currency)

    @property
    def available(self) -> int:
        """How many can be ordered now."""
        return self.inventory.on_hand - self.inventory.reserved
