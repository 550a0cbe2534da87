from collections.abc import Callable

import psycopg
import pytest

from tests.database.conftest import Caller, Row
from tests.database.line import lines


@pytest.mark.parametrize(
    "statement",
    [
        "update public.stock_movements set on_hand_change = 1 where product_id = %(product)s",
        "delete from public.stock_movements where product_id = %(product)s",
        "truncate public.stock_movements",
        "truncate public.order_events cascade",
        "delete from public.order_events where order_id = %(order)s",
        "update public.order_events set type = 'order.paid' where order_id = %(order)s",
        "update public.inventory set on_hand = 99 where product_id = %(product)s",
        "update public.inventory set reserved = 0 where product_id = %(product)s",
        "delete from public.orders where id = %(order)s",
        "update public.orders set total = 1 where id = %(order)s",
        "truncate public.inventory",
        (
            "insert into public.payments (order_id, provider, reference, status, amount, currency,"
            " captured) values (%(order)s, 'x', 'x', 'succeeded', 5, 'EUR', 5)"
        ),
    ],
)
def test_not_even_the_owner_rewrites_a_ledger(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str], statement: str
) -> None:
    product = new_product(stock=3)
    order = shopper.place(lines(product))
    with pytest.raises(psycopg.errors.IntegrityError):
        owner.execute(statement.encode(), {"product": product, "order": order["id"]})


@pytest.mark.parametrize(
    ("kind", "on_hand", "reserved"),
    [
        ("received", -1, 0),
        ("received", 1, 1),
        ("adjusted", 0, 0),
        ("adjusted", -4, 0),
        ("reserved", 0, 1),
        ("sold", -1, -1),
    ],
)
def test_a_movement_that_makes_no_sense_is_refused(
    owner: psycopg.Connection[Row],
    new_product: Callable[..., str],
    kind: str,
    on_hand: int,
    reserved: int,
) -> None:
    product = new_product(stock=3)
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "insert into public.stock_movements"
            " (product_id, kind, on_hand_change, reserved_change) values (%s, %s, %s, %s)",
            (product, kind, on_hand, reserved),
        )


def test_a_reservation_ends_once(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    product = new_product(stock=3)
    order = shopper.place(lines(product))
    shopper.call("public.cancel_order", order_id=order["id"])
    with pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute("select private.release_stock(%s)", (order["id"],))


def test_an_order_moves_along_allowed_edges_only(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product()))
    with pytest.raises(psycopg.errors.CheckViolation, match="from placed to completed"):
        owner.execute("select private.move_order(%s, 'completed')", (order["id"],))


def test_an_order_is_charged_once_and_for_its_own_amount(
    shopper: Caller, owner: psycopg.Connection[Row], new_product: Callable[..., str]
) -> None:
    order = shopper.place(lines(new_product(price=500)))
    payment = owner.execute(
        "insert into public.payments (order_id, provider, reference, status, amount, currency)"
        " values (%s, 'test', %s, 'succeeded', 500, 'EUR') returning id",
        (order["id"], str(order["id"])),
    ).fetchone()
    assert payment

    def enter(kind: str, amount: int, reference: str) -> None:
        owner.execute(
            "insert into public.payment_entries"
            " (payment_id, order_id, kind, amount, currency, reference)"
            " values (%s, %s, %s, %s, 'EUR', %s)",
            (payment["id"], order["id"], kind, amount, f"{order['id']}{reference}"),
        )

    with pytest.raises(psycopg.errors.CheckViolation):
        enter("charge", 501, "a")
    enter("charge", 500, "a")
    with pytest.raises(psycopg.errors.UniqueViolation):
        enter("charge", 0 + 1, "b")
    with pytest.raises(psycopg.errors.CheckViolation):
        enter("refund", 501, "c")
    enter("refund", 500, "c")
    with pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("update public.payments set refunded = 0 where id = %s", (payment["id"],))
