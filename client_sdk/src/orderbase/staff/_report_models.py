"""Reports: sales, hours, and what the clock has written."""

from datetime import date, datetime
from typing import Literal, Self, TypeAlias
from uuid import UUID

from pydantic import AliasChoices, Field, JsonValue, model_validator

from orderbase.models.base import Model, Told, share_currency
from orderbase.money import Money
from orderbase.staff._amounts import by_currency

ReportKind: TypeAlias = Literal["daily_sales", "hourly"]


class BestSeller(Model, frozen=True):
    """What was in the orders that were paid: `quantity` of a product."""

    product_id: UUID
    name: str
    quantity: int
    total_amount: int = Field(
        serialization_alias="total", validation_alias=AliasChoices("total", "amount")
    )
    currency: str = ""  # the summary says it

    @property
    def total(self) -> Money:
        """What they were sold for. Refunds name no products, so nothing is taken off."""
        return Money(self.total_amount, self.currency)


class Sales(Model, frozen=True):
    """What happened in a currency.

    `placed`, `paid`, `completed`, `cancelled`: orders that came so far; `failed`: those that
    could not be paid, had or shipped. `items` is of orders that were paid.
    """

    currency: str
    placed: int
    paid: int
    completed: int
    cancelled: int
    failed: int
    items: int
    gross_amount: int = Field(validation_alias="gross", serialization_alias="gross")
    refunded_amount: int = Field(validation_alias="refunded", serialization_alias="refunded")
    net_amount: int = Field(validation_alias="net", serialization_alias="net")

    @property
    def gross(self) -> Money:
        """The totals of the orders that were paid."""
        return Money(self.gross_amount, self.currency)

    @property
    def refunded(self) -> Money:
        """What went back for paid orders."""
        return Money(self.refunded_amount, self.currency)

    @property
    def net(self) -> Money:
        """What stayed."""
        return Money(self.net_amount, self.currency)


class DailySales(Sales, frozen=True):
    """What happened on a day, in the shop's time zone."""

    day: date


class SalesSummary(Sales, frozen=True):
    """What happened on some days, and what sold best: most pieces first."""

    best_sellers: tuple[BestSeller, ...]

    @model_validator(mode="after")
    def _share_currency(self) -> Self:
        share_currency(self.currency, self.best_sellers)
        return self


class HourlyReport(Model, frozen=True):
    """An hour in which something happened; `hour` is when it began.

    `placed` to `needing_attention`: orders that came so far. `error_rate`: of those that came to
    their end, failed / (failed + completed); None if none did. `average_seconds` and
    `p95_seconds`: from placed to completed; the latter at most a fifth too high.
    `paid_amounts` and `refunded_amounts`: minor units by currency.
    """

    hour: datetime
    placed: int
    paid: int
    completed: int
    cancelled: int
    failed: int
    needing_attention: int
    error_rate: float | None
    paid_amounts: dict[str, int] = Field(
        validation_alias="amount_paid", serialization_alias="amount_paid"
    )
    refunded_amounts: dict[str, int] = Field(
        validation_alias="amount_refunded", serialization_alias="amount_refunded"
    )
    average_seconds: float | None
    p95_seconds: float | None
    emails_sent: int
    emails_failed: int
    dead_letters: int
    accounts: int

    @property
    def amount_paid(self) -> dict[str, Money]:
        """What was paid, by currency."""
        return by_currency(self.paid_amounts)

    @property
    def amount_refunded(self) -> dict[str, Money]:
        """What went back, by currency."""
        return by_currency(self.refunded_amounts)


class Report(Model, frozen=True):
    """A report that the clock has written, once for its period.

    `data` of "daily_sales": `day`, `sales` (as SalesSummary), and `uncounted`, if events were
    missing then. Of "hourly": as HourlyReport; empty if nothing happened.
    """

    id: UUID
    kind: Told[ReportKind]
    period_start: datetime
    period_end: datetime
    data: dict[str, JsonValue]
    created_at: datetime
