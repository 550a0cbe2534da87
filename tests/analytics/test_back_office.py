"""What staff see while orders come in: the whole line, from the shopper to the read models."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from realtime.types import RealtimePostgresChangesListenEvent
from supabase import AsyncClient, acreate_client

from local_stack.environment import STAFF
from tests.conftest import Stack
from tests.end_to_end.conftest import final_status, new_shopper, place
from tests.end_to_end.test_order_line import subscribed
from tests.products import product_maker
from tests.waiting import until


@pytest.fixture
async def staff(stack: Stack) -> AsyncIterator[AsyncClient]:
    """The demo's member of staff, signed in."""
    settings = stack.settings
    client = await acreate_client(settings.api_url, settings.keys.publishable_key)
    password = settings.keys.demo_password
    await client.auth.sign_in_with_password({"email": STAFF, "password": password})
    yield client
    await client.remove_all_channels()


async def rows(client: AsyncClient, verb: str, **arguments: object) -> list[dict[str, Any]]:
    answer: Any = await client.rpc(verb, arguments).execute()
    return list(answer.data)


async def test_staff_see_sales_and_counts_soon_after_the_orders(
    stack: Stack, staff: AsyncClient
) -> None:
    changes: list[Any] = []
    channel = staff.channel("counts")
    channel.on_postgres_changes(
        RealtimePostgresChangesListenEvent.Update,
        schema="public",
        table="order_counts",
        callback=changes.append,
    )
    await subscribed(channel)
    shopper = await new_shopper(stack)
    product = product_maker(stack.settings)(price=700)
    orders = [await place(shopper, product) for _ in range(3)]
    declined = await place(shopper, product, payment_method="pm_card_chargeDeclined")
    statuses = [await final_status(shopper, order) for order in (*orders, declined)]
    assert statuses == ["completed"] * 3 + ["payment_failed"]

    async def sold() -> bool:
        query = staff.table("product_sales").select("quantity, amount").eq("product_id", product)
        return (await query.execute()).data == [{"quantity": 3, "amount": 2100}]

    await until(sold, 20)

    async def counted() -> bool:
        """All events, of other tests' orders too."""
        with psycopg.connect(stack.settings.database_url()) as connection:
            actual = connection.execute(
                "select status::text, count(*) from (select distinct on (order_id) status"
                " from public.order_events order by order_id, version desc) as last group by 1"
            ).fetchall()
        answer: Any = await staff.table("order_counts").select("status, orders").execute()
        return dict(actual) == {r["status"]: r["orders"] for r in answer.data if r["orders"]}

    await until(counted, 20)

    async def heard() -> bool:
        seen = {change["data"]["record"]["status"] for change in changes}
        return {"completed", "payment_failed"} <= seen

    await until(heard, 20)
    today = datetime.now(UTC).date()
    days = {"first_day": str(today.replace(day=1)), "last_day": str(today)}
    gross = {row["currency"]: row["gross"] for row in await rows(staff, "sales_summary", **days)}
    assert gross["EUR"] >= 2100
    for table in ("order_counts", "daily_sales", "product_sales", "hourly_metrics"):
        answer: Any = await shopper.table(table).select("*").execute()
        assert answer.data == []


async def test_staff_read_the_report_of_the_hour(stack: Stack, staff: AsyncClient) -> None:
    shopper = await new_shopper(stack)
    order = await place(shopper, product_maker(stack.settings)())
    assert await final_status(shopper, order) == "completed"
    with psycopg.connect(stack.settings.database_url(), autocommit=True) as connection:
        connection.execute("select private.aggregate_hours()")
    hours = {"first_hour": order["created_at"], "last_hour": "infinity"}
    report = await rows(staff, "hourly_report", **hours)
    assert sum(hour["completed"] for hour in report) >= 1
    assert sum(hour["emails_sent"] for hour in report) >= 2
    assert sum(hour["accounts"] for hour in report) >= 1
    assert all(hour["p95_seconds"] for hour in report if hour["completed"])
