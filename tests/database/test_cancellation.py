"""Shoppers change their mind, at every moment of an order."""

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import (
    Answer,
    Line,
    asks_the_shopper,
    charged,
    connected,
    declined,
    forestalled,
    refunded,
    shipped,
    timed_out,
    waits,
)


def refusal(caller: Caller, order: Row) -> tuple[object, object]:
    with pytest.raises(RefusedError) as refused:
        caller.call("public.cancel_order", order_id=order["id"])
    return refused.value.status, refused.value.code


def test_before_the_charge_it_is_cancelled_at_once(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    assert line.cancel(order)["status"] == "cancelled"
    assert (line.stock(product), line.claim()) == ((5, 0), [])
    assert line.send_mails() == ["order_cancelled"]


def test_a_charge_in_flight_that_succeeds_is_refunded(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    [job] = line.claim()
    cancelled = line.cancel(order)
    assert (cancelled["status"], cancelled["ending"]) == ("placed", "cancelled")
    assert line.finish(charged(job)) == ["finished"]
    assert (line.status(order), line.stock(product)) == ("placed", (5, 2))
    [refund] = line.step()
    assert (refund["step"], refund["amount"]) == ("refund", 2000)
    assert (line.status(order), line.stock(product)) == ("cancelled", (5, 0))
    assert line.money(order) == (2000, 2000)
    line.drain()
    assert line.events(order) == [
        "placed", "cancel_requested", "refund_due", "refund_completed", "cancelled",
    ]  # fmt: skip


def test_a_charge_in_flight_that_was_only_authorised_is_let_go(line: Line) -> None:
    line.set_shop(capture="on_shipment")
    order = line.place()
    [job] = line.claim()
    line.cancel(order)
    line.finish(charged(job))
    [refund] = line.step()
    assert refund["payment_status"] == "authorized"
    assert (line.status(order), line.money(order)) == ("cancelled", (0, 0))


def test_a_charge_in_flight_that_fails_just_ends_it(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    [job] = line.claim()
    line.cancel(order)
    assert line.finish(declined(job)) == ["finished"]
    assert (line.status(order), line.stock(product)) == ("cancelled", (5, 0))


def test_a_charge_in_flight_that_asks_the_shopper_is_called_off(line: Line) -> None:
    """The message of the cancellation came while the charge was held, and is gone by now."""
    order = line.place()
    [job] = line.claim()
    line.cancel(order)
    assert line.claim() == []
    line.finish(asks_the_shopper(job))
    [again] = line.claim()
    assert (again["step"], again["cancelling"]) == ("charge", True)
    line.finish(forestalled(again))
    assert line.status(order) == "cancelled"


def test_a_charge_that_is_tried_again_later_is_called_off_at_once(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=timed_out)
    line.cancel(order)
    [job] = line.claim()
    assert (job["step"], job["cancelling"], job["starts"]) == ("charge", True, 2)
    line.finish(forestalled(job))
    assert (line.status(order), line.stock(product)) == ("cancelled", (5, 0))
    line.come_due()
    assert line.claim() == line.messages("orders") == []


def test_a_charge_that_had_succeeded_after_all_is_refunded(line: Line) -> None:
    order = line.place()
    line.step(charge=timed_out)
    line.cancel(order)
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))


def test_an_order_that_waits_for_the_bank_is_called_off(line: Line) -> None:
    order = line.waiting_for_bank()
    line.cancel(order)
    [job] = line.claim()
    assert (job["cancelling"], job["reference"]) == (True, f"pi_{order['id']}")
    line.finish(forestalled(job))
    assert line.status(order) == "cancelled"


def test_a_paid_order_that_nobody_has_begun_to_ship_is_refunded(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    cancelled = line.cancel(order)
    assert (cancelled["status"], cancelled["ending"]) == ("paid", "cancelled")
    assert line.stock(product) == (5, 2)
    line.drain()
    assert (line.status(order), line.stock(product)) == ("cancelled", (5, 0))
    assert line.money(order) == (2000, 2000)
    assert set(line.send_mails()) == {"order_confirmation", "order_refunded", "order_cancelled"}


def test_an_order_that_waits_for_the_staff_to_ship_is_refunded(line: Line) -> None:
    order = line.paid()
    line.step(ship=waits)
    line.cancel(order)
    assert line.step_of(order, "ship")["state"] == "failed"
    line.drain()
    assert line.status(order) == "cancelled"


def test_an_order_that_costs_nothing_is_cancelled_without_a_refund(line: Line) -> None:
    order = line.paid(price=0)
    assert line.cancel(order)["status"] == "cancelled"


@pytest.mark.parametrize("answer", [None, timed_out])
def test_an_order_that_the_carrier_may_have_is_kept(line: Line, answer: Answer | None) -> None:
    order = line.paid()
    [job] = line.claim()
    if answer:
        line.finish(answer(job))
    assert refusal(line.shopper, order) == (409, "order_not_cancellable")
    line.come_due()
    line.drain()
    assert line.status(order) == "shipped"
    assert refusal(line.shopper, order) == (409, "order_not_cancellable")


def test_an_order_that_ended_or_waits_for_people_is_kept(line: Line) -> None:
    order = line.place()
    line.dead(order, timed_out)
    assert refusal(line.shopper, order) == (409, "order_not_cancellable")
    failed = line.place()
    line.step(charge=declined)
    assert refusal(line.shopper, failed) == (409, "order_not_cancellable")
    expired = line.waiting_for_bank()
    line.run_out(expired)
    assert refusal(line.shopper, expired) == (409, "order_not_cancellable")


def test_cancelling_twice_is_once(line: Line) -> None:
    order = line.paid()
    first, second = line.cancel(order), line.cancel(order)
    assert first == second
    line.drain()
    assert line.cancel(order)["status"] == "cancelled"
    assert line.money(order) == (1000, 1000)
    assert line.events(order).count("refund_due") == 1


def test_who_was_dismissed_cancels_nobodys_order(
    line: Line, auth_admin: psycopg.Connection[Row]
) -> None:
    order = line.place()
    auth_admin.execute(
        "update auth.users set raw_app_meta_data = '{}' where id = %s", (line.staff.id,)
    )
    assert refusal(line.staff, order) == (404, "order_not_found")


def test_another_shoppers_order_is_not_there_but_staff_may_cancel_it(
    line: Line, new_user: Callable[..., Caller]
) -> None:
    order = line.place()
    assert refusal(new_user(), order) == (404, "order_not_found")
    assert refusal(line.shopper, {"id": uuid.uuid4()}) == (404, "order_not_found")
    [cancelled] = line.staff.call("public.cancel_order", order_id=order["id"])
    assert cancelled["status"] == "cancelled"
    actor = line.one(
        "select actor from public.order_events where order_id = %s and version = 2", order["id"]
    )
    assert actor["actor"] == line.staff.id


def work(line: Line, seed: int) -> None:
    """A worker that comes to all kinds of outcomes."""
    dice = random.Random(seed)  # noqa: S311 - repeatable
    answers: dict[str, list[Answer]] = {
        "charge": [charged, charged, declined, timed_out, asks_the_shopper],
        "forestall": [forestalled, timed_out],
        "ship": [shipped, waits],
        "refund": [refunded],
    }
    with line.another_worker() as worker:
        for _ in range(60):
            jobs = worker.claim(dice.randint(1, 20))
            kinds = ["forestall" if job.get("cancelling") else job["step"] for job in jobs]
            worker.finish(
                *[dice.choice(answers[kind])(job) for kind, job in zip(kinds, jobs, strict=True)]
            )


def cancel_all(line: Line, orders: list[Row]) -> list[str]:
    """What the shopper hears of each."""
    outcomes = []
    with connected(line.shopper.url, "authenticated", line.shopper.claims) as shopper:
        for order in orders:
            try:
                shopper.execute("select public.cancel_order(%s)", (order["id"],))
                outcomes.append("accepted")
            except psycopg.Error as error:
                outcomes.append(str(error.diag.message_detail))
    return outcomes


def test_200_cancellations_at_any_moment_end_in_one_of_two_ways(line: Line) -> None:
    """The shopper cancels while workers claim and finish: either it ships, or all is undone."""
    orders = line.place_many(200)
    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(work, line, seed) for seed in range(2)]
        outcomes = pool.submit(cancel_all, line, orders).result()
        for worker in workers:
            worker.result()
    line.expire_leases()
    line.drain(charge=lambda job: forestalled(job) if job["cancelling"] else charged(job))
    assert set(outcomes) == {"accepted", "order_not_cancellable"}
    ends = {
        "accepted": [("cancelled", 0)],
        "order_not_cancellable": [("shipped", 1000), ("paid", 1000), ("payment_failed", 0)],
    }
    for order, outcome in zip(orders, outcomes, strict=True):
        taken, returned = line.money(order)
        assert (line.status(order), taken - returned) in ends[outcome]
