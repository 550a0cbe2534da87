"""Products, as the staff see and edit them."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from pydantic import Field

from orderbase.models.base import Model
from orderbase.money import Money


class CountryPrice(Model, frozen=True):
    """What a product costs in a `country`, ISO 3166-1, that has a price of its own."""

    price_amount: int = Field(validation_alias="price", serialization_alias="price")
    currency: str
    country: str

    @property
    def price(self) -> Money:
        """What one costs there."""
        return Money(self.price_amount, self.currency)


class StaffProduct(Model, frozen=True):
    """A product, on sale (`active`) or not, with all its prices.

    `version` rises by one with each edit of the product. `prices` are those of countries that
    have one of their own, by country; elsewhere it is `price`.
    """

    id: UUID
    slug: str
    name: str
    description: str
    price_amount: int = Field(validation_alias="price", serialization_alias="price")
    currency: str
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    prices: tuple[CountryPrice, ...]

    @property
    def price(self) -> Money:
        """What one costs in countries without a price of their own."""
        return Money(self.price_amount, self.currency)


class ProductOptions(TypedDict, total=False):
    """What a product may have. By default it is on sale, without a description.

    Attributes:
        description: up to 10,000 characters.
        active: whether it is on sale.
        prices: those of countries that have one of their own, by ISO 3166-1 code.
    """

    description: str | None
    active: bool | None
    prices: Mapping[str, Money] | None


class ProductChanges(ProductOptions, total=False):
    """See ProductOptions; what is not given, or None, stays as it is. `prices` are all of them.

    Attributes:
        slug: its name in addresses: up to 200 small letters and digits, and single hyphens in
            between. No other product has it.
        name: up to 200 characters.
        price: of one, where no other price holds; up to 1,000,000,000,000 minor units.
    """

    slug: str | None
    name: str | None
    price: Money | None
