"""Orders as callers send and see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints

from functions.api.models import Country, Currency, Fields, Line, Money, Request
from functions.kit.database import Row

PaymentMethod = Annotated[
    str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,250}$"), Field(examples=["pm_card_visa"])
]
_ITEM: Row = {"productId": "00000000-0000-4000-8000-000000000011", "quantity": 2}
_ADDRESS: Row = {
    "name": "Ada Lovelace",
    "line1": "1 Example Street",
    "line2": "2nd floor",
    "city": "Berlin",
    "postalCode": "10115",
    "region": "Berlin",
    "country": "DE",
}
_Filled = Annotated[Line, StringConstraints(min_length=1)]


class OrderStatus(StrEnum):
    """How far an order is."""

    PLACED = "placed"
    PAID = "paid"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    OUT_OF_STOCK = "out_of_stock"
    PAYMENT_FAILED = "payment_failed"
    SHIPPING_FAILED = "shipping_failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    NEEDS_ATTENTION = "needs_attention"


class WantedItem(Request):
    """So many of a product."""

    product_id: UUID
    quantity: Annotated[int, Field(strict=True, ge=1, le=1000)]


class NewAddress(Request):
    """Where the parcel goes."""

    name: _Filled
    line1: _Filled
    line2: Line | None = None
    city: _Filled
    postal_code: _Filled
    region: Line | None = None
    country: Country


class NewOrder(Request):
    """What is ordered. Prices are the shop's; amounts are minor units of the currency."""

    example: ClassVar[Row] = {
        "items": [_ITEM],
        "shippingAddress": _ADDRESS,
        "paymentMethod": "pm_card_visa",
        "expectedTotal": 2400,
    }
    items: Annotated[list[WantedItem], Field(min_length=1, max_length=100)]
    shipping_address: NewAddress
    payment_method: PaymentMethod | None = Field(
        None, description="A Stripe payment method. Required, unless the shop has one for all."
    )
    email: Annotated[str, Field(max_length=254)] | None = Field(
        None, description="Guests need one: where mails about the order go."
    )
    currency: Currency | None = Field(None, description="Refused if the items cost another.")
    expected_total: Money | None = Field(None, description="Refused if the items cost otherwise.")
    quote: Annotated[str, Field(max_length=30_000)] | None = Field(
        None, description="Of POST /quotes: its price holds."
    )


class Address(Fields):
    """Where the parcel goes."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    postal_code: str
    region: str | None = None
    country: str


class OrderItem(Fields):
    """Name and price as they were when the order was placed."""

    product_id: UUID
    name: str
    quantity: int
    unit_price: int


class Order(Fields):
    """Amounts: minor units of `currency`."""

    example: ClassVar[Row] = {
        "id": "0f8b3a52-6d0e-4b0f-8a5d-4d1c2b3a4e5f",
        "number": 1042,
        "status": "placed",
        "userId": "5b1f0b3e-7c4d-4f57-9a43-0f6f0a3c9a11",
        "email": "ada@example.com",
        "currency": "EUR",
        "total": 2400,
        "items": [_ITEM | {"name": "Espresso cup", "unitPrice": 1200}],
        "shippingAddress": _ADDRESS,
        "ending": "payment_failed",
        "failureCode": "payment_expired",
        "failureMessage": "The payment was not confirmed in time.",
        "createdAt": "2026-11-01T12:00:00Z",
        "updatedAt": "2026-11-01T12:00:00Z",
    }
    id: UUID
    number: int
    """For people."""
    status: OrderStatus
    user_id: UUID | None
    email: str
    currency: str
    total: int
    items: list[OrderItem]
    shipping_address: Address
    ending: OrderStatus | None
    """Where a compensation that is under way leads."""
    failure_code: str | None
    failure_message: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of_row(cls, row: Row) -> "Order":
        """Of what `COLUMNS` select."""
        return cls.model_validate(row)


COLUMNS = "*,items:order_items(product_id,name,quantity,unit_price)"
"""In PostgREST's query language. It takes longer to read ten names than the rest of the columns."""
