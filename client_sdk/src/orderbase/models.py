"""What a shop is made of: frozen values, read from the database's rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

from orderbase.money import Money
from orderbase.schema import PublicOrderStatus

OrderStatus: TypeAlias = PublicOrderStatus


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class User(_Model):
    """Someone who is signed in.

    `is_guest` is true until `become_account`; `email` is None for guests.
    """

    id: UUID
    email: str | None
    is_guest: bool
    is_staff: bool


class Product(_Model):
    """Something the shop sells.

    `price` is for a delivery without a market price of its own; `place` prices by the country of
    the address. `available` is how many can be ordered now.
    """

    id: UUID
    slug: str
    name: str
    description: str
    price: Money
    available: int
    created_at: datetime
    updated_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _of_row(cls, value: object) -> object:
        row = _row(value)
        if row is None:
            return value
        stock = cast(Mapping[str, int], row["inventory"])
        return {
            **row,
            "price": _money(row["price"], row["currency"]),
            "available": stock["on_hand"] - stock["reserved"],
        }


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a basket: 1 to 1000 of one product."""

    product_id: UUID | str
    quantity: int = 1


class Address(_Model):
    """Where an order goes. `country` is an ISO 3166-1 code of two capital letters."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    postal_code: str
    region: str | None = None
    country: str


class CatalogueEntry(_Model):
    """An ordered product as it is sold today, which may differ from what was ordered."""

    slug: str
    name: str
    price: Money

    @model_validator(mode="before")
    @classmethod
    def _of_row(cls, value: object) -> object:
        row = _row(value)
        return value if row is None else {**row, "price": _money(row["price"], row["currency"])}


class OrderItem(_Model):
    """A line of an order, with name and price as they were when it was placed.

    `product` is None when it is no longer on sale.
    """

    product_id: UUID
    name: str
    unit_price: Money
    quantity: int
    product: CatalogueEntry | None

    @property
    def total(self) -> Money:
        """Price of the whole line."""
        return self.unit_price * self.quantity


class Order(_Model):
    """An order. `number` is for people; `version` rises by one with each event.

    `failure_code` and `failure_message` say why it stopped, where it did. `ending` is set while it
    turns back: the status that it will have once its money is back and its stock is free.
    """

    id: UUID
    number: int
    user_id: UUID | None
    email: str
    status: OrderStatus
    total: Money
    shipping_address: Address
    payment_method: str
    ending: OrderStatus | None
    failure_code: str | None
    failure_message: str | None
    version: int
    idempotency_key: UUID
    created_at: datetime
    updated_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _of_row(cls, value: object) -> object:
        row = _row(value)
        if row is None:
            return value
        currency = row["currency"]
        items = cast(list[Mapping[str, object]], row.get("items", []))
        return {
            **row,
            "total": _money(row["total"], currency),
            "items": [
                {**item, "unit_price": _money(item["unit_price"], currency)} for item in items
            ],
        }


class OrderDetails(Order):
    """An order with its items."""

    items: tuple[OrderItem, ...]


class OrderEvent(_Model):
    """Something that happened to an order, such as "order.paid"; `status` is the one it led to."""

    order_id: UUID
    user_id: UUID | None
    type: str
    status: OrderStatus
    version: int
    data: dict[str, JsonValue]
    created_at: datetime


class FeedEvent(OrderEvent):
    """An event as the feed tells it.

    Store `position`, and give it as `after` to continue from there: nothing will be missing.
    """

    position: str


def _row(value: object) -> Mapping[str, object] | None:
    """The value, if it is a row: amounts with their currency beside them."""
    if isinstance(value, Mapping) and "currency" in value:
        return cast(Mapping[str, object], value)
    return None


def _money(amount: object, currency: object) -> Mapping[str, object]:
    return {"amount": amount, "currency": currency}
