"""The archive: the engine's books of orders that ended long ago make room, and come back."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from local_stack.settings import Settings
from tests.database.clock import do_task
from tests.database.conftest import Caller, Row
from tests.database.line import Line, declined, holding, payment_news, timed_out


@contextmanager
def unguarded(line: Line, *tables: str) -> Iterator[None]:
    """The past can be written."""
    for table in tables:
        line.rows(f"alter table public.{table} disable trigger user")
    yield
    for table in tables:
        line.rows(f"alter table public.{table} enable trigger user")


def age(line: Line, order: Row, days: int = 91) -> None:
    """The order and its events are so many days old."""
    with unguarded(line, "orders", "order_events"):
        for table, key in (("orders", "id"), ("order_events", "order_id")):
            line.rows(
                f"update public.{table} set created_at = created_at - %s * interval '1 day'"
                f" where {key} = %s",
                days,
                order["id"],
            )


def completed(line: Line, days: int = 91) -> Row:
    order = line.arrived()
    line.send_mails()
    assert line.status(order) == "completed"
    age(line, order, days)
    return order


def steps(line: Line, order: Row) -> list[str]:
    """Those that are in the engine's own books."""
    query = "select step from private.order_steps where order_id = %s order by created_at"
    return [row["step"] for row in line.rows(query, order["id"])]


def is_archived(line: Line, order: Row) -> bool:
    return line.order(order)["archived_at"] is not None


def test_what_ended_long_ago_is_archived_and_its_books_and_story_stay(line: Line) -> None:
    order, young = completed(line), completed(line, days=89)
    refused = line.place()
    line.step(charge=declined)
    age(line, refused)
    kept = ("order_events", "payment_entries", "stock_movements", "emails", "shipments")
    query = "select to_jsonb(kept) from public.{} as kept where order_id = %s"
    before = [line.rows(query.format(table), order["id"]) for table in kept]
    [feed] = line.staff.query("select public.order_feed_head() as head")
    story = line.staff.call("public.order_history", order_id=order["id"])
    assert do_task(line, "archive_orders")["archived"] == 2
    assert [is_archived(line, one) for one in (order, young, refused)] == [True, False, True]
    assert (steps(line, order), steps(line, young)) == ([], ["charge", "ship"])
    assert [line.rows(query.format(table), order["id"]) for table in kept] == before
    assert line.staff.call("public.order_history", order_id=order["id"]) == story
    assert line.staff.query("select 1 from public.order_feed(%s)", feed["head"]) == []


def test_an_old_order_of_which_there_is_news_is_not_archived(line: Line) -> None:
    order = completed(line)
    line.staff.call(
        "public.refund_order",
        order_id=order["id"],
        reason="broke",
        amount=1,
        idempotency_key=uuid.uuid4(),
    )
    line.drain()
    line.send_mails()
    assert do_task(line, "archive_orders")["archived"] == 0
    age(line, order)
    assert do_task(line, "archive_orders")["archived"] == 1


def test_archiving_twice_is_once(line: Line) -> None:
    order = completed(line)
    do_task(line, "archive_orders")
    archived = line.rows("select * from private.archived_steps where order_id = %s", order["id"])
    assert do_task(line, "archive_orders")["archived"] == 0
    again = line.rows("select * from private.archived_steps where order_id = %s", order["id"])
    assert again == archived


def test_what_is_not_at_its_end_or_is_looked_at_is_not_archived(
    line: Line, database: Settings
) -> None:
    dead = line.place()
    line.dead(dead, timed_out)
    busy, refunding, paid = completed(line), completed(line, days=0), line.paid()
    line.rows(
        "select private.request_refund(subject, 1, 'late') from public.orders as subject"
        " where id = %s",
        refunding["id"],
    )
    for order in (paid, dead, refunding):
        age(line, order)
    with holding(database, busy):
        assert do_task(line, "archive_orders")["archived"] == 0
    assert do_task(line, "archive_orders")["archived"] == 1
    assert is_archived(line, busy)


def test_it_works_in_batches(line: Line) -> None:
    """One more order than a batch holds, all of them refused."""
    do_task(line, "archive_orders")
    orders = line.place_many(3)
    line.step(charge=declined)
    for order in orders:
        age(line, order)
    with unguarded(line, "orders"):
        line.rows(
            "insert into public.orders (email, status, currency, total, shipping_address,"
            " payment_method, idempotency_key, request_hash, created_at)"
            " select 'a@example.com', 'payment_failed', 'EUR', 0, '{}', 'pm', gen_random_uuid(),"
            " '', now() - interval '1 year' from generate_series(1, 498)"
        )
    assert line.one("select private.archive_orders() as did")["did"] == {
        "archived": 500,
        "more": True,
    }
    assert do_task(line, "archive_orders")["archived"] == 1
    line.rows("delete from public.orders where email = 'a@example.com'")


def test_a_refund_after_all_brings_its_steps_back(line: Line) -> None:
    order = completed(line)
    do_task(line, "archive_orders")
    line.staff.call(
        "public.refund_order", order_id=order["id"], reason="broke", idempotency_key=uuid.uuid4()
    )
    assert not is_archived(line, order)
    assert steps(line, order) == ["charge", "ship"]
    line.drain()
    assert line.status(order) == "refunded"
    assert line.money(order) == (1000, 1000)
    age(line, order)
    assert do_task(line, "archive_orders")["archived"] == 1
    assert steps(line, order) == []


def test_money_that_comes_in_for_an_archived_order_goes_back(line: Line) -> None:
    order = line.place()
    line.step(charge=declined)
    age(line, order)
    do_task(line, "archive_orders")
    assert line.receive(payment_news(order, "succeeded")) == ["looked_up"]
    assert not is_archived(line, order)
    line.drain()
    assert line.money(order) == (1000, 1000)


@pytest.mark.parametrize("role", [None, "staff"])
def test_nobody_reads_the_archive_itself(
    line: Line, new_user: Callable[..., Caller], role: str | None
) -> None:
    with pytest.raises(Exception, match="permission denied"):
        new_user(role=role).query("select * from private.archived_steps")
