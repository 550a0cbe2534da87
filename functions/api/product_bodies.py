"""Products as staff send them, and as lists show them."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints

from functions.api.models import Changes, Country, Currency, Fields, Line, Money, Request, Text
from functions.kit.database import Row

Slug = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
    Field(examples=["espresso-cup"]),
]
_PRODUCT: Row = {
    "slug": "espresso-cup",
    "name": "Espresso cup",
    "description": "Double-walled porcelain, 80 ml.",
    "price": 1200,
    "currency": "EUR",
    "prices": [{"country": "US", "price": 1320, "currency": "USD"}],
}
Name = Annotated[Line, StringConstraints(min_length=1), Field(examples=["Espresso cup"])]


class MarketPrice(Request):
    """A market's own price, by country of delivery. Price: minor units of `currency`."""

    country: Country
    price: Money
    currency: Currency


Prices = Annotated[tuple[MarketPrice, ...], Field(max_length=300)]


class NewProduct(Request):
    """What is put on sale. Price: minor units of `currency`."""

    example: ClassVar[Row] = _PRODUCT
    slug: Slug
    name: Name
    description: Text = ""
    price: Money
    currency: Currency
    active: bool = True
    prices: Prices = ()


class ProductChanges(Changes):
    """`prices` are replaced as a whole."""

    example: ClassVar[Row] = {"price": 1290, "active": True}
    slug: Slug = ""
    name: Name = ""
    description: Text = ""
    price: Money = 0
    currency: Currency = ""
    active: bool = True
    prices: Prices = ()


class CatalogueProduct(Fields):
    """Price: minor units of `currency`. `version` is what `If-Match` names, as an entity tag."""

    example: ClassVar[Row] = _PRODUCT | {
        "id": "00000000-0000-4000-8000-000000000011",
        "active": True,
        "version": 1,
        "createdAt": "2026-11-01T12:00:00Z",
        "updatedAt": "2026-11-01T12:00:00Z",
    }
    id: UUID
    slug: str
    name: str
    description: str
    price: int
    currency: str
    active: bool
    prices: list[MarketPrice]
    version: int
    created_at: datetime
    updated_at: datetime


COLUMNS = (
    "id,slug,name,description,price,currency,active,version,created_at,updated_at,"
    "prices:product_prices(country,price,currency)"
)
"""In PostgREST's query language."""
