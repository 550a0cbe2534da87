"""Orders, their items, and their events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from orderbase.models.base import Model, Told, share_currency
from orderbase.models.people import Address
from orderbase.money import Money

# As in the database's type; a test compares them. Importing the schema's types takes long.
OrderStatus: TypeAlias = Literal[
    "placed",
    "paid",
    "shipped",
    "completed",
    "out_of_stock",
    "payment_failed",
    "shipping_failed",
    "cancelled",
    "refunded",
    "needs_attention",
]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a basket: 1 to 1000 of one product."""

    product_id: UUID | str
    quantity: int = 1


class CatalogueEntry(Model, frozen=True):
    """An ordered product as it is sold today, which may differ from what was ordered."""

    slug: str
    name: str
    price_amount: int = Field(validation_alias="price", serialization_alias="price")
    currency: str

    @property
    def price(self) -> Money:
        """What one costs today."""
        return Money(self.price_amount, self.currency)


class OrderItem(Model, frozen=True):
    """A line of an order, with name and price as they were when it was placed.

    `currency` is the order's, in which it was read. `product` is None when it is no longer on sale.
    """

    product_id: UUID
    name: str
    unit_price_amount: int = Field(validation_alias="unit_price", serialization_alias="unit_price")
    quantity: int
    product: CatalogueEntry | None
    currency: str = ""  # the order says it

    @property
    def unit_price(self) -> Money:
        """What one cost."""
        return Money(self.unit_price_amount, self.currency)

    @property
    def total(self) -> Money:
        """Price of the whole line."""
        return self.unit_price * self.quantity


class Order(Model, frozen=True):
    """An order. `number` is for people; `version` rises by one with each event.

    `failure_code` and `failure_message` say why it stopped, where it did. `ending` is set while it
    turns back: the status that it will have once its money is back and its stock is free.
    """

    id: UUID
    number: int
    user_id: UUID | None
    email: str
    status: Told[OrderStatus]
    total_amount: int = Field(validation_alias="total", serialization_alias="total")
    currency: str
    shipping_address: Address
    payment_method: str
    ending: Told[OrderStatus] | None
    failure_code: str | None
    failure_message: str | None
    version: int
    idempotency_key: UUID
    created_at: datetime
    updated_at: datetime

    @property
    def total(self) -> Money:
        """What the order costs."""
        return Money(self.total_amount, self.currency)


class OrderDetails(Order, frozen=True):
    """An order with its items."""

    items: tuple[OrderItem, ...]

    @model_validator(mode="after")
    def _share_currency(self) -> Self:
        share_currency(self.currency, self.items)
        return self


class OrderEvent(Model, frozen=True):
    """Something that happened to an order, such as "order.paid"; `status` is the one it led to."""

    order_id: UUID
    user_id: UUID | None
    type: str
    status: Told[OrderStatus]
    version: int
    data: dict[str, JsonValue]
    created_at: datetime


class FeedEvent(OrderEvent, frozen=True):
    """An event as the feed tells it.

    Store `position`, and give it as `after` to continue from there: nothing will be missing.
    """

    position: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """My orders as they were at a position of the feed: `watch(after=snapshot)` tells the rest."""

    position: str
    orders: tuple[OrderDetails, ...]
