"""Orders whose message is gone: the clock finds them, and leaves all others alone."""

import uuid

import pytest

from tests.database.conftest import Row
from tests.database.line import (
    Line,
    asks_the_shopper,
    charged,
    declined,
    on_its_way,
    payment_news,
    timed_out,
    waits,
)


def sweep(line: Line, *orders: Row) -> int:
    """How many of these orders, and no others, got a message; nobody has touched them for long."""
    mine = [order["id"] for order in orders]
    line.rows("alter table public.orders disable trigger touch")
    line.rows(
        "update public.orders set updated_at = clock_timestamp()"
        " - case when id = any (%s) then interval '3 minutes' else '0' end",
        mine,
    )
    line.rows("alter table public.orders enable trigger touch")
    return int(line.one("select private.sweep_orders() as many")["many"])


def lose_messages(line: Line) -> None:
    line.rows("select pgmq.purge_queue(name) from private.queues")
    line.rows("delete from private.outbox")
    line.rows(
        "update private.order_steps set leased_until = clock_timestamp() where leased_until > now()"
    )


def test_an_order_whose_message_was_lost_goes_on(line: Line) -> None:
    order = line.place()
    lose_messages(line)
    assert sweep(line, order) == 1
    assert sweep(line, order) == 0, "it has one now"
    line.messages("orders")
    assert sweep(line, order) == 0
    line.drain()
    assert line.status(order) == "shipped"


def test_each_step_whose_message_was_lost_is_done(line: Line) -> None:
    line.set_shop(capture="on_shipment")
    authorized = line.paid()
    [job] = line.claim()
    line.finish(on_its_way(job))
    line.set_shop(capture="at_once")
    lose_messages(line)
    refunding, paid = line.arrived(), line.paid()
    line.staff.call(
        "public.refund_order",
        order_id=refunding["id"],
        reason="broke",
        idempotency_key=uuid.uuid4(),
    )
    lose_messages(line)
    assert sweep(line, authorized, refunding, paid) == 3
    line.drain()
    assert line.status(paid) == "shipped"
    assert line.status(refunding) == "refunded"
    assert line.money(authorized) == (1000, 0)


def test_a_step_that_its_worker_left_in_the_middle_goes_on(line: Line) -> None:
    order = line.place()
    [job] = line.claim()
    assert sweep(line, order) == 0
    lose_messages(line)
    assert sweep(line, order) == 1
    line.drain()
    assert line.status(order) == "shipped"
    assert line.finish(charged(job)) == ["lost"]


def waits_for_retry(line: Line) -> None:
    line.place()
    line.step(charge=timed_out)


def waits_for_staff(line: Line) -> None:
    line.paid()
    line.step(ship=waits)
    lose_messages(line)


def waits_for_shopper(line: Line) -> None:
    line.place()
    line.step(charge=asks_the_shopper)
    lose_messages(line)


def waits_for_people(line: Line) -> None:
    line.dead(line.place(), timed_out)
    lose_messages(line)


def is_done(line: Line) -> None:
    line.arrived()
    lose_messages(line)


def is_in_hand(line: Line) -> None:
    line.place()
    line.claim()
    line.rows("select pgmq.purge_queue('orders')")


WAITING = (
    waits_for_retry, waits_for_staff, waits_for_shopper, waits_for_people, is_done, is_in_hand,
)  # fmt: skip


@pytest.mark.parametrize("state", WAITING)
def test_an_order_that_waits_for_something_is_left_alone(line: Line, state: object) -> None:
    assert callable(state)
    state(line)
    newest = line.one("select id from public.orders order by number desc limit 1")
    assert sweep(line, newest) == 0


def test_a_young_order_is_left_alone(line: Line) -> None:
    line.place()
    lose_messages(line)
    assert sweep(line) == 0


def test_late_money_whose_news_was_lost_goes_back(line: Line) -> None:
    order = line.place()
    line.step(charge=declined)
    line.receive(payment_news(order, "succeeded"))
    lose_messages(line)
    assert sweep(line, order) == 1
    line.drain()
    assert line.money(order) == (1000, 1000)
