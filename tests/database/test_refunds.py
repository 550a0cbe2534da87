"""Money goes back: in parts or whole, never more than came in."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.database.conftest import Caller, RefusedError, Row
from tests.database.line import Line, refund_refused, refunded, shipped, waits


def refund(caller: Caller, order: Row, amount: object = None, **changed: object) -> Row:
    request: Row = {"reason": "a scratch", "idempotency_key": uuid.uuid4(), "amount": amount}
    [row] = caller.call("public.refund_order", order_id=order["id"], **(request | changed))
    return row


def refusal(caller: Caller, order: Row, amount: object = None, **changed: object) -> object:
    with pytest.raises(RefusedError) as refused:
        refund(caller, order, amount, **changed)
    return refused.value.code or refused.value.status


def completed(line: Line, price: int = 1000) -> Row:
    order = line.arrived(price)
    line.send_mails()
    assert line.status(order) == "completed"
    return order


def test_parts_go_back_until_the_last_ends_the_order(line: Line) -> None:
    order = completed(line)
    for revision, (amount, returned) in enumerate([(300, 300), (200, 500)], start=1):
        row = refund(line.staff, order, amount)
        assert (row["amount"], row["revision"], row["status"]) == (amount, revision, "requested")
        [job] = line.claim()
        assert (job["step"], job["amount"], job["revision"]) == ("refund", amount, revision)
        assert job["key"] == f"order-{order['id']}-refund-{revision}"
        line.finish(refunded(job))
        assert (line.status(order), line.money(order)) == ("completed", (1000, returned))
        assert line.send_mails() == ["order_refunded"]
    refund(line.staff, order)
    assert line.order(order)["ending"] == "refunded"
    line.drain()
    assert (line.status(order), line.money(order)) == ("refunded", (1000, 1000))
    seen = line.shopper.query("select amount from public.refunds order by revision")
    assert [row["amount"] for row in seen] == [300, 200, 500]


def test_another_currency_does_not_go_back(line: Line) -> None:
    order = completed(line)
    assert refusal(line.staff, order, 300, currency="USD") == "currency_mismatch"
    assert refund(line.staff, order, 300, currency="EUR")["amount"] == 300


def test_parts_that_are_asked_for_at_once_all_go_back_and_the_last_ends_it(line: Line) -> None:
    order = completed(line)
    for amount in (300, 300):
        refund(line.staff, order, amount)
    refund(line.staff, order, 400)
    assert line.order(order)["ending"] == "refunded"
    assert refusal(line.staff, order, 1) == "nothing_to_refund"
    line.drain()
    assert (line.status(order), line.money(order)) == ("refunded", (1000, 1000))


def test_parts_that_are_asked_for_while_one_is_on_its_way_follow_it(line: Line) -> None:
    order = completed(line)
    refund(line.staff, order, 300)
    [first] = line.claim()
    refund(line.staff, order, 200)
    assert line.claim() == []
    line.finish(refunded(first))
    [second] = line.claim()
    assert (second["revision"], second["amount"]) == (2, 200)
    line.finish(refunded(second))
    assert line.money(order) == (1000, 500)


def test_the_sum_never_exceeds_what_was_paid_however_many_ask(line: Line) -> None:
    order = completed(line)

    def ask(_: int) -> object:
        try:
            return refund(line.staff, order, 300)["amount"]
        except RefusedError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert answers.count(300) == 3
    assert answers.count("invalid_amount") == 3
    line.drain()
    assert line.money(order) == (1000, 900)


def test_the_same_request_is_one_refund_and_another_one_is_refused(line: Line) -> None:
    order, key = completed(line), uuid.uuid4()
    first = refund(line.staff, order, 400, idempotency_key=key)
    assert refund(line.staff, order, 400, idempotency_key=key) == first
    line.drain()
    again = refund(line.staff, order, 400, idempotency_key=key)
    assert (again["id"], again["status"]) == (first["id"], "succeeded")
    assert line.money(order) == (1000, 400)
    for changed in ({"amount": 300}, {"reason": "another"}):
        request: Row = {"amount": 400} | changed
        assert refusal(line.staff, order, idempotency_key=key, **request) == (
            "idempotency_key_reused"
        )
    assert len(line.rows("select 1 from public.refunds where order_id = %s", order["id"])) == 1


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, "invalid_amount"),
        (-1, "invalid_amount"),
        (1001, "invalid_amount"),
        (2**63 - 1, "invalid_amount"),
        (-(2**63), "invalid_amount"),
    ],
)
def test_an_amount_that_makes_no_sense_is_refused(line: Line, amount: int, code: str) -> None:
    order = completed(line)
    assert refusal(line.staff, order, amount) == code
    assert line.rows("select 1 from public.refunds where order_id = %s", order["id"]) == []


@pytest.mark.parametrize("amount", ["9223372036854775808", "0.5", "NaN", "all"])
def test_an_amount_that_is_no_amount_changes_nothing(line: Line, amount: str) -> None:
    order = completed(line)
    assert refusal(line.staff, order, amount) in ("22003", "22P02")
    assert line.rows("select 1 from public.refunds where order_id = %s", order["id"]) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"idempotency_key": None}, "invalid_idempotency_key"),
        ({"reason": None}, "invalid_reason"),
        ({"reason": " "}, "invalid_reason"),
        ({"reason": "x" * 501}, "invalid_reason"),
    ],
)
def test_a_refund_has_a_key_and_a_reason(line: Line, changed: Row, code: str) -> None:
    assert refusal(line.staff, completed(line), **changed) == code


def test_only_the_staff_give_money_back(line: Line, new_user: Callable[..., Caller]) -> None:
    order = completed(line)
    for caller in (line.shopper, new_user()):
        assert refusal(caller, order) == "staff_only"
    anon = Caller(line.shopper.url, "anon", {"role": "anon"})
    assert refusal(anon, order) == "42501"
    assert refusal(line.staff, {"id": uuid.uuid4()}) == "order_not_found"
    assert line.money(order) == (1000, 0)


def test_before_shipping_all_the_money_back_is_a_cancellation(line: Line) -> None:
    product = line.new_product(stock=5)
    order = line.paid(2, product)
    line.step(ship=waits)
    refund(line.staff, order)
    assert line.order(order)["ending"] == "cancelled"
    line.drain()
    assert (line.status(order), line.stock(product)) == ("cancelled", (5, 0))


def test_a_part_before_shipping_leaves_the_order_on_its_way(line: Line) -> None:
    order = line.paid()
    refund(line.staff, order, 400)
    line.drain()
    assert (line.status(order), line.money(order)) == ("shipped", (1000, 400))
    line.send_mails()
    assert line.status(order) == "completed"


def test_cancelling_after_a_part_gives_back_the_rest(line: Line) -> None:
    order = line.paid()
    refund(line.staff, order, 400)
    line.cancel(order)
    line.drain()
    assert (line.status(order), line.money(order)) == ("cancelled", (1000, 1000))
    amounts = line.rows("select amount from public.refunds where order_id = %s", order["id"])
    assert sorted(row["amount"] for row in amounts) == [400, 600]


def test_what_the_carrier_may_have_is_not_given_back_whole(line: Line) -> None:
    order = line.paid()
    [job] = line.claim()
    assert refusal(line.staff, order) == "shipping_in_progress"
    refund(line.staff, order, 100)
    line.finish(shipped(job))
    line.drain()
    assert (line.status(order), line.money(order)) == ("shipped", (1000, 100))


def test_there_is_nothing_to_give_back_of_what_was_not_taken(line: Line) -> None:
    placed = line.place()
    assert refusal(line.staff, placed) == "nothing_to_refund"
    line.rows("delete from private.outbox")
    line.set_shop(capture="on_shipment")
    authorised = line.paid()
    assert refusal(line.staff, authorised) == "nothing_to_refund"
    free = line.place(price=0)
    assert refusal(line.staff, free) == "nothing_to_refund"
    gone = line.place()
    line.cancel(gone)
    assert refusal(line.staff, gone) == "nothing_to_refund"


def test_a_refund_that_waits_for_the_bank_ends_when_there_is_news(line: Line) -> None:
    order = completed(line)
    refund(line.staff, order)
    line.step(refund=lambda job: waits(job) | {"data": {"reference": "re_1"}})
    assert (line.status(order), line.claim()) == ("completed", [])
    news: Row = {"id": f"evt_{order['id']}", "type": "refund.updated", "order_id": str(order["id"])}
    assert line.receive(news | {"refund": {"id": "re_1"}}) == ["looked_up"]
    [job] = line.step()
    assert (job["reference"], job["starts"]) == ("re_1", 2)
    assert (line.status(order), line.money(order)) == ("refunded", (1000, 1000))


def test_a_refund_that_fails_at_last_waits_for_people(line: Line) -> None:
    order = completed(line)
    refund(line.staff, order)
    line.step(refund=lambda job: waits(job) | {"data": {"reference": "re_2"}})
    news: Row = {"id": f"evt_{order['id']}", "type": "refund.failed", "order_id": str(order["id"])}
    assert line.receive(news | {"refund": {"id": "re_2"}}) == ["looked_up"]
    line.step(refund=refund_refused)
    assert line.status(order) == "needs_attention"
    assert [letter["reason"] for letter in line.letters()] == ["refund_refused"]


def test_no_two_refunds_share_the_providers_reference(line: Line) -> None:
    first, second = completed(line), completed(line)
    refund(line.staff, first, 100)
    refund(line.staff, second, 100)
    one, two = line.claim()
    same = {"data": {"reference": f"re_{uuid.uuid4()}"}}
    assert line.finish(refunded(one) | same, refunded(two) | same) == ["finished", "error"]
    assert line.money(first)[1] + line.money(second)[1] == 100
