import json
import time
import uuid

import psycopg

from tests.admin.conftest import Admin, Orders, Row
from tests.admin.poison import CHARGE


def unheard_of(owner: psycopg.Connection[Row], many: int = 1) -> list[int]:
    """Ids of dead letters made of messages that nobody understands."""
    kind = f"order.unheard_of_{uuid.uuid4().hex}"
    for _ in range(many):
        owner.execute("select pgmq.send('orders', %s)", (json.dumps({"type": kind}),))
    owner.execute("select private.send_wake_up('orders')")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = owner.execute(
            "select id from private.dead_letters where message ->> 'type' = %s"
            " and resolution is null order by id",
            (kind,),
        ).fetchall()
        if len(found) == many:
            return [row["id"] for row in found]
        time.sleep(0.02)
    raise AssertionError("no dead letter came")


def letter_of(owner: psycopg.Connection[Row], order: Row) -> int:
    row = owner.execute(
        "select id from private.dead_letters where order_id = %s", (order["id"],)
    ).fetchone()
    assert row
    return int(row["id"])


def test_a_message_that_nobody_understands(admin: Admin, owner: psycopg.Connection[Row]) -> None:
    (letter,) = unheard_of(owner)
    listed = {row["id"]: row for row in admin.json("dead-letters", "list")}
    assert listed[letter]["reason"] == "unknown_event"
    assert letter not in {row["id"] for row in admin.json("dead-letters", "list", "--queue=emails")}
    assert "unknown_event" in admin.text("dead-letters", "list", "--queue", "orders")

    unasked = admin.refusal("dead-letters", "give-up", letter, code=2)
    assert unasked.startswith("The message is dropped")
    assert unasked.endswith("say --yes.")
    assert "given up" in admin.text("dead-letters", "give-up", letter, "--yes")
    assert admin.json("dead-letters", "give-up", letter) == {"resolution": "given_up"}, "twice"
    assert admin.refusal("dead-letters", "retry", letter) == "This dead letter was given up before."
    assert letter not in {row["id"] for row in admin.json("dead-letters", "list")}
    assert letter in {row["id"] for row in admin.json("dead-letters", "list", "--all")}


def test_retry_those_alike(admin: Admin, owner: psycopg.Connection[Row]) -> None:
    first, _ = unheard_of(owner, 2)
    assert admin.json("dead-letters", "retry", first, "--alike")["retried"] >= 2
    assert admin.json("dead-letters", "show", first)["resolution"] == "retried"


def test_a_poisoned_charge_is_retried(
    admin: Admin, owner: psycopg.Connection[Row], orders: Orders
) -> None:
    order = orders.place(*CHARGE)
    letter = letter_of(owner, order)

    shown = admin.spawn("dead-letters", "show", letter, TZ="Asia/Tokyo").stdout
    assert f"order-{order['id']}-charge-1" in shown
    assert "2026-11-01 21:00:00 JST" in shown, "the failure, in the reader's zone"
    assert "[bold]" in shown, "no markup"
    assert "\x1b" not in shown, "nothing steers the terminal"
    (listed,) = [x for x in admin.json("dead-letters", "list") if x["id"] == letter]
    assert (listed["order_number"], listed["attempts"]) == (order["number"], 5)

    assert "tried again" in admin.text("dead-letters", "retry", letter)
    orders.wait_for(order, "completed")


def test_a_charge_that_is_given_up_cancels_its_order(
    admin: Admin, owner: psycopg.Connection[Row], orders: Orders
) -> None:
    order = orders.place(*CHARGE)
    question = admin.refusal("dead-letters", "give-up", letter_of(owner, order), code=2)
    assert question.startswith("The order is cancelled")
    assert orders.status(order) == "needs_attention"
    admin.text("dead-letters", "give-up", letter_of(owner, order), "--yes")
    orders.wait_for(order, "cancelled")


def test_unknown_ids(admin: Admin) -> None:
    assert admin.refusal("dead-letters", "show", 10**9) == "There is no dead letter 1000000000."
    assert admin.refusal("dead-letters", "give-up", 10**9) == "There is no dead letter 1000000000."
    assert admin.refusal("dead-letters", "retry", 10**9) == "There is no such dead letter."
    assert admin.run("dead-letters", "show", "x").returncode == 2
