"""Reports: sums of days, hours, orders by status, and what the clock has written."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from orderbase import InvalidRequest, Money
from orderbase.staff import AsyncStaff
from tests.conftest import Stack
from tests.sdk.live import create_product
from tests.sdk.staff.conftest import Owner

# Long before any order of other tests.
FIRST = date(2001, 1, 1)
SECOND = date(2001, 1, 2)
NOON = datetime(2001, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def sales(owner: Owner, stack: Stack) -> Iterator[UUID]:
    """Two days of sales of a product, in two currencies."""
    product = create_product(stack, stock=1)
    insert = (
        "insert into public.daily_sales (day, currency, placed, paid, completed, cancelled,"
        " failed, items, gross, refunded) values (%s, %s, 9, 7, 5, 3, 1, 8, %s, 250)"
    )
    for day, currency, gross in ((FIRST, "EUR", 8000), (SECOND, "EUR", 2000), (FIRST, "JPY", 900)):
        owner.execute(insert, (day, currency, gross))
    owner.execute(
        "insert into public.product_sales"
        " values (%s, %s, 'EUR', 8, 8000), (%s, %s, 'EUR', 2, 2000)",
        (FIRST, product, SECOND, product),
    )
    yield product
    owner.execute("delete from public.daily_sales where day < '2002-01-01'")
    owner.execute("delete from public.product_sales where day < '2002-01-01'")


async def test_sales_are_summed_by_currency(staff: AsyncStaff, sales: UUID) -> None:
    euros, yen = await staff.reports.sales(FIRST, SECOND)
    assert (euros.placed, euros.paid, euros.completed) == (18, 14, 10)
    assert (euros.cancelled, euros.failed, euros.items) == (6, 2, 16)
    assert (euros.gross, euros.refunded) == (Money(10000, "EUR"), Money(500, "EUR"))
    assert euros.net == euros.gross - euros.refunded
    [best] = euros.best_sellers
    assert (best.product_id, best.name, best.quantity) == (sales, "Cup", 10)
    assert best.total == Money(10000, "EUR")
    assert (yen.gross, yen.best_sellers) == (Money(900, "JPY"), ())
    [euros, yen] = await staff.reports.sales(FIRST, FIRST, best=0)
    assert (euros.gross_amount, euros.best_sellers) == (8000, ())
    assert await staff.reports.sales(SECOND, FIRST) == []


@pytest.mark.usefixtures("sales")
async def test_each_day_comes_once_in_order(staff: AsyncStaff) -> None:
    first = await staff.reports.daily(FIRST, SECOND, limit=2)
    second = await staff.reports.daily(FIRST, SECOND, limit=2, after=first.next)
    assert [(sales.day, sales.currency) for sales in first + second] == [
        (FIRST, "EUR"), (FIRST, "JPY"), (SECOND, "EUR"),
    ]  # fmt: skip
    assert second.next is None
    assert [day async for day in staff.reports.each_day(FIRST, SECOND)] == first + second
    assert second[0].net == Money(1750, "EUR")
    assert [sales.day for sales in await staff.reports.daily(SECOND, SECOND)] == [SECOND]


async def test_a_day_is_no_moment(staff: AsyncStaff) -> None:
    for attempt in (staff.reports.sales(NOON, SECOND), staff.reports.daily(FIRST, NOON)):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert refusal.value.code == "invalid_day"


@pytest.fixture
def hours(owner: Owner) -> Iterator[None]:
    """An hour with everything, and one with next to nothing."""
    metrics = [
        ("orders", "placed", 9), ("orders", "paid", 7), ("orders", "completed", 3),
        ("orders", "cancelled", 2), ("orders", "payment_failed", 1),
        ("orders", "needs_attention", 4),
        ("amount_paid", "EUR", 1250), ("amount_paid", "JPY", 300), ("amount_refunded", "EUR", 50),
        ("processing_seconds_sum", "", 4.5), ("processing_seconds_count", "", 3),
        ("processing_seconds_bucket", "2", 3), ("emails", "sent", 6), ("emails", "failed", 1),
        ("dead_letters", "orders", 2), ("accounts", "", 5),
    ]  # fmt: skip
    insert = "insert into public.hourly_metrics values (%s, %s, %s, %s)"
    for metric in metrics:
        owner.execute(insert, (NOON, *metric))
    owner.execute(insert, (NOON + timedelta(hours=2), "accounts", "", 1))
    yield
    owner.execute("delete from public.hourly_metrics where hour < '2002-01-01'")


@pytest.mark.usefixtures("hours")
async def test_hours_are_those_in_which_something_happened(staff: AsyncStaff) -> None:
    late = NOON + timedelta(minutes=59)
    busy, quiet = await staff.reports.hourly(late, late + timedelta(hours=2))
    assert busy.hour == NOON
    assert (busy.placed, busy.paid, busy.completed) == (9, 7, 3)
    assert (busy.cancelled, busy.failed, busy.needing_attention) == (2, 1, 4)
    assert busy.error_rate == 0.25
    assert busy.amount_paid == {"EUR": Money(1250, "EUR"), "JPY": Money(300, "JPY")}
    assert busy.amount_refunded == {"EUR": Money(50, "EUR")}
    assert (busy.average_seconds, busy.p95_seconds) == (1.5, 2)
    assert (busy.emails_sent, busy.emails_failed) == (6, 1)
    assert (busy.dead_letters, busy.accounts) == (2, 5)
    assert (quiet.hour, quiet.accounts, quiet.placed) == (NOON + timedelta(hours=2), 1, 0)
    assert (quiet.error_rate, quiet.average_seconds, quiet.p95_seconds) == (None, None, None)
    assert quiet.amount_paid == {}
    assert len(await staff.reports.hourly(NOON, NOON)) == 1


async def test_no_hour_is_left_out_in_silence(staff: AsyncStaff, owner: Owner) -> None:
    """The database gives a thousand rows: so no range that has more hours is asked for."""
    owner.execute(
        "insert into public.hourly_metrics select hour, 'accounts', '', 1"
        " from generate_series(%s::timestamptz, %s, '1 hour') as hour",
        (NOON, NOON + timedelta(hours=1100)),
    )
    try:
        most = timedelta(hours=999, microseconds=-1)
        assert len(await staff.reports.hourly(NOON + timedelta(minutes=30), NOON + most)) == 999
        last = NOON + timedelta(minutes=59) + most
        assert len(await staff.reports.hourly(NOON + timedelta(minutes=59), last)) == 1000
        with pytest.raises(InvalidRequest) as refusal:
            await staff.reports.hourly(NOON, NOON + timedelta(hours=999))
        assert refusal.value.code == "range_too_large"
    finally:
        owner.execute("delete from public.hourly_metrics where hour < '2002-01-01'")


async def test_a_moment_without_a_time_zone_is_none(staff: AsyncStaff) -> None:
    naive = NOON.replace(tzinfo=None)
    for moments, code in (
        ((naive, NOON), "invalid_first_hour"),
        ((NOON, naive), "invalid_last_hour"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await staff.reports.hourly(*moments)
        assert refusal.value.code == code


async def test_every_status_has_a_number(staff: AsyncStaff, owner: Owner) -> None:
    numbers = await staff.reports.orders_by_status()
    names = owner.execute("select unnest(enum_range(null::public.order_status))::text as name")
    assert list(numbers) == [row["name"] for row in names]
    assert {type(number) for number in numbers.values()} == {int}


async def test_what_the_clock_wrote_is_read_page_by_page(staff: AsyncStaff, owner: Owner) -> None:
    data = f'{{"test": "{uuid4()}"}}'
    insert = (
        "insert into public.reports (kind, period_start, period_end, data)"
        " values (%s, %s::timestamptz, %s::timestamptz + interval '1 hour', %s)"
    )
    for kind, start in (
        ("daily_sales", NOON), ("hourly", NOON), ("hourly", NOON - timedelta(hours=1)),
    ):  # fmt: skip
        owner.execute(insert, (kind, start, start, data))
    try:
        written = [one async for one in staff.reports.each() if one.period_start <= NOON]
        assert [(one.kind, one.period_start) for one in written] == [
            ("daily_sales", NOON), ("hourly", NOON), ("hourly", NOON - timedelta(hours=1)),
        ]  # fmt: skip
        query = "select * from public.reports where id = %s"
        [row] = owner.execute(query, (written[0].id,)).fetchall()
        assert written[0].model_dump() == row
        hourly = await staff.reports.list("hourly", limit=1000)
        assert [one for one in hourly if one.period_start <= NOON] == written[1:]
        assert len(await staff.reports.list(limit=1)) == 1
    finally:
        owner.execute("delete from public.reports where period_start < '2002-01-01'")
