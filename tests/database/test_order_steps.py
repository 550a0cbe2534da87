"""What each outcome of each step does to an order."""

import pytest

from tests.database.line import (
    Answer,
    Line,
    asks_the_shopper,
    broken,
    captured,
    charged,
    declined,
    on_its_way,
    out_of_stock,
    postponed,
    refund_refused,
    refunded,
    shipped,
    timed_out,
    unshippable,
    waits,
)


def test_an_order_goes_from_placed_to_completed(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)

    [charge] = line.claim()
    assert (charge["step"], charge["amount"], charge["currency"]) == ("charge", 2000, "EUR")
    assert (charge["starts"], charge["cancelling"], charge["failures"]) == (1, False, 0)
    assert line.finish(charged(charge)) == ["finished"]
    assert (line.status(order), line.stock(product), line.money(order)) == (
        "paid",
        (5, 2),
        (2000, 0),
    )

    [ship] = line.claim()
    assert (ship["step"], ship["items"][0]["quantity"]) == ("ship", 2)
    assert line.finish(shipped(ship)) == ["finished"]
    assert (line.status(order), line.stock(product)) == ("shipped", (3, 0))
    assert line.claim() == []

    assert line.send_mails() == ["order_confirmation", "order_shipped"]
    assert line.status(order) == "completed"
    assert line.events(order) == ["placed", "paid", "shipped", "completed"]
    assert line.order(order)["version"] == 4
    assert line.messages("orders") == line.messages("emails") == []


def test_an_order_that_is_still_on_its_way_completes_when_it_arrives(line: Line) -> None:
    order = line.paid()
    line.step(ship=on_its_way)
    line.send_mails()
    assert line.status(order) == "shipped"
    line.staff.call("public.deliver_order", order_id=order["id"])
    assert line.status(order) == "completed"
    assert line.events(order)[-3:] == ["shipped", "delivered", "completed"]


def test_money_is_taken_on_shipment_where_the_shop_wants_that(line: Line) -> None:
    line.set_shop(capture="on_shipment")
    order = line.place()
    [charge] = line.step()
    assert charge["capture"] == "on_shipment"
    assert (line.status(order), line.money(order)) == ("paid", (0, 0))
    line.step()
    line.send_mails()
    assert line.status(order) == "shipped"
    [capture] = line.claim()
    assert (capture["step"], capture["amount"]) == ("capture", 1000)
    assert capture["payment_reference"] == f"pi_{order['id']}"
    line.finish(captured(capture))
    assert (line.status(order), line.money(order)) == ("completed", (1000, 0))
    assert line.events(order)[-2:] == ["payment_captured", "completed"]


def test_a_change_of_the_shops_wish_leaves_orders_as_they_were_placed(line: Line) -> None:
    order = line.place()
    line.set_shop(capture="on_shipment")
    line.drain()
    assert line.money(order) == (1000, 0)


@pytest.mark.parametrize("capture", ["at_once", "on_shipment"])
def test_an_order_that_costs_nothing_is_processed_without_money(line: Line, capture: str) -> None:
    line.set_shop(capture=capture)
    order = line.place(price=0)
    free = {"provider": "none", "amount": 0, "currency": "EUR", "captured": True}
    line.drain(
        charge=lambda job: job | {"outcome": "succeeded", "data": free | {"reference": job["key"]}}
    )
    line.send_mails()
    assert (line.status(order), line.money(order)) == ("completed", (0, 0))
    assert line.rows("select 1 from public.payment_entries where order_id = %s", order["id"]) == []


def test_a_declined_card_ends_the_order_and_frees_the_stock(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=declined)
    assert (line.status(order), line.stock(product)) == ("payment_failed", (5, 0))
    [seen] = line.shopper.query("select * from public.orders")
    assert (seen["failure_code"], seen["failure_message"]) == (
        "card_declined",
        "Your card was declined.",
    )
    assert line.claim() == []
    assert line.send_mails() == ["payment_problem"]


def test_a_shopper_who_is_asked_by_the_bank_keeps_the_stock_and_gets_a_mail(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.place(2, product)
    line.step(charge=asks_the_shopper)
    assert (line.status(order), line.stock(product)) == ("placed", (5, 2))
    minutes = line.one(
        "select extract(epoch from reserved_until - now()) / 60 as left from public.orders"
        " where id = %s",
        order["id"],
    )["left"]
    assert 29 < minutes <= 30
    [payment] = line.shopper.query("select status, client_secret from public.payments")
    assert payment == {"status": "requires_action", "client_secret": "secret_1"}
    assert line.claim() == line.messages("orders") == []
    assert line.send_mails() == ["payment_action"]


def test_a_shopper_is_asked_once_however_often_the_bank_says_so(line: Line) -> None:
    order = line.waiting_for_bank()
    until = line.order(order)["reserved_until"]
    line.rows("select private.look_again(%s)", order["id"])
    [again] = line.step(charge=asks_the_shopper)
    assert (again["starts"], again["reference"]) == (2, f"pi_{order['id']}")
    assert line.events(order) == ["placed", "payment_action_required"]
    assert line.order(order)["reserved_until"] == until


@pytest.mark.parametrize(
    ("answer", "status"), [(unshippable, "shipping_failed"), (out_of_stock, "out_of_stock")]
)
def test_what_cannot_be_shipped_is_refunded_and_freed(
    line: Line, answer: Answer, status: str
) -> None:
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    line.step(ship=answer)
    turning = line.order(order)
    assert (turning["status"], turning["ending"], line.stock(product)) == ("paid", status, (5, 2))
    [refund] = line.claim()
    assert (refund["step"], refund["amount"]) == ("refund", 2000)
    assert refund["payment_reference"] == f"pi_{order['id']}"
    line.finish(refunded(refund))
    assert (line.status(order), line.stock(product)) == (status, (5, 0))
    assert line.money(order) == (2000, 2000)
    assert line.order(order)["failure_code"] == answer(refund)["data"]["failure_code"]
    assert line.order(order)["ending"] is None
    assert line.claim() == []
    assert "order_refunded" in line.send_mails()


def test_what_was_only_authorised_is_let_go(line: Line) -> None:
    line.set_shop(capture="on_shipment")
    order = line.paid()
    line.step(ship=unshippable)
    [refund] = line.step()
    assert (refund["step"], refund["payment_status"]) == ("refund", "authorized")
    assert (line.status(order), line.money(order)) == ("shipping_failed", (0, 0))
    payment = line.one("select status from public.payments where order_id = %s", order["id"])
    assert payment["status"] == "canceled"
    assert line.claim() == []


def test_shipping_may_wait_for_the_staff(line: Line) -> None:
    order = line.paid()
    line.step(ship=waits)
    assert (line.status(order), line.messages("orders")) == ("paid", [])
    assert line.step_of(order, "ship")["state"] == "waiting"


def age_steps(line: Line) -> None:
    """As if nothing had happened to any step for two hours."""
    line.rows("alter table private.order_steps disable trigger touch")
    line.rows("update private.order_steps set updated_at = now() - interval '2 hours'")
    line.rows("alter table private.order_steps enable trigger touch")


def test_a_payment_that_waits_for_the_shopper_is_looked_up_though_no_news_came(line: Line) -> None:
    order = line.waiting_for_bank()
    line.rows("select private.look_at_waiting_payments()")
    assert line.messages("orders") == []
    age_steps(line)
    line.rows("select private.look_at_waiting_payments()")
    jobs = {job["order_id"]: job for job in line.step(charge=charged)}
    assert jobs[str(order["id"])]["reference"] == f"pi_{order['id']}"
    assert line.status(order) == "paid"


def test_a_refund_that_waits_for_the_bank_is_looked_up_each_hour(line: Line) -> None:
    order = line.paid()
    line.step(ship=unshippable)
    line.step(refund=lambda job: waits(job) | {"data": {"reference": "re_slow"}})
    assert (line.status(order), line.messages("orders")) == ("paid", [])
    line.rows("select private.look_at_waiting_refunds()")
    assert line.messages("orders") == []
    age_steps(line)
    line.rows("select private.look_at_waiting_refunds()")
    [refund] = line.step()
    assert (refund["step"], refund["reference"]) == ("refund", "re_slow")
    assert line.status(order) == "shipping_failed"


@pytest.mark.parametrize("step", ["charge", "ship", "capture", "refund"])
def test_an_unknown_outcome_is_tried_again_with_the_same_key_at_growing_pauses(
    line: Line, step: str
) -> None:
    order = _due(line, step)
    status = line.status(order)
    keys = set()
    for failures, pause in enumerate((30, 120, 600, 3600)):
        [job] = line.claim()
        assert (job["step"], job["failures"], job["starts"]) == (step, failures, failures + 1)
        keys.add(job["key"])
        assert line.finish(timed_out(job)) == ["retried"]
        assert line.claim() == []
        [message] = line.messages("orders")
        assert pause - 5 < message["due"] <= pause
        line.come_due()
    assert line.status(order) == status
    [job] = line.claim()
    assert keys == {job["key"]}
    assert line.finish(timed_out(job)) == ["finished"]
    assert (line.status(order), line.messages("orders")) == ("needs_attention", [])
    [letter] = line.letters()
    assert (letter["reason"], letter["cause"]) == ("too_many_failures", "timed out")
    assert (letter["attempts"], len(letter["history"])) == (5, 5)
    assert line.order(order)["interrupted_status"] == status


@pytest.mark.parametrize("step", ["charge", "ship", "capture", "refund"])
def test_a_step_that_breaks_three_times_waits_for_people(line: Line, step: str) -> None:
    order = _due(line, step)
    for _ in range(2):
        [job] = line.claim()
        assert line.finish(broken(job)) == ["retried"]
        line.come_due()
    assert line.letters() == []
    [job] = line.claim()
    assert line.finish(broken(job)) == ["finished"]
    [letter] = line.letters()
    assert (letter["reason"], letter["step_key"]) == ("unexpected_error", job["key"])
    assert line.status(order) == "needs_attention"


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("refund", refund_refused),
        ("capture", lambda job: job | {"outcome": "failed", "data": {"failure_code": "expired"}}),
    ],
)
def test_a_refusal_with_money_at_stake_waits_for_people(
    line: Line, step: str, answer: Answer
) -> None:
    order = _due(line, step)
    line.step(**{step: answer})
    [letter] = line.letters()
    assert letter["reason"] == f"{step}_refused"
    assert line.status(order) == "needs_attention"
    assert line.claim() == []


def test_what_was_not_tried_costs_no_attempt_however_often(line: Line) -> None:
    order = line.place()
    for _ in range(25):
        [job] = line.claim()
        assert line.finish(postponed(job)) == ["retried"]
        [message] = line.messages("orders")
        assert 2 < message["due"] <= 7
        line.come_due()
    [job] = line.claim()
    assert (job["failures"], line.letters()) == (0, [])
    line.finish(charged(job))
    assert line.status(order) == "paid"


@pytest.mark.parametrize(("asked", "given"), [(None, 5), (0, 1), (-3, 1), (10**9, 3600)])
def test_a_delay_stays_within_bounds(line: Line, asked: float | None, given: float) -> None:
    line.place()
    [job] = line.claim()
    assert line.finish(postponed(job, asked)) == ["retried"]
    [message] = line.messages("orders")
    assert given - 1 < message["due"] <= given


def test_a_message_that_kills_its_worker_is_a_dead_letter_after_so_many_starts(line: Line) -> None:
    order = line.place()
    for starts in range(1, 21):
        [job] = line.claim()
        assert job["starts"] == starts
        line.come_due()
    assert line.claim() == line.messages("orders") == []
    [letter] = line.letters()
    assert (letter["reason"], letter["order_id"]) == ("too_many_starts", order["id"])
    assert line.status(order) == "needs_attention"
    line.staff.call("public.retry_dead_letter", dead_letter_id=letter["id"])
    line.drain()
    assert line.status(order) == "shipped"


def test_a_step_that_came_to_an_end_each_time_may_start_more_often(line: Line) -> None:
    """A bank that says `wait` again and again is no killer."""
    order = line.waiting_for_bank()
    for _ in range(25):
        line.rows("select private.look_again(%s)", order["id"])
        line.step(charge=asks_the_shopper)
    assert (line.letters(), line.status(order)) == ([], "placed")


def _due(line: Line, step: str) -> dict[str, object]:
    """An order of which this step is due."""
    line.set_shop(capture="on_shipment" if step == "capture" else "at_once")
    if step == "charge":
        return line.place()
    order = line.paid()
    if step == "capture":
        line.step()
    elif step == "refund":
        line.step(ship=unshippable)
    return order
