"""Books that contradict each other or the orders are found, each by its name."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from local_stack.settings import Settings
from tests.database.conftest import Row
from tests.database.line import Line, declined, refunded, unshippable


@contextmanager
def planting(database: Settings) -> Iterator[psycopg.Connection[Row]]:
    """A superuser whom no trigger stops; all is undone at the end."""
    url = database.database_url("supabase_admin")
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection
        connection.rollback()


def found(connection: psycopg.Connection[Row]) -> list[str]:
    rows = connection.execute("select engine.ledger_differences() ->> 'code' as code").fetchall()
    return sorted(row["code"] for row in rows)


STOCK = "update public.inventory set {} where product_id in (select product_id from {})"
ITEMS = "public.order_items where order_id = %(id)s"
SOLD = (
    "update public.stock_movements"
    " set kind = 'sold', on_hand_change = -1, reserved_change = -1"
    " where order_id = %(id)s and kind = 'released'"
)

DIFFERENCES: dict[str, tuple[str, str, list[str]]] = {
    "stock on hand": (
        "completed", STOCK.format("on_hand = on_hand + 1", ITEMS), ["stock_balance"],
    ),
    "stock reserved": (
        "paid", STOCK.format("reserved = reserved - 1", ITEMS), ["stock_balance"],
    ),
    "captured": (
        "completed",
        "update public.payments set captured = 999, amount = 1000 where order_id = %(id)s",
        ["money_missing", "payment_balance"],
    ),
    "refunded": (
        "cancelled",
        "update public.payments set refunded = 999 where order_id = %(id)s",
        ["money_of_ended_order", "payment_balance"],
    ),
    "total": (
        "placed",
        "update public.order_items set unit_price = 999 where order_id = %(id)s",
        ["order_total"],
    ),
    "money kept": (
        "shipping_failed",
        "delete from public.payment_entries where order_id = %(id)s and kind = 'refund';",
        ["payment_balance"],
    ),
    "an ended order that still holds money": (
        "paid",
        "update public.orders set status = 'cancelled' where id = %(id)s",
        ["money_of_ended_order", "stock_of_order"],
    ),
    "a paid order without money": (
        "placed", "update public.orders set status = 'paid' where id = %(id)s", ["money_missing"],
    ),
    "a shipped order whose stock was not sold": (
        "paid", "update public.orders set status = 'shipped' where id = %(id)s",
        ["stock_of_order"],
    ),
    "a failed order whose stock is still reserved": (
        "placed", "update public.orders set status = 'payment_failed' where id = %(id)s",
        ["stock_of_order"],
    ),
    "an open order whose stock is free": (
        "payment_failed", "update public.orders set status = 'placed' where id = %(id)s",
        ["stock_of_order"],
    ),
    "a sold order that was cancelled": (
        "cancelled", SOLD, ["stock_balance", "stock_of_order"],
    ),
    "an authorised payment that was let go": (
        "authorised",
        "update public.payments set status = 'canceled' where order_id = %(id)s",
        ["money_missing"],
    ),
}  # fmt: skip


def order_that_is(line: Line, state: str) -> Row:
    if state == "placed":
        return line.place()
    if state == "payment_failed":
        order = line.place()
        line.step(charge=declined)
        return order
    if state == "authorised":
        line.set_shop(capture="on_shipment")
    order = line.paid()
    if state == "cancelled":
        line.cancel(order)
        line.drain()
    elif state == "shipping_failed":
        line.drain(ship=unshippable, refund=refunded)
    elif state == "completed":
        line.drain()
        line.send_mails()
    return order


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_difference_is_found_under_its_name(
    line: Line, database: Settings, difference: str
) -> None:
    state, statement, codes = DIFFERENCES[difference]
    order = order_that_is(line, state)
    with planting(database) as connection:
        assert found(connection) == []
        changed = connection.execute(statement.encode(), order)
        assert changed.rowcount == 1
        assert found(connection) == codes


@pytest.mark.parametrize("state", ["paid", "cancelled", "shipping_failed", "completed"])
def test_money_on_its_way_back_is_no_difference(line: Line, state: str) -> None:
    order = order_that_is(line, state)
    if state in ("paid", "completed"):
        line.staff.call(
            "public.refund_order",
            order_id=order["id"],
            reason="part",
            amount=10,
            idempotency_key=order["idempotency_key"],
        )
    assert line.call("ledger_differences") == []
    line.drain()
    assert line.call("ledger_differences") == []
