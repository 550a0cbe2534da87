"""What the database says of a mail; fields that nobody needs are passed over."""

import json
from datetime import date
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictInt,
    StringConstraints,
)
from pydantic import Field as Constraint

from functions.emails.line import one_line

Line = Annotated[str, AfterValidator(one_line)]
OptionalLine = Annotated[Line, BeforeValidator(lambda value: value or "")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = StrictInt
"""An amount in ISO 4217 minor units."""


class Fields(BaseModel):
    model_config = ConfigDict(frozen=True)


class Address(Fields):
    name: Line
    line1: Line
    city: Line
    postal_code: Line
    country: Line
    line2: OptionalLine = ""
    region: OptionalLine = ""


class Item(Fields):
    name: Line
    unit_price: Minor
    quantity: StrictInt


class Order(Fields):
    order_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
    number: StrictInt
    total: Minor
    currency: Currency
    placed_at: AwareDatetime
    shipping_address: Address
    items: list[Item]


class PaymentProblem(Fields):
    failure_code: Line
    failure_message: Line


class Undelivered(Fields):
    failure_code: Line
    failure_message: Line
    refunded: Annotated[Minor, BeforeValidator(lambda value: value or 0)] = 0


class Shipment(Fields):
    carrier: Line
    tracking_number: Line


class Refund(Fields):
    amount: Minor
    whole: StrictBool = Constraint(alias="full")


class Account(Fields):
    display_name: OptionalLine


def _as_text(value: object) -> str:
    # An alarm that looks strange is better than one that nobody gets.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


class Seller(Fields):
    name: Line
    quantity: StrictInt


class Sales(Fields):
    """What was sold for one currency."""

    currency: Currency
    placed: StrictInt
    paid: StrictInt
    completed: StrictInt
    cancelled: StrictInt
    failed: StrictInt
    gross: Minor
    refunded: Minor
    net: Minor
    best_sellers: list[Seller]


class SalesReport(Fields):
    day: date
    sales: list[Sales]


class Alarm(Fields):
    kind: Line
    subject: Line
    detail: Annotated[Line, BeforeValidator(_as_text)]
    raised_at: AwareDatetime
