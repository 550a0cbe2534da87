import uuid

import psycopg
import pytest

from admin.shop import Shop, UnansweredError
from tests.admin.conftest import Admin, Orders, Row
from tests.admin.poison import MANUAL_SHIPPING


def test_an_order_and_its_history(
    admin: Admin, completed: Row, owner: psycopg.Connection[Row]
) -> None:
    shown = admin.text("orders", "show", completed["number"])
    for text in ("completed", "12.50 EUR", "order.placed", "order.shipped", "reserved +1"):
        assert text in shown
    assert "Ada" not in shown + str(admin.json("orders", "show", completed["id"]))
    assert completed["email"] not in shown

    (mail, *_) = [
        row
        for row in admin.json("orders", "show", completed["id"])["history"]
        if row["kind"] == "mail"
    ]
    assert "is sent again" in admin.text("emails", "resend", mail["data"]["email_id"])
    row = owner.execute(
        "select count(*) as many from public.emails where order_id = %s and resend = 1",
        (completed["id"],),
    ).fetchone()
    assert row == {"many": 1}


def test_a_refund_in_part_and_in_full(admin: Admin, orders: Orders, completed: Row) -> None:
    number, reason = completed["number"], "--reason=Scratched"
    asked = admin.refusal("orders", "refund", number, reason, "--amount=2.50", code=2)
    assert f"Order {number}: 2.50 EUR will go back." in asked

    part = ("orders", "refund", number, reason, "--amount=2.50", "--yes")
    key = f"--idempotency-key={uuid.uuid4()}"
    first, again = admin.json(*part, key), admin.json(*part, key)
    assert first["id"] == again["id"], "the same key gives money back once"
    assert first["amount"] == 250
    rest = admin.text("orders", "refund", completed["id"], reason, "--yes")
    assert "the refund of 10.00 EUR is requested" in rest
    orders.wait_for(completed, "refunded")
    refused = admin.refusal("orders", "refund", number, reason, "--yes")
    assert refused.startswith("There is no money to give back for this order now. (status: refund")


def test_a_refund_without_an_answer_says_how_to_ask_again(
    admin: Admin, completed: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up(*_: object, **__: object) -> None:
        raise UnansweredError("No answer came.")

    refund = ("orders", "refund", completed["number"], "--reason=x", "--yes")
    with monkeypatch.context() as broken:
        broken.setattr(Shop, "call", hang_up)
        said = admin.refusal(*refund, code=2)
    key = said.split("To ask again safely: ")[1].split()
    assert admin.json(*refund, *key)["idempotency_key"] == key[1]


def test_parcels_by_hand(admin: Admin, orders: Orders) -> None:
    order = orders.place(*MANUAL_SHIPPING)
    parcel = (
        "orders",
        "ship",
        order["number"],
        "--carrier=DHL",
        f"--tracking-number={order['id']}",
    )
    assert admin.text(*parcel) == f"Order {order['number']} is shipped.\n"
    assert admin.json(*parcel)["status"] in ("shipped", "completed"), "twice is once"
    admin.text("orders", "deliver", order["id"])
    orders.wait_for(order, "completed")


def test_what_cannot_be_shipped_is_paid_back(admin: Admin, orders: Orders) -> None:
    order = orders.place(*MANUAL_SHIPPING)
    why = ("--code=out_of_stock", "--message=Broken on the shelf")
    asked = admin.refusal("orders", "cancel-shipping", order["number"], *why, code=2)
    assert f"Order {order['number']} ends as out_of_stock, and 12.50 EUR go back." in asked
    said = admin.text("orders", "cancel-shipping", order["number"], *why, "--yes")
    assert "will be out_of_stock" in said
    orders.wait_for(order, "out_of_stock")


def test_unknown_orders_and_mails(admin: Admin) -> None:
    assert admin.refusal("orders", "show", 10**9) == "There is no order 1000000000."
    assert "no order" in admin.refusal("orders", "deliver", uuid.uuid4())
    assert "neither" in admin.run("orders", "show", "A-1").stderr
    assert admin.refusal("emails", "resend", uuid.uuid4()) == "There is no such mail."
