"""What our own ledger says of payments, as plain data."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.orders.outcomes import PROVIDER

_PAGE = 1000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NO_MONEY = ("requires_action", "canceled", "failed")

Row = dict[str, Any]
Call = Callable[[str, Mapping[str, object]], Awaitable[list[Row]]]
"""Runs a verb of the schema `engine`, as `Database.call` does."""


@dataclass(frozen=True, slots=True)
class Order:
    """How far an order is."""

    order_id: str
    number: int
    status: str
    in_progress: bool = False
    """Its money still moves by itself."""


@dataclass(frozen=True, slots=True)
class RefundHere:
    """An entry of the ledger for money that went back."""

    reference: str
    amount: int
    created_at: datetime = _LONG_AGO


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment at the provider, as our ledger has it. Amounts are minor units."""

    reference: str
    order: Order
    status: str
    amount: int
    currency: str
    captured: int = 0
    refunds: tuple[RefundHere, ...] = ()
    created_at: datetime = _LONG_AGO

    @property
    def holds_money(self) -> bool:
        """Whether money was taken or authorised, by what we know."""
        return self.status not in _NO_MONEY


async def read_payments(call: Call, wanted: Callable[[Payment], bool]) -> list[Payment]:
    """The provider's payments that are wanted, out of all that there are."""
    found: list[Payment] = []
    after: str | None = None
    while True:
        rows = await call("payment_books", {"after": after, "max_rows": _PAGE})
        payments = (_payment(row) for row in rows if row["provider"] == PROVIDER)
        found += filter(wanted, payments)
        if len(rows) < _PAGE:
            return found
        after = rows[-1]["id"]


async def read_orders(call: Call, order_ids: list[str]) -> dict[str, Order]:
    """Those of the orders that exist, by id."""
    found: dict[str, Order] = {}
    for start in range(0, len(order_ids), _PAGE):
        some = order_ids[start : start + _PAGE]
        rows = await call("order_progress", {"order_ids": some})
        found |= {row["order_id"]: _order(row) for row in rows}
    return found


def _order(row: Row) -> Order:
    return Order(row["order_id"], row["number"], row["order_status"], row["in_progress"])


def _payment(row: Row) -> Payment:
    return Payment(
        reference=row["reference"],
        order=_order(row),
        status=row["status"],
        amount=row["amount"],
        currency=row["currency"],
        captured=row["captured"],
        refunds=tuple(
            RefundHere(
                entry["reference"], entry["amount"], datetime.fromisoformat(entry["created_at"])
            )
            for entry in row["refunds"]
        ),
        created_at=datetime.fromisoformat(row["created_at"]),
    )
