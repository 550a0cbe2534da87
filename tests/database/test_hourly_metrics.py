"""Metrics by the hour: what is new is added once, to the hour in which it happened."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import ADDRESS, Caller, RefusedError, Row
from tests.database.line import (
    Line,
    charged,
    connected,
    declined,
    lines,
    out_of_stock,
    refunded,
    shipped,
    timed_out,
    wait_until_blocked,
)
from tests.database.test_ledger_differences import planting

Sums = dict[tuple[str, str], Decimal]


def aggregate(line: Line) -> Row:
    """What one batch took."""
    did: Row = line.one("select private.aggregate_hours() as did")["did"]
    return did if did.pop("more") is False else did | {"more": True}


def sums(line: Line) -> Sums:
    """Over all hours, by metric and label."""
    rows = line.rows(
        "select metric, label, sum(value) as value from public.hourly_metrics group by 1, 2"
    )
    return {(row["metric"], row["label"]): row["value"] for row in rows}


def hours(line: Line) -> list[Row]:
    """What is counted of order events."""
    return line.rows(
        "select * from public.hourly_metrics where metric ~ '^(orders|amount_|processing_)'"
        " order by hour, metric, label"
    )


@pytest.fixture(autouse=True)
def before(line: Line) -> Sums:
    """The sums, with all that other tests have left."""
    aggregate(line)
    return sums(line)


def difference(line: Line, before: Sums) -> dict[tuple[str, str], Decimal]:
    """What is new, but for times, which nobody knows before."""
    times = ("processing_seconds_sum", "processing_seconds_bucket")
    new = {key: value - before.get(key, Decimal(0)) for key, value in sums(line).items()}
    return {key: value for key, value in new.items() if value and key[0] not in times}


def complete(line: Line, price: int = 500, currency: str = "EUR") -> Row:
    order = line.place(2, line.new_product(price=price, currency=currency))
    line.drain()
    line.send_mails()
    assert line.status(order) == "completed"
    return order


def test_what_happened_is_in_its_hour_once(line: Line, before: Sums) -> None:
    complete(line, price=7, currency="JPY")
    line.place()
    line.step(charge=declined)
    line.paid()
    line.step(ship=out_of_stock)
    line.drain()
    assert aggregate(line)["events"] > 9
    expected: dict[tuple[str, str], int] = {
        ("orders", "placed"): 3,
        ("orders", "paid"): 2,
        ("orders", "shipped"): 1,
        ("orders", "completed"): 1,
        ("orders", "payment_failed"): 1,
        ("orders", "out_of_stock"): 1,
        ("amount_paid", "JPY"): 14,
        ("amount_paid", "EUR"): 1000,
        ("amount_refunded", "EUR"): 1000,
        ("processing_seconds_count", ""): 1,
        ("emails", "sent"): 2,
    }
    assert difference(line, before) == expected
    assert aggregate(line) == {"events": 0, "measurements": 0}
    assert difference(line, before) == expected


def test_an_order_that_comes_back_is_not_placed_again(line: Line, before: Sums) -> None:
    order = line.place()
    letter = line.dead(order, timed_out)
    line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    aggregate(line)
    assert difference(line, before) == {
        ("orders", "placed"): 1,
        ("orders", "needs_attention"): 1,
        ("dead_letters", "orders"): 1,
    }


def test_money_that_came_too_late_is_no_sale_and_no_refund(line: Line, before: Sums) -> None:
    order = line.place()
    [job] = line.claim()
    line.cancel(order)
    line.finish(charged(job))
    line.drain()
    aggregate(line)
    assert difference(line, before) == {("orders", "placed"): 1, ("orders", "cancelled"): 1}


def test_an_account_that_another_queue_tells_of_is_the_same_account(
    line: Line, before: Sums, auth_admin: psycopg.Connection[Row]
) -> None:
    created = auth_admin.execute(
        "insert into auth.users (id, email, email_confirmed_at, is_anonymous) values"
        " (gen_random_uuid(), gen_random_uuid() || '@example.com', now(), false) returning id"
    ).fetchone()
    assert created
    event = {"id": str(created["id"]), "type": "user.created", "user_id": str(created["id"])}
    [told] = line.call("deliver_events", [event])
    assert told["effect"] == "delivered"
    aggregate(line)
    assert difference(line, before) == {("accounts", ""): 1}


def test_mails_dead_letters_and_accounts_are_measured_where_they_happen(
    line: Line, before: Sums, auth_admin: psycopg.Connection[Row]
) -> None:
    line.place_many(2)
    line.step()
    sent, refused = line.claim_mails()
    line.finish_mails(
        sent | {"outcome": "sent"}, refused | {"outcome": "failed", "error": "no such box"}
    )
    line.rows("select pgmq.send('emails', '{}')")
    line.claim_mails()
    for confirmed in (datetime.now(UTC), None):
        auth_admin.execute(
            "insert into auth.users (id, email, email_confirmed_at, is_anonymous)"
            " values (gen_random_uuid(), gen_random_uuid() || '@example.com', %s, false)",
            (confirmed,),
        )
    assert aggregate(line)["measurements"] == 4
    new = difference(line, before)
    assert {
        key: value for key, value in new.items() if not key[0].startswith(("orders", "amount"))
    } == {
        ("emails", "sent"): 1,
        ("emails", "failed"): 1,
        ("dead_letters", "emails"): 1,
        ("accounts", ""): 1,
    }


def happen(line: Line, status: str, at: datetime, order: Row, version: int) -> None:
    """Write an event of another time; nobody hears of it."""
    line.rows(
        "insert into public.order_events (order_id, type, status, version, created_at)"
        " values (%s, 'order.' || %s, %s, %s, %s)",
        order["id"],
        status,
        status,
        version,
        at,
    )


def test_what_comes_late_goes_to_its_own_hour(line: Line) -> None:
    order = line.place()
    aggregate(line)
    past = datetime(2019, 5, 4, 12, 59, 59, tzinfo=UTC)
    happen(line, "cancelled", past, order, 100)
    aggregate(line)
    happen(line, "cancelled", past + timedelta(seconds=1), order, 101)
    happen(line, "cancelled", past - timedelta(minutes=59), order, 102)
    aggregate(line)
    rows = line.rows(
        "select hour, value::integer from public.hourly_metrics"
        " where hour between '2019-01-01' and '2019-12-31' order by hour"
    )
    noon = datetime(2019, 5, 4, 12, tzinfo=UTC)
    assert [(row["hour"], row["value"]) for row in rows] == [
        (noon, 2),
        (noon + timedelta(hours=1), 1),
    ]


def test_an_event_of_a_slow_transaction_is_never_skipped(
    line: Line, shopper: Caller, before: Sums
) -> None:
    product, other = line.new_product(), line.new_product()
    with shopper.connection() as slow:
        slow.execute(
            "select public.place_order(%s, %s, 'pm_card_visa', gen_random_uuid())",
            (Jsonb(lines(product)), Jsonb(ADDRESS)),
        )
        line.place(1, other)
        assert aggregate(line)["events"] == 0
        assert difference(line, before) == {}
    aggregate(line)
    assert difference(line, before) == {("orders", "placed"): 2}


def test_those_who_aggregate_at_the_same_time_share_the_work(
    line: Line, database: Settings, before: Sums
) -> None:
    line.place_many(3)
    url = database.database_url()
    with (
        connected(url, "postgres", {}) as first,
        connected(url, "postgres", {}) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        with first.transaction():
            [row] = first.execute("select private.aggregate_hours() as did").fetchall()
            assert row["did"]["events"] == 3
            line.place_many(2)
            waiting = pool.submit(second.execute, "select private.aggregate_hours() as did")
            wait_until_blocked(line.owner, second.info.backend_pid)
        assert waiting.result().fetchall()[0]["did"]["events"] == 2
    assert difference(line, before) == {("orders", "placed"): 5}


def test_what_is_rolled_back_is_taken_by_the_next(
    line: Line, database: Settings, before: Sums
) -> None:
    line.place()
    line.rows("select private.raise_alarm('ledger', 'a'), pgmq.send('orders', '{}')")
    line.claim()
    with (
        connected(database.database_url(), "postgres", {}) as crashing,
        crashing.transaction(force_rollback=True),
    ):
        crashing.execute("select private.aggregate_hours()")
    assert difference(line, before) == {}
    assert aggregate(line) == {"events": 1, "measurements": 1}
    assert difference(line, before) == {("orders", "placed"): 1, ("dead_letters", "orders"): 1}


def test_many_events_are_taken_in_batches_and_no_transaction_is_split(
    line: Line, database: Settings
) -> None:
    order, past = line.place(), datetime(2018, 5, 4, 12, tzinfo=UTC)
    with planting(database) as planted:
        planted.execute("delete from public.order_events; delete from private.measurements")
        planted.execute("update private.watermarks set reached = '0' where name = 'hours'")
        planted.execute(
            "insert into public.order_events (order_id, type, status, version, created_at, xid)"
            " select %s, 'order.paid', 'paid', n, %s, ((n + 5999) / 6000)::text::xid8"
            " from generate_series(100, 12100) as n",
            (order["id"], past),
        )
        planted.execute(
            "insert into private.measurements (metric) select 'x' from generate_series(1, 10001)"
        )
        took = "select private.aggregate_hours() as did"
        rows = [row["did"] for _ in range(3) for row in planted.execute(took.encode())]
        counted = planted.execute(
            "select value from public.hourly_metrics where hour = %s and metric = 'orders'", (past,)
        ).fetchall()
    assert rows == [
        {"events": 11901, "measurements": 10000, "more": True},
        {"events": 100, "measurements": 1, "more": False},
        {"events": 0, "measurements": 0, "more": False},
    ]
    assert counted == [{"value": 12001}]


def afresh(line: Line) -> list[Row]:
    """Forget what is counted of order events, and count them all."""
    line.rows("delete from public.hourly_metrics where metric ~ '^(orders|amount_|processing_)'")
    line.rows("update private.watermarks set reached = '0' where name = 'hours'")
    aggregate(line)
    return hours(line)


@pytest.mark.parametrize("seed", range(3))
def test_in_however_many_pieces_the_hours_are_the_same(line: Line, seed: int) -> None:
    dice, orders = random.Random(seed), list[Row]()  # noqa: S311 - repeatable
    afresh(line)
    for turn in range(25):
        if dice.random() < 0.5 or not orders:
            orders.append(line.place(1, price=dice.randint(100, 900)))
        line.step(
            charge=dice.choice([charged, charged, declined]),
            ship=dice.choice([shipped, out_of_stock]),
            refund=refunded,
        )
        line.send_mails()
        past = datetime(2020, 5, 4, dice.randint(0, 23), tzinfo=UTC)
        happen(line, "cancelled", past, dice.choice(orders), 100 + turn)
        if dice.random() < 0.4:
            aggregate(line)
    aggregate(line)
    incremental = hours(line)
    assert afresh(line) == incremental


NOON = "2000-05-04T12:00:00+00:00"


@pytest.fixture
def report(line: Line) -> Iterator[Callable[..., Row]]:
    """Makes the report of an hour in which this was counted, besides a hundred orders' times."""

    def make(**counted: dict[str, int]) -> Row:
        rows = [(metric, label, n) for metric, by in counted.items() for label, n in by.items()]
        for row in rows:
            line.rows("insert into public.hourly_metrics values (%s, %s, %s, %s)", NOON, *row)
        line.rows(
            "insert into public.hourly_metrics"
            " select %s, 'processing_seconds_bucket', private.bucket_of(second), count(*)"
            " from generate_series(1, 100) as second group by 3",
            NOON,
        )
        [made] = line.staff.call(
            "public.hourly_report", first_hour="2000-05-04T12:30Z", last_hour="2000-05-04T12:59Z"
        )
        return made

    yield make
    line.rows("delete from public.hourly_metrics where hour < '2001-01-01'")


def test_the_report_of_an_hour_has_rates_and_times(
    line: Line, report: Callable[..., Row], new_user: Callable[..., Caller]
) -> None:
    made = report(
        orders={
            "placed": 9,
            "completed": 6,
            "payment_failed": 1,
            "out_of_stock": 1,
            "cancelled": 1,
        },
        amount_paid={"EUR": 900, "JPY": 7},
        processing_seconds_sum={"": 5050},
        processing_seconds_count={"": 100},
        emails={"sent": 5, "failed": 1, "unknown": 1},
        dead_letters={"orders": 1, "emails": 2},
    )
    assert made["hour"] == datetime.fromisoformat(NOON)
    assert (made["placed"], made["paid"], made["completed"], made["failed"]) == (9, 0, 6, 2)
    assert (made["error_rate"], made["cancelled"]) == (Decimal("0.25"), 1)
    assert (made["amount_paid"], made["amount_refunded"]) == ({"EUR": 900, "JPY": 7}, {})
    assert (made["emails_sent"], made["emails_failed"], made["dead_letters"]) == (5, 2, 3)
    assert made["average_seconds"] == Decimal("50.5")
    assert 95 <= made["p95_seconds"] <= 95 * Decimal("1.2")
    for caller in (line.shopper, new_user()):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.hourly_report", first_hour=NOON, last_hour=NOON)
        assert (refused.value.status, refused.value.code) == (403, "staff_only")


def test_an_hour_in_which_nothing_ended_has_no_rate(report: Callable[..., Row]) -> None:
    made = report(orders={"placed": 1})
    assert (made["error_rate"], made["average_seconds"]) == (None, None)


@pytest.mark.parametrize("seconds", ["0", "0.01", "0.7", "1", "1.2", "59.99", "86400", "999999999"])
def test_a_bucket_is_at_most_a_fifth_above_what_is_in_it(line: Line, seconds: str) -> None:
    row = line.one("select private.bucket_of(%s) as bound", Decimal(seconds))
    bound, least = Decimal(row["bound"]), max(Decimal(seconds), Decimal("0.01"))
    assert least - Decimal("0.001") <= bound <= least * Decimal("1.2") + Decimal("0.001")
