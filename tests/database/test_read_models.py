"""What staff look at instead of counting orders."""

from collections.abc import Callable

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.counting import (
    claim,
    completed,
    count_all,
    counts,
    difference,
    rebuild,
    refund,
    sales,
)
from tests.database.line import Line, charged, declined, out_of_stock, unshippable


@pytest.fixture(autouse=True)
def counted(line: Line) -> None:
    """What other tests have left is in the models, so that only what a test does is new."""
    rebuild(line)


def test_an_order_moves_through_the_counts_and_the_books(line: Line) -> None:
    before, sold = counts(line), sales(line)
    product = line.new_product(price=700)
    line.place(3, product)
    count_all(line)
    assert difference(counts(line), before) == {"placed": 1}
    assert difference(sales(line), sold) == {"placed": 1}
    line.step()
    count_all(line)
    assert difference(counts(line), before) == {"paid": 1}
    money = {"items": 3, "gross": 2100, "net": 2100}
    assert difference(sales(line), sold) == {"placed": 1, "paid": 1} | money
    line.step()
    line.send_mails()
    count_all(line)
    assert difference(counts(line), before) == {"completed": 1}
    assert difference(sales(line), sold) == {"placed": 1, "paid": 1, "completed": 1} | money
    [row] = line.rows("select * from public.product_sales where product_id = %s", product)
    assert (row["quantity"], row["amount"], row["currency"]) == (3, 2100, "EUR")


def test_each_end_has_its_column(line: Line) -> None:
    before, sold = counts(line), sales(line)
    line.place()
    line.step(charge=declined)
    for answer in (out_of_stock, unshippable):
        line.paid()
        line.step(ship=answer)
        line.drain()
    line.cancel(line.place())
    count_all(line)
    ends = {"payment_failed": 1, "out_of_stock": 1, "shipping_failed": 1, "cancelled": 1}
    assert difference(counts(line), before) == ends
    moved = {"placed": 4, "paid": 2, "cancelled": 1, "failed": 3, "items": 2}
    assert difference(sales(line), sold) == moved | {"gross": 2000, "refunded": 2000}


def test_money_goes_back_in_part_and_whole(line: Line) -> None:
    order = completed(line, price=500)
    count_all(line)
    before, sold = counts(line), sales(line)
    refund(line, order, 300)
    count_all(line)
    assert difference(sales(line), sold) == {"refunded": 300, "net": -300}
    refund(line, order, None)
    count_all(line)
    assert difference(sales(line), sold) == {"refunded": 1000, "net": -1000}
    assert difference(counts(line), before) == {"completed": -1, "refunded": 1}


def test_money_that_came_too_late_is_no_sale_and_no_refund(line: Line) -> None:
    sold = sales(line)
    order = line.place()
    [job] = line.claim()
    line.cancel(order)
    line.finish(charged(job))
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))
    count_all(line)
    assert difference(sales(line), sold) == {"placed": 1, "cancelled": 1}


def test_an_order_that_needs_attention_is_counted_where_it_is(line: Line) -> None:
    before = counts(line)
    order = line.place()
    line.staff.call("public.retry_dead_letter", dead_letter_id=line.dead(order, unfinished)["id"])
    count_all(line)
    assert difference(counts(line), before) == {"placed": 1}
    line.dead(order, unfinished)
    count_all(line)
    assert difference(counts(line), before) == {"needs_attention": 1}


def unfinished(job: Row) -> Row:
    return job | {"outcome": "broken", "error": "unexpected KeyError"}


@pytest.mark.usefixtures("same_hour")
def test_a_day_is_a_day_of_the_shop(line: Line) -> None:
    day = "select (clock_timestamp() at time zone %s)::date as day"
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):  # a day apart, at any time
        line.set_shop(time_zone=zone)
        product = line.new_product()
        line.paid(1, product)
        count_all(line)
        [row] = line.rows("select day from public.product_sales where product_id = %s", product)
        assert row == line.one(day, zone)
    with pytest.raises(psycopg.Error, match="time zone"):
        line.set_shop(time_zone="Mars/Base")


def test_currencies_are_never_added(line: Line) -> None:
    euros, yen = sales(line), sales(line, "JPY")
    line.paid(1, line.new_product(price=7, currency="JPY"))
    count_all(line)
    assert difference(sales(line), euros) == {}
    assert sales(line, "JPY")["gross"] - yen["gross"] == 7


def test_the_worker_learns_nothing_personal(line: Line) -> None:
    completed(line, price=500)
    line.rows(
        "insert into private.outbox (type, subject) values"
        " ('user.created', jsonb_build_object('user_id', %s::text))",
        line.shopper.id,
    )
    jobs = {job["type"]: job for job in claim(line)}
    receipt = {"message_id", "starts", "type"}
    assert set(jobs["order.completed"]) == receipt | {"status", "currency", "total", "seconds"}
    assert set(jobs["user.created"]) == receipt
    done = jobs["order.completed"]
    assert (done["status"], done["currency"], done["total"]) == ("completed", "EUR", 1000)
    assert 0 < done["seconds"] < 60
    count_all(line)


def test_the_back_office_hears_of_counts_and_sales_live(line: Line) -> None:
    rows = line.rows(
        "select tablename from pg_publication_tables where pubname = 'supabase_realtime'"
    )
    assert {"order_counts", "daily_sales"} <= {row["tablename"] for row in rows}


def test_the_summary_adds_the_days_and_names_the_best_sellers(
    line: Line, new_user: Callable[..., Caller]
) -> None:
    line.rows("delete from public.product_sales")
    line.rows("delete from public.daily_sales")
    cup, pot = line.new_product(price=300), line.new_product(price=900)
    line.rows(
        "insert into public.product_sales values ('2020-01-01', %s, 'EUR', 4, 1200),"
        " ('2020-01-02', %s, 'EUR', 5, 4500), ('2020-01-02', %s, 'EUR', 2, 600),"
        " ('2020-01-02', %s, 'JPY', 9, 9), ('2020-01-03', %s, 'EUR', 99, 99)",
        *(cup, pot, cup, cup, pot),
    )
    line.rows(
        "insert into public.daily_sales (day, currency, placed, gross, refunded) values"
        " ('2020-01-01', 'EUR', 1, 1200, 0), ('2020-01-02', 'EUR', 2, 5100, 100),"
        " ('2020-01-02', 'JPY', 1, 9, 0), ('2020-01-03', 'EUR', 1, 99, 0)"
    )
    days = {"first_day": "2020-01-01", "last_day": "2020-01-02"}
    euros, yen = line.staff.call("public.sales_summary", **days)
    assert (euros["placed"], euros["gross"], euros["refunded"], euros["net"]) == (
        3,
        6300,
        100,
        6200,
    )
    best = [(row["product_id"], row["quantity"], row["amount"]) for row in euros["best_sellers"]]
    assert best == [(cup, 6, 1800), (pot, 5, 4500)]
    assert (yen["currency"], len(yen["best_sellers"])) == ("JPY", 1)
    [first, _] = line.staff.call("public.sales_summary", **days, best=1)
    assert len(first["best_sellers"]) == 1
    for caller in (line.shopper, new_user()):
        with pytest.raises(RefusedError) as refused:
            caller.call("public.sales_summary", **days)
        assert (refused.value.status, refused.value.code) == (403, "staff_only")
    rebuild(line)


def test_only_operators_rebuild(line: Line, engine: Caller) -> None:
    for caller in (line.shopper, line.staff, engine):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.query("select private.rebuild_read_models()")
