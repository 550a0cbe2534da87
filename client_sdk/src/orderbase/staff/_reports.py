"""Reports: what was sold, how the hours went, and where the orders are."""

from datetime import UTC, date, datetime, timedelta
from operator import attrgetter

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, rpc, select
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._filters import compared, moment
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import MAX_ROWS, Page
from orderbase.errors import InvalidRequest
from orderbase.models import OrderStatus
from orderbase.models.base import DEFERRED, Model, Told
from orderbase.staff._columns import columns_of
from orderbase.staff._report_models import (
    DailySales,
    HourlyReport,
    Report,
    ReportKind,
    SalesSummary,
)
from orderbase.staff._resource import StaffResource


class _Count(Model, frozen=True):
    status: Told[OrderStatus]
    orders: int


_SUMMARIES = TypeAdapter(list[SalesSummary], config=DEFERRED)
_HOURS = TypeAdapter(list[HourlyReport], config=DEFERRED)
_DAYS = TypeAdapter(list[DailySales], config=DEFERRED)
_COUNTS = TypeAdapter(list[_Count], config=DEFERRED)
_REPORTS = TypeAdapter(list[Report], config=DEFERRED)
_DAY_COLUMNS = columns_of(DailySales)
_REPORT_COLUMNS = columns_of(Report)
_BY_DAY: Listing[DailySales] = Listing(
    "daily_sales", (Key("day"), Key("currency")), attrgetter("day", "currency")
)
_MOST_HOURS = timedelta(hours=MAX_ROWS - 1)  # and one of which there is a part
_LATEST: Listing[Report] = Listing(
    "reports",
    (Key("period_start", descending=True), Key("kind")),
    attrgetter("period_start", "kind"),
)


def _summarise_sales(first_day: date, last_day: date, best: int) -> Call[list[SalesSummary]]:
    arguments: dict[str, JsonValue] = {
        "first_day": _day(first_day),
        "last_day": _day(last_day),
        "best": best,
    }
    return rpc("sales_summary", _SUMMARIES.validate_json, arguments)


def _list_days(
    first_day: date, last_day: date, limit: int, after: str | None
) -> Call[Page[DailySales]]:
    conditions = [
        compared("day", "gte", _day(first_day)),
        compared("day", "lte", _day(last_day)),
    ]
    return _BY_DAY.call(("daily_sales", _DAY_COLUMNS), _DAYS, conditions, limit, after)


def _list_hours(first_hour: datetime, last_hour: datetime) -> Call[list[HourlyReport]]:
    arguments: dict[str, JsonValue] = {
        "first_hour": moment(first_hour, "first_hour"),
        "last_hour": moment(last_hour, "last_hour"),
    }
    if last_hour.astimezone(UTC) - first_hour.astimezone(UTC) >= _MOST_HOURS:
        raise InvalidRequest("Ask for less than 999 hours at a time.", code="range_too_large")
    return rpc("hourly_report", _HOURS.validate_json, arguments)


def _count_orders() -> Call[dict[OrderStatus, int]]:
    def parse(content: bytes) -> dict[OrderStatus, int]:
        return {count.status: count.orders for count in _COUNTS.validate_json(content)}

    return select("order_counts", parse, "status,orders", {"order": "status"})


def _list_reports(kind: ReportKind | None, limit: int, after: str | None) -> Call[Page[Report]]:
    conditions = [] if kind is None else [compared("kind", "eq", kind)]
    return _LATEST.call(("reports", _REPORT_COLUMNS), _REPORTS, conditions, limit, after)


def _day(value: date) -> str:
    """A day as the database reads it; that of a moment depends on where one is."""
    if isinstance(value, datetime):
        raise InvalidRequest("A day of the shop is a date without a time.", code="invalid_day")
    return value.isoformat()


class AsyncReports(StaffResource):
    """What the shop knows about itself. Days are those of its own time zone."""

    async def sales(self, first_day: date, last_day: date, *, best: int = 10) -> list[SalesSummary]:
        """Sums of all days from one to another, both included: one summary per currency.

        Args:
            first_day: a day of the shop.
            last_day: a day of the shop; however many there are in between.
            best: so many best sellers of each currency, up to 100.

        Raises:
            InvalidRequest: "invalid_day": it is a moment.
        """
        return await self._call(_summarise_sales(first_day, last_day, best))

    async def daily(
        self, first_day: date, last_day: date, *, limit: int = 1000, after: str | None = None
    ) -> Page[DailySales]:
        """Each day and currency with sales, from one day to another, both included, in order.

        Args:
            first_day: a day of the shop.
            last_day: a day of the shop.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_day": it is a moment; "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_days(first_day, last_day, limit, after))

    def each_day(self, first_day: date, last_day: date) -> AsyncEach[DailySales]:
        """All of them, to iterate over: read page by page. See `daily`."""
        return AsyncEach(
            lambda after: self.daily(first_day, last_day, limit=EACH_TIME, after=after)
        )

    async def hourly(self, first_hour: datetime, last_hour: datetime) -> list[HourlyReport]:
        """The hours in which something happened, in order.

        Args:
            first_hour: any moment of the first one; with a time zone.
            last_hour: any moment of the last one, which is included; with a time zone. It is less
                than 999 hours (41 days) after the first.

        Raises:
            InvalidRequest: "range_too_large": these are more hours; a moment has no time zone.
        """
        return await self._call(_list_hours(first_hour, last_hour))

    async def orders_by_status(self) -> dict[OrderStatus, int]:
        """How many orders are in each status.

        They are counted a moment after they change, so a number may be a few off, even below zero,
        while that is under way.
        """
        return await self._call(_count_orders())

    async def list(
        self, kind: ReportKind | None = None, *, limit: int = 100, after: str | None = None
    ) -> Page[Report]:
        """Reports that the clock has written, the latest period first.

        Args:
            kind: only of this kind.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_reports(kind, limit, after))

    def each(self, kind: ReportKind | None = None) -> AsyncEach[Report]:
        """All of them, to iterate over: read page by page. See `list`."""
        return AsyncEach(lambda after: self.list(kind, limit=EACH_TIME, after=after))


class Reports(Blocking[AsyncReports]):
    """See AsyncReports: the same, and each method waits."""

    sales = blocking(AsyncReports.sales)
    daily = blocking(AsyncReports.daily)
    each_day = iterating(AsyncReports.each_day)
    hourly = blocking(AsyncReports.hourly)
    orders_by_status = blocking(AsyncReports.orders_by_status)
    list = blocking(AsyncReports.list)
    each = iterating(AsyncReports.each)
